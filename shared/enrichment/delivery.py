"""Decides whose fault an outcome is, and the step after one delivery of an automation task. Pure."""

from dataclasses import dataclass
from datetime import datetime

from shared.enrichment.ports import (
    Blame,
    BurstLimited,
    DailyLimited,
    ErrorCategory,
    Found,
    JsonObject,
    LookUp,
    PauseCause,
    Product,
    Refused,
    Unavailable,
)


@dataclass(frozen=True)
class Finish:
    """Store the answer with its product; without a product, read it first."""

    answer: JsonObject
    product: Product | None = None


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
class Renew:
    """Give the task back without counting an attempt, as a new queue task, which starts with all its deliveries."""

    message: str


@dataclass(frozen=True)
class DeadLetter:
    """Automation gives this record up."""

    category: ErrorCategory
    message: str
    answer: JsonObject | None = None
    blame: Blame = Blame.RECORD


@dataclass(frozen=True)
class Wait:
    """Wait behind the vendor's breaker, which nobody's attempt pays for.

    `otherwise` is the step when the failure is an isolated one, so that a record which makes the vendor fail comes to
    an end. `until` is the end of the daily limit.
    """

    cause: PauseCause
    category: ErrorCategory
    message: str
    otherwise: Retry | DeadLetter
    answer: JsonObject | None = None
    until: datetime | None = None


Step = Finish | Retry | SlowDown | Renew | Wait | DeadLetter


@dataclass(frozen=True)
class Chances:
    """`attempt` counts calls to the vendor from 1; `budget` is their maximum.

    The queue deletes the task after its last delivery, so no step may depend on a further one. `renewable`: a new
    queue task may replace it, so that a burst limit which outlasts all deliveries of one task costs no attempt.
    """

    attempt: int
    budget: int
    last_delivery: bool
    renewable: bool


def blame_of(failure: Refused | Unavailable | BurstLimited | DailyLimited) -> Blame:
    """Refused credentials are ours, a refusal of one part is the record's, and the rest is the vendor's."""
    if isinstance(failure, Refused):
        return Blame.US if failure.category is ErrorCategory.AUTH else Blame.RECORD
    return Blame.VENDOR


def next_step(outcome: LookUp, chances: Chances) -> Step:
    match outcome:
        case Found(answer, product):
            return Finish(answer, product)
        case Refused(ErrorCategory.AUTH as category, message, answer):
            isolated = _try_again(outcome, chances)
            return Wait(PauseCause.ACCOUNT, category, message, isolated, answer)
        case Refused(ErrorCategory.INVALID_RESPONSE as category, message, answer):
            # of one part it is the record's end; several in a row are a gateway that answers for the vendor
            return Wait(PauseCause.DOWN, category, message, DeadLetter(category, message, answer), answer)
        case Refused(category, message, answer):
            return DeadLetter(category, message, answer)
        case Unavailable(category, message, answer):
            return Wait(PauseCause.DOWN, category, message, _try_again(outcome, chances), answer)
        case BurstLimited(message) if chances.last_delivery:
            spent = f"{message} (the queue's last delivery)"
            return (
                Renew(message)
                if chances.renewable
                else DeadLetter(ErrorCategory.RATE_LIMITED, spent, blame=Blame.VENDOR)
            )
        case BurstLimited(message, retry_after):
            return SlowDown(message, retry_after)
        case DailyLimited(message, resets_at):  # pragma: no branch - the type checker knows no other
            limited = ErrorCategory.RATE_LIMITED
            return Wait(
                PauseCause.DAILY_LIMIT, limited, message, Retry(limited, message, None), until=resets_at
            )


def _try_again(failure: Refused | Unavailable, chances: Chances) -> Retry | DeadLetter:
    blame = blame_of(failure)
    if chances.attempt >= chances.budget:
        spent = f"{failure.message} (attempt {chances.attempt} of {chances.budget})"
        return DeadLetter(failure.category, spent, failure.answer, blame)
    if chances.last_delivery:
        return DeadLetter(
            failure.category, f"{failure.message} (the queue's last delivery)", failure.answer, blame
        )
    return Retry(failure.category, failure.message, failure.answer)
