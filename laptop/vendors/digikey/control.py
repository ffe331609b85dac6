"""The control endpoints: faults, books, limits, tokens, health."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from laptop.clock import Clock
from laptop.faults import CONTROL, FaultPlan, fault_routes
from laptop.vendors.common.control import read_order
from laptop.vendors.digikey.books import Books
from laptop.vendors.digikey.limits import Limits, midnight_after


class LimitOrder(BaseModel):
    """The body of `PUT /_control/limits`; what is left out stays. `resets_in` in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    burst: int | None = Field(default=None, ge=0)
    daily: int | None = Field(default=None, ge=0)
    reset_day: bool = False
    resets_in: float | None = Field(default=None, gt=0, le=172_800)


class Controlled(Protocol):
    """What the controls act on."""

    books: Books
    limits: Limits
    clock: Clock

    def note_day(self) -> None: ...


def control_routes(sandbox: Controlled, plan: FaultPlan, health: Mapping[str, Any]) -> list[Route]:
    async def books(request: Request) -> Response:
        return JSONResponse(sandbox.books.report(request.query_params.get("pn")))

    async def well(_request: Request) -> Response:
        return JSONResponse({"status": "ok", **health})

    async def revoke(_request: Request) -> Response:
        sandbox.books.revoke_tokens()
        return Response(status_code=204)

    async def limits(request: Request) -> Response:
        if request.method == "PUT":
            order = await read_order(request, LimitOrder)
            if isinstance(order, Response):
                return order
            _apply(order, sandbox.limits, sandbox.clock())
            sandbox.note_day()
        return JSONResponse(_state(sandbox.limits))

    return [
        *fault_routes(plan),
        Route(f"{CONTROL}books", books),
        Route(f"{CONTROL}health", well),
        Route(f"{CONTROL}tokens", revoke, methods=["DELETE"]),
        Route(f"{CONTROL}limits", limits, methods=["GET", "PUT"]),
    ]


def _apply(order: LimitOrder, limits: Limits, now: datetime) -> None:
    limits.burst = limits.burst if order.burst is None else order.burst
    limits.daily = limits.daily if order.daily is None else order.daily
    if order.reset_day:
        limits.start_day(now, midnight_after(now))
    if order.resets_in is not None:
        limits.resets_at = now + timedelta(seconds=order.resets_in)


def _state(limits: Limits) -> dict[str, Any]:
    return {
        "burst": limits.burst,
        "daily": limits.daily,
        "used_today": limits.used_today(),
        "resets_at": limits.resets_at.isoformat(),
    }
