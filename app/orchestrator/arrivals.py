"""Coins that arrive: an event of the vendor's says where to look, and what the chain says is booked.

Every payment to an address of ours becomes one saga, its id derived from chain, transaction and place within it: told
twice, from the pool and from a block, or found by looking, it is one deposit. About one that had ended the chain may
have changed its mind: that is the lookout's to see. What arrives in an asset that nobody knows, at an address that is
nobody's, or in another amount than before, is kept as a case.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog

from app.clock import Clock
from app.errors import IdempotencyKeyReused, StaleGuard
from app.identity.principals import DEFAULT_TENANT
from app.ids import book_of
from app.ledger.accounts import main_account
from app.ledger.changes import Change, Door
from app.ledger.store import LedgerStore
from app.orchestrator.flows.chain import TATUM
from app.orchestrator.flows.crypto_deposit import CRYPTO_DEPOSIT, CryptoDeposit
from app.orchestrator.journal import SagaRecord
from app.orchestrator.starting import Asked, Flows
from app.orchestrator.unclaimed import ARRIVED, case_of_coins
from app.providers.chain_ports import ChainTransaction, Paid
from app.providers.registry import Providers
from app.providers.tatum.chains import chain_of_id
from app.wallets.deposit_addresses import DepositAddress, DepositAddresses

log = structlog.get_logger()

_INCOMING = "INCOMING_"


class Arrivals:
    """Hears of coins, and starts their deposits. ``told`` lets whoever watches one of these references look at it."""

    def __init__(
        self,
        flows: Flows,
        door: Door,
        ledger: LedgerStore,
        addresses: DepositAddresses,
        providers: Providers,
        clock: Clock,
        told: Callable[[Sequence[str]], Awaitable[object]],
    ) -> None:
        self._flows = flows
        self._door = door
        self._ledger = ledger
        self._addresses = addresses
        self._receiving = providers.receiving
        self._clock = clock
        self._network = providers.network
        self._told = told

    async def hear(self, type_: str, refs: list[str], payload: Mapping[str, Any]) -> bool | None:
        """An event of Tatum. None: not about coins that came in; False: not in a block yet, so to be asked again."""
        tx_id = next((ref.removeprefix(f"{TATUM}:tx:") for ref in refs if ref.startswith(f"{TATUM}:tx:")), None)
        if not type_.startswith(_INCOMING) or tx_id is None:
            return None
        chain = chain_of_id(str(payload.get("chain")), self._network)
        if chain is None:
            await self._keep_case(str(payload.get("chain")), tx_id, payload)
            return True
        found = await self._receiving.transaction(chain.name, tx_id)
        if found is None or found.status == "pending":
            return False
        if not await self._claim_all(chain.name, found) and found.status == "mined":
            await self._keep_case(chain.name, tx_id, payload)
        return True

    async def find(self, chain: str, tx_id: str) -> Sequence[SagaRecord] | None:
        """The deposits of a transaction that nobody need have told us of; None: not in a block yet.

        Raises what reading from the provider raises.
        """
        found = await self._receiving.transaction(chain, tx_id)
        return None if found is None or found.status == "pending" else await self._claim_all(chain, found)

    async def _claim_all(self, chain: str, found: ChainTransaction) -> Sequence[SagaRecord]:
        claimed = [await self._claim(chain, found.tx_id, paid) for paid in found.paid]
        await self._told([f"{TATUM}:tx:{found.tx_id}"])
        return [deposit for deposit in claimed if deposit is not None]

    async def _claim(self, chain: str, tx_id: str, paid: Paid) -> SagaRecord | None:
        """Start the deposit of one receiver's line, if the address is one of ours."""
        owner = await self._addresses.owner_of(chain, paid.to)
        if owner is None:
            return None
        params = CryptoDeposit(
            chain=chain,
            tx_id=tx_id,
            place=paid.place,
            address=owner.address,
            amount=paid.amount,
            account_id=await self._account_for(owner, paid),
        )
        content = params.model_dump(mode="json", exclude={"account_id"})
        asked = Asked(book_of(owner.id), owner.user_id, f"{chain}:{tx_id}:{paid.place}", content)

        async def prepare(_saga_id: str) -> CryptoDeposit:
            return params

        try:
            return await self._flows.start(CRYPTO_DEPOSIT, asked, prepare)
        except IdempotencyKeyReused:  # run again in another block, a contract may have paid something else
            await self._keep_case(chain, tx_id, {"asset": paid.amount.asset.code})
            return None

    async def _account_for(self, owner: DepositAddress, paid: Paid) -> str:
        """The address's own account, or the customer's main one of another asset that came to the same address."""
        account = await self._ledger.account(owner.account_id)
        if account is not None and account.asset == paid.amount.asset:
            return owner.account_id
        book = book_of(owner.id)
        main = main_account(book, owner.user_id, paid.amount.asset)
        if await self._ledger.account(main.id) is None:
            await self._door.submit(Change(book, openings=(main,), fact=True))
        return main.id

    async def _keep_case(self, chain: str, tx_id: str, payload: Mapping[str, Any]) -> None:
        """Coins that nobody can be given: a person looks."""
        asset = payload.get("asset") or payload.get("currency")
        case = case_of_coins(ARRIVED, chain, tx_id, asset, self._clock.now())
        try:
            await self._door.submit(Change(DEFAULT_TENANT, companions=(case,), fact=True))
        except StaleGuard:
            return
        log.warning("coins-unclaimed", reason=chain)
