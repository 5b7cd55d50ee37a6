"""The control desk: what no vendor offers, but a test or a demonstration needs."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from app.clock import rfc3339
from app.sandbox.faults import ANY_OPERATION, FaultKind
from app.sandbox.simulation import Simulation
from app.sandbox.upkeep import reset
from app.sandbox.vendor import Vendor
from app.sandbox.webhooks import DELAY_S_DEFAULT, Mode

ADVANCE_S_MAX = 10 * 365 * 86_400
DELAY_MS_MAX = 600_000
TIMES_MAX = 1_000_000

VendorName = Annotated[str, Path(max_length=20)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FaultRequest(_Body):
    """A turn of the fault dial. ``operation`` may be ``*``: the vendor's next calls, whatever they are."""

    vendor: str
    operation: str
    fault: FaultKind
    times: int = Field(default=1, ge=1, le=TIMES_MAX)
    delay_ms: int | None = Field(default=None, ge=0, le=DELAY_MS_MAX)


class WebhookModeRequest(_Body):
    """How a vendor's webhooks travel from now on. ``delay_ms`` is for the mode ``delay``."""

    vendor: str
    mode: Mode
    delay_ms: int = Field(default=int(DELAY_S_DEFAULT * 1_000), ge=0, le=DELAY_MS_MAX)


class ClockRequest(_Body):
    """How far the simulators' own time moves ahead."""

    advance_s: float = Field(ge=0, le=ADVANCE_S_MAX)


def control(simulation: Simulation, vendors: Mapping[str, Vendor]) -> APIRouter:
    """The endpoints under ``/control``, with each vendor's own."""
    router = APIRouter(prefix="/control")
    _dials(router, simulation, vendors)
    _views(router, simulation, vendors)
    for vendor in vendors.values():
        if vendor.desk is not None:
            router.include_router(vendor.desk, prefix=f"/{vendor.name}")
    return router


def _dials(router: APIRouter, simulation: Simulation, vendors: Mapping[str, Vendor]) -> None:
    @router.post("/faults", status_code=201)
    async def dial_fault(body: FaultRequest) -> dict[str, Any]:
        offered = {operation.name for operation in _vendor(vendors, body.vendor).operations}
        if body.operation not in {*offered, ANY_OPERATION}:
            raise HTTPException(422, f"{body.vendor} offers {', '.join(sorted(offered))}")
        return await simulation.faults.dial(
            vendor=body.vendor, operation=body.operation, kind=body.fault, times=body.times, delay_ms=body.delay_ms
        )

    @router.get("/faults")
    async def list_faults() -> dict[str, Any]:
        return {"items": await simulation.faults.pending()}

    @router.delete("/faults", status_code=204)
    async def clear_faults() -> None:
        await simulation.faults.clear()

    @router.post("/webhooks")
    async def set_webhook_mode(body: WebhookModeRequest) -> dict[str, Any]:
        _vendor(vendors, body.vendor)
        await simulation.webhooks.set_mode(body.vendor, body.mode, body.delay_ms / 1_000)
        return {"vendor": body.vendor, "mode": body.mode}

    @router.post("/clock")
    async def advance_clock(body: ClockRequest) -> dict[str, Any]:
        await simulation.clock.advance(body.advance_s)
        return {"now": rfc3339(simulation.clock.now())}

    @router.post("/reset", status_code=204)
    async def reset_everything() -> None:
        await reset(simulation, vendors.values())


def _views(router: APIRouter, simulation: Simulation, vendors: Mapping[str, Vendor]) -> None:
    @router.get("/{vendor}/calls")
    async def list_calls(
        vendor: VendorName, operation: Annotated[str | None, Query(max_length=60)] = None
    ) -> dict[str, Any]:
        return {"items": simulation.calls.of(_vendor(vendors, vendor).name, operation)}

    @router.get("/{vendor}/book")
    async def show_book(vendor: VendorName) -> dict[str, Any]:
        book = await _vendor(vendors, vendor).book()
        await simulation.store.settled()
        return dict(book)


def _vendor(vendors: Mapping[str, Vendor], name: str) -> Vendor:
    if name not in vendors:
        raise HTTPException(404, f"the vendors are {', '.join(vendors)}")
    return vendors[name]
