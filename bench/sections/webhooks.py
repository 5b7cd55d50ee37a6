"""Vendors at the door: how soon an event is acknowledged, and a question about a card answered while transfers load."""

from collections import Counter
from collections.abc import Sequence
from statistics import median

from app.clock import SystemClock
from app.ids import derived_id, public_id, stored_id
from app.ledger.accounts import Account
from app.plumbing.collections import ensure_collections
from app.plumbing.mongo import Database
from app.wallets.card_store import COLLECTIONS
from app.wallets.cards import CARDS, Card, Standing, card_companion
from bench import http_load, open_load
from bench.api import HOST, Api, serving
from bench.context import Bench, Plan
from bench.figures import Row, at_most, told
from bench.http_load import HttpJob
from bench.issuer import issuing
from bench.measuring import Sample
from bench.open_load import OpenJob
from bench.sections.http import CONNECTIONS, person, verify
from bench.world import BOOK, customer

SECTION = "webhooks"
EVENTS_PER_S = 300
QUESTIONS_PER_S = 50
USERS = 200
_KEPT_OPEN = 32
_WARMUP_MIN_S = 0.6
_WINDOW_MIN_S = 2.0


def count(plan: Plan) -> int:
    """How many samples it takes."""
    return 2 * plan.repetitions


def measure(bench: Bench, profile: str = "") -> list[Row]:
    """The rows of this section; the API's profile is written to the file named, if one is."""
    acknowledged, answered, transfers = list[Sample](), list[Sample](), list[Sample]()
    with issuing() as issuer:
        people = [person(issuer, number) for number in range(USERS)]
        accounts = [customer(number, each.user_id) for number, each in enumerate(people)]
        with bench.database(lambda: accounts) as database:
            bench.within(database, lambda opened: verify(opened, people))
            cards = bench.within(database, lambda opened: _issue(opened, accounts))
            tokens = [
                (issuer.token(each.subject), public_id(account.id))
                for each, account in zip(people, accounts, strict=True)
            ]
            with serving(bench.servers, database, issuer.url, profile=profile) as api:
                for _ in bench.rounds:
                    acknowledged.append(_acknowledge(bench, api))
                    both = _answer(bench, api, cards, tokens)
                    answered.append(both[0])
                    transfers.append(both[1])
    return [*_events(acknowledged), *_questions(answered, transfers)]


async def _issue(database: Database, accounts: Sequence[Account]) -> list[str]:
    """A card on every account; the bank's ids of them."""
    await ensure_collections(database, COLLECTIONS)
    now, documents = SystemClock().now(), []
    for number, account in enumerate(accounts):
        card_id = stored_id(BOOK, derived_id("crd", account.id))
        card = Card(card_id, account.user_id or "", account.id, Standing.ACTIVE, now, str(number), "0000", "2030-11")
        documents.append({"_id": card.id, **card_companion(None, card).document})
    await database[CARDS].insert_many(documents)
    return [document["vendor_id"] for document in documents]


def _acknowledge(bench: Bench, api: Api) -> Sample:
    job = OpenJob(HOST, api.port, EVENTS_PER_S, _KEPT_OPEN, *_times(bench), pids=_pids(bench, api))
    return bench.take(f"{EVENTS_PER_S} events a second", open_load.__name__, [job])[0]


def _answer(bench: Bench, api: Api, cards: list[str], users: list[tuple[str, str]]) -> list[Sample]:
    """Questions and transfers beside each other, each side's sample."""
    questions = OpenJob(HOST, api.port, QUESTIONS_PER_S, _KEPT_OPEN, *_times(bench), cards, _pids(bench, api))
    load = HttpJob(HOST, api.port, CONNECTIONS, users, *_times(bench))
    what = f"{QUESTIONS_PER_S} questions a second beside transfers"
    return bench.take_beside(what, [(open_load.__name__, questions), (http_load.__name__, load)])


def _times(bench: Bench) -> tuple[float, float]:
    return max(_WARMUP_MIN_S, bench.plan.warmup_s), max(_WINDOW_MIN_S, bench.plan.window_s)


def _pids(bench: Bench, api: Api) -> dict[str, int]:
    return {"api": api.pids[0], "mongod": bench.servers.mongod.pid, "valkey": bench.servers.valkey.pid}


def _events(found: Sequence[Sample]) -> list[Row]:
    measure = f"events acknowledged at {EVENTS_PER_S}/s, of four vendors, p99"
    return [
        Row(SECTION, measure, "ms", tuple(each.p99_ms for each in found), at_most(50), _waited(found)),
        _refused("events not acknowledged", found),
    ]


def _questions(found: Sequence[Sample], transfers: Sequence[Sample]) -> list[Row]:
    measure = f"a card's question at {QUESTIONS_PER_S}/s beside transfers over {CONNECTIONS} connections, p99"
    beside = f"{told(median(each.per_s for each in transfers), '/s')} transfers; {_waited(found)}"
    return [
        Row(SECTION, measure, "ms", tuple(each.p99_ms for each in found), at_most(200), beside),
        _refused("questions not approved", found),
    ]


def _waited(found: Sequence[Sample]) -> str:
    p50, longest_ms = median(each.p50_ms for each in found), max(each.longest_s for each in found) * 1_000
    cpu = ", ".join(f"{name} {median(each.cpu.get(name, 0) for each in found):.0%}" for name in found[0].cpu)
    return f"p50 {told(p50, 'ms')}, longest {told(longest_ms, 'ms')}; CPU: {cpu}"


def _refused(measure: str, found: Sequence[Sample]) -> Row:
    refused = sum((Counter(each.refused) for each in found), Counter[str]())
    detail = ", ".join(f"{number} of {status}" for status, number in refused.most_common())
    return Row(SECTION, measure, "", tuple(sum(each.refused.values()) for each in found), at_most(0), detail)
