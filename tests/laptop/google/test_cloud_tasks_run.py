"""RunTask delivers at once, whatever schedule, rate, concurrency or pause."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
from google.api_core.exceptions import NotFound

from tests.laptop.google.tasks_support import TestQueue, retry_config
from tests.laptop.google.worker import Answer
from tests.waiting import wait_until


def in_an_hour() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


def test_a_scheduled_task_runs_now(tasks_queue: TestQueue) -> None:
    task = tasks_queue.add(schedule_time=in_an_hour())
    answered = tasks_queue.client.run_task(name=task)
    assert answered.name == task
    assert answered.schedule_time <= datetime.now(UTC)
    assert [row["verdict"] for row in tasks_queue.ended(task)] == ["succeeded"]


def test_a_task_of_a_paused_queue_runs(tasks_queue: TestQueue) -> None:
    tasks_queue.client.pause_queue(name=tasks_queue.name)
    task = tasks_queue.add()
    tasks_queue.client.run_task(name=task)
    assert len(tasks_queue.ended(task)) == 1


def test_a_failed_run_is_retried_after_the_usual_delay(tasks_queue_of: Callable[..., TestQueue]) -> None:
    queue = tasks_queue_of(retry_config=retry_config(min_backoff=0.05, max_backoff=1))
    task = queue.add(Answer(500), Answer(200), schedule_time=in_an_hour())
    queue.client.run_task(name=task)
    assert [row["delay"] for row in queue.ended(task)] == [0.05, None]


def test_run_task_ignores_the_concurrency_limit_even_for_a_task_in_flight(
    tasks_queue_of: Callable[..., TestQueue],
) -> None:
    queue = tasks_queue_of(rate_limits={"max_concurrent_dispatches": 1})
    release = Event()
    task = queue.add(Answer(until=release))
    queue.calls(task, 1)
    queue.client.run_task(name=task)
    assert [call.at_once for call in queue.calls(task, 2)] == [1, 2]
    release.set()
    wait_until(lambda: not queue.exists(task))


def test_a_task_that_has_ended_cannot_be_run(tasks_queue: TestQueue) -> None:
    task = tasks_queue.add()
    tasks_queue.ended(task)
    with pytest.raises(NotFound):
        tasks_queue.client.run_task(name=task)
