"""When a failed delivery is tried again; PURE. Source: `google.cloud.tasks_v2.types.RetryConfig`."""

import math
from dataclasses import dataclass

UNLIMITED = -1
_BEYOND_ANY_LIMIT = 64
"""Doublings after which every interval is past every max_backoff; keeps the arithmetic within floats."""


@dataclass(frozen=True)
class RetryPolicy:
    """Durations in seconds. `max_attempts` counts the first one; a `max_retry_duration` of 0 limits nothing."""

    max_attempts: int = 100
    max_retry_duration: float = 0
    min_backoff: float = 0.1
    max_backoff: float = 3600
    max_doublings: int = 16


def backoff(policy: RetryPolicy, failures: int) -> float:
    """Seconds to wait after the given number of failures: doubling, then linear growth, up to the maximum.

    With 10 s, 300 s and 3 doublings: 10, 20, 40, 80, 160, 240, 300, 300.
    """
    steps = failures - 1
    doublings = min(steps, policy.max_doublings, _BEYOND_ANY_LIMIT)
    linear_steps = steps - doublings
    return min(math.ldexp(policy.min_backoff, doublings) * (1 + linear_steps), policy.max_backoff)


def exhausted(policy: RetryPolicy, *, failures: int, elapsed: float) -> bool:
    """Whether no further delivery is made; `elapsed` in seconds since the first one. Both limits must be reached."""
    out_of_time = elapsed >= policy.max_retry_duration
    if policy.max_attempts == UNLIMITED:
        return policy.max_retry_duration > 0 and out_of_time
    return failures >= policy.max_attempts and out_of_time


def retry_delay(
    policy: RetryPolicy, *, failures: int, elapsed: float, retry_after: float = 0
) -> float | None:
    """Seconds until the next delivery, or None when the task is given up.

    A worker's Retry-After lengthens the wait and never shortens it; how the real service weighs it is unconfirmed.
    """
    if exhausted(policy, failures=failures, elapsed=elapsed):
        return None
    return max(backoff(policy, failures), retry_after)
