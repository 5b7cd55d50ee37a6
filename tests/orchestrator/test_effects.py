"""What may be done about an effect whose outcome is not known, as a drawn table."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.orchestrator.effects import (
    Effect,
    EffectStatus,
    Next,
    Policy,
    digest_of,
    is_untouched,
    may_begin_anew,
    next_move,
    next_move_when_absent,
    quiet_until,
)
from app.orchestrator.journal import effect_id
from app.orchestrator.saga import Way
from app.providers.capabilities import Capabilities
from app.providers.registry import CAPABILITIES
from app.settings.timings import READ_LAG_S_MAX

SENT_AT = datetime(2026, 11, 20, 5, tzinfo=UTC)
TIMEOUT = timedelta(seconds=60)
QUIET = timedelta(seconds=90)
HOUR = timedelta(hours=1)


def capabilities(fence: Any, resend_age: timedelta | None = None) -> Capabilities:
    return Capabilities(
        idempotency="body-key" if fence == "key" else "none",
        key_lifetime=resend_age,
        safe_resend_age=resend_age,
        read_lag=timedelta(0),
        cancels=True,
        provider_fence=fence,
        finality="",
    )


POLICIES = {
    "key": Policy(capabilities("key", 40 * HOUR), TIMEOUT, QUIET, attempts_max=3, patience=HOUR),
    "eternal": Policy(capabilities("key"), TIMEOUT, QUIET, attempts_max=3, patience=HOUR),
    "approval": Policy(capabilities("approval"), TIMEOUT, QUIET, attempts_max=3, patience=HOUR),
    "none": Policy(capabilities("none"), TIMEOUT, QUIET, attempts_max=3, patience=HOUR),
}


def effect(status: str, attempts: int = 1, **fields: Any) -> Effect:
    known = {
        "id": "default/eff_1",
        "saga_id": "default/sag_1",
        "step": "collect",
        "provider": "unit",
        "operation": "create_payment",
        "request": {},
        "first_sent_at": SENT_AT,
        "send_by": SENT_AT + TIMEOUT,
    }
    return Effect(status=EffectStatus(status), attempts=attempts, **{**known, **fields})


# provider's fence, status, attempts so far, seconds after the last send_by, what to do
BEFORE_LOOKING = """
key       planned     1  -60   SEND
key       planned     2  -60   SEND
key       planned     3  -60   SEND
key       planned     9  3539  SEND
key       planned     2  3540  SEND
key       planned     3  3540  GIVE_UP
none      planned     2  -60   SEND
approval  planned     3  3539  SEND
approval  planned     3  3540  GIVE_UP
key       sending     1  -60   WAIT
key       sending     1    0   WAIT
key       sending     1   89   WAIT
key       sending     1   90   FIND
key       unknown     1   89   WAIT
key       unknown     1   90   FIND
approval  unknown     3   89   WAIT
approval  unknown     3   90   FIND
none      unknown     1   90   FIND
key       cancelling  3   89   WAIT
key       cancelling  3   90   FIND
approval  cancelling  3   90   FIND
none      cancelling  3   90   FIND
"""


@pytest.mark.parametrize("line", BEFORE_LOOKING.strip().splitlines())
def test_before_anything_is_looked_up(line: str) -> None:
    fence, status, attempts, seconds, expected = line.split()
    policy = POLICIES[fence]
    asked = effect(status, int(attempts))
    now = asked.send_by + timedelta(seconds=int(seconds))
    assert next_move(asked, now, policy) is Next[expected]


# provider's fence, status, attempts so far, hours since the first send, already approved, what to do
WHEN_ABSENT = """
key       sending     1   1  no   SEND
key       sending     3   0  no   SEND
key       sending     3   1  no   GIVE_UP
approval  sending     9   0  no   SEND
none      sending     3   0  no   GIVE_UP
key       unknown     3   0  no   GIVE_UP
key       unknown     1   1  no   SEND
key       unknown     2  39  no   SEND
key       unknown     2  40  no   GIVE_UP
key       unknown     1  99  no   GIVE_UP
key       unknown     3   1  no   GIVE_UP
eternal   unknown     2  99  no   SEND
eternal   unknown     3  99  no   GIVE_UP
approval  unknown     1   1  no   SEND
approval  unknown     2  99  no   SEND
approval  unknown     3   1  no   GIVE_UP
none      sending     1   1  no   GIVE_UP
none      unknown     1   1  no   GIVE_UP
key       cancelling  3   1  no   CONCLUDE_ABSENT
key       cancelling  1  99  no   CONCLUDE_ABSENT
approval  cancelling  3   1  no   CONCLUDE_ABSENT
approval  cancelling  3   1  yes  PARK
none      cancelling  1   1  no   PARK
none      cancelling  3  99  no   PARK
"""


@pytest.mark.parametrize("line", WHEN_ABSENT.strip().splitlines())
def test_when_the_provider_knows_nothing_of_it(line: str) -> None:
    fence, status, attempts, hours, approved, expected = line.split()
    asked = effect(status, int(attempts), approved_ref="pending-1" if approved == "yes" else None)
    assert next_move_when_absent(asked, SENT_AT + int(hours) * HOUR, POLICIES[fence]) is Next[expected]


OPEN = st.sampled_from(["planned", "sending", "unknown", "cancelling"])
MOMENTS = st.integers(0, 10**6).map(lambda seconds: SENT_AT + timedelta(seconds=seconds))


@given(status=OPEN, attempts=st.integers(1, 9), now=MOMENTS, fence=st.sampled_from(sorted(POLICIES)))
def test_nothing_is_concluded_and_nothing_sent_again_before_the_quiet_period_is_over(
    status: str, attempts: int, now: datetime, fence: str
) -> None:
    asked = effect(status, attempts)
    if status != "planned" and now < quiet_until(asked, POLICIES[fence]):
        assert next_move(asked, now, POLICIES[fence]) is Next.WAIT


@given(attempts=st.integers(1, 9), now=MOMENTS, fence=st.sampled_from(sorted(POLICIES)), approved=st.booleans())
def test_from_a_tombstone_no_send_starts(attempts: int, now: datetime, fence: str, *, approved: bool) -> None:
    asked = effect("cancelling", attempts, approved_ref="pending-1" if approved else None)
    assert next_move(asked, now, POLICIES[fence]) is not Next.SEND
    assert next_move_when_absent(asked, now, POLICIES[fence]) is not Next.SEND


@given(attempts=st.integers(1, 9), now=MOMENTS, fence=st.sampled_from(sorted(POLICIES)))
def test_absence_is_concluded_from_a_tombstone_only(attempts: int, now: datetime, fence: str) -> None:
    for status in ("sending", "unknown"):
        assert next_move_when_absent(effect(status, attempts), now, POLICIES[fence]) in {Next.SEND, Next.GIVE_UP}


@given(now=MOMENTS, status=st.sampled_from(["sending", "unknown"]))
def test_a_provider_without_a_fence_is_never_sent_to_twice(now: datetime, status: str) -> None:
    assert next_move_when_absent(effect(status), now, POLICIES["none"]) is Next.GIVE_UP


def test_every_provider_that_moves_money_has_a_fence_and_reads_its_own_writes_within_the_quiet_period() -> None:
    for provider in ("unit", "tatum"):
        known = CAPABILITIES[provider]
        assert known.provider_fence != "none"
        assert known.read_lag < QUIET
        if known.safe_resend_age is not None:
            assert known.key_lifetime is not None
            assert known.safe_resend_age < known.key_lifetime


def test_start_up_waits_out_the_latest_read_of_any_provider() -> None:
    assert max(known.read_lag for known in CAPABILITIES.values()) == timedelta(seconds=READ_LAG_S_MAX)


def test_the_approved_operation_stands_for_the_effect() -> None:
    assert effect("confirmed", provider_ref="first").ref == "first"
    assert effect("confirmed", provider_ref="first", approved_ref="second").ref == "second"
    with pytest.raises(ValueError, match="no reference"):
        _ = effect("sending").ref


def test_a_key_that_has_expired_no_longer_covers_a_send_that_was_put_off() -> None:
    planned = effect("planned", 2)
    assert next_move(planned, SENT_AT + 39 * HOUR, POLICIES["key"]) is Next.SEND
    assert next_move(planned, SENT_AT + 40 * HOUR, POLICIES["key"]) is Next.GIVE_UP
    assert next_move(planned, SENT_AT + 999 * HOUR, POLICIES["eternal"]) is Next.SEND


def test_a_request_is_recognised_however_it_was_stored_and_a_changed_one_is_not() -> None:
    request = {"amount": "1.00", "to": ("a", "b"), "nonce": 5}
    sent = effect("sending", request={**request, "to": ["a", "b"]}, request_digest=digest_of(request))
    assert is_untouched(sent)
    assert not is_untouched(replace(sent, request={**request, "amount": "10.00"}))


@pytest.mark.parametrize("status", list(EffectStatus))
def test_only_what_is_certain_not_to_count_may_be_begun_anew(status: EffectStatus) -> None:
    assert may_begin_anew(effect(status.value)) is (status.value in {"rejected", "cancelled"})


def test_every_generation_is_another_effect_and_the_first_keeps_its_id() -> None:
    first = effect_id("default/sag_1", "collect", Way.UNDO)
    assert effect_id("default/sag_1", "collect", Way.UNDO, generation=0) == first
    later = {effect_id("default/sag_1", "collect", Way.UNDO, generation=n) for n in range(1, 5)}
    assert len(later) == 4
    assert first not in later
