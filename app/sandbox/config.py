"""What the sandbox is told by whoever starts it; it never reads the environment."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxConfig:
    """Where the sandbox keeps its state, listens and sends its webhooks, and the secrets it shares with the wallet."""

    mongodb_uri: str
    database: str = "wallet_sandbox"
    host: str = "127.0.0.1"
    port: int = 8001
    public_url: str = ""
    """Where clients reach the sandbox. Absent: ``http://127.0.0.1:<port>``."""
    api_url: str = "http://127.0.0.1:8000"
    """Where the wallet listens: its webhooks and its KMS approvals."""
    audience: str = "https://api.wallet.example"
    pace_s: float = 1.0
    """How long an ACH payment takes to settle and a broadcast transaction to confirm."""
    unit_webhook_secret: str
    tatum_webhook_secret: str
    sumsub_secret: str
    sumsub_webhook_secret: str
    stripe_webhook_secret: str
    dialogflow_service_account: str = "service-100000000001@gcp-sa-dialogflow.iam.gserviceaccount.com"
    dialogflow_audience: str = "http://127.0.0.1:8000/webhooks/dialogflow"

    @property
    def base_url(self) -> str:
        return (self.public_url or f"http://127.0.0.1:{self.port}").rstrip("/")
