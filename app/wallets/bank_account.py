"""The numbers of a user's account at the partner bank, for that user alone."""

from app.errors import OnboardingIncomplete, ProviderUnavailable
from app.identity.users import User
from app.providers.bank_ports import AccountNumbers, KeepsAccounts
from app.providers.outcomes import ProviderOutcome


async def numbers_of(user: User, accounts: KeepsAccounts) -> AccountNumbers:
    """Asked of the bank each time, and kept nowhere. Raises OnboardingIncomplete, ProviderUnavailable."""
    if user.deposit_account_id is None:
        raise OnboardingIncomplete
    try:
        numbers = await accounts.account_numbers(user.deposit_account_id)
    except ProviderOutcome as outcome:
        raise ProviderUnavailable(outcome.provider) from outcome
    if numbers is None:
        raise OnboardingIncomplete
    return numbers
