"""The third parties: where each is reached, as whom, and how its webhooks are known."""

from typing import Self

from pydantic import SecretStr, model_validator

from app.settings.chains import SANDBOX_WALLETS, ChainWallet
from app.settings.section import SANDBOX_URL, Environment, Section


class VendorSettings(Section):
    """The defaults are the sandbox's, which simulates all of them."""

    unit_base_url: str = f"{SANDBOX_URL}/unit"
    unit_token: SecretStr = SecretStr("sandbox-unit-token")
    unit_webhook_secret: SecretStr = SecretStr("sandbox-unit-webhook-secret")
    unit_account_id: str = "10"
    """The deposit account at Unit that customers' dollars settle into."""
    unit_deposit_product: str = "checking"
    """The deposit product at Unit of customers' own accounts."""

    tatum_base_url: str = f"{SANDBOX_URL}/tatum"
    tatum_api_key: SecretStr = SecretStr("sandbox-tatum-key")
    tatum_webhook_secret: SecretStr = SecretStr("sandbox-tatum-webhook-secret")
    tatum_wallets: dict[str, ChainWallet] = SANDBOX_WALLETS
    """Per chain, where its coins are sent from, as JSON; a chain without one sends nothing."""
    tatum_webhook_url: str = "http://127.0.0.1:8000/webhooks/tatum"
    """Where Tatum is told to send what happens at our addresses: this API's, as the vendor reaches it."""

    stripe_base_url: str = f"{SANDBOX_URL}/stripe"
    stripe_secret_key: SecretStr = SecretStr("sk_test_sandbox")
    stripe_webhook_secret: SecretStr = SecretStr("whsec_sandbox")
    """What Stripe signs its webhooks with; two, with a space between, while one is being replaced."""

    sumsub_base_url: str = f"{SANDBOX_URL}/sumsub"
    sumsub_app_token: SecretStr = SecretStr("sbx:sandbox-sumsub-token")
    sumsub_secret: SecretStr = SecretStr("sandbox-sumsub-secret")
    sumsub_webhook_secret: SecretStr = SecretStr("sandbox-sumsub-webhook-secret")
    sumsub_level: str = "basic-kyc-level"

    plaid_base_url: str = f"{SANDBOX_URL}/plaid"
    plaid_client_id: str = "sandbox-client"
    plaid_secret: SecretStr = SecretStr("sandbox-plaid-secret")

    dialogflow_keys_url: str = f"{SANDBOX_URL}/dialogflow/oauth2/v3/certs"
    """Where Google publishes the keys that sign its service accounts' tokens."""
    dialogflow_service_account: str = "service-100000000001@gcp-sa-dialogflow.iam.gserviceaccount.com"
    """Whose tokens Dialogflow's questions come with."""
    dialogflow_audience: str = "http://127.0.0.1:8000/webhooks/dialogflow"
    """What those tokens are for: this API's webhook, as it is registered there."""
    dialogflow_secret: SecretStr = SecretStr("")
    """What may stand in for a token, in a header; nothing does outside the sandbox."""

    @model_validator(mode="after")
    def _conversations_prove_who_asks(self) -> Self:
        if self.env is not Environment.SANDBOX and self.dialogflow_secret.get_secret_value():
            raise ValueError("WALLET_DIALOGFLOW_SECRET is for the sandbox: elsewhere a token proves who asks")
        return self
