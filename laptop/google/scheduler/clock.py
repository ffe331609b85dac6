"""The server's time: the real one, until somebody sets it, stops it or has it run faster. Seconds since 1970."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Pace:
    """It was `shown` at the real time `real` and has moved on by `rate` seconds a second since."""

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
        """0: it stands still."""
        return self._pace.rate

    def set(self, shown: float, rate: float) -> None:
        self._pace = Pace(shown, self._real(), rate)

    def reset(self) -> None:
        self._pace = TRUE_TIME

    def kept(self) -> dict[str, Any]:
        """For the journal; `take_up` reads it."""
        return asdict(self._pace)

    def take_up(self, kept: dict[str, Any]) -> None:
        """Goes on as if the server had not been away."""
        self._pace = Pace(**kept)
