"""Dialogflow CX, put together. Nobody calls it but for Google's keys: its turns are taken at the control desk."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from app.sandbox.dialogflow.agent import SESSIONS, Agent, Turn, TurnKind
from app.sandbox.dialogflow.google import KEYS, Google
from app.sandbox.simulation import Simulation
from app.sandbox.vendor import Operation, Refusal, Vendor

TIMEOUT_MS_MAX = 30_000

_Plain = str | int | bool | None


class TurnRequest(BaseModel):
    """A customer says something, and the agent asks the wallet under ``tag`` what to answer.

    ``found`` holds what it understood, ``secret`` replaces its token, ``timeout_ms`` is how long it waits.
    """

    model_config = ConfigDict(extra="forbid")

    said: str = Field(max_length=10_000)
    kind: TurnKind = "text"
    tag: str = Field(min_length=1, max_length=200)
    session: str = Field(default="1", pattern=r"^[A-Za-z0-9_-]{1,36}$")
    language: str = Field(default="en", max_length=10)
    intent: str = Field(default="", max_length=200)
    found: dict[str, _Plain | dict[str, _Plain]] = Field(default_factory=dict)
    secret: str = Field(default="", max_length=200)
    timeout_ms: int = Field(default=5_000, gt=0, le=TIMEOUT_MS_MAX)


def dialogflow(simulation: Simulation) -> Vendor:
    """The vendor as data."""
    google = Google(simulation)
    agent = Agent(simulation, google)
    return Vendor(
        name="dialogflow",
        operations=(Operation("certs", "GET", "/oauth2/v3/certs", google.certs),),
        refuse=_refusal,
        decline=lambda _call: _refusal(403, "The request was declined."),
        authenticate=lambda _call: None,
        book=agent.book,
        collections={KEYS: (), SESSIONS: ()},
        lasting=frozenset({KEYS}),
        seed=google.seed,
        desk=_desk(agent),
    )


def _desk(agent: Agent) -> APIRouter:
    desk = APIRouter()

    @desk.post("/turn")
    async def take_turn(body: TurnRequest) -> dict[str, Any]:
        asked = body.model_dump(exclude={"timeout_ms"})
        return await agent.take(Turn(**asked, timeout_s=body.timeout_ms / 1_000))

    return desk


def _refusal(status: int, message: str) -> Refusal:
    return Refusal(status, {"error": {"code": status, "message": message}})
