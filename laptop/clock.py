from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the present moment, with a time zone. Logic takes one as an argument, so that days can be simulated."""


def system_clock() -> datetime:
    return datetime.now(UTC)
