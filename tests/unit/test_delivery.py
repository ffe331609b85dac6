"""The step after one delivery, for every outcome, attempt and last delivery."""

from datetime import UTC, datetime

import pytest

from shared.enrichment.delivery import DeadLetter, Postpone, Retry, Save, SlowDown, Step, next_step
from shared.enrichment.ports import (
    BurstLimited,
    DailyLimited,
    ErrorCategory,
    Found,
    LookUp,
    Refused,
    Unavailable,
)

NOT_FOUND, TIMEOUT, LIMITED = ErrorCategory.NOT_FOUND, ErrorCategory.TIMEOUT, ErrorCategory.RATE_LIMITED
TOMORROW = datetime(2026, 11, 23, tzinfo=UTC)

FOUND = Found({"part": 1})
REFUSED = Refused(NOT_FOUND, "unknown", {"status": 404})
UNAVAILABLE = Unavailable(TIMEOUT, "slow", {"status": 504})
BURST = BurstLimited("too fast", 2.5)
DAILY = DailyLimited("enough for today", TOMORROW)

SAVE = Save({"part": 1})
DEAD = DeadLetter(NOT_FOUND, "unknown", {"status": 404})
RETRY = Retry(TIMEOUT, "slow", {"status": 504})
SPENT = DeadLetter(TIMEOUT, "slow (attempt 3 of 3)", {"status": 504})
GIVEN_UP = DeadLetter(TIMEOUT, "slow (the queue's last delivery)", {"status": 504})
SLOW_DOWN = SlowDown("too fast", 2.5)
STILL_TOO_FAST = DeadLetter(LIMITED, "too fast (the queue's last delivery)")
START_OVER = Postpone("too fast", None)
POSTPONE = Postpone("enough for today", TOMORROW)


@pytest.mark.parametrize(
    ("outcome", "attempt", "last", "step"),
    [
        # outcome     attempt  last    step                of a budget of 3
        (FOUND,       1,       False,  SAVE),
        (FOUND,       2,       False,  SAVE),
        (FOUND,       3,       False,  SAVE),
        (FOUND,       1,       True,   SAVE),
        (FOUND,       3,       True,   SAVE),
        (REFUSED,     1,       False,  DEAD),
        (REFUSED,     3,       False,  DEAD),
        (REFUSED,     1,       True,   DEAD),
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
    assert next_step(outcome, attempt=attempt, budget=3, last_delivery=last, renewable=True) == step


def test_a_burst_limit_that_outlasts_every_queue_task_allowed_ends_automation() -> None:
    step = next_step(BURST, attempt=1, budget=3, last_delivery=True, renewable=False)
    assert step == STILL_TOO_FAST


@pytest.mark.parametrize("attempt", [4, 11])
def test_more_attempts_than_the_budget_are_spent_too(attempt: int) -> None:
    """The budget may have been lowered during the task."""
    step = next_step(UNAVAILABLE, attempt=attempt, budget=3, last_delivery=False, renewable=True)
    assert step == DeadLetter(TIMEOUT, f"slow (attempt {attempt} of 3)", {"status": 504})


def test_with_a_budget_of_one_the_first_failure_is_the_last() -> None:
    step = next_step(UNAVAILABLE, attempt=1, budget=1, last_delivery=False, renewable=True)
    assert isinstance(step, DeadLetter)
