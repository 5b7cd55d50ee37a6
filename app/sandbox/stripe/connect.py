"""Connect: accounts of payees, the cards they are paid to, and money moved to them and back."""

from app.sandbox.stripe.balances import Balances
from app.sandbox.stripe.events import Events
from app.sandbox.stripe.fates import CREDIT_TOKENS, INSTANT_TOKENS, STANDARD_TOKENS
from app.sandbox.stripe.objects import Object, Objects
from app.sandbox.stripe.wire import (
    amount_in,
    currency_in,
    form_of,
    invalid,
    listed,
    metadata_in,
    missing,
    refusal,
    text_in,
)
from app.sandbox.vendor import Answer, Call

_ACCOUNT = ("metadata", "business_type", "email", "individual")
_DUE = {
    "first_name": "individual.first_name",
    "last_name": "individual.last_name",
    "dob": "individual.dob.day",
    "address": "individual.address.line1",
    "ssn_last_4": "individual.ssn_last_4",
    "verification": "individual.verification.document",
}
"""What the vendor may have to know of somebody, and what it calls that; a part stands for the whole."""
_ALWAYS_DUE = ["business_type", *(named for name, named in _DUE.items() if name != "verification")]
_MISMATCH = "1111"
"""The end of a social security number that is not the person's, as at the vendor's own sandbox."""


def _verified(due: list[str], fields: Object, *, transfers: bool) -> Object:
    """How far an account has come, of which this was due, with what is told of its owner."""
    given = fields.get("individual")
    individual = given if isinstance(given, dict) else {}
    told = {named for name, named in _DUE.items() if individual.get(name)}
    if fields.get("business_type") == "individual":
        told.add("business_type")
    left = [each for each in due if each not in told]
    if individual.get("ssn_last_4") == _MISMATCH:
        left.append(_DUE["verification"])
    return {
        "capabilities": {"transfers": "inactive" if left else "active"} if transfers else {},
        "requirements": {"currently_due": left, "disabled_reason": "requirements.past_due" if left else None},
    }


class Connect:
    """Accounts, external accounts, transfers and their reversals."""

    def __init__(self, objects: Objects, balances: Balances, events: Events) -> None:
        self._objects = objects
        self._balances = balances
        self._events = events

    async def create_account(self, call: Call) -> Answer:
        fields = form_of(call, *_ACCOUNT, "type", "controller", "country", "capabilities")
        asked = fields.get("capabilities", {})
        transfers = isinstance(asked, dict) and asked.get("transfers", {}).get("requested") == "true"
        made = await self._objects.make(
            "account",
            {
                "country": fields.get("country", "US"),
                "business_type": fields.get("business_type"),
                "charges_enabled": False,
                "payouts_enabled": True,
                "metadata": metadata_in(fields),
                **_verified(_ALWAYS_DUE, fields, transfers=transfers),
            },
        )
        return Answer(made)

    async def update_account(self, call: Call) -> Answer:
        """Tell what was due."""
        fields = form_of(call, *_ACCOUNT)
        account = await self._objects.get("account", call.path("id"))
        due = account["requirements"]["currently_due"]
        account |= _verified(due, fields, transfers="transfers" in account["capabilities"])
        await self._objects.keep(account)
        await self._events.tell("account.updated", account, account=account["id"])
        return Answer(account)

    async def get_account(self, call: Call) -> Answer:
        return Answer(await self._objects.get("account", call.path("id")))

    async def list_accounts(self, call: Call) -> Answer:
        return await self._objects.listed(call, "account", filters={})

    async def create_external_account(self, call: Call) -> Answer:
        fields = form_of(call, "external_account", "metadata", "default_for_currency")
        account = await self._objects.get("account", call.path("id"))
        token = text_in(fields, "external_account")
        if token in CREDIT_TOKENS:
            raise invalid("external_account", "Only debit cards can be paid to.", "invalid_card_type")
        if token not in INSTANT_TOKENS | STANDARD_TOKENS:
            raise missing("token", token, status=400)
        methods = ["standard", "instant"] if token in INSTANT_TOKENS else ["standard"]
        made = await self._objects.make(
            "card",
            {
                "account": account["id"],
                "available_payout_methods": methods,
                "brand": "Visa",
                "country": "US",
                "currency": "usd",
                "funding": "debit",
                "last4": "5556",
                "metadata": metadata_in(fields),
            },
            account=account["id"],
        )
        return Answer(made)

    async def get_external_account(self, call: Call) -> Answer:
        return Answer(await self._objects.get("card", call.path("card_id"), account=call.path("id")))

    async def list_external_accounts(self, call: Call) -> Answer:
        account = await self._objects.get("account", call.path("id"))
        return await self._objects.listed(call, "card", filters={}, account=account["id"])

    async def create_transfer(self, call: Call) -> Answer:
        fields = form_of(call, "amount", "currency", "destination", "metadata", "description", "transfer_group")
        amount, currency = amount_in(fields), currency_in(fields)
        account = await self._objects.get("account", text_in(fields, "destination"), status=400)
        if account["capabilities"].get("transfers") != "active":
            message = "Your destination account needs to have the transfers capability enabled."
            raise refusal(400, "insufficient_capabilities_for_transfer", message)
        await self._balances.require("", amount)
        made = await self._objects.make(
            "transfer",
            {
                "amount": amount,
                "amount_reversed": 0,
                "currency": currency,
                "destination": account["id"],
                "metadata": metadata_in(fields),
                "reversed": False,
            },
        )
        await self._balances.move("transfer", made["id"], -amount)
        await self._balances.move("payment", made["id"], amount, account=account["id"])
        await self._events.tell("transfer.created", made, key=call.header("idempotency-key"))
        return Answer(made)

    async def get_transfer(self, call: Call) -> Answer:
        return Answer(await self._objects.get("transfer", call.path("id")))

    async def list_transfers(self, call: Call) -> Answer:
        return await self._objects.listed(call, "transfer", filters={"destination": "shown.destination"})

    async def create_reversal(self, call: Call) -> Answer:
        fields = form_of(call, "amount", "metadata", "description")
        transfer = await self._objects.get("transfer", call.path("id"))
        left = transfer["amount"] - transfer["amount_reversed"]
        amount = amount_in(fields, default=left)
        if not left or amount > left:
            raise invalid("amount", "The reversal is greater than what is left of the transfer.", "amount_too_large")
        await self._balances.require(transfer["destination"], amount)
        made = await self._objects.make(
            "transfer_reversal",
            {
                "amount": amount,
                "currency": transfer["currency"],
                "transfer": transfer["id"],
                "metadata": metadata_in(fields),
            },
        )
        await self._balances.move("payment_refund", made["id"], -amount, account=transfer["destination"])
        await self._balances.move("transfer_cancel", made["id"], amount)
        await self._note_reversal(transfer, amount)
        return Answer(made)

    async def _note_reversal(self, transfer: Object, amount: int) -> None:
        taken_back = transfer["amount_reversed"] + amount
        transfer |= {"amount_reversed": taken_back, "reversed": taken_back == transfer["amount"]}
        await self._objects.keep(transfer)
        await self._events.tell("transfer.reversed", transfer)

    async def list_reversals(self, call: Call) -> Answer:
        transfer = await self._objects.get("transfer", call.path("id"))
        found = await self._objects.all_of("transfer_reversal", {"shown.transfer": transfer["id"]})
        return listed(found[::-1], call, more=False)
