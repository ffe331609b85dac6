from dataclasses import replace

import pytest

from laptop.google.common.retry import RetryPolicy
from laptop.google.tasks.messages import RETRY
from laptop.google.tasks.progress import exhausted, retry_delay

# min, max, doublings: waits after the 1st, 2nd ... failure
SCHEDULES = [
    ((10, 300, 3), [10, 20, 40, 80, 160, 240, 300, 300]),  # the example of the service's documentation
    ((10, 300, 0), [10, 20, 30, 40, 50]),
    ((1, 10, 16), [1, 2, 4, 8, 10, 10]),
    ((5, 5, 16), [5, 5, 5]),
    ((0.1, 3600, 16), [0.1, 0.2, 0.4, 0.8]),
    ((0, 0, 16), [0, 0, 0]),
]


@pytest.mark.parametrize(("settings", "waits"), SCHEDULES)
def test_waits_double_then_grow_linearly_up_to_the_maximum(
    settings: tuple[float, float, int], waits: list[float]
) -> None:
    policy = RetryPolicy(100, 0, *settings)
    found = [policy.wait(failures) for failures in range(1, len(waits) + 1)]
    assert found == pytest.approx(waits)


def test_a_task_that_failed_for_weeks_still_has_a_wait() -> None:
    assert RetryPolicy(-1, 0, 0.1, 3600, 2_000_000).wait(1_000_000) == 3600


@pytest.mark.parametrize(
    ("attempts", "duration", "failures", "elapsed", "over"),
    [
        (3, 0, 2, 9_999, False),
        (3, 0, 3, 0, True),  # a duration of 0 limits nothing
        (3, 60, 3, 59, False),  # both limits must be reached
        (3, 60, 2, 61, False),
        (3, 60, 3, 60, True),
        (1, 0, 1, 0, True),
        (-1, 0, 10_000, 9_999_999, False),
        (-1, 60, 10_000, 59, False),
        (-1, 60, 1, 60, True),
    ],
)
def test_a_task_is_given_up_when_attempts_and_duration_are_both_used_up(
    attempts: int, duration: float, failures: int, elapsed: float, *, over: bool
) -> None:
    policy = replace(RETRY.default, limit=attempts, max_retry_duration=duration)
    assert exhausted(policy, failures=failures, elapsed=elapsed) is over


def test_a_given_up_task_has_no_delay() -> None:
    assert retry_delay(replace(RETRY.default, limit=1), failures=1, elapsed=0, retry_after=60) is None


@pytest.mark.parametrize(("asked", "delay"), [(0, 10), (5, 10), (10, 10), (60, 60)])
def test_a_retry_after_lengthens_the_delay_and_never_shortens_it(asked: float, delay: float) -> None:
    assert (
        retry_delay(replace(RETRY.default, min_backoff=10), failures=1, elapsed=0, retry_after=asked) == delay
    )
