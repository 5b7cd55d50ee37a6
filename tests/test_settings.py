"""Settings that must not go into the world with the sandbox's own values."""

from typing import Any

import pytest
from pydantic import ValidationError

from app.settings import Environment, Settings, load, sandbox_addresses

OWN: dict[str, Any] = {
    "env": "production",
    "mongodb_uri": "mongodb://db.example",
    "redis_url": "rediss://cache.example",
    "auth_issuer": "https://wallet.eu.auth0.com/",
    "auth_tenant_claim": "https://wallet.example/tenant",
    "receipt_key": "b3duLXJlY2VpcHQta2V5LXNlZWQtMDEyMzQ1Njc4OWE=",
    "sealing_key": "b3duLXNlYWxpbmcta2V5LTAxMjM0NTY3ODlhYmNkZWY=",
    "unit_base_url": "https://api.unit.co",
    "unit_token": "own",
    "unit_webhook_secret": "own",
    "unit_account_id": "4711",
    "tatum_base_url": "https://api.tatum.io",
    "tatum_api_key": "own",
    "tatum_webhook_secret": "own",
    "tatum_wallets": {"bitcoin": {"address": "bc1qown", "signature_id": "own"}},
    "tatum_webhook_url": "https://api.wallet.example/webhooks/tatum",
    "stripe_base_url": "https://api.stripe.com",
    "stripe_secret_key": "sk_live_own",
    "stripe_webhook_secret": "whsec_own",
    "sumsub_base_url": "https://api.sumsub.com",
    "sumsub_app_token": "own",
    "sumsub_secret": "own",
    "sumsub_webhook_secret": "own",
    "plaid_base_url": "https://production.plaid.com",
    "plaid_client_id": "own",
    "plaid_secret": "own",
    "dialogflow_keys_url": "https://www.googleapis.com/oauth2/v3/certs",
    "dialogflow_service_account": "service-4711@gcp-sa-dialogflow.iam.gserviceaccount.com",
    "dialogflow_audience": "https://api.wallet.example/webhooks/dialogflow",
}


def test_production_starts_when_everything_is_its_own() -> None:
    settings = Settings.model_validate(OWN)
    assert (settings.env, settings.provider_timeout_s) == (Environment.PRODUCTION, 60.0)


def test_no_address_is_two_peoples() -> None:
    wallet = {"address": "treasury", "signature_id": "own"}
    for addresses in (["one", "one"], ["treasury"]):
        wallets = {"solana": {**wallet, "addresses": addresses}}
        with pytest.raises(ValidationError, match="WALLET_TATUM_WALLETS has an address twice"):
            Settings.model_validate({**OWN, "tatum_wallets": wallets})


@pytest.mark.parametrize("name", ["unit_token", "stripe_webhook_secret", "sumsub_secret", "plaid_client_id"])
@pytest.mark.parametrize("value", ["", "  "])
def test_a_setting_that_is_empty_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(ValidationError, match=f"WALLET_{name.upper()} is empty"):
        Settings.model_validate({**OWN, "env": "staging", name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("unit_base_url", "https://api.s.unit.sh"),
        ("stripe_secret_key", "sk_test_51"),
        ("stripe_secret_key", "rk_test_51"),
        ("sumsub_app_token", "sbx:own"),
        ("plaid_base_url", "https://sandbox.plaid.com"),
    ],
)
def test_a_vendors_sandbox_is_for_staging_and_not_for_production(name: str, value: str) -> None:
    staging = Settings.model_validate({**OWN, "env": "staging", name: value})
    assert staging.env is Environment.STAGING
    with pytest.raises(ValidationError, match=f"WALLET_{name.upper()} is of the vendor's sandbox"):
        Settings.model_validate({**OWN, name: value})


@pytest.mark.parametrize("name", sorted(OWN.keys() - {"env", "mongodb_uri", "redis_url", "auth_tenant_claim"}))
@pytest.mark.parametrize("env", ["staging", "production"])
def test_a_value_of_the_sandbox_is_refused_by_name_outside_it(env: str, name: str) -> None:
    given = {**OWN, "env": env, name: Settings.model_fields[name].default}
    with pytest.raises(ValidationError, match=f"WALLET_{name.upper()} must be set outside the sandbox"):
        Settings.model_validate(given)


@pytest.mark.parametrize("name", sorted(sandbox_addresses("")))
def test_production_talks_https_only(name: str) -> None:
    given = {**OWN, name: str(OWN[name]).replace("https", "http")}
    with pytest.raises(ValidationError, match=f"WALLET_{name.upper()} must be an https address in production"):
        Settings.model_validate(given)


@pytest.mark.parametrize("env", ["staging", "production"])
def test_a_secret_stands_in_for_dialogflows_tokens_in_the_sandbox_only(env: str) -> None:
    with pytest.raises(ValidationError, match="WALLET_DIALOGFLOW_SECRET is for the sandbox"):
        Settings.model_validate({**OWN, "env": env, "dialogflow_secret": "own"})


def test_production_needs_a_tenant_claim() -> None:
    with pytest.raises(ValidationError, match="WALLET_AUTH_TENANT_CLAIM"):
        Settings.model_validate({**OWN, "auth_tenant_claim": ""})


@pytest.mark.parametrize(
    ("name", "value"),
    [("lease_s", 60.0), ("quiet_period_s", 60.0), ("quiet_period_s", 89.0)],
    ids=["lease", "quiet period", "read lag"],
)
def test_a_lease_and_a_quiet_period_outlast_the_request_they_cover(name: str, value: float) -> None:
    with pytest.raises(ValidationError, match=f"WALLET_{name.upper()} must exceed"):
        Settings.model_validate({**OWN, name: value})


def test_a_tenant_offers_its_own_assets_or_those_of_all() -> None:
    settings = Settings.model_validate({"assets": "USD BTC", "tenant_assets": "acme=EUR KWD; globex=USD;"})
    assert settings.assets_by_tenant == {"acme": ["EUR", "KWD"], "globex": ["USD"]}


@pytest.mark.parametrize("given", [{"assets": "USD XXX"}, {"tenant_assets": "acme=USD XXX"}])
def test_an_asset_that_nobody_knows_cannot_be_offered(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="XXX, which is no registered asset"):
        Settings.model_validate(given)


@pytest.mark.parametrize(
    ("limit", "complaint"),
    [
        ({}, "an amount, a count, or both"),
        ({"amount": "1.005"}, "digits behind the point"),
        ({"amount": "1", "currency": "XXX"}, "no currency XXX"),
        ({"count": -1}, "greater than or equal to 0"),
        ({"count": 1, "period": "week"}, "'hour', 'day' or 'month'"),
        ({"count": 1, "per": "day"}, "Extra inputs"),
    ],
)
def test_a_limit_that_cannot_be_kept_is_refused(limit: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Settings.model_validate({"limits": [{"rail": "transfer", "currency": "USD", "period": "day", **limit}]})


def test_limits_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = '{"rail": "transfer", "currency": "USD", "period": "day", "amount": "10.00"}'
    monkeypatch.setenv("WALLET_LIMITS", f"[{limit}]")
    assert [each.amount for each in load().limits] == ["10.00"]


def test_only_a_sandbox_notifies_its_own_machine_unasked() -> None:
    assert Settings.model_validate({}).notify_loopback
    assert not Settings.model_validate(OWN).notify_loopback


def test_production_never_notifies_its_own_machine() -> None:
    with pytest.raises(ValidationError, match="WALLET_NOTIFY_LOOPBACK"):
        Settings.model_validate({**OWN, "notify_loopback": True})
