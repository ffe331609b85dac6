from dataclasses import replace

import pytest

from laptop.google.common.retry import RetryPolicy
from laptop.google.scheduler.job import next_try
from laptop.google.scheduler.messages import RETRY


def tries(policy: RetryPolicy, *, next_start: float | None = None, each_takes: float = 0) -> list[float]:
    """The times of the retries of a run that begins at 0 and never succeeds."""
    found: list[float] = []
    now = each_takes
    while (
        at := next_try(policy, failures=len(found) + 1, first_attempt=0, now=now, next_start=next_start)
    ) is not None and len(found) < 20:
        found.append(at)
        now = at + each_takes
    return found


# policy: the moments of the retries, in seconds from the first attempt
@pytest.mark.parametrize(
    ("policy", "moments"),
    [
        (RETRY.default, []),
        (
            replace(RETRY.default, max_retry_duration=600),
            [],
        ),  # a count of 0 means no retry before the next run
        (replace(RETRY.default, limit=3), [5, 15, 35]),  # 5, + 10, + 20
        (RetryPolicy(5, 0, 30, 120, 2), [30, 90, 210, 330, 450]),  # doubling, then linear growth
        (RetryPolicy(1, 60, 10, 10, 0), [10, 20, 30, 40, 50, 60]),  # both limits must be reached
        (RetryPolicy(5, 20, 10, 10, 0), [10, 20, 30, 40, 50]),
    ],
)
def test_a_failed_run_is_tried_again_until_both_limits_are_reached(
    policy: RetryPolicy, moments: list[float]
) -> None:
    assert tries(policy) == moments


@pytest.mark.parametrize(
    ("next_start", "moments"), [(36, [5, 15, 35]), (35, [5, 15]), (15, [5]), (5, []), (0, [])]
)
def test_no_retry_is_made_once_the_next_run_begins(next_start: float, moments: list[float]) -> None:
    assert tries(replace(RETRY.default, limit=3), next_start=next_start) == moments


def test_the_wait_counts_from_the_failure() -> None:
    assert tries(replace(RETRY.default, limit=2), each_takes=100) == [105, 215]
