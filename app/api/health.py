"""Whether this process lives, and whether it can work."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from app.api.deps import CurrentRuntime
from app.api.problems import problems
from app.errors import NotReady
from app.plumbing.health import check_health

router = APIRouter(prefix="/health", tags=["health"])


class Live(BaseModel):
    """The process answers."""

    status: Literal["live"] = "live"


class Ready(BaseModel):
    """The process can do its work; ``degraded`` says that something it can do without is down."""

    status: Literal["ready", "degraded"]
    mongodb: Literal["writable"] = "writable"
    redis: Literal["up", "down"]


@router.get("/live")
async def live() -> Live:
    """The process answers."""
    return Live()


@router.get("/ready", responses=problems(NotReady))
async def ready(runtime: CurrentRuntime) -> Ready:
    """Requests can be served: MongoDB has a primary that takes writes. Without Redis they still can."""
    health = await check_health(runtime.database, runtime.redis)
    if not health.mongodb_writable:
        raise NotReady("mongodb has no primary that takes writes")
    return Ready(status="ready" if health.redis_answers else "degraded", redis="up" if health.redis_answers else "down")
