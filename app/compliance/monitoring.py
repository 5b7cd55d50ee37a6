"""Monitoring: the committed feed, read block by block behind a durable cursor, and judged by rules.

What it finds opens a case, whose id comes from rule, customer and window, so reading a block twice finds it once. It
never stands in the way of money, unless a rule says that whom it finds is frozen: then that comes first, and only then
the cursor moves.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from app.clock import Clock
from app.compliance.case_rules import MONITORING
from app.compliance.cases import CASES
from app.compliance.customers import Customers
from app.compliance.monitor_store import MONITOR_CURSORS, MOVEMENTS, MonitorStore
from app.compliance.rules import Movement, Rule
from app.errors import StaleGuard
from app.ids import book_of, derived_id, public_id, stored_id
from app.ledger.acts import Answerable
from app.ledger.changes import ABSENT, Change, Companion, Document, Door
from app.ledger.limits import ReferencePrices
from app.ledger.standing import Act
from app.money import Money, asset
from app.plumbing.decimals import from_decimal128, to_decimal128

OFFICER = "monitoring"
"""Who freezes, where a rule does."""

DEVICE = "device_id"
"""The metadata that says which device a transfer was ordered from."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Finding:
    """A rule that has found a customer."""

    rule: Rule
    movement: Movement

    def case_id(self, book: str) -> str:
        window = self.rule.window_of(self.movement.at)
        return stored_id(book, derived_id("cas", OFFICER, self.rule.name, self.movement.user_id, str(window)))


class Monitoring:
    """Reads the feed and applies the rules."""

    def __init__(
        self,
        store: MonitorStore,
        door: Door,
        customers: Customers,
        clock: Clock,
        reference: ReferencePrices,
        rules: Sequence[Rule],
        *,
        poll_s: float,
    ) -> None:
        self._store = store
        self._door = door
        self._customers = customers
        self._clock = clock
        self._reference = reference
        self._rules = rules
        self._poll_s = poll_s
        self._closed = asyncio.Event()

    def close(self) -> None:
        """Read no more."""
        self._closed.set()

    async def run(self) -> None:
        """Follow the feed until closed; without rules there is nothing to follow."""
        while self._rules and not self._closed.is_set():
            if await self.follow():
                continue
            try:
                async with asyncio.timeout(self._poll_s):
                    await self._closed.wait()
            except TimeoutError:
                continue

    async def follow(self) -> int:
        """Judge the next block of every stream; how many blocks that were."""
        done = 0
        for stream in await self._store.streams() if self._rules else []:
            cursor = await self._store.cursor(stream)
            block = await self._store.next_block(stream, cursor)
            if block is not None:
                await self._judge(stream, cursor, block)
                done += 1
        return done

    async def _judge(self, stream: str, cursor: int, block: Document) -> None:
        book = book_of(stream)
        movements = await self._movements(await self._store.transactions(block["transaction_ids"]))
        findings = await self._findings(book, movements)
        known = await self._store.known_cases(list(findings))
        fresh = {case_id: finding for case_id, finding in findings.items() if case_id not in known}
        for case_id, finding in fresh.items():
            if finding.rule.freezes:
                why = Answerable(OFFICER, f"rule {finding.rule.name}", public_id(case_id))
                await self._customers.change_standing(book, finding.movement.user_id, Act.FREEZE, why)
        moved = Companion(MONITOR_CURSORS, stream, {"version": cursor} if cursor else ABSENT, {"version": block["n"]})
        cases = (self._case(book, case_id, finding) for case_id, finding in fresh.items())
        companions = (moved, *(_kept(book, each) for each in movements), *cases)
        try:
            await self._door.submit(Change(book, companions=companions, fact=True))
        except StaleGuard:
            return  # another worker has judged it
        for finding in fresh.values():
            log.info("pattern-found", reason=finding.rule.name)

    async def _movements(self, transactions: Sequence[Document]) -> list[Movement]:
        posted = [each for each in transactions if each["status"] == "posted"]
        owners = await self._store.owners_of({leg["account_id"] for each in posted for leg in each["legs"]})
        return [movement for each in posted for movement in self._moved_by(each, owners)]

    def _moved_by(self, transaction: Document, owners: Mapping[str, str]) -> list[Movement]:
        """What it moved for each customer; what stays between their own accounts, or has no price, is nothing."""
        sums: defaultdict[tuple[str, str], int] = defaultdict(int)
        for leg in transaction["legs"]:
            if leg["account_id"] in owners:
                sign = 1 if leg["side"] == "CR" else -1
                sums[owners[leg["account_id"]], leg["currency"]] += sign * from_decimal128(leg["amount"])
        values: defaultdict[str, int] = defaultdict(int)
        for (user_id, code), minor in sums.items():
            if minor and (code in self._reference.prices or code == self._reference.currency.code):
                worth = self._reference.value(Money(abs(minor), asset(code))).minor
                values[user_id] += worth if minor > 0 else -worth
        device = transaction["metadata"].get(DEVICE)
        named = device if isinstance(device, str) else None
        return [
            Movement(transaction["_id"], user_id, transaction["timestamp"], value, named if value < 0 else None)
            for user_id, value in values.items()
            if value
        ]

    async def _findings(self, book: str, movements: Sequence[Movement]) -> dict[str, _Finding]:
        """What the rules find, by case; of several in one window the first."""
        found: dict[str, _Finding] = {}
        look_back = max(rule.look_back for rule in self._rules)
        for number, now in enumerate(movements):
            earlier = [each for each in movements[:number] if each.user_id == now.user_id]
            past = [*await self._store.movements(book, now.user_id, now.at - look_back), *earlier]
            seen = await self._store.first_seen(book, now.user_id, now.device) if now.device else None
            first_seen = {now.device: seen} if now.device and seen else {}
            for rule in self._rules:
                recent = [each for each in past if each.at > now.at - rule.look_back]
                if rule.finds(now, recent, first_seen):
                    finding = _Finding(rule, now)
                    found.setdefault(finding.case_id(book), finding)
        return found

    def _case(self, book: str, case_id: str, finding: _Finding) -> Companion:
        case = {
            "book": book,
            "kind": MONITORING,
            "rule": finding.rule.name,
            "user_id": finding.movement.user_id,
            "transaction_id": finding.movement.transaction_id,
            "amount": to_decimal128(abs(finding.movement.value)),
            "currency": self._reference.currency.code,
            "status": "open",
            "opened_at": self._clock.now(),
            "version": 1,
        }
        return Companion(CASES, case_id, ABSENT, case)


def _kept(book: str, movement: Movement) -> Companion:
    kept = {
        "user_id": movement.user_id,
        "transaction_id": movement.transaction_id,
        "at": movement.at,
        "value": to_decimal128(movement.value),
        "device": movement.device,
        "version": 1,
    }
    movement_id = stored_id(book, derived_id("mov", movement.transaction_id, movement.user_id))
    return Companion(MOVEMENTS, movement_id, ABSENT, kept)
