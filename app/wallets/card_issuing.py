"""Issuing, freezing and unfreezing virtual cards. What is asked of the bank is written down before and after."""

from dataclasses import replace

from app.clock import Clock
from app.errors import CardClosed, CurrencyMismatch, Missing, OnboardingIncomplete, ProviderUnavailable, StaleGuard
from app.identity.store import Users
from app.ids import book_of, derived_id, stored_id
from app.ledger.changes import Change
from app.ledger.checks import require_open
from app.ledger.committer import Committer
from app.ledger.store import LedgerStore
from app.money import USD
from app.providers.bank_ports import IssuedCard, IssuesCards
from app.providers.outcomes import Declined, ProviderOutcome
from app.wallets.card_store import CardStore
from app.wallets.cards import Card, Standing, card_companion
from app.wallets.opening import own_account


class CardIssuing:
    """A customer's cards."""

    def __init__(
        self, door: Committer, ledger: LedgerStore, store: CardStore, users: Users, bank: IssuesCards, clock: Clock
    ) -> None:
        self._door = door
        self._ledger = ledger
        self._store = store
        self._users = users
        self._bank = bank
        self._clock = clock

    async def issue(self, book: str, user_id: str, account_id: str, key: str) -> Card:
        """A virtual card that spends from that account; the same key again finds the same card.

        After ProviderUnavailable the same key goes on where it stopped. Raises AccountNotFound, CurrencyMismatch,
        AccountClosed, AccountFrozen, OnboardingIncomplete, ProviderUnavailable.
        """
        card_id = stored_id(book, derived_id("crd", book, user_id, key))
        earlier = await self._store.card(card_id)
        if earlier is not None and earlier.standing is not Standing.ISSUING:
            return earlier
        account = await own_account(self._ledger, book, user_id, account_id)
        if account.asset != USD:
            raise CurrencyMismatch(expected=USD.code, given=account.asset.code)
        require_open([account])
        user = await self._users.get(book, user_id)
        if user is None or user.deposit_account_id is None:
            raise OnboardingIncomplete
        card = earlier or Card(card_id, user_id, account.id, Standing.ISSUING, self._clock.now())
        if earlier is None:
            await self._write(None, card)
        issued = await self._issued(card, user.deposit_account_id, is_new=earlier is None)
        return await self._write(card, card.issued(issued))

    async def own(self, book: str, user_id: str, public_card_id: str) -> Card:
        """The customer's card of that id. Raises Missing."""
        card = await self._store.card(stored_id(book, public_card_id))
        if card is None or card.user_id != user_id:
            raise Missing("card")
        return card

    async def all_of(self, book: str, user_id: str) -> list[Card]:
        """The customer's cards."""
        return await self._store.cards_of(book, user_id)

    async def freeze(self, book: str, user_id: str, public_card_id: str) -> Card:
        """Stop a card: here at once, then at the bank. Raises Missing, CardClosed, ProviderUnavailable."""
        card = await self._usable(book, user_id, public_card_id)
        if card.standing is Standing.ACTIVE:
            card = await self._write(card, replace(card, standing=Standing.FROZEN))
        await self._at_bank(card, Standing.FROZEN)
        return card

    async def unfreeze(self, book: str, user_id: str, public_card_id: str) -> Card:
        """Let a card be used again: at the bank, then here. Raises Missing, CardClosed, ProviderUnavailable."""
        card = await self._usable(book, user_id, public_card_id)
        issued = await self._at_bank(card, Standing.ACTIVE)
        after = card.issued(issued)
        return card if after == card else await self._write(card, after)

    async def refresh(self, vendor_id: str) -> bool:
        """Take over what the bank says of a card; whether it is one of ours. Raises what reading there raises."""
        card, issued = await self._store.card_at_bank(vendor_id), await self._bank.card(vendor_id)
        if card is None or issued is None:
            return False
        after = card.issued(issued)
        if after != card and card.standing is not Standing.FROZEN:  # only its owner lets a card go that they stopped
            await self._write(card, after)
        return True

    async def _usable(self, book: str, user_id: str, public_card_id: str) -> Card:
        card = await self.own(book, user_id, public_card_id)
        if card.standing is Standing.CLOSED or card.vendor_id is None:
            raise CardClosed(public_card_id)
        return card

    async def _issued(self, card: Card, deposit_account_id: str, *, is_new: bool) -> IssuedCard:
        """The card at the bank. One that was asked for before is looked for first: keys there are forgotten."""
        try:
            found = None if is_new else await self._bank.find_card(card.id)
            return found or await self._bank.issue_card(deposit_account_id, reference=card.id, key=card.id)
        except ProviderOutcome as outcome:
            raise ProviderUnavailable(outcome.provider) from outcome

    async def _at_bank(self, card: Card, wanted: Standing) -> IssuedCard:
        """Freeze or unfreeze it there; a no is none if the card is as it should be."""
        vendor_id = str(card.vendor_id)
        try:
            change = self._bank.freeze_card if wanted is Standing.FROZEN else self._bank.unfreeze_card
            return await change(vendor_id)
        except Declined as declined:
            issued = await self._read(vendor_id)
            if issued is None or card.issued(issued).standing is not wanted:
                raise ProviderUnavailable(declined.provider) from declined
            return issued
        except ProviderOutcome as outcome:
            raise ProviderUnavailable(outcome.provider) from outcome

    async def _read(self, vendor_id: str) -> IssuedCard | None:
        try:
            return await self._bank.card(vendor_id)
        except ProviderOutcome as outcome:
            raise ProviderUnavailable(outcome.provider) from outcome

    async def _write(self, before: Card | None, after: Card) -> Card:
        """Keep the card; where somebody was quicker, theirs stands."""
        try:
            await self._door.submit(Change(book_of(after.id), companions=(card_companion(before, after),)))
        except StaleGuard:
            return await self._store.card(after.id) or after
        return replace(after, version=1 if before is None else before.version + 1)
