"""The step after one delivery, for every outcome, attempt and last delivery."""

from datetime import UTC, datetime

import pytest

from shared.enrichment.delivery import (
    Chances,
    DeadLetter,
    Finish,
    Renew,
    Retry,
    SlowDown,
    Step,
    Wait,
    blame_of,
    next_step,
)
from shared.enrichment.ports import (
    Blame,
    BurstLimited,
    DailyLimited,
    ErrorCategory,
    Found,
    LookUp,
    PauseCause,
    Refused,
    Unavailable,
)

NOT_FOUND, TIMEOUT, LIMITED = ErrorCategory.NOT_FOUND, ErrorCategory.TIMEOUT, ErrorCategory.RATE_LIMITED
INVALID, AUTH = ErrorCategory.INVALID_RESPONSE, ErrorCategory.AUTH
TOMORROW = datetime(2026, 11, 23, tzinfo=UTC)

WORDS = {"status": 504}
DOWN, ACCOUNT, DAY = PauseCause.DOWN, PauseCause.ACCOUNT, PauseCause.DAILY_LIMIT

FOUND = Found({"part": 1})
REFUSED = Refused(NOT_FOUND, "unknown", WORDS)
UNREADABLE = Refused(INVALID, "a page", WORDS)
LOCKED_OUT = Refused(AUTH, "no token", WORDS)
UNAVAILABLE = Unavailable(TIMEOUT, "slow", WORDS)
BURST = BurstLimited("too fast", 2.5)
DAILY = DailyLimited("enough for today", TOMORROW)

FINISH = Finish({"part": 1})
DEAD = DeadLetter(NOT_FOUND, "unknown", WORDS)
SLOW_DOWN = SlowDown("too fast", 2.5)
STILL_TOO_FAST = DeadLetter(LIMITED, "too fast (the queue's last delivery)", blame=Blame.VENDOR)
START_OVER = Renew("too fast")
POSTPONE = Wait(DAY, LIMITED, "enough for today", Retry(LIMITED, "enough for today", None), until=TOMORROW)
NO_PART = Wait(DOWN, INVALID, "a page", DeadLetter(INVALID, "a page", WORDS), WORDS)


def waiting_or(otherwise: Retry | DeadLetter) -> Wait:
    """The vendor's fault, unless the failure is an isolated one."""
    return Wait(DOWN, TIMEOUT, "slow", otherwise, WORDS)


RETRY = waiting_or(Retry(TIMEOUT, "slow", WORDS))
SPENT = waiting_or(DeadLetter(TIMEOUT, "slow (attempt 3 of 3)", WORDS, Blame.VENDOR))
GIVEN_UP = waiting_or(DeadLetter(TIMEOUT, "slow (the queue's last delivery)", WORDS, Blame.VENDOR))
OUR_FAULT = Wait(ACCOUNT, AUTH, "no token", Retry(AUTH, "no token", WORDS), WORDS)
OURS_TO_THE_END = Wait(
    ACCOUNT, AUTH, "no token", DeadLetter(AUTH, "no token (attempt 3 of 3)", WORDS, Blame.US), WORDS
)


def step_after(
    outcome: LookUp, attempt: int = 1, *, last: bool = False, renewable: bool = True, budget: int = 3
) -> Step:
    return next_step(outcome, Chances(attempt, budget, last_delivery=last, renewable=renewable))


@pytest.mark.parametrize(
    ("outcome", "attempt", "last", "step"),
    [
        # outcome     attempt  last    step                of a budget of 3
        (FOUND,       1,       False,  FINISH),
        (FOUND,       2,       False,  FINISH),
        (FOUND,       3,       False,  FINISH),
        (FOUND,       1,       True,   FINISH),
        (FOUND,       3,       True,   FINISH),
        (REFUSED,     1,       False,  DEAD),
        (REFUSED,     3,       False,  DEAD),
        (REFUSED,     1,       True,   DEAD),
        (UNREADABLE,  1,       False,  NO_PART),
        (LOCKED_OUT,  1,       False,  OUR_FAULT),           # nobody's attempt, unless only this record is refused
        (LOCKED_OUT,  3,       False,  OURS_TO_THE_END),
        (UNAVAILABLE, 1,       False,  RETRY),
        (UNAVAILABLE, 2,       False,  RETRY),
        (UNAVAILABLE, 3,       False,  SPENT),
        (UNAVAILABLE, 1,       True,   GIVEN_UP),
        (UNAVAILABLE, 2,       True,   GIVEN_UP),
        (UNAVAILABLE, 3,       True,   SPENT),
        (BURST,       1,       False,  SLOW_DOWN),
        (BURST,       3,       False,  SLOW_DOWN),           # costs no attempt, so the budget does not matter
        (BURST,       1,       True,   START_OVER),          # a new queue task has deliveries of its own
        (BURST,       3,       True,   START_OVER),
        (DAILY,       1,       False,  POSTPONE),
        (DAILY,       3,       False,  POSTPONE),
        (DAILY,       1,       True,   POSTPONE),
        (DAILY,       3,       True,   POSTPONE),
    ],
)  # fmt: skip
def test_an_outcome_leads_to_its_step(*, outcome: LookUp, attempt: int, last: bool, step: Step) -> None:
    assert step_after(outcome, attempt, last=last) == step


def test_a_burst_limit_that_outlasts_every_queue_task_allowed_ends_automation() -> None:
    assert step_after(BURST, last=True, renewable=False) == STILL_TOO_FAST


@pytest.mark.parametrize("attempt", [4, 11])
def test_more_attempts_than_the_budget_are_spent_too(attempt: int) -> None:
    """The budget may have been lowered during the task."""
    spent = DeadLetter(TIMEOUT, f"slow (attempt {attempt} of 3)", WORDS, Blame.VENDOR)
    assert step_after(UNAVAILABLE, attempt) == waiting_or(spent)


def test_with_a_budget_of_one_the_first_failure_is_the_last() -> None:
    step = step_after(UNAVAILABLE, budget=1)
    assert isinstance(step, Wait)
    assert isinstance(step.otherwise, DeadLetter)


@pytest.mark.parametrize(
    ("failure", "blame"),
    [
        (REFUSED, Blame.RECORD),
        (UNREADABLE, Blame.RECORD),
        (Refused(ErrorCategory.AMBIGUOUS, "two makers"), Blame.RECORD),
        (Refused(ErrorCategory.VENDOR_ERROR, "DigiKey answered 422"), Blame.RECORD),
        (UNAVAILABLE, Blame.VENDOR),
        (Unavailable(ErrorCategory.VENDOR_ERROR, "DigiKey answered 500"), Blame.VENDOR),
        (BURST, Blame.VENDOR),
        (DAILY, Blame.VENDOR),
        (LOCKED_OUT, Blame.US),
    ],
)
def test_a_failure_has_one_to_blame(
    failure: Refused | Unavailable | BurstLimited | DailyLimited, blame: Blame
) -> None:
    assert blame_of(failure) is blame
