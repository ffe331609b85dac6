"""When a failed delivery is tried again; PURE. Source: `google.cloud.tasks_v2.types.RetryConfig`."""

from dataclasses import dataclass

from laptop.google.common.backoff import backoff

UNLIMITED = -1


@dataclass(frozen=True)
class RetryPolicy:
    """Durations in seconds. `max_attempts` counts the first one; a `max_retry_duration` of 0 limits nothing."""

    max_attempts: int = 100
    max_retry_duration: float = 0
    min_backoff: float = 0.1
    max_backoff: float = 3600
    max_doublings: int = 16


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
    wait = backoff(
        failures, shortest=policy.min_backoff, longest=policy.max_backoff, doublings=policy.max_doublings
    )
    return max(wait, retry_after)
