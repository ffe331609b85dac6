"""What has happened to a task so far; PURE. Times are seconds since 1970."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from laptop.google.common.outcome import SERVER_ERRORS, Outcome


@dataclass(frozen=True)
class Attempt:
    scheduled: float
    dispatched: float
    answered: float | None = None
    status: int | None = None


@dataclass(frozen=True)
class Progress:
    """`failures` is what the worker sees as RetryCount, `executions` as ExecutionCount (leaves out 5xx)."""

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
    """Keeps the status of the attempt before, which the headers of this one carry."""
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
