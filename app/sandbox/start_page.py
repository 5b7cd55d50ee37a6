"""The page at ``/``: what this is, what it offers, and how to make it misbehave."""

from collections.abc import Iterable, Mapping
from html import escape

from app.sandbox.config import SandboxConfig
from app.sandbox.faults import KINDS
from app.sandbox.stripe import fates as stripe_fates
from app.sandbox.unit.fates import FATES
from app.sandbox.vendor import Vendor

_FAULT_MEANINGS = {
    "decline": "the vendor's own business no (Unit: 201, status Rejected; Tatum: 403; Plaid: ITEM_ERROR; others: 4xx)",
    "error": "500, nothing done",
    "rate_limit": "429 with Retry-After, nothing done",
    "timeout_before": "the connection drops after delay_ms (1,000), nothing done",
    "timeout_after": "done at once, then the connection drops",
    "late": "the connection drops at once, and it is done after delay_ms (1,000)",
    "slow": "done and answered after delay_ms (1,000)",
}
_CONTROLS = (
    (
        "POST /control/faults",
        "{vendor, operation, fault, times, delay_ms?}; operation * means any. GET lists, DELETE clears.",
    ),
    ("POST /control/webhooks", "{vendor, mode: normal | duplicate | delay | reorder | drop, delay_ms?}"),
    ("POST /control/clock", "{advance_s}: the simulators' own time (settlement, confirmations, the 48 hours of a key)"),
    ("POST /control/unit/return", "{payment_id, reason}: a payment that is Clearing or Sent"),
    ("POST /control/tatum/incoming", "{chain, address, amount, currency}: told when the address is subscribed to"),
    ("POST /control/tatum/drop | replace | fail", "{hash}: a transaction that is broadcast and not in a block yet"),
    ("POST /control/tatum/reorg", "{hash, lost?}: its block is gone; it is mined again, unless lost"),
    ("POST /control/tatum/again", "{hash, amount?}: one that was dropped, or lost, is told to the pool once more"),
    ("POST /control/sumsub/review", "{applicant_id, reviewAnswer: GREEN | RED, reviewRejectType?}"),
    (
        "POST /control/sumsub/person",
        "{applicant_id, info}: who they turn out to be; tin decides how the bank takes them",
    ),
    ("POST /control/sumsub/share-token", "{external_user_id}: of somebody whom another company has verified"),
    ("POST /control/plaid/login", "{item_id, required}: the bank wants a new login of its customer, or has had it"),
    ("POST /control/unit/card-request", "{card_id, amount, linked?, by_event?}: a merchant asks for so many cents"),
    ("POST /control/unit/card-clearing", "{card_id, amount, authorization_id?, direction?}: they take, or give back"),
    ("POST /control/unit/card-cancel", "{authorization_id}: they give it up, or it expires"),
    ("POST /control/stripe/dispute", "{payment_intent_id, close?: won | lost}: the cardholder's bank, or its verdict"),
    ("POST /control/stripe/fail-payout", "{payout_id, failure_code?}: one that is on its way, or was paid"),
    ("POST /control/dialogflow/turn", "{said, tag, session?, kind?, intent?, found?}: a customer talks to the agent"),
    ("POST /control/reset", "forget everything but signing keys"),
    ("GET /control/{vendor}/calls", "what the vendor was asked, oldest first"),
    ("GET /control/{vendor}/book", "what the vendor holds"),
)
_EXAMPLES = (
    (
        "POST /control/tatum/incoming",
        '{"chain": "bitcoin", "address": "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn", "amount": "0.005", "currency": "BTC"}',
    ),
    (
        "POST /control/tatum/incoming",
        '{"chain": "tron", "address": "TMoA5QSM8XFt9y31sQE2A341ULr3VkRGRD", "amount": "9", "currency": "USDT"}',
    ),
    ("POST /control/tatum/drop", '{"hash": "0x5f…"}, as the answer above or GET /control/tatum/book tells it'),
    ("POST /control/tatum/reorg", '{"hash": "0x5f…", "lost": true}'),
)
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c2430; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem; }
td, th { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid #d9dee5; }
code { background: #f1f3f6; padding: .1rem .3rem; border-radius: 3px; }
@media (prefers-color-scheme: dark) { body { background: #14181e; color: #dde3ea; } code { background: #252b34; } }
"""


def start_page(config: SandboxConfig, vendors: Mapping[str, Vendor]) -> str:
    """The whole page; it loads nothing."""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sandbox</title><style>{_STYLE}</style></head><body>
<h1>Sandbox of the third parties</h1>
<p>Simulators that speak the vendors' own wire formats, sign their webhooks and check what they are sent. No money is
real here. Any non-empty credential is valid; signatures are checked. Webhooks go to
<code>{escape(config.api_url)}</code>, and a payment settles about {config.pace_s:g} s after it was made.</p>
<h2>Control desk</h2>{_table(_CONTROLS)}
<p>For example:</p>{_table(_EXAMPLES)}
<h2>Fault dial</h2>{_table([(kind, _FAULT_MEANINGS[kind]) for kind in KINDS])}
<h2>Amounts with a meaning</h2>
<p>The cents of a Unit payment decide its fate; every other amount goes through.</p>{_table(_fates())}
<p>Likewise those of a Stripe payment or payout, and its payment methods and card tokens.</p>
{_table(stripe_fates.meanings())}
<h2>Things to know</h2>{_table(_FACTS)}
<h2>Endpoints</h2>{"".join(_endpoints(vendor) for vendor in vendors.values())}
</body></html>"""


_KMS_RULE = (
    "A send through KMS is signed only after the wallet answered the approval question with 2xx; five refusals "
    "(403) fail it. Deleting it after that answer does not stop it: the daemon has signed."
)
_PERSON_RULE = (
    "Whoever applies is approved, but for the numbers 000000001 (denied), ...2, ...3 and ...6 (awaiting documents) "
    "and ...4 (pending review); /sandbox/applications/{id}/approve and deny decide those."
)
_FACTS = (
    ("Unit", "Deposit account 10 of customer 7 is open and full."),
    ("Unit", _PERSON_RULE),
    ("Unit", "A question about a card that is not answered within two seconds is declined."),
    (
        "Plaid",
        "The institution has the accounts acc-checking (mask 0000) and acc-savings (mask 1111, 200.00 available).",
    ),
    (
        "Tatum",
        _KMS_RULE,
    ),
    ("Sumsub", "An applicant stays as they are until reviewed at the control desk or by testCompleted."),
    (
        "Dialogflow",
        "A turn asks the wallet, once more if no answer comes in time, and is answered, or tells the agent's event.",
    ),
    ("Auth0", "grant_type password with username, and optionally permissions, tenant, claims; no secret."),
)


def _fates() -> list[tuple[str, str]]:
    return [
        (f"{direction}, x.{cents:02}", f"{fate.meaning}{f' ({fate.reason})' if fate.reason else ''}")
        for (direction, cents), fate in FATES.items()
    ]


def _endpoints(vendor: Vendor) -> str:
    rows = [(operation.name, f"{operation.method} /{vendor.name}{operation.path}") for operation in vendor.operations]
    return f"<h3>{escape(vendor.name)}</h3>{_table(rows)}"


def _table(rows: Iterable[tuple[str, str]]) -> str:
    cells = (f"<tr><td><code>{escape(left)}</code></td><td>{escape(right)}</td></tr>" for left, right in rows)
    return f"<table>{''.join(cells)}</table>"
