"""Processor tokens: what Plaid hands out for a bank account and Unit accepts in its place."""

from app.sandbox.store import Document, Store

COLLECTION = "processor_tokens"


async def issue(store: Store, token: str, *, account: Document, item_id: str) -> None:
    """Make the token stand for the bank account, with the fields of a counterparty."""
    await store.put(COLLECTION, {"_id": token, "account": account, "item_id": item_id, "login_required": False})


async def redeem(store: Store, token: str) -> Document | None:
    """The bank account behind the token, or None for a token that was never issued."""
    return await store.get(COLLECTION, token)


async def set_login_required(store: Store, item_id: str, *, required: bool) -> None:
    """Whether the customer must sign in to their bank again before the item's tokens work."""
    while await store.change(
        COLLECTION, {"item_id": item_id, "login_required": not required}, {"$set": {"login_required": required}}
    ):
        pass
