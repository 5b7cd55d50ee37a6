"""One run: a stack, customers, traffic; then the weather; then quiet; then the judgement."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random

from app.clock import SystemClock
from app.plumbing.mongo import Database, connect
from app.stack.folder import Folder
from tests.chaos.arrivals import deposits, incoming, unseen
from tests.chaos.coverage import Coverage
from tests.chaos.customers import Crowd, crowd
from tests.chaos.flights import in_flight
from tests.chaos.forecast import forecast
from tests.chaos.judgement import Judgement, judge
from tests.chaos.merchants import Merchants
from tests.chaos.newcomers import Newcomers
from tests.chaos.officers import Officer
from tests.chaos.orders import offered
from tests.chaos.records import Records
from tests.chaos.stack import Stack
from tests.chaos.traffic import Traffic
from tests.chaos.waiting import within
from tests.chaos.weather import Weather

_CUSTOMERS = 8
_OPENING = "20000.00"
_QUIET_WITHIN_S = 120.0
_LOOK_S = 0.2


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for; ``pace`` is how many seconds vendors take to settle."""

    seed: str
    minutes: float
    in_flight: int
    pace: float
    folder: Folder


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened, and what it came to."""

    options: Options
    asked: Counter[str]
    accepted: int
    happened: Counter[str]
    in_flight_at_kills: Sequence[int]
    coverage: Coverage
    lost: Counter[str]
    quiet_after_s: float
    judgement: Judgement


async def run(options: Options, coverage: Coverage, tell: Callable[[str], None]) -> Outcome:
    """The whole of it. Raises Problem, GaveUp or CannotStart when the stack itself cannot be run."""
    stack = Stack(options.folder, options.seed, options.pace, lambda said: tell(f"      {said}"), coverage.died_at)
    async with stack.running():
        settings = stack.settings
        client, database = connect(settings.mongodb_uri.get_secret_value(), settings.mongodb_database)
        async with client, crowd(stack.front_url, stack.sandbox_url, options.seed) as people:
            records = Records(options.folder.root / "requests.jsonl")
            try:
                return await _Run(options, stack, database, people, records, coverage, tell).live()
            finally:
                records.close()


class _Run:
    """A run whose stack is up and whose customers are there."""

    def __init__(
        self,
        options: Options,
        stack: Stack,
        database: Database,
        crowd: Crowd,
        records: Records,
        coverage: Coverage,
        tell: Callable[[str], None],
    ) -> None:
        self._options = options
        self._stack = stack
        self._database = database
        self._crowd = crowd
        self._records = records
        self._coverage = coverage
        self._tell = tell

    async def live(self) -> Outcome:
        first, *_ = await asyncio.gather(*(self._crowd.join(f"customer-{number}") for number in range(_CUSTOMERS)))
        described = (await first.send("GET", "/openapi.json")).json()
        makers = offered(described["paths"])
        self._tell(f"{_CUSTOMERS} customers; routes: {', '.join(sorted(makers))}")
        await self._open_with_dollars()
        seed, people = self._options.seed, list(self._crowd.people.values())
        officer = Officer(await self._crowd.officer(), Random(f"{seed}/officer"))
        newcomers = Newcomers(self._crowd, officer, self._stack, makers, Random(f"{seed}/newcomers"))
        merchants = Merchants(self._stack.sandbox_url, self._database, people, Random(f"{seed}/merchants"))
        await merchants.open()
        traffic = Traffic(people, newcomers, merchants, makers, self._records, self._database, self._stack, seed)
        weather = Weather(self._stack, traffic, self._coverage, self._tell)
        async with asyncio.TaskGroup() as deciding:
            decisions = deciding.create_task(officer.decide())
            quiet_after_s = await self._rage_and_rest(traffic, weather)
            decisions.cancel()
        self._tell(f"quiet after {quiet_after_s:.1f} s; judging {len(self._records.all)} requests")
        judgement = await judge(self._stack, self._database, self._records.all, self._crowd.people)
        judgement.differences.extend(newcomers.turned_away)
        wires = self._stack.wires.values()
        return Outcome(
            self._options,
            traffic.asked,
            sum(asked.accepted for asked in self._records.all),
            weather.happened,
            weather.in_flight_at_kills,
            self._coverage,
            sum((each.lost for each in wires), Counter[str]()),
            quiet_after_s,
            judgement,
        )

    async def _open_with_dollars(self) -> None:
        """Everybody has something to spend before the weather turns."""
        for customer in self._crowd.people.values():
            order = {
                "account_id": customer.account("USD"),
                "bank_link_id": customer.link,
                "amount": _OPENING,
            }
            await customer.ask(self._records, "/v1/deposits", order, f"{customer.name}-opening")
        await self._until_quiet()

    async def _rage_and_rest(self, traffic: Traffic, weather: Weather) -> float:
        """How long it took, after the last blow, until nothing was in flight."""
        async with asyncio.TaskGroup() as asking:
            traffic.begin(self._options.in_flight, self._coverage, asking)
            ends_at = time.monotonic() + self._options.minutes * 60
            await weather.rage(forecast(self._options.seed), ends_at)
            traffic.end()
            await weather.calm()
            calm_at = time.monotonic()
        await self._until_quiet(self._stack.last_words_s, traffic.fill_gap)
        return time.monotonic() - calm_at

    async def _until_quiet(self, still_s: float = 0.0, help_on: Callable[[], Awaitable[None]] | None = None) -> None:
        """Until no saga has been in flight for so long, or for as long as that may take; until then, help on."""
        quiet_since: float | None = None

        async def quiet() -> bool:
            nonlocal quiet_since
            if await self._is_busy():
                quiet_since = None
                if help_on is not None:
                    await help_on()
                return False
            quiet_since = quiet_since or time.monotonic()
            return time.monotonic() - quiet_since >= still_s

        await within(_QUIET_WITHIN_S, quiet, _LOOK_S)

    async def _is_busy(self) -> bool:
        """Whether a saga is in flight, or coins have come that nobody has seen."""
        if await self._database["sagas"].count_documents(in_flight(SystemClock().now())):
            return True
        return bool(list(unseen(await incoming(self._stack.sandbox_url), await deposits(self._database))))
