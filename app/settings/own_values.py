"""What is wrong with a setting that has to be the operator's own: one sentence, which names the variable.

The vendors' own sandboxes are told by what is configured; at Tatum only the vendor can tell a key's network.
"""

from collections.abc import Mapping

from pydantic import SecretStr

_OF_A_SANDBOX: Mapping[str, tuple[str, ...]] = {
    "unit_base_url": ("https://api.s.unit.sh",),
    "stripe_secret_key": ("sk_test_", "rk_test_"),
    "sumsub_app_token": ("sbx:",),
    "plaid_base_url": ("https://sandbox.plaid.com",),
}


def fault_in(name: str, value: object, default: object, *, production: bool) -> str | None:
    """The first that is wrong: it is our sandbox's, empty, or, in production, of a vendor's sandbox or without TLS."""
    written = (value.get_secret_value() if isinstance(value, SecretStr) else str(value)).strip()
    variable = f"WALLET_{name.upper()}"
    if value == default:
        return f"{variable} must be set outside the sandbox"
    if not written:
        return f"{variable} is empty: outside the sandbox it must be set"
    if production and written.startswith(_OF_A_SANDBOX.get(name, ())):
        return f"{variable} is of the vendor's sandbox, which is not for production"
    if production and str(default).startswith("http://") and not written.startswith("https://"):
        return f"{variable} must be an https address in production"
    return None
