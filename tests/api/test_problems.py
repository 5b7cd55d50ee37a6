from collections.abc import Iterator

import pytest

from app import errors
from app.api.problems import problems, render_problem, status_of
from app.errors import Kind, WalletError


def leaves(parent: type[WalletError]) -> Iterator[type[WalletError]]:
    for child in parent.__subclasses__():
        yield child
        yield from leaves(child)


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_of_refusal_has_a_status(kind: Kind) -> None:
    assert 400 <= status_of(kind) < 600


def ours() -> list[type[WalletError]]:
    return [each for each in leaves(WalletError) if each.__module__.startswith(f"{errors.__name__}.")]


def test_every_refusal_is_imported_from_one_place() -> None:
    assert {each.__name__ for each in ours()} <= set(errors.__all__)


def test_every_refusal_has_a_code_of_its_own() -> None:
    codes = [each.code for each in ours()]

    named_anew = [each for each in leaves(WalletError) if "code" in vars(each)]
    assert len({each.code for each in named_anew}) == len(named_anew)
    assert all(code == code.lower() and " " not in code for code in codes)


def test_facts_stand_beside_the_standard_members_and_cannot_replace_them() -> None:
    response = render_problem(WalletErrorWithHostileFacts())

    assert b'"status":409' in response.body
    assert b'"colour":"red"' in response.body


class WalletErrorWithHostileFacts(errors.Conflict):
    code = "hostile"

    def __init__(self) -> None:
        super().__init__("No.", status=200, code="fine", colour="red")


def test_documentation_gathers_codes_by_status() -> None:
    documented = problems(errors.InsufficientFunds, errors.QuoteExpired, errors.KycRequired)

    assert documented[409]["description"] == "insufficient-funds, quote-expired"
    assert documented[403]["description"] == "kyc-required"
    assert list(documented[409]["content"]) == ["application/problem+json"]
