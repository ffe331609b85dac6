"""The delays before retries, as the server logged them and as the worker saw them."""

from collections.abc import Callable
from email.utils import formatdate
from time import time

import pytest

from tests.laptop.google.tasks_support import TestQueue, retry_config
from tests.laptop.google.worker import Answer

QueueOf = Callable[..., TestQueue]

SCHEDULES = {  # min, max, doublings: delays after each failure
    "doubling, then linear, then the maximum": (
        (0.005, 0.15, 3),
        [0.005, 0.01, 0.02, 0.04, 0.08, 0.12, 0.15, 0.15],
    ),
    "doubling up to the maximum": ((0.02, 0.1, 16), [0.02, 0.04, 0.08, 0.1, 0.1]),
    "one doubling": ((0.02, 1, 1), [0.02, 0.04, 0.08, 0.12, 0.16]),
    "constant": ((0.05, 0.05, 16), [0.05, 0.05, 0.05]),
    "no backoff": ((0, 0, 16), [0, 0, 0]),
}


@pytest.mark.parametrize(("settings", "delays"), SCHEDULES.values(), ids=SCHEDULES)
def test_the_delays_between_attempts_follow_the_retry_config(
    tasks_queue_of: QueueOf, settings: tuple[float, float, int], delays: list[float]
) -> None:
    shortest, longest, doublings = settings
    queue = tasks_queue_of(
        retry_config=retry_config(
            min_backoff=shortest, max_backoff=longest, max_doublings=doublings, max_attempts=len(delays) + 1
        )
    )
    rows = queue.ended(task := queue.add(Answer(500)))
    assert [row["delay"] for row in rows] == [*map(pytest.approx, delays), None]
    for before, after, delay in zip(rows, rows[1:], delays, strict=False):
        assert after["scheduled"] - before["answered"] == pytest.approx(delay, abs=1e-5)
        assert after["dispatched"] >= after["scheduled"]
    arrivals = [call.arrived for call in queue.calls(task)]
    for earlier, later, delay in zip(arrivals, arrivals[1:], delays, strict=False):
        assert later - earlier >= delay - 0.001


def test_no_doublings_mean_linear_growth(tasks_queue_of: QueueOf) -> None:
    queue = tasks_queue_of()
    config = retry_config(min_backoff=0.02, max_backoff=0.05, max_attempts=5)
    queue.client.update_queue(
        queue={"name": queue.name, "retry_config": config},
        update_mask={"paths": ["retry_config", "retry_config.max_doublings"]},
    )
    rows = queue.ended(queue.add(Answer(500)))
    assert [row["delay"] for row in rows[:-1]] == [*map(pytest.approx, [0.02, 0.04, 0.05, 0.05])]


def test_a_retry_after_lengthens_the_wait(tasks_queue: TestQueue) -> None:
    task = tasks_queue.add(Answer(429, {"Retry-After": "50"}), Answer(200))
    (first,) = tasks_queue.deliveries(task, 1)
    assert first["delay"] == 50
    due = tasks_queue.client.get_task(name=task).schedule_time.timestamp()
    assert due - first["answered"] == pytest.approx(50, abs=1e-5)


@pytest.mark.parametrize("status", [302, 404, 500, 503])
def test_a_retry_after_counts_with_any_failure(tasks_queue: TestQueue, status: int) -> None:
    task = tasks_queue.add(Answer(status, {"Retry-After": "60"}))
    assert tasks_queue.deliveries(task, 1)[0]["delay"] == 60


def test_a_retry_after_can_be_a_date(tasks_queue: TestQueue) -> None:
    task = tasks_queue.add(Answer(503, {"Retry-After": formatdate(time() + 100, usegmt=True)}), Answer(200))
    assert tasks_queue.deliveries(task, 1)[0]["delay"] == pytest.approx(99, abs=5)


@pytest.mark.parametrize("nonsense", ["soon", "-5", "0"])
def test_an_unusable_retry_after_changes_nothing(tasks_queue: TestQueue, nonsense: str) -> None:
    task = tasks_queue.add(Answer(503, {"Retry-After": nonsense}), Answer(200))
    assert tasks_queue.deliveries(task, 1)[0]["delay"] == 0.01
