"""What an outside step may reach: the providers, and the sealed tokens some of them need."""

from dataclasses import dataclass

from app.providers.registry import Providers
from app.wallets.bank_links import BankLinks


@dataclass(frozen=True, slots=True)
class Outside:
    """The way out of the house."""

    providers: Providers
    bank_links: BankLinks
