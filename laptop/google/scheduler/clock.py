"""The server's time, in seconds since 1970: the real one, until it is set, stopped or made faster."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from laptop.google.common.times import rfc3339

if TYPE_CHECKING:
    from laptop.google.scheduler.dispatcher import JobDispatcher
    from laptop.google.scheduler.registry import Registry

_FOREVER = 3_660 * 86_400  # seconds; ten years, longer than any simulation
_FASTEST = 100_000


@dataclass(frozen=True)
class Pace:
    """The clock showed `shown` at the real time `real` and runs at `rate` seconds a second since."""

    shown: float = 0.0
    real: float = 0.0
    rate: float = 1.0


TRUE_TIME = Pace()


class Clock:
    def __init__(self, real: Callable[[], float] = time.time) -> None:
        self._real = real
        self._pace = TRUE_TIME

    def __call__(self) -> float:
        return self._pace.shown + self._pace.rate * (self._real() - self._pace.real)

    @property
    def rate(self) -> float:
        """0 means that the clock stands still."""
        return self._pace.rate

    def set(self, shown: float, rate: float) -> None:
        self._pace = Pace(shown, self._real(), rate)

    def reset(self) -> None:
        self._pace = TRUE_TIME

    def state(self) -> dict[str, Any]:
        """For the journal; `restore` reads it."""
        return asdict(self._pace)

    def restore(self, state: dict[str, Any]) -> None:
        """Continues as if the server had not stopped."""
        self._pace = Pace(**state)


class ClockOrder(BaseModel):
    """The body of `PUT /clock`.

    `now` sets the clock, which then stands still; the runs in between are not fired. `advance` is a number of seconds
    that pass event by event: each run is fired at its time, and the clock moves on when it is answered. `running`
    starts or stops the clock, and `rate` makes it so many times faster than the real one.
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
            raise ValueError("a stopped clock has no rate")
        return self


class Timekeeper:
    """Carries out the orders, one after the other."""

    def __init__(self, registry: "Registry", dispatcher: "JobDispatcher") -> None:
        self._registry = registry
        self._clock = registry.clock
        self._dispatcher = dispatcher
        self._turn = asyncio.Lock()

    async def obey(self, order: ClockOrder) -> None:
        async with self._turn:
            rate = self._clock.rate
            if order.now is not None:
                rate = 0.0
                shift = order.now.timestamp() - self._clock()
                self._set(order.now.timestamp(), rate)
                self._registry.retime(shift)
            elif order.advance is not None:
                await self._advance_to(self._clock() + order.advance)
            if order.running is not None:
                rate = (rate or 1.0) if order.running else 0.0
            self._set(self._clock(), order.rate or rate)
            await self._registry.flush()

    async def reset(self) -> None:
        """Returns to the real time."""
        async with self._turn:
            before = self._clock()
            self._clock.reset()
            self._registry.keep_clock()
            self._registry.retime(self._clock() - before)
            await self._registry.flush()
            self._dispatcher.wake()

    async def _advance_to(self, end: float) -> None:
        self._set(self._clock(), 0.0)
        await self._dispatcher.quiet()
        while (event := self._dispatcher.next_event()) is not None and event <= end:
            self._set(max(event, self._clock()), 0.0)
            self._dispatcher.send_due()
            await self._dispatcher.quiet()
        self._set(end, 0.0)

    def _set(self, shown: float, rate: float) -> None:
        self._clock.set(shown, rate)
        self._registry.keep_clock()
        self._dispatcher.wake()

    def report(self) -> dict[str, Any]:
        return {"now": rfc3339(self._clock()), "running": self._clock.rate > 0, "rate": self._clock.rate}
