"""The clock of a sandbox: the real time until it is set."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from laptop.clock import Clock, system_clock
from laptop.faults import CONTROL
from laptop.vendors.common.control import read_body
from laptop.vendors.common.database import Database, moment, stamp

_FOREVER = 3_660 * 86_400  # seconds; ten years, longer than any simulation


class ClockChange(BaseModel):
    """The body of `PUT /_control/clock`: `now` sets the clock, `advance` moves it on by that many seconds.

    A clock that was set stands still until it is moved, so that a simulated day is exact; with `running` it
    continues from there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    now: AwareDatetime | None = None
    advance: Annotated[float, Field(ge=0, le=_FOREVER)] | None = None
    running: bool | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.now is not None and self.advance is not None:
            raise ValueError("give now or advance, not both")
        return self


class SettableClock:
    """A Clock that can be set; its state survives a restart."""

    def __init__(self, database: Database, real: Clock = system_clock) -> None:
        self._database = database
        self._real = real
        kept = database.kept("clock") or {}
        self._ahead = timedelta(seconds=kept.get("ahead", 0))
        self._stands_at = moment(kept["stands_at"]) if kept.get("stands_at") else None

    def __call__(self) -> datetime:
        return self._stands_at or self._real() + self._ahead

    def set(self, change: ClockChange) -> None:
        runs_on = self._stands_at is None and change.now is None
        runs = runs_on if change.running is None else change.running
        then = (change.now or self()) + timedelta(seconds=change.advance or 0)
        self._stands_at = None if runs else then.astimezone(UTC)
        self._ahead = then - self._real() if runs else timedelta()
        self._keep()

    def reset(self) -> None:
        """Returns to the real time."""
        self._stands_at = None
        self._ahead = timedelta()
        self._keep()

    def _keep(self) -> None:
        stands_at = stamp(self._stands_at) if self._stands_at else None
        self._database.keep("clock", {"ahead": self._ahead.total_seconds(), "stands_at": stands_at})

    def report(self) -> dict[str, object]:
        return {"now": stamp(self()), "running": self._stands_at is None}


def clock_routes(clock: SettableClock) -> list[Route]:
    """`GET`, `PUT` and `DELETE /_control/clock`: show it, set it, return to the real time."""

    async def answer(request: Request) -> Response:
        if request.method == "PUT":
            change = await read_body(request, ClockChange)
            if isinstance(change, Response):
                return change
            clock.set(change)
        elif request.method == "DELETE":
            clock.reset()
        return JSONResponse(clock.report())

    return [Route(f"{CONTROL}clock", answer, methods=["GET", "PUT", "DELETE"])]
