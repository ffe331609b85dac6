"""The rate and the concurrency of a queue's dispatches."""

from collections.abc import Callable
from threading import Event

import pytest

from tests.laptop.google.tasks_support import TestQueue
from tests.laptop.google.worker import Answer
from tests.waiting import wait_until

QueueOf = Callable[..., TestQueue]


def test_after_the_burst_tasks_leave_at_the_queue_s_rate(tasks_queue_of: QueueOf) -> None:
    """The server waits in real time; `test_tasks_rate.py` checks the exact times."""
    queue = tasks_queue_of(rate_limits={"max_dispatches_per_second": 20})
    queue.client.pause_queue(name=queue.name)
    tasks = [queue.add() for _ in range(25)]
    queue.client.resume_queue(name=queue.name)
    times = sorted(queue.ended(task)[0]["dispatched"] for task in tasks)
    for earlier, later in zip(times, times[20:], strict=False):  # 20 more than the burst
        assert later - earlier >= 0.9 * (1 / 20)
    assert times[24] - times[0] >= 0.95 * (5 / 20)


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
def test_other_failures_do_not_change_the_rate(tasks_queue: TestQueue, status: int) -> None:
    tasks_queue.ended(tasks_queue.add(Answer(status), Answer(200)))
    assert tasks_queue.server.summary(tasks_queue.name)["effective_rate"] == 500


def test_one_queue_does_not_wait_for_another(tasks_queue_of: QueueOf) -> None:
    release = Event()
    blocked = tasks_queue_of(rate_limits={"max_concurrent_dispatches": 1})
    held = blocked.add(Answer(until=release))
    blocked.calls(held, 1)
    other = tasks_queue_of()
    assert len(other.ended(other.add())) == 1
    release.set()
    wait_until(lambda: not blocked.exists(held))
