"""One outside effect, in every interleaving: never executed twice, never concluded absent what happens after all."""

from dataclasses import replace

import pytest

from tests.checker.effect_claims import check
from tests.checker.effect_setups import BOUNDS, DECLARED
from tests.checker.effect_world import Setup, policy_for
from tests.checker.search import Explored

WORLDS = [(provider, world) for provider in DECLARED for world in BOUNDS]
_EXPLORED: dict[Setup, Explored] = {}


def explored(provider: str, world: str) -> Explored:
    """The whole world of that provider; searched once for all that behave alike."""
    known = DECLARED[provider]
    alike = replace(known, idempotency="none", cancels=False, finality="")
    bounds = BOUNDS[world](provider)
    searched = Setup("", alike, policy_for(alike, bounds), bounds=bounds)
    if searched not in _EXPLORED:
        result = check(searched)
        assert isinstance(result, Explored), f"\n{result}"
        _EXPLORED[searched] = result
    return _EXPLORED[searched]


@pytest.mark.parametrize(("provider", "world"), WORLDS)
@pytest.mark.long_when(lambda world: world == "everything at once", "world")
def test_every_claim_holds_in_every_state(provider: str, world: str) -> None:
    ends = explored(provider, world).ends
    assert any(end.startswith("completed") for end in ends), "the search never came to a good end"


@pytest.mark.parametrize("world", ["a calm day", "a freeze"])
@pytest.mark.parametrize("provider", [name for name, known in DECLARED.items() if known.provider_fence == "none"])
def test_without_a_fence_an_unknown_outcome_is_parked_and_never_concluded(provider: str, world: str) -> None:
    ends = explored(provider, world).ends
    assert any(end.startswith("parked") for end in ends)
    assert not any("cancelled" in end for end in ends)


@pytest.mark.parametrize("provider", [name for name, known in DECLARED.items() if known.provider_fence == "approval"])
def test_where_every_signature_is_asked_for_not_even_a_frozen_worker_needs_a_recovery(provider: str) -> None:
    assert not any("recovery" in end for end in explored(provider, "a freeze").ends)


def test_a_frozen_worker_needs_a_recovery_where_only_a_key_stands_before_it() -> None:
    assert any("recovery" in end for end in explored("unit", "a freeze").ends)


def test_the_times_of_a_declaration_keep_their_order_in_ticks() -> None:
    for known in DECLARED.values():
        if known.key_lifetime is not None and known.safe_resend_age is not None:
            assert known.safe_resend_age <= known.key_lifetime
