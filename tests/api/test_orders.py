"""What every kind of order documents."""

from fastapi import FastAPI

from app.orchestrator.progress import WORDING

_ALWAYS = {"completed", "cancelled", "parked"}


def test_an_order_documents_every_status_it_can_have(app: FastAPI) -> None:
    description = app.openapi()
    ordered = [kind for kind in WORDING if f"/v1/{kind.replace('_', '-')}s" in description["paths"]]
    assert {"purchase", "sale", "deposit", "withdrawal"} <= set(ordered)
    for kind in ordered:
        view = "".join(word.capitalize() for word in kind.split("_")) + "View"
        documented = set(description["components"]["schemas"][view]["properties"]["status"]["enum"])
        assert documented >= {*WORDING[kind].by_step.values(), *_ALWAYS}, kind
