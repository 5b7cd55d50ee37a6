"""The servers that the product stands on, and those that it is."""

from typing import Self

from pydantic import Field, SecretStr, model_validator

from app.settings.section import Environment, Section


class ServerSettings(Section):
    """Where the databases are, and where this process listens."""

    mongodb_uri: SecretStr = SecretStr("")
    mongodb_database: str = "wallet"
    redis_url: SecretStr = SecretStr("")

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    port_shared: bool = False
    """Whether several API processes of one machine may listen on the port, one for each core say."""
    trusted_proxies: str = "127.0.0.1"
    """The addresses, with commas, whose ``X-Forwarded-For`` says where a request comes from."""

    metrics_host: str = "127.0.0.1"
    metrics_port: int = Field(default=0, ge=0, le=65535)
    """Where this process answers ``GET /metrics``; 0 for nowhere. Each process on a machine needs one of its own."""

    notify_loopback: bool
    """Whether notifications may be sent to this machine itself; refused in production."""

    @model_validator(mode="after")
    def _servers_are_for_production(self) -> Self:
        if self.env is not Environment.PRODUCTION:
            return self
        if not (self.mongodb_uri.get_secret_value() and self.redis_url.get_secret_value()):
            raise ValueError("Embedded servers are not for production: set WALLET_MONGODB_URI and WALLET_REDIS_URL")
        if self.notify_loopback:
            raise ValueError("WALLET_NOTIFY_LOOPBACK is not for production: a tenant could reach this machine")
        return self
