"""How fast and how many at once a queue dispatches."""

from collections.abc import Callable
from itertools import pairwise
from threading import Event

import pytest

from tests.laptop.google.tasks_support import TestQueue
from tests.laptop.google.worker import Answer
from tests.waiting import wait_until

QueueOf = Callable[..., TestQueue]


def test_after_the_burst_tasks_leave_at_the_queue_s_rate(tasks_queue_of: QueueOf) -> None:
    queue = tasks_queue_of(rate_limits={"max_dispatches_per_second": 20})
    queue.client.pause_queue(name=queue.name)
    tasks = [queue.add() for _ in range(40)]
    queue.client.resume_queue(name=queue.name)
    times = sorted(queue.ended(task)[0]["dispatched"] for task in tasks)
    for earlier, later in zip(
        times, times[20:], strict=False
    ):  # 20 more than any burst need a second of refill
        assert later - earlier >= 0.9 * (1 / 20)
    assert times[39] - times[0] >= 0.95
    assert times[19] - times[0] < times[39] - times[20]


def test_a_rate_below_one_a_second_lets_single_tasks_through(tasks_queue_of: QueueOf) -> None:
    queue = tasks_queue_of(rate_limits={"max_dispatches_per_second": 0.8})
    times = sorted(queue.ended(task)[0]["dispatched"] for task in [queue.add(), queue.add()])
    assert times[1] - times[0] >= 1.2


def test_a_retry_needs_a_token_as_a_first_attempt_does(tasks_queue_of: QueueOf) -> None:
    queue = tasks_queue_of(rate_limits={"max_dispatches_per_second": 4})
    rows = queue.ended(queue.add(*[Answer(500)] * 6, Answer(200)))
    assert rows[6]["dispatched"] - rows[0]["dispatched"] >= 0.7


def test_never_more_than_max_concurrent_dispatches_are_in_flight(tasks_queue_of: QueueOf) -> None:
    queue = tasks_queue_of(rate_limits={"max_concurrent_dispatches": 3})
    release = Event()
    queue.worker.script("crowd", Answer(until=release))
    tasks = [queue.add(http={"url": queue.worker.url("crowd")}) for _ in range(10)]
    queue.worker.calls("crowd", 3)
    assert queue.server.summary(queue.name)["in_flight"] == 3
    release.set()
    for task in tasks:
        queue.ended(task)
    assert max(call.at_once for call in queue.worker.calls("crowd")) == 3
    assert len(queue.worker.calls("crowd")) == 10


def test_a_raised_limit_takes_effect_at_once(tasks_queue_of: QueueOf) -> None:
    queue = tasks_queue_of(rate_limits={"max_concurrent_dispatches": 1})
    release = Event()
    queue.worker.script("waiting", Answer(until=release))
    for _ in range(2):
        queue.add(http={"url": queue.worker.url("waiting")})
    queue.worker.calls("waiting", 1)
    queue.client.update_queue(
        queue={"name": queue.name, "rate_limits": {"max_concurrent_dispatches": 2}},
        update_mask={"paths": ["rate_limits.max_concurrent_dispatches"]},
    )
    queue.worker.calls("waiting", 2)
    release.set()


@pytest.mark.parametrize("status", [429, 503])
def test_an_overloaded_worker_lowers_the_queue_s_effective_rate(tasks_queue: TestQueue, status: int) -> None:
    tasks_queue.ended(tasks_queue.add(Answer(status), Answer(200)))
    summary = tasks_queue.server.summary(tasks_queue.name)
    assert summary["effective_rate"] == pytest.approx(500 * 0.6)  # halved, and a tenth back for the 200
    configured = tasks_queue.client.get_queue(name=tasks_queue.name)
    assert configured.rate_limits.max_dispatches_per_second == 500


@pytest.mark.parametrize("status", [404, 500])
def test_other_failures_leave_the_rate_alone(tasks_queue: TestQueue, status: int) -> None:
    tasks_queue.ended(tasks_queue.add(Answer(status), Answer(200)))
    assert tasks_queue.server.summary(tasks_queue.name)["effective_rate"] == 500


def test_a_lowered_rate_slows_the_whole_queue(tasks_queue_of: QueueOf) -> None:
    queue = tasks_queue_of(rate_limits={"max_dispatches_per_second": 2, "max_concurrent_dispatches": 1})
    overloaded = queue.add(Answer(429), Answer(200))
    queue.deliveries(overloaded, 1)
    times = sorted(queue.ended(task)[-1]["dispatched"] for task in [queue.add(), overloaded, queue.add()])
    assert [later - earlier >= 0.65 for earlier, later in pairwise(times)] == [
        True,
        True,
    ]  # 0.5 at the full rate


def test_one_queue_does_not_wait_for_another(tasks_queue_of: QueueOf) -> None:
    release = Event()
    blocked = tasks_queue_of(rate_limits={"max_concurrent_dispatches": 1})
    held = blocked.add(Answer(until=release))
    blocked.calls(held, 1)
    other = tasks_queue_of()
    assert len(other.ended(other.add())) == 1
    release.set()
    wait_until(lambda: not blocked.exists(held))
