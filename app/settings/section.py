"""What every section of the settings has: where the product runs, and how its variables are called."""

from enum import StrEnum

from pydantic_settings import BaseSettings, SettingsConfigDict

SANDBOX_URL = "http://127.0.0.1:8001"
"""Where the sandbox listens when nothing else is said."""


class Environment(StrEnum):
    """Where the product runs. ``sandbox`` is generous and talks to simulators; ``production`` is neither."""

    SANDBOX = "sandbox"
    STAGING = "staging"
    PRODUCTION = "production"


class Section(BaseSettings):
    """Settings that belong together. Names in the environment are these in capitals, behind ``WALLET_``."""

    model_config = SettingsConfigDict(env_prefix="WALLET_", frozen=True, extra="ignore")

    env: Environment = Environment.SANDBOX
