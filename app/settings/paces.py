"""What settings are when nothing is said, where that depends on where the product runs."""

from app.settings.limits import shipped_levels

SANDBOX_PACE = {
    "provider_timeout_s": 1.0,
    "quiet_period_s": 1.5,
    "lease_s": 3.0,
    "poll_s": 0.5,
    "refund_hold_s": 0.0,
    "limit_levels": [],
    "four_eyes_above": "",
    "screening_above": "",
    "monitoring_rules": [],
    "lookups_per_hour": 36_000,
    "cooling_bank_link_s": 0.0,
    "cooling_address_s": 0.0,
    "rate_limits": {name: {"requests": 600_000, "per_s": 60} for name in ("caller", "tenant", "address")},
    "step_up": {"amounts": {}},
}
REAL_PACE = {
    "provider_timeout_s": 60.0,  # Unit recommends 60 s for creating payments
    "quiet_period_s": 90.0,
    "lease_s": 90.0,
    "poll_s": 5.0,
    "refund_hold_s": 2 * 86_400.0,  # the two-banking-day ACH return window
    "limit_levels": shipped_levels(),
    "four_eyes_above": "10000.00",
    "screening_above": "1000.00",
    "lookups_per_hour": 20,
    "monitoring_rules": [
        {
            "name": "below-the-report",
            "kind": "structuring",
            "within_s": 86_400,
            "amount": "10000.00",
            "count": 3,
            "share_pct": 80,
        },
        {"name": "in-and-out", "kind": "rapid-in-out", "within_s": 86_400, "amount": "5000.00", "share_pct": 90},
        {"name": "new-device", "kind": "new-device", "within_s": 86_400, "amount": "1000.00"},
        {"name": "spike", "kind": "velocity-spike", "within_s": 86_400, "amount": "5000.00", "share_pct": 500},
    ],
    "cooling_bank_link_s": 86_400.0,
    "cooling_address_s": 86_400.0,
    "rate_limits": {
        "caller": {"requests": 300, "per_s": 60},
        "tenant": {"requests": 60_000, "per_s": 60},
        "address": {"requests": 1_200, "per_s": 60},
    },
    "step_up": {"amounts": {"USD": "1000.00", "EUR": "1000.00", "GBP": "1000.00", "USDC": "1000", "USDT": "1000"}},
}
