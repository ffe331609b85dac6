"""A task's deliveries so far, the headers of the next one, and when it is due; PURE. Times are seconds since 1970."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from laptop.google.common.calls import SERVER_ERRORS, Outcome
from laptop.google.common.names import short_id
from laptop.google.common.retry import RetryPolicy
from laptop.google.common.target import TargetMessage, authorization, caller_headers

UNLIMITED = -1
USER_AGENT = "Google-Cloud-Tasks"
_RESERVED = "x-cloudtasks-"


@dataclass(frozen=True)
class Attempt:
    scheduled: float
    dispatched: float
    answered: float | None = None
    status: int | None = None


@dataclass(frozen=True)
class Progress:
    """The worker sees `failures` as RetryCount and `executions`, which leaves out 5xx, as ExecutionCount."""

    created: float
    scheduled: float
    dispatches: int = 0
    responses: int = 0
    failures: int = 0
    executions: int = 0
    first_dispatched: float | None = None
    last: Attempt | None = None

    @property
    def previous_response(self) -> int | None:
        return self.last.status if self.last and self.failures else None


def dispatched(progress: Progress, now: float) -> Progress:
    """Keeps the status of the attempt before, because the headers of this one carry it."""
    status = progress.last.status if progress.last else None
    return replace(
        progress,
        dispatches=progress.dispatches + 1,
        first_dispatched=now if progress.first_dispatched is None else progress.first_dispatched,
        last=Attempt(progress.scheduled, now, status=status),
    )


def failed(progress: Progress, outcome: Outcome, now: float) -> Progress:
    attempt = progress.last or Attempt(progress.scheduled, now)
    return replace(
        progress,
        failures=progress.failures + 1,
        executions=progress.executions + (outcome.status not in SERVER_ERRORS),
        responses=progress.responses + outcome.answered,
        last=replace(attempt, answered=now, status=outcome.status),
    )


def rescheduled(progress: Progress, at: float) -> Progress:
    return replace(progress, scheduled=at)


def to_row(progress: Progress) -> dict[str, Any]:
    return asdict(progress)


def from_row(row: dict[str, Any]) -> Progress:
    last = row.pop("last")
    return Progress(**row, last=Attempt(**last) if last else None)


def delivery_headers(
    name: str, request: TargetMessage, progress: Progress, now: float
) -> list[tuple[str, str]]:
    """Names, casing and counts as recorded from the real service; `progress` is that before this delivery."""
    headers = [
        ("User-Agent", USER_AGENT),
        *caller_headers(request.headers, _RESERVED).items(),
        ("X-CloudTasks-QueueName", short_id(name.rpartition("/tasks/")[0])),
        ("X-CloudTasks-TaskName", short_id(name)),
        ("X-CloudTasks-TaskETA", f"{progress.scheduled:.6f}"),
        ("X-CloudTasks-TaskRetryCount", str(progress.failures)),
        ("X-CloudTasks-TaskExecutionCount", str(progress.executions)),
    ]
    if progress.previous_response is not None:
        headers.append(("X-CloudTasks-TaskPreviousResponse", str(progress.previous_response)))
        headers.append(("X-CloudTasks-TaskRetryReason", ""))
    return headers + authorization(request, request.url, now)


def exhausted(policy: RetryPolicy, *, failures: int, elapsed: float) -> bool:
    """No further delivery is made once both limits are reached; `elapsed` in seconds since the first delivery."""
    out_of_time = elapsed >= policy.max_retry_duration
    if policy.limit == UNLIMITED:
        return policy.max_retry_duration > 0 and out_of_time
    return failures >= policy.limit and out_of_time


def retry_delay(
    policy: RetryPolicy, *, failures: int, elapsed: float, retry_after: float = 0
) -> float | None:
    """Seconds until the next delivery, or None when the task is given up. Source: `tasks_v2.types.RetryConfig`.

    A worker's Retry-After lengthens the wait and never shortens it; how the real service uses it is unconfirmed.
    """
    if exhausted(policy, failures=failures, elapsed=elapsed):
        return None
    return max(policy.wait(failures), retry_after)
