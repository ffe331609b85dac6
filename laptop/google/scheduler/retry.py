"""Whether and when a failed attempt is repeated; PURE. Source: RetryConfig in the client's `scheduler_v1.types`."""

from dataclasses import dataclass

from laptop.google.common.backoff import backoff


@dataclass(frozen=True)
class RetryPolicy:
    """Durations in seconds. `retry_count` leaves out the first attempt; a `max_retry_duration` of 0 limits nothing."""

    retry_count: int = 0
    max_retry_duration: float = 0
    min_backoff: float = 5
    max_backoff: float = 3600
    max_doublings: int = 5


def next_try(
    policy: RetryPolicy, *, failures: int, first_attempt: float, now: float, next_start: float | None
) -> float | None:
    """The time of the next attempt, or None when there is none: both limits must be reached, or the next run begins."""
    if policy.retry_count == 0:
        return None
    if failures > policy.retry_count and now - first_attempt >= policy.max_retry_duration:
        return None
    wait = backoff(
        failures, shortest=policy.min_backoff, longest=policy.max_backoff, doublings=policy.max_doublings
    )
    at = now + wait
    return None if next_start is not None and at >= next_start else at
