from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the current time, with a time zone. Logic takes a clock as an argument, so that tests can simulate days."""


def system_clock() -> datetime:
    return datetime.now(UTC)
