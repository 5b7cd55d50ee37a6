"""The flows, one file each, and the outside steps they share."""

from collections.abc import Mapping

from app.orchestrator.flows.card_payout import CARD_PAYOUT, SCREENED_CARD_PAYOUT
from app.orchestrator.flows.card_topup import CARD_TOPUP
from app.orchestrator.flows.crypto_deposit import CRYPTO_DEPOSIT
from app.orchestrator.flows.crypto_withdrawal import CRYPTO_WITHDRAWAL, SCREENED_CRYPTO_WITHDRAWAL
from app.orchestrator.flows.deposit import DEPOSIT
from app.orchestrator.flows.nonce_fill import NONCE_FILL
from app.orchestrator.flows.onboarding import ONBOARDING
from app.orchestrator.flows.purchase import PURCHASE, SCREENED_PURCHASE
from app.orchestrator.flows.recovery import RECOVERY
from app.orchestrator.flows.sale import SALE
from app.orchestrator.flows.withdrawal import SCREENED_WITHDRAWAL, WITHDRAWAL
from app.orchestrator.saga import Saga

FLOWS: Mapping[tuple[str, int], Saga] = {
    (flow.name, flow.version): flow
    for flow in (
        PURCHASE,
        SALE,
        DEPOSIT,
        WITHDRAWAL,
        CRYPTO_WITHDRAWAL,
        CRYPTO_DEPOSIT,
        NONCE_FILL,
        RECOVERY,
        ONBOARDING,
        CARD_TOPUP,
        CARD_PAYOUT,
        SCREENED_PURCHASE,
        SCREENED_WITHDRAWAL,
        SCREENED_CRYPTO_WITHDRAWAL,
        SCREENED_CARD_PAYOUT,
    )
}
"""Every definition a running saga may be pinned to."""
