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
from laptop.vendors.common.control import health_route, read_body, revocation_route
from laptop.vendors.digikey.books import Books
from laptop.vendors.digikey.limits import Limits, midnight_after


class LimitChange(BaseModel):
    """The body of `PUT /_control/limits`; what is left out stays. `resets_in` in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    burst: int | None = Field(default=None, ge=0)
    daily: int | None = Field(default=None, ge=0)
    reset_day: bool = False
    resets_in: float | None = Field(default=None, gt=0, le=172_800)


class Controlled(Protocol):
    """The parts of the sandbox that the controls change."""

    books: Books
    limits: Limits
    clock: Clock

    def note_day(self) -> None: ...


def control_routes(sandbox: Controlled, plan: FaultPlan, health: Mapping[str, Any]) -> list[Route]:
    async def books(request: Request) -> Response:
        return JSONResponse(sandbox.books.report(request.query_params.get("pn")))

    async def limits(request: Request) -> Response:
        if request.method == "PUT":
            change = await read_body(request, LimitChange)
            if isinstance(change, Response):
                return change
            _apply(change, sandbox.limits, sandbox.clock())
            sandbox.note_day()
        return JSONResponse(_state(sandbox.limits))

    return [
        *fault_routes(plan),
        Route(f"{CONTROL}books", books),
        health_route(lambda: health),
        revocation_route(sandbox.books.tokens.revoke_all),
        Route(f"{CONTROL}limits", limits, methods=["GET", "PUT"]),
    ]


def _apply(change: LimitChange, limits: Limits, now: datetime) -> None:
    limits.burst = limits.burst if change.burst is None else change.burst
    limits.daily = limits.daily if change.daily is None else change.daily
    if change.reset_day:
        limits.start_day(now, midnight_after(now))
    if change.resets_in is not None:
        limits.resets_at = now + timedelta(seconds=change.resets_in)


def _state(limits: Limits) -> dict[str, Any]:
    return {
        "burst": limits.burst,
        "daily": limits.daily,
        "used_today": limits.used_today(),
        "resets_at": limits.resets_at.isoformat(),
    }
