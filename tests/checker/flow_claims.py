"""What must hold of a whole saga: money, or coins, or coins and a receivable; never twice, never neither."""

from collections import Counter, defaultdict

from app.ledger.accounts import CUSTOMER, RECEIVABLE
from app.orchestrator.flows import chart
from app.orchestrator.flows.ach import ACH_PULL, ACH_PUSH
from app.orchestrator.flows.chain import CHAIN_SEND
from app.orchestrator.flows.crypto_deposit import CHAIN_DEPOSIT
from app.orchestrator.flows.recovery import RECOVERY
from app.orchestrator.lifecycle import COMPLETED, ENDS, PARKED
from app.orchestrator.saga import Saga
from app.orchestrator.watches import WatchStatus
from tests.checker.flow_cards import FEE
from tests.checker.flow_moves import FlowMoves
from tests.checker.flow_orders import Order, Wealth, account_of, assets
from tests.checker.flow_ports import OURS
from tests.checker.flow_world import BOOK, World
from tests.checker.search import Counterexample, Explored, Problem, Search
from tests.checker.things import Thing

VOID = ("rejected", "returned", "canceled", "gone", "reverted", "denied", "failed")
_UNDOES = {ACH_PULL, ACH_PUSH, CHAIN_SEND}
"""Kinds of watches that trip when something has gone back to where it came from."""

TWICE = "nothing is made twice"
LEFT = "nothing is left on the way"
HELD = "nothing is left held"
BOOKS = "the books say what the bank and the chain have"
WEALTH = "the customer has what was agreed, or what they had"


def broken(order: Order, start: World, world: World, *, at_rest: bool) -> str | None:
    """The first claim that does not hold in the world; ``at_rest``: the saga has ended, and nothing has to follow."""
    if _made_twice(world):
        return TWICE
    return _broken_at_the_end(order, start, world) if at_rest else None


def _broken_at_the_end(order: Order, start: World, world: World) -> str | None:
    left = world.left_on_the_way()
    if _away(start, world) and not left and not _moving(world):
        return f"{BOOKS}: {_away(start, world)}"
    if PARKED in {world.saga.state, world.ordered.state}:
        return None
    if left:
        return f"{LEFT}: {', '.join(left)}"
    if any(each.remaining for each in world.holds.values()):
        return HELD
    agreed = (order.inside, order.outside) if _is_done(world) else ({}, {})
    has = (_inside(start, world), _outside(world, order))
    if any(watch.status is WatchStatus.TRIPPED and watch.kind in _UNDOES for watch in world.watches):
        return None if _together(has) == _together(agreed) else f"{WEALTH}, here or there: {has}"
    return None if has == tuple({k: v for k, v in each.items() if v} for each in agreed) else f"{WEALTH}: {has}"


def _together(wealth: tuple[Wealth, Wealth]) -> Wealth:
    """What somebody has here and elsewhere: what came back later has only moved from one to the other."""
    inside, outside = wealth
    total = {code: inside.get(code, 0) + outside.get(code, 0) for code in {*inside, *outside}}
    return {code: minor for code, minor in total.items() if minor}


def _is_done(world: World) -> bool:
    """Whether the customer has what they ordered; of coins from outside, whether the chain has them."""
    came_in = [each.stage for each in _booked(world) if each.kind == "incoming"]
    return "deep" in came_in if came_in else world.ordered.state == COMPLETED


def _booked(world: World) -> tuple[Thing, ...]:
    """The things as the books must have them: what came back later is still a watch's to book, and coins that were
    credited stay so while they are mined again.
    """
    watched = {(watch.kind, watch.object_id) for watch in world.watches if watch.status is WatchStatus.OPEN}
    returning = {object_id for _, object_id in watched}
    booked = []
    for number, each in enumerate(world.things):
        if each.stage == "returned" and f"#{number}" in returning:
            booked.append(each._replace(stage="sent"))
        elif each.kind == "send" and (CHAIN_SEND, f"tx#{number}") in watched:
            booked.append(each._replace(stage="mined"))
        elif each.stage == "shallow" and (CHAIN_DEPOSIT, f"tx#{number}") in watched:
            booked.append(each._replace(stage="deep"))
        else:
            booked.append(each)
    return tuple(booked)


def _made_twice(world: World) -> bool:
    alive = [each for each in _booked(world) if each.stage not in VOID]
    made = Counter(each.key for each in alive if each.key)
    signed = sum(each.kind == "send" and each.stage != "queued" for each in alive)
    return signed > 1 or any(count > 1 for count in made.values())


def _moving(world: World) -> bool:
    """Whether a third party still has something under way, which whoever looks at the parked saga will see end."""
    return any(each.stage in {"open", "pending", "queued", "approved", "broadcast"} for each in world.things)


def _away(start: World, world: World) -> dict[str, int]:
    """By how much the books of our bank and our custody differ from what bank and chain have moved."""
    moved: defaultdict[str, int] = defaultdict(int)
    for thing in _booked(world):
        moved[_asset(thing)] += _brought(thing)
    for thing in start.things:
        moved[_asset(thing)] -= _brought_then(thing)
    booked: dict[str, int] = {}
    for asset in assets():
        for account in (chart.bank(BOOK, asset), chart.card_balance(BOOK, asset), chart.custody(BOOK, asset)):
            booked[asset.code] = booked.get(asset.code, 0) + account_of(start, account) - account_of(world, account)
    return {code: booked.get(code, 0) - moved.get(code, 0) for code in booked if booked[code] != moved.get(code, 0)}


def _brought(thing: Thing) -> int:
    """What a thing has brought us, in minor units."""
    if thing.kind == "payment":
        return 0 if thing.stage in VOID else _signed(thing)
    if thing.kind in {"charge", "payout"}:
        paid = int(thing.facts[0]) if thing.stage == "paid" else 0
        return -paid if thing.kind == "payout" else max(paid - FEE, 0)
    if thing.kind == "send":
        left = thing.facts[2] if thing.stage == "mined" and thing.facts[1] != OURS else 0
        return -left - (thing.stage in {"mined", "reverted"})
    return int(thing.facts[2]) if thing.kind == "incoming" and thing.stage == "deep" else 0


def _brought_then(thing: Thing) -> int:
    """What one that was there before had brought us before: a payment had settled."""
    return _signed(thing) if thing.kind == "payment" else 0


def _signed(thing: Thing) -> int:
    return int(thing.facts[1]) if thing.facts[0] == "Debit" else -int(thing.facts[1])


def _asset(thing: Thing) -> str:
    places = {"charge": 1, "payout": 1, "payment": 2, "send": 3, "incoming": 3}
    return str(thing.facts[places[thing.kind]]) if thing.kind in places else ""


def _inside(start: World, world: World) -> Wealth:
    """What the customer has here, what they owe us taken off."""
    wealth: Counter[str] = Counter()
    for account in world.accounts.values():
        if account.role in {CUSTOMER, RECEIVABLE}:
            before = start.accounts.get(account.id)
            wealth[account.asset.code] += account.balance - (before.balance if before else 0)
    return {code: minor for code, minor in wealth.items() if minor}


def _outside(world: World, order: Order) -> Wealth:
    wealth: Counter[str] = Counter()
    for thing in _booked(world):
        if thing.kind == "payment":
            wealth[thing.facts[2]] -= _brought(thing)
        elif thing.kind in {"charge", "payout"} and thing.stage == "paid":
            wealth[thing.facts[1]] += int(thing.facts[0]) * (1 if thing.kind == "payout" else -1)
        elif thing.kind == "send" and thing.stage == "mined" and thing.facts[1] != OURS:
            wealth[thing.facts[3]] += int(thing.facts[2])
    for thing in order.things:
        wealth[_asset(thing)] += _brought_then(thing)
    return {code: minor for code, minor in wealth.items() if minor}


def check(order: Order, flow: Saga, *, attempts_max: int, recovery: Saga = RECOVERY) -> Explored | Counterexample:
    """Search the whole world of one order of that flow, each of whose calls is made at most so often."""
    moves = FlowMoves(order, flow, attempts_max, recovery)
    start = moves.start()
    before = order.world()

    def shown(world: World) -> str:
        things = ", ".join(f"#{n} {each.kind} {each.stage}" for n, each in enumerate(world.things)) or "nothing"
        return f"{world.saga.state:<20} {things}"

    def ended(world: World) -> str | None:
        state = world.saga.state
        return state if state in (*ENDS, PARKED) and next(moves.late(world), None) is None else None

    return Search(
        Problem(
            start=start,
            moves=moves,
            broken=lambda world: broken(order, before, world, at_rest=ended(world) is not None),
            ended=ended,
            key=lambda world: world.key,
            shown=shown,
        )
    ).run()
