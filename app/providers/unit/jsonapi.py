"""What all of Unit's JSON:API documents share: how they are built, and how their parts are read strictly."""

from typing import Any

REFERENCE_TAG = "opId"


def to_one(kind: str, key: str) -> dict[str, Any]:
    """A relationship to one resource."""
    return {"data": {"type": kind, "id": key}}


def resource(kind: str, attributes: dict[str, Any], **relationships: dict[str, Any]) -> dict[str, Any]:
    """A document with one resource to be created."""
    data: dict[str, Any] = {"type": kind, "attributes": attributes}
    if relationships:
        data["relationships"] = relationships
    return {"data": data}


def related(data: Any, name: str) -> str | None:
    """The id that a to-one relationship names; None where there is none."""
    try:
        found = data["relationships"][name]["data"]["id"]
    except (LookupError, TypeError):
        return None
    return found if isinstance(found, str) and found else None


def reference_of(data: Any) -> str | None:
    """Our own reference, as we tagged the resource."""
    tags = data["attributes"].get("tags") or {}
    found = tags.get(REFERENCE_TAG)
    return found if isinstance(found, str) else None


def tagged(body: Any, reference: str) -> Any:
    """The oldest resource of a list that carries our reference, or None.

    Raises ValueError when the list holds one of another reference: then the vendor did not apply the filter, and that
    ours is missing from one page would prove nothing.
    """
    found = sorted(body["data"], key=lambda each: (len(each["id"]), each["id"]))
    if any(reference_of(each) != reference for each in found):
        raise ValueError("the filter was not applied")
    return next(iter(found), None)


def cents(value: Any) -> int:
    """Whole cents. Raises TypeError: bool is an int, and a Decimal is not whole cents."""
    if type(value) is not int:
        raise TypeError("an amount is whole cents")
    return value


def text(value: Any) -> str:
    """Text that is not empty. Raises TypeError."""
    if not isinstance(value, str) or not value:
        raise TypeError("text is expected")
    return value
