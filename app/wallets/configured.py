"""What settings say about limits and rests, in the words of those who keep them."""

from datetime import timedelta
from fractions import Fraction

from app.clock import Clock
from app.identity.store import Users
from app.ledger.changes import Door
from app.ledger.limits import Limit, Limits, Period, ReferencePrices, Threshold
from app.ledger.store import LedgerStore
from app.money import Asset, Money, asset
from app.plumbing.mongo import Database
from app.plumbing.rates import Rate, Rates
from app.settings import Settings
from app.settings.limits import LevelLimitSetting, LimitSetting
from app.wallets.cooling import Cooling
from app.wallets.payee_store import PayeeStore
from app.wallets.recipient_store import RecipientStore
from app.wallets.recipients import Recipients


def limits_of(settings: Settings) -> Limits:
    """Every limit: those on a currency, and those of levels, which are in the reference currency."""
    reference = asset(settings.reference_currency)
    levels: dict[str, tuple[Limit, ...]] = {}
    for row in settings.limit_levels:
        levels[row.level] = (*levels.get(row.level, ()), _limit(row, reference))
    by_currency = tuple(_limit(each, asset(each.currency)) for each in settings.limits)
    return Limits(by_currency, levels, reference_of(settings), threshold_of(settings, settings.screening_above))


def reference_of(settings: Settings) -> ReferencePrices:
    """What amounts are worth."""
    prices = {code: Fraction(price) for code, price in settings.reference_prices.items()}
    return ReferencePrices(asset(settings.reference_currency), prices)


def threshold_of(settings: Settings, above: str) -> Threshold:
    """A threshold in the reference currency; an empty text is none."""
    reference = reference_of(settings)
    return Threshold(Money.parse(above, reference.currency) if above else None, reference)


def cooling_of(settings: Settings, database: Database, door: Door, clock: Clock) -> Cooling:
    """How long what is new rests."""
    return Cooling(
        PayeeStore(database),
        door,
        clock,
        bank_link=timedelta(seconds=settings.cooling_bank_link_s),
        address=timedelta(seconds=settings.cooling_address_s),
    )


def recipients_of(
    settings: Settings, database: Database, door: Door, ledger: LedgerStore, users: Users, rates: Rates
) -> Recipients:
    """Who wants to be found, and how often anybody may look."""
    lookups = Rate(settings.lookups_per_hour, 3_600)
    return Recipients(RecipientStore(database), door, ledger, users, rates, lookups)


def _limit(setting: LimitSetting | LevelLimitSetting, currency: Asset) -> Limit:
    amount_max = None if setting.amount is None else Money.parse(setting.amount, currency)
    return Limit(setting.rail, Period(setting.period), currency.code, amount_max, setting.count)
