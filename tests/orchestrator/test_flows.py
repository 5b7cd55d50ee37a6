"""Every way a flow can go, as a golden trace: what happened, and what was posted."""

from collections.abc import Mapping
from typing import Any

import pytest

from app.ids import new_id
from tests.orchestrator.histories import events_in, history_of, postings_in
from tests.orchestrator.scenarios import SCENARIOS, SETTINGS, STEADY, Outside, require_end
from tests.worlds import ADDRESS, Customer, World

_COLLECT = "sending collect, accepted collect, done collect"
_DELIVER = "sending deliver, accepted deliver, progress deliver, done deliver"
_NO_REFUNDS = "sending collect, begun-anew collect, sending collect, begun-anew collect, sending collect"
_UNWIND = "sending deliver, failed deliver, undone convert"
_REFUND = "sending collect, accepted collect, undone collect, undone record, compensated"
_PULLED = "collect.sending collect.accepted collect.settled collect.credited"
_DELIVERED = "deliver.sending deliver.broadcast deliver.confirmed"
_NOT_DELIVERED = "convert.converted deliver.sending deliver.refused convert.reversed"
_EXPIRED = (
    "accepted-request, done record, sending collect, accepted collect, called-off collect, "
    "sending collect, accepted collect, failed collect, compensated"
)
_PAYEE = "accepted-request, done record, sending payee, accepted payee, done payee"
_CARD = "sending card, accepted card, done card"
_MOVE = "sending transfer, accepted transfer, done transfer"
_PAYOUT = "sending payout, accepted payout, done payout"
_MOVED_BACK = "sending transfer, accepted transfer, undone transfer, undone record, compensated"
_REFUSED_PAYOUT = "hold transfer.sending transfer.accepted payout.sending payout.refused"
_MOVED = "hold transfer.sending transfer.accepted payout.sending payout.accepted"

_APPLY = "accepted-request, done record, done verify, sending apply, accepted apply, done apply"

GOLDEN = {
    "from bank to chain": (
        f"accepted-request, done record, {_COLLECT}, done convert, {_DELIVER}, completed",
        f"hold {_PULLED} hold convert.converted {_DELIVERED}",
    ),
    "from bank to account": (
        f"accepted-request, done record, {_COLLECT}, done convert, done credit, completed",
        f"hold {_PULLED} hold convert.converted credit.credited",
    ),
    "from account to chain": (
        f"accepted-request, done record, done convert, {_DELIVER}, completed",
        f"hold hold convert.converted {_DELIVERED}",
    ),
    "from account to account": (
        "accepted-request, done record, done convert, done credit, completed",
        "hold hold convert.converted credit.credited",
    ),
    "pull rejected at birth": (
        "accepted-request, done record, sending collect, failed collect, undone record, compensated",
        "hold collect.sending collect.refused release",
    ),
    "pull declined": (
        "accepted-request, done record, sending collect, failed collect, undone record, compensated",
        "hold collect.sending collect.refused release",
    ),
    "pull returned before it was sent": (
        "accepted-request, done record, sending collect, accepted collect, failed collect, undone record, compensated",
        "hold collect.sending collect.accepted collect.returned release",
    ),
    "delivery declined, bank paid": (
        f"accepted-request, done record, {_COLLECT}, done convert, {_UNWIND}, {_REFUND}",
        f"hold {_PULLED} hold {_NOT_DELIVERED} hold collect.refund-sending collect.refund-accepted",
    ),
    "delivery declined, account paid": (
        f"accepted-request, done record, done convert, {_UNWIND}, undone record, compensated",
        f"hold hold {_NOT_DELIVERED}",
    ),
    "refund returned later": (
        f"accepted-request, done record, {_COLLECT}, done convert, {_UNWIND}, {_REFUND}",
        f"hold {_PULLED} hold {_NOT_DELIVERED} hold collect.refund-sending collect.refund-accepted",
    ),
    "refund rejected at birth": (
        f"accepted-request, done record, {_COLLECT}, done convert, {_UNWIND}, {_NO_REFUNDS}, parked collect",
        f"hold {_PULLED} hold {_NOT_DELIVERED} hold" + 3 * " collect.refund-sending collect.refund-refused hold",
    ),
    "a nonce that is filled": (
        f"accepted-request, done record, {_DELIVER}, completed",
        f"record.set-aside {_DELIVERED}",
    ),
    "recovery": (
        "accepted-request, done open, done book, completed",
        "book.returned",
    ),
    "deposit": (f"accepted-request, done record, {_COLLECT}, completed", _PULLED),
    "card top-up": (f"accepted-request, done record, {_COLLECT}, completed", "collect.paid"),
    "card top-up after authentication": (
        f"accepted-request, done record, {_COLLECT}, completed",
        "collect.paid",
    ),
    "card top-up that nobody pays": (_EXPIRED, ""),
    "card top-up with a card that is declined": (_EXPIRED, ""),
    "card top-up declined": ("accepted-request, done record, sending collect, failed collect, compensated", ""),
    "card payout": (f"{_PAYEE}, {_CARD}, {_MOVE}, {_PAYOUT}, completed", f"{_MOVED} payout.paid"),
    "card payout to a card that is refused": (
        f"{_PAYEE}, sending card, failed card, undone record, compensated",
        "hold release",
    ),
    "card payout to a card that is too slow": (
        f"{_PAYEE}, sending card, accepted card, failed card, undone record, compensated",
        "hold release",
    ),
    "card payout, transfer declined": (
        f"{_PAYEE}, {_CARD}, sending transfer, failed transfer, undone record, compensated",
        "hold transfer.sending transfer.refused",
    ),
    "card payout declined": (
        f"{_PAYEE}, {_CARD}, {_MOVE}, sending payout, failed payout, {_MOVED_BACK}",
        f"{_REFUSED_PAYOUT} transfer.back-sending transfer.back-accepted",
    ),
    "card payout that fails": (
        f"{_PAYEE}, {_CARD}, {_MOVE}, sending payout, accepted payout, failed payout, {_MOVED_BACK}",
        f"{_MOVED} transfer.back-sending transfer.back-accepted",
    ),
    "onboarding": (
        f"{_APPLY}, sending open, accepted open, done open, completed",
        "",
    ),
    "onboarding, refused by the vendor": ("accepted-request, done record, failed verify, compensated", ""),
    "onboarding, refused by the bank": (
        "accepted-request, done record, done verify, sending apply, accepted apply, failed apply, compensated",
        "",
    ),
    "deposit rejected at birth": (
        "accepted-request, done record, sending collect, failed collect, compensated",
        "collect.sending collect.refused",
    ),
    "deposit returned before it was sent": (
        "accepted-request, done record, sending collect, accepted collect, failed collect, compensated",
        "collect.sending collect.accepted collect.returned",
    ),
    "sale": ("accepted-request, done record, done convert, completed", "hold convert.converted"),
    "withdrawal": (
        "accepted-request, done record, sending push, accepted push, done push, completed",
        "hold push.sending push.accepted",
    ),
    "withdrawal rejected at birth": (
        "accepted-request, done record, sending push, failed push, undone record, compensated",
        "hold push.sending push.refused",
    ),
    "coins to an address": (
        f"accepted-request, done record, done charge, {_DELIVER}, completed",
        f"hold charge.charged {_DELIVERED}",
    ),
    "coins to an address, declined": (
        (
            "accepted-request, done record, done charge, sending deliver, failed deliver, undone charge, "
            "undone record, compensated"
        ),
        "hold charge.charged deliver.sending deliver.refused charge.given-back",
    ),
    "coins from outside": (
        "accepted-request, done record, done confirm, completed",
        "record.seen confirm.confirmed confirm.credited",
    ),
    "withdrawal declined": (
        "accepted-request, done record, sending push, failed push, undone record, compensated",
        "hold push.sending push.refused",
    ),
    "a nonce that cannot be filled": (
        "accepted-request, done record, sending deliver, failed deliver, undone record, compensated",
        "record.set-aside deliver.sending deliver.refused record.put-back",
    ),
    "from bank to chain, checked": (
        f"accepted-request, done record, done screen, {_COLLECT}, done convert, {_DELIVER}, completed",
        f"hold {_PULLED} hold convert.converted {_DELIVERED}",
    ),
    "checked, delivery declined": (
        f"accepted-request, done record, done screen, {_COLLECT}, done convert, {_UNWIND}, {_REFUND}",
        f"hold {_PULLED} hold {_NOT_DELIVERED} hold collect.refund-sending collect.refund-accepted",
    ),
    "card payout, checked": (
        f"{_PAYEE}, {_CARD}, done screen, {_MOVE}, {_PAYOUT}, completed",
        f"{_MOVED} payout.paid",
    ),
    "withdrawal, checked": (
        "accepted-request, done record, done screen, sending push, accepted push, done push, completed",
        "hold push.sending push.accepted",
    ),
    "coins to an address, checked": (
        f"accepted-request, done record, done screen, done charge, {_DELIVER}, completed",
        f"hold charge.charged {_DELIVERED}",
    ),
    "coins to an address, rejected": (
        "accepted-request, done record, failed screen, undone record, compensated",
        "hold release",
    ),
}


@pytest.fixture(scope="module")
def timings() -> Mapping[str, Any]:
    return SETTINGS


def test_every_scenario_has_its_golden_trace() -> None:
    assert set(GOLDEN) == set(SCENARIOS)


@pytest.mark.parametrize("name", STEADY)
def test_a_stored_history_reads_as_its_golden_trace(name: str) -> None:
    """That today's code writes the history is for ``test_histories.py`` to see."""
    history = history_of(name)
    trace = ", ".join(f"{event['type']} {event['step']}".strip() for event in events_in(history))
    assert (trace, " ".join(postings_in(history))) == GOLDEN[name]


@pytest.mark.parametrize("name", [name for name in SCENARIOS if name not in STEADY])
async def test_a_run_leaves_its_golden_trace(calm_world: World, rich_ada: Customer, name: str) -> None:
    """Orders come from an account that is not the customer's first: money that comes back passes through that one."""
    scenario, (trace, postings) = SCENARIOS[name], GOLDEN[name]
    customer = await calm_world.with_new_accounts(rich_ada, "500.00")
    before = await Outside.of(calm_world)
    await scenario.set_up(calm_world)
    saga_id = await scenario.run(calm_world, customer, customer.dollars_id)
    assert ", ".join(await calm_world.trace(saga_id)) == trace
    assert " ".join(await calm_world.postings(saga_id)) == postings
    await require_end(calm_world, scenario, saga_id, before, customer)


async def test_a_customer_follows_a_purchase_over_the_api(calm_world: World, rich_ada: Customer) -> None:
    world, headers = calm_world, await calm_world.signed_in(rich_ada.name)
    asked = {
        "quote_id": await world.quote(rich_ada),
        "funding": {"type": "bank", "bank_link_id": rich_ada.bank_link_id},
        "destination": {"type": "address", "chain": "bitcoin", "address": ADDRESS},
    }
    answer = await world.api.post("/v1/purchases", json=asked, headers={**headers, "Idempotency-Key": new_id("key")})
    assert answer.status_code == 202
    purchase = answer.json()
    seen = [purchase["status"]]
    while seen[-1] != "completed":
        await world.pass_on()
        status = (await world.api.get(f"/v1/purchases/{purchase['id']}", headers=headers)).json()["status"]
        if status != seen[-1]:
            seen.append(status)
    assert seen == ["collecting", "delivering", "completed"]
    saga = (await world.api.get(f"/v1/sagas/{purchase['saga_id']}", headers=headers)).json()
    assert [(step["name"], step["status"]) for step in saga["steps"]] == [
        ("record", "done"),
        ("collect", "done"),
        ("convert", "done"),
        ("credit", "skipped"),
        ("deliver", "done"),
    ]
