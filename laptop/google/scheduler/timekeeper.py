"""Sets the clock, or has time pass: from one event to the next, as long as it takes and no longer."""

import asyncio
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from laptop.google.common.times import rfc3339
from laptop.google.scheduler.dispatcher import Dispatcher
from laptop.google.scheduler.registry import Registry

_FOREVER = 3_660 * 86_400  # seconds; ten years, longer than any simulation
_FASTEST = 100_000


class ClockOrder(BaseModel):
    """The body of `PUT /clock`.

    `now` sets the clock, and it stands still from then on: nothing that lies between is fired. `advance` has so many
    seconds pass: every run in them is fired at its moment, and time goes on when it is answered. `running` lets the
    clock stand or go, `rate` go so many times faster than the real one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    now: AwareDatetime | None = None
    advance: Annotated[float, Field(ge=0, le=_FOREVER)] | None = None
    running: bool | None = None
    rate: Annotated[float, Field(gt=0, le=_FASTEST)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.now is not None and self.advance is not None:
            raise ValueError("give now or advance, not both")
        if self.rate is not None and self.running is False:
            raise ValueError("a clock that stands has no rate")
        return self


class Timekeeper:
    def __init__(self, registry: Registry, dispatcher: Dispatcher) -> None:
        self._registry = registry
        self._clock = registry.clock
        self._dispatcher = dispatcher
        self._turn = asyncio.Lock()

    async def obey(self, order: ClockOrder) -> None:
        async with self._turn:
            rate = self._clock.rate
            if order.now is not None:
                rate = 0.0
                moved = order.now.timestamp() - self._clock()
                self._set(order.now.timestamp(), rate)
                self._registry.retime(moved)
            elif order.advance is not None:
                await self._live_through(self._clock() + order.advance)
            if order.running is not None:
                rate = (rate or 1.0) if order.running else 0.0
            self._set(self._clock(), order.rate or rate)
            await self._registry.flush()

    async def reset(self) -> None:
        """Back to the real time."""
        async with self._turn:
            before = self._clock()
            self._clock.reset()
            self._registry.keep_clock()
            self._registry.retime(self._clock() - before)
            await self._registry.flush()
            self._dispatcher.wake()

    async def _live_through(self, end: float) -> None:
        self._set(self._clock(), 0.0)
        await self._dispatcher.quiet()
        while (event := self._dispatcher.next_event()) is not None and event <= end:
            self._set(max(event, self._clock()), 0.0)
            self._dispatcher.fire_due()
            await self._dispatcher.quiet()
        self._set(end, 0.0)

    def _set(self, shown: float, rate: float) -> None:
        self._clock.set(shown, rate)
        self._registry.keep_clock()
        self._dispatcher.wake()

    def report(self) -> dict[str, Any]:
        return {"now": rfc3339(self._clock()), "running": self._clock.rate > 0, "rate": self._clock.rate}
