"""What one delivery of an automation task leads to, once the vendor has spoken. Pure."""

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
    """Give the task back unspent and make the queue slower; `retry_after` in seconds."""

    message: str
    retry_after: float


@dataclass(frozen=True)
class Postpone:
    """Give the task back unspent, as a new queue task that is due at `until`, or at once.

    The new task has deliveries of its own.
    """

    message: str
    until: datetime | None


@dataclass(frozen=True)
class DeadLetter:
    """Automation is at its end with this record."""

    category: ErrorCategory
    message: str
    answer: JsonObject | None = None


Step = Save | Retry | SlowDown | Postpone | DeadLetter


def next_step(outcome: LookUp, *, attempt: int, budget: int, last_delivery: bool, renewable: bool) -> Step:
    """`attempt` counts tries at the vendor from 1, `budget` how many there may be.

    After the last delivery the queue forgets the task, so nothing may be left to it then. `renewable` says that a
    new queue task may take its place: a burst limit that outlasts all deliveries of one task costs no attempt either.
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
