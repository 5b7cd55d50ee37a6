"""Numbers of payment cards, which must never come here. Pure.

A number is 13 to 19 digits that begin with 2 to 6, as those of payment cards do (ISO/IEC 7812), and pass the check of
Luhn; it may be written in groups, the first of four digits or more, with a space or a dash between. Digits behind a
decimal point belong to an amount.
"""

import re
from typing import Any

_DIGITS_MIN, _DIGITS_MAX = 13, 19
_FIRST_GROUP_MIN = 4
_FIRST_DIGITS = frozenset(range(2, 7))
_RUN = re.compile(r"\d(?:[ -]?\d){12,}")
_GROUP = re.compile(r"\d+")
_FRACTION = re.compile(r"^(\d+)\.\d+$")


def holds_card_number(content: Any) -> bool:
    """Whether there is one anywhere in parsed JSON: in a text, in a name, or as a number."""
    match content:
        case str():
            return _in_text(content)
        case bool() | None:
            return False
        case int():
            return _in_text(str(content))
        case dict():
            return any(_in_text(name) or holds_card_number(value) for name, value in content.items())
        case list():
            return any(holds_card_number(each) for each in content)
        case _:
            return False


def _in_text(text: str) -> bool:
    if len(text) < _DIGITS_MIN:
        return False
    amount = _FRACTION.match(text)
    return any(_in_run(run) for run in _RUN.findall(amount[1] if amount else text))


def _in_run(run: str) -> bool:
    """Whether some of the groups of digits that follow each other are a number."""
    groups = _GROUP.findall(run)
    for index, first in enumerate(groups):
        if len(first) < _FIRST_GROUP_MIN or int(first[0]) not in _FIRST_DIGITS:
            continue
        digits = ""
        for group in groups[index : index + _DIGITS_MAX]:
            digits += group
            if len(digits) > _DIGITS_MAX:
                break
            if _is_card_number(digits):
                return True
    return False


def _is_card_number(text: str) -> bool:
    if len(text) < _DIGITS_MIN:
        return False
    digits = [int(each) for each in text]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
