"""Everything that can be configured, read from the environment in this one place; each section has a file."""

import os
from collections.abc import Mapping
from typing import Any, Self

from pydantic import SecretStr, model_validator

from app.settings.callers import CallerSettings
from app.settings.compliance import ComplianceSettings
from app.settings.keys import KeySettings
from app.settings.own_values import fault_in
from app.settings.paces import REAL_PACE, SANDBOX_PACE
from app.settings.section import SANDBOX_URL, Environment
from app.settings.servers import ServerSettings
from app.settings.timings import TimingSettings
from app.settings.vendors import VendorSettings

__all__ = ["Environment", "Settings", "child_environment", "load", "sandbox_addresses"]


class Settings(KeySettings, TimingSettings, VendorSettings, ComplianceSettings, CallerSettings, ServerSettings):
    """The product's settings: all sections in one. What is wrong is told of the last section first."""

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_environment(cls, given: dict[str, Any]) -> dict[str, Any]:
        """The sandbox is generous; and its simulators answer at once, so seconds do there for minutes.

        Receivers of notifications are tried out on the same machine, and nowhere else.
        """
        in_sandbox = given.get("env", Environment.SANDBOX) == Environment.SANDBOX
        return {**(SANDBOX_PACE if in_sandbox else REAL_PACE), "notify_loopback": in_sandbox, **given}

    @model_validator(mode="after")
    def _nothing_of_the_sandbox_outside_it(self) -> Self:
        """Outside the sandbox every secret and address is the operator's own; in production addresses are https."""
        if self.env is Environment.SANDBOX:
            return self
        for name in _SANDBOX_ONLY:
            default, production = type(self).model_fields[name].default, self.env is Environment.PRODUCTION
            if fault := fault_in(name, getattr(self, name), default, production=production):
                raise ValueError(fault)
        return self


def load(**given: Any) -> Settings:
    """The settings of this process: what is given, then what its environment says."""
    return Settings(**given)


def sandbox_addresses(base_url: str) -> dict[str, str]:
    """Every setting that points at the sandbox when nothing else is said, pointing at a sandbox that listens there."""
    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    return {
        name: default.replace(SANDBOX_URL, base_url)
        for name, default in defaults.items()
        if isinstance(default, str) and default.startswith(SANDBOX_URL)
    }


def child_environment(given: Mapping[str, str]) -> dict[str, str]:
    """This process's environment, with these settings in place of its own: what a child process gets."""
    settings = {f"WALLET_{name.upper()}": value for name, value in given.items()}
    return {**os.environ, **settings}  # noqa: TID251 - this is the one door to the environment


_OWN_BY_NAME = {
    "unit_account_id",
    "tatum_wallets",
    "tatum_webhook_url",
    "plaid_client_id",
    "dialogflow_service_account",
    "dialogflow_audience",
}
_SANDBOX_ONLY = tuple(
    name
    for name, field in Settings.model_fields.items()
    if name in _OWN_BY_NAME
    or (isinstance(field.default, SecretStr) and field.default.get_secret_value())
    or str(field.default).startswith(SANDBOX_URL)
)
"""Settings whose defaults are the sandbox's own."""
