"""The policy of repeated calls: the number of tries and the pauses between them."""

import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")
Reason = TypeVar("Reason")


@dataclass(frozen=True)
class Again(Generic[Reason]):
    """A try failed, and another one may succeed. `after`: the wait that the other side asks for, in seconds."""

    reason: Reason
    after: float | None = None


@dataclass(frozen=True)
class RetryPolicy:
    """`tries` counts the first one too. Pauses, in seconds, double from `first_pause` up to `longest_pause`.

    Each is multiplied by a random factor between the two of `spread`, so that callers do not come back together.
    """

    tries: int
    first_pause: float
    longest_pause: float = float("inf")
    spread: tuple[float, float] = (1.0, 1.0)

    def pauses(self) -> Iterator[float]:
        """The seconds before each further try."""
        for doublings in range(self.tries - 1):
            pause = min(self.first_pause * 2.0**doublings, self.longest_pause)
            yield pause * random.uniform(*self.spread)  # noqa: S311  # spreads callers, hides nothing

    def run(
        self,
        call: Callable[[], Result],
        pause: Callable[[float], None],
        announce: Callable[[Any, float], None] = lambda _reason, _seconds: None,
    ) -> Result:
        """Calls until the result is no Again, and returns it; or the last Again.

        A wait longer than `longest_pause` is not waited for. `announce` gets each Again's reason and the seconds
        before the next try.
        """
        for backoff in self.pauses():
            result = call()
            if not isinstance(result, Again) or (result.after or 0) > self.longest_pause:
                return result
            wait = backoff if result.after is None else result.after
            announce(result.reason, wait)
            pause(wait)
        return call()


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """The seconds in `Retry-After`, which holds seconds or a date (RFC 9110). None if it is missing or unreadable.

    A date in the past means 0; without `now` a date is not read. `headers` has lower-case names, or ignores case.
    """
    given = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", given, flags=re.ASCII):
        return float(given)
    if now is None:
        return None
    try:
        moment = parsedate_to_datetime(given)
    except (ValueError, OverflowError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max((aware - now).total_seconds(), 0.0)
