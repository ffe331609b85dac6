"""The time of a first delivery, and the deadline of each."""

from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
from google.api_core.exceptions import InvalidArgument

from tests.laptop.google.tasks_support import TestQueue
from tests.laptop.google.worker import Answer


def now() -> datetime:
    return datetime.now(UTC)


def test_a_task_is_not_delivered_before_its_schedule_time(tasks_queue: TestQueue) -> None:
    due = now() + timedelta(seconds=0.7)
    task = tasks_queue.add(schedule_time=due)
    waiting = tasks_queue.client.get_task(name=task)
    assert (waiting.schedule_time, waiting.dispatch_count) == (due, 0)
    (row,) = tasks_queue.ended(task)
    assert row["dispatched"] >= due.timestamp()
    call = tasks_queue.calls(task, 1)[0]
    assert float(call.headers["X-CloudTasks-TaskETA"]) == pytest.approx(due.timestamp(), abs=1e-6)


def test_a_schedule_time_in_the_past_becomes_the_present(tasks_queue: TestQueue) -> None:
    before = now()
    task = tasks_queue.add(schedule_time=before - timedelta(days=1))
    (row,) = tasks_queue.ended(task)
    assert row["scheduled"] >= before.timestamp()


def test_an_earlier_task_overtakes_one_that_was_created_first(tasks_queue: TestQueue) -> None:
    late = tasks_queue.add(schedule_time=now() + timedelta(minutes=5))
    tasks_queue.ended(tasks_queue.add())
    assert tasks_queue.calls(late) == []


def test_thirty_days_ahead_is_the_furthest(tasks_queue: TestQueue) -> None:
    tasks_queue.add(schedule_time=now() + timedelta(days=30, seconds=-10))
    with pytest.raises(InvalidArgument, match="Schedule time must be no more than 720h in the future"):
        tasks_queue.add(schedule_time=now() + timedelta(days=30, seconds=10))


def test_a_delivery_past_its_deadline_has_failed_although_the_handler_goes_on(tasks_queue: TestQueue) -> None:
    release = Event()
    task = tasks_queue.add(Answer(until=release), Answer(200), dispatch_deadline={"nanos": 200_000_000})
    late, retried = tasks_queue.ended(task)
    assert (late["status"], late["verdict"], retried["status"]) == (504, "retried", 200)
    assert late["answered"] - late["dispatched"] >= 0.2
    first = tasks_queue.calls(task, 2)[0]
    assert not first.answered.is_set()  # still working, although the task has ended
    release.set()
    assert first.answered.wait(5)


def test_the_default_deadline_is_ten_minutes(tasks_queue: TestQueue) -> None:
    task = tasks_queue.add(schedule_time=now() + timedelta(minutes=5))
    assert tasks_queue.client.get_task(name=task).dispatch_deadline == timedelta(minutes=10)


@pytest.mark.parametrize("deadline", [timedelta(milliseconds=50), timedelta(minutes=31)])
def test_a_deadline_outside_the_limits_is_refused(tasks_queue: TestQueue, deadline: timedelta) -> None:
    with pytest.raises(InvalidArgument, match=r"Task\.dispatchDeadline must be between"):
        tasks_queue.add(dispatch_deadline=deadline)
