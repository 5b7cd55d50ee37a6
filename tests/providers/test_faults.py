"""Every call of every adapter against every fault of the dial: its one of three words, one effect, nothing secret told.

All calls meet a fault together, so that its waiting is waited for once.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Any

import pytest
import structlog

from app.providers.circuit import FAILURES_MAX
from app.providers.outcomes import Declined, OutcomeUnknown, ProviderOutcome, Unavailable
from app.sandbox.vendor import RETRY_AFTER_S
from tests.providers.calls import READS, RECEIVERS, Read, Word, calls_of
from tests.providers.changes import CARD_TOKEN, CHANGES, Again, Begun, Change, all_begun
from tests.providers.shop import Shop, opened
from tests.sandbox.world import eventually

FAULTS = ["decline", "error", "rate_limit", "timeout_before", "timeout_after", "late", "slow"]
WORDS: dict[str, Word] = {
    "decline": Declined,
    "error": OutcomeUnknown,
    "rate_limit": Unavailable,
    "timeout_before": OutcomeUnknown,
    "timeout_after": OutcomeUnknown,
    "late": OutcomeUnknown,
    "slow": None,
}
"""Of a call that changes something."""

DONE = {"timeout_after", "late", "slow"}
"""The faults that let it happen all the same."""

ATTEMPTS_MAX = 3
READS_A_LINE = FAILURES_MAX // ATTEMPTS_MAX - 1
"""So few that a line's circuit stays closed, and none of them waits for another's slot."""

MANY = 1_000
"""Of a fault that is there to stay."""


def lines_of(reads: Mapping[str, Read]) -> dict[str, int]:
    """Which line each read is made on."""
    places: Counter[str] = Counter()
    found = {}
    for name, read in reads.items():
        found[name] = places[read.vendor] // READS_A_LINE
        places[read.vendor] += 1
    return found


LINES = lines_of(READS)


@pytest.fixture(scope="module")
async def shop(mongodb_uri: str) -> AsyncIterator[Shop]:
    async with opened(mongodb_uri, max(LINES.values()) + 1) as prepared:
        yield prepared


async def said_of(call: Awaitable[Any]) -> ProviderOutcome | None:
    try:
        await call
    except ProviderOutcome as outcome:
        return outcome
    return None


async def words_of(calls: Mapping[str, Awaitable[Any]]) -> tuple[dict[str, Word], str]:
    """The word of each call, all made at once, and all that was said."""
    heard = dict(zip(calls, await asyncio.gather(*map(said_of, calls.values())), strict=True))
    said = {name: repr(outcome) for name, outcome in heard.items() if outcome is not None}
    return {name: None if outcome is None else type(outcome) for name, outcome in heard.items()}, str(said)


async def turned(shop: Shop, calls: Mapping[str, Read] | Mapping[str, Change], fault: str, times: int = 0) -> None:
    """Turn the dial on every operation there is, for so many calls, or for one of each."""
    operations = Counter((call.vendor, call.operation) for call in calls.values())
    await asyncio.gather(
        *(shop.dial(vendor, operation, fault, times or count) for (vendor, operation), count in operations.items())
    )


async def asked(shop: Shop) -> tuple[dict[str, Word], str]:
    return await words_of({name: read.ask(shop, shop.lines[LINES[name]]) for name, read in READS.items()})


def test_no_call_is_without_a_line_here(shop: Shop) -> None:
    assert {name.partition("/")[0] for name in (*READS, *CHANGES)} == calls_of(shop.calm)


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_change_has_its_word_and_one_effect_at_most(
    shop: Shop, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    begun = await all_begun(shop)
    await turned(shop, CHANGES, fault)
    with caplog.at_level(logging.INFO), structlog.testing.capture_logs() as logged:
        words, said = await words_of({name: each.make(shop.calm) for name, each in begun.items()})
    assert words == {name: expected_word(change, fault) for name, change in CHANGES.items()}
    await happened(begun, {name: expected_count(change, fault) for name, change in CHANGES.items()})
    assert "provider call" in repr(logged)
    assert not canaries_in(shop, repr(logged) + caplog.text + said)
    if fault != "decline":  # a definite no is kept under its key, and said again
        await made_again(shop, begun, fault)


def expected_word(change: Change, fault: str) -> Word:
    return change.refused if fault == "decline" else WORDS[fault]


def expected_count(change: Change, fault: str) -> int:
    return int(fault in DONE or (fault == "decline" and change.keeps_refusals))


async def happened(begun: Mapping[str, Begun], expected: dict[str, int]) -> None:
    async def counted() -> dict[str, int]:
        return dict(zip(begun, await asyncio.gather(*(each.count() for each in begun.values())), strict=True))

    async def as_expected() -> bool:
        return await counted() == expected

    try:
        await eventually(as_expected)
    except TimeoutError:
        assert await counted() == expected


async def made_again(shop: Shop, begun: Mapping[str, Begun], fault: str) -> None:
    """The same calls once more, as a driver of sagas would make them: nothing happens twice."""
    repeated = {name: change for name, change in CHANGES.items() if change.again is not Again.ANOTHER}
    words, _ = await words_of({name: begun[name].make(shop.calm) for name in repeated})
    assert words == {name: word_again(change, fault) for name, change in repeated.items()}
    counts = {name: int(words[name] is not OutcomeUnknown) for name in repeated}
    await happened({name: begun[name] for name in repeated}, counts)


def word_again(change: Change, fault: str) -> Word:
    if change.vendor == "stripe" and fault == "error":
        return OutcomeUnknown  # a 500 is stored under the key, and said again
    return Declined if change.again is Again.REFUSED and fault in DONE else None


def canaries_in(shop: Shop, text: str) -> list[str]:
    canaries = [*shop.canaries(), *RECEIVERS.values(), CARD_TOKEN.get_secret_value(), "Ada Doe"]
    return [each for each in canaries if each in text]


@pytest.mark.parametrize("fault", [each for each in FAULTS if each != "slow"])
@pytest.mark.long_when(lambda fault: fault in {"timeout_after", "late"}, "fault")  # to a reader all drops are alike
async def test_a_read_that_fails_for_good_is_unavailable_and_works_again(
    shop: Shop, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    await turned(shop, READS, fault, MANY)
    with caplog.at_level(logging.INFO), structlog.testing.capture_logs() as logged:
        words, said = await asked(shop)
    await shop.mend()
    assert words == {name: read.refused if fault == "decline" else Unavailable for name, read in READS.items()}
    assert not canaries_in(shop, repr(logged) + caplog.text + said)
    words, said = await asked(shop)
    assert words == dict.fromkeys(READS), said


async def test_a_slow_read_is_waited_for(shop: Shop) -> None:
    await turned(shop, READS, "slow")
    words, said = await asked(shop)
    assert words == dict.fromkeys(READS), said


async def test_a_read_that_fails_once_is_made_again_and_not_before_the_vendor_wants_it(shop: Shop) -> None:
    once = {read.operation: name for name, read in READS.items()}
    alone = {name: READS[name] for name in once.values()}
    await turned(shop, alone, "rate_limit")
    began = asyncio.get_running_loop().time()
    words, said = await words_of({name: read.ask(shop, shop.lines[LINES[name]]) for name, read in alone.items()})
    assert words == dict.fromkeys(alone), said
    assert asyncio.get_running_loop().time() - began >= RETRY_AFTER_S
