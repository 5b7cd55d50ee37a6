"""Numbers of payment cards, which must never come here. Pure.

A number is 13 to 19 digits that begin with 2 to 6, as those of payment cards do (ISO/IEC 7812), and pass the check of
Luhn. It is written in one piece or in the groups that are printed on cards, with a space or a dash between, and stands
by itself: digits within a word belong to an id, a token or an address, digits behind a decimal point to an amount.
"""

import re
from typing import Any

_DIGITS_MIN = 13
_IN_FOURS, _IN_FOURS_19 = r"\d{4}(?:[ -]\d{4}){3}", r"\d{4}(?:[ -]\d{4}){3}[ -]\d{3}"
_AMEX, _DINERS = r"\d{4}[ -]\d{6}[ -]\d{5}", r"\d{4}[ -]\d{6}[ -]\d{4}"
_LETTER = r"[A-Za-z_\d]"
"""What ids are made of; letters of other scripts may touch a number that is written in them without spaces."""
_SPELLINGS = tuple(
    re.compile(rf"(?<!{_LETTER})(?<!\d\.)(?=({digits})(?!{_LETTER}))")  # ahead, for numbers that overlap
    for digits in (r"\d{13,19}", _IN_FOURS, _IN_FOURS_19, _AMEX, _DINERS)
)
_FIRST_DIGITS = frozenset(range(2, 7))
_AMOUNT = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")


def holds_card_number(content: Any) -> bool:
    """Whether there is one anywhere in a request's parsed JSON: in a text, in a name, or as a number.

    A member ``amount`` is none, if it is spelt as one; within ``metadata`` it is a note like any other.
    """
    return _holds(content, noted=False)


def _holds(content: Any, *, noted: bool) -> bool:
    match content:
        case str():
            return _in_text(content)
        case bool() | None:
            return False
        case int():
            return _in_text(str(content))
        case dict():
            return any(
                _in_text(name) or _holds(value, noted=noted or name == "metadata")
                for name, value in content.items()
                if noted or not _is_amount(name, value)
            )
        case list():
            return any(_holds(each, noted=noted) for each in content)
        case _:
            return False


def _is_amount(name: str, value: Any) -> bool:
    return name == "amount" and isinstance(value, str) and _AMOUNT.fullmatch(value) is not None


def _in_text(text: str) -> bool:
    if len(text) < _DIGITS_MIN:
        return False
    return any(_is_card_number(found) for spelling in _SPELLINGS for found in spelling.findall(text))


def _is_card_number(written: str) -> bool:
    digits = [int(each) for each in written if each not in " -"]
    if digits[0] not in _FIRST_DIGITS:
        return False
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
