"""Decides the step after one delivery of an automation task, from the vendor's answer. Pure."""

from dataclasses import dataclass
from datetime import datetime

from shared.enrichment.ports import (
    BurstLimited,
    DailyLimited,
    ErrorCategory,
    Found,
    JsonObject,
    LookUp,
    Refused,
    Unavailable,
)


@dataclass(frozen=True)
class Save:
    """Keep the answer, then make the product."""

    answer: JsonObject


@dataclass(frozen=True)
class Retry:
    """Give the task back; the queue delivers it again after its backoff."""

    category: ErrorCategory
    message: str
    answer: JsonObject | None


@dataclass(frozen=True)
class SlowDown:
    """Give the task back without counting an attempt, and slow the queue down; `retry_after` in seconds."""

    message: str
    retry_after: float


@dataclass(frozen=True)
class Postpone:
    """Give the task back without counting an attempt, as a new queue task that is due at `until`, or at once.

    The new task starts with all its deliveries.
    """

    message: str
    until: datetime | None


@dataclass(frozen=True)
class DeadLetter:
    """Automation gives this record up."""

    category: ErrorCategory
    message: str
    answer: JsonObject | None = None


Step = Save | Retry | SlowDown | Postpone | DeadLetter


def next_step(outcome: LookUp, *, attempt: int, budget: int, last_delivery: bool, renewable: bool) -> Step:
    """`attempt` counts calls to the vendor from 1; `budget` is their maximum.

    The queue deletes the task after its last delivery, so no step may depend on a further one. `renewable`: a new
    queue task may replace it, so that a burst limit which outlasts all deliveries of one task costs no attempt.
    """
    match outcome:
        case Found(answer):
            return Save(answer)
        case Refused(category, message, answer):
            return DeadLetter(category, message, answer)
        case Unavailable(category, message, answer):
            if attempt >= budget:
                return DeadLetter(category, f"{message} (attempt {attempt} of {budget})", answer)
            if last_delivery:
                return DeadLetter(category, f"{message} (the queue's last delivery)", answer)
            return Retry(category, message, answer)
        case BurstLimited(message) if last_delivery:
            spent = f"{message} (the queue's last delivery)"
            return Postpone(message, None) if renewable else DeadLetter(ErrorCategory.RATE_LIMITED, spent)
        case BurstLimited(message, retry_after):
            return SlowDown(message, retry_after)
        case DailyLimited(message, resets_at):  # pragma: no branch - the type checker knows no other
            return Postpone(message, resets_at)
