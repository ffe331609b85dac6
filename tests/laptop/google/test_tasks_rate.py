"""The rate at which a queue dispatches, in virtual time."""

import pytest

from laptop.google.tasks.messages import Queue, Task
from laptop.google.tasks.progress import Progress
from laptop.google.tasks.queues import LOWEST, LiveQueue, LiveTask, Throttle, TokenBucket, burst_size
from laptop.google.tasks.validation import new_queue

LOCATION = "projects/p/locations/l"


@pytest.mark.parametrize(("rate", "burst"), [(0.1, 1), (1, 1), (1.5, 2), (500, 500)])
def test_the_burst_is_about_the_rate_and_at_least_one(rate: float, burst: int) -> None:
    assert burst_size(rate) == burst


def test_a_full_bucket_gives_its_burst_at_once_and_then_one_token_per_interval() -> None:
    bucket = TokenBucket(rate=4, burst=3, now=100)
    assert [bucket.take(100) for _ in range(4)] == [True, True, True, False]
    assert bucket.wait(100) == 0.25
    assert not bucket.take(100.2)
    assert bucket.wait(100.2) == pytest.approx(0.05)
    assert bucket.take(100.25)


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    bucket = TokenBucket(rate=10, burst=2, now=0)
    assert [bucket.take(1_000) for _ in range(3)] == [True, True, False]


def test_a_bucket_with_a_token_needs_no_wait() -> None:
    assert TokenBucket(rate=1, burst=1, now=0).wait(0) == 0


def test_a_clock_that_goes_back_removes_no_tokens() -> None:
    bucket = TokenBucket(rate=1, burst=2, now=100)
    assert bucket.take(50)
    assert bucket.take(50)


def test_a_lowered_limit_drops_the_tokens_above_the_new_burst() -> None:
    bucket = TokenBucket(rate=10, burst=10, now=0)
    bucket.limit(rate=1, burst=2, now=0)
    assert [bucket.take(0) for _ in range(3)] == [True, True, False]
    assert bucket.wait(0) == 1


def test_a_raised_limit_keeps_the_tokens_that_were_there() -> None:
    bucket = TokenBucket(rate=1, burst=1, now=0)
    assert bucket.take(0)
    bucket.limit(rate=10, burst=10, now=0)
    assert not bucket.take(0)
    assert bucket.take(0.1)


@pytest.mark.parametrize("status", [429, 503])
def test_an_overloaded_answer_halves_the_rate(status: int) -> None:
    throttle = Throttle()
    throttle.answered(status, 0)
    assert throttle.factor(0) == 0.5


@pytest.mark.parametrize("status", [200, 302, 404, 500, 504])
def test_no_other_answer_lowers_the_rate(status: int) -> None:
    throttle = Throttle()
    throttle.answered(status, 0)
    assert throttle.factor(0) == 1


def test_overloaded_answers_of_one_second_count_once() -> None:
    throttle = Throttle()
    for moment in (0, 0.1, 0.9):
        throttle.answered(503, moment)
    assert throttle.factor(0.9) == 0.5
    throttle.answered(503, 1)
    assert throttle.factor(1) == 0.25


def test_the_rate_never_falls_below_a_tenth() -> None:
    throttle = Throttle()
    for second in range(20):
        throttle.answered(429, second)
    assert throttle.factor(20) == LOWEST


def test_each_good_answer_gives_a_tenth_back_up_to_the_full_rate() -> None:
    throttle = Throttle()
    throttle.answered(429, 0)
    factors = []
    for _ in range(6):
        throttle.answered(200, 1)
        factors.append(round(throttle.factor(1), 6))
    assert factors == [0.6, 0.7, 0.8, 0.9, 1, 1]


def test_ten_quiet_seconds_give_the_full_rate_back() -> None:
    throttle = Throttle()
    throttle.answered(429, 0)
    assert throttle.factor(9.9) == 0.5
    assert throttle.factor(10) == 1


def queue_of(rate: float) -> LiveQueue:
    limits = {"max_dispatches_per_second": rate}
    return LiveQueue(new_queue(LOCATION, Queue(name=f"{LOCATION}/queues/q", rate_limits=limits)), now=0)


def dispatch_times(queue: LiveQueue, count: int, *, one_task: bool = False) -> list[float]:
    """The times of `count` dispatches: of as many tasks that are due at 0, or of one that always fails at once."""
    tasks = [
        LiveTask(Task(name=f"t{number}"), Progress(0, 0), number)
        for number in range(1 if one_task else count)
    ]
    for task in tasks:
        queue.schedule(task, 0)
    now = 0.0
    times: list[float] = []
    while len(times) < count:
        found = queue.next(now)
        if isinstance(found, LiveTask):
            times.append(now)
            if one_task:
                queue.schedule(found, now)
        else:
            assert found, "nothing would ever be dispatched"
            now += max(found, 1e-6)  # a rounded 0 would stop the time
    return times


def test_after_the_burst_tasks_leave_at_the_queue_s_rate() -> None:
    expected = [0.0] * 20 + [number / 20 for number in range(1, 21)]
    assert dispatch_times(queue_of(20), 40) == pytest.approx(expected, abs=1e-4)


def test_a_rate_below_one_a_second_lets_single_tasks_through() -> None:
    assert dispatch_times(queue_of(0.8), 3) == pytest.approx([0, 1.25, 2.5], abs=1e-4)


def test_a_retry_needs_a_token_as_a_first_attempt_does() -> None:
    expected = [0, 0, 0, 0, 0.25, 0.5, 0.75]
    assert dispatch_times(queue_of(4), 7, one_task=True) == pytest.approx(expected, abs=1e-4)


def test_a_lowered_rate_slows_the_whole_queue() -> None:
    queue = queue_of(2)
    queue.throttle.answered(429, 0)
    assert dispatch_times(queue, 3) == pytest.approx([0, 1, 2], abs=1e-4)  # at the full rate: 0, 0, 0.5
