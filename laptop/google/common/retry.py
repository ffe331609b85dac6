"""Retry settings, which Cloud Tasks and Cloud Scheduler describe in the same words; PURE. Durations in seconds."""

import math
from dataclasses import dataclass
from typing import Any

from laptop.google.common.rpc import invalid
from laptop.google.common.times import duration, span

RetryConfigMessage = Any
"""A RetryConfig of either service."""

_BEYOND_ANY_LIMIT = 64
"""After so many doublings every interval is above every maximum; keeps the arithmetic within floats."""


@dataclass(frozen=True)
class RetryPolicy:
    """`limit` is `max_attempts` of Cloud Tasks or `retry_count` of Cloud Scheduler.

    A `max_retry_duration` of 0 limits nothing.
    """

    limit: int
    max_retry_duration: float
    min_backoff: float
    max_backoff: float
    max_doublings: int

    def wait(self, failures: int) -> float:
        """Seconds to wait after the given number of failures: doubling, then linear growth, up to the longest.

        With 10 s, 300 s and 3 doublings: 10, 20, 40, 80, 160, 240, 300, 300.
        """
        steps = failures - 1
        doubled = min(steps, self.max_doublings, _BEYOND_ANY_LIMIT)
        return min(math.ldexp(self.min_backoff, doubled) * (1 + steps - doubled), self.max_backoff)


@dataclass(frozen=True)
class RetryFields:
    """The names of a RetryConfig's fields, and the service's defaults."""

    limit: str
    min_backoff: str
    max_backoff: str
    default: RetryPolicy

    def fill(self, config: RetryConfigMessage, *, zero_doublings: bool = False) -> None:
        """Sets the defaults in place, except that of the limit. Raises Refused.

        Zero means unspecified, as protobuf cannot tell them apart; `zero_doublings` says that zero was meant.
        Backoffs below a second are kept.
        """
        defaults = self.default
        if not config.HasField(self.min_backoff):
            getattr(config, self.min_backoff).CopyFrom(duration(defaults.min_backoff))
        shortest, longest = getattr(config, self.min_backoff), getattr(config, self.max_backoff)
        if not config.HasField(self.max_backoff):
            longest.CopyFrom(duration(max(defaults.max_backoff, span(shortest))))
        if not config.HasField("max_retry_duration"):
            config.max_retry_duration.CopyFrom(duration(defaults.max_retry_duration))
        if not zero_doublings:
            config.max_doublings = config.max_doublings or defaults.max_doublings
        lengths = (shortest, longest, config.max_retry_duration)
        if config.max_doublings < 0 or any(span(length) < 0 for length in lengths):
            raise invalid("RetryConfig must not be negative.")

    def read(self, config: RetryConfigMessage) -> RetryPolicy:
        """Reads a RetryConfig whose defaults are already filled in."""
        return RetryPolicy(
            getattr(config, self.limit),
            span(config.max_retry_duration),
            span(getattr(config, self.min_backoff)),
            span(getattr(config, self.max_backoff)),
            config.max_doublings,
        )
