"""Views and lists of tasks, and the fields about their attempts."""

from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
from google.cloud import tasks_v2

from tests.laptop.google.tasks_support import TestQueue
from tests.laptop.google.worker import Answer
from tests.waiting import wait_until

View = tasks_v2.Task.View


@pytest.fixture
def paused(tasks_queue: TestQueue) -> TestQueue:
    tasks_queue.client.pause_queue(name=tasks_queue.name)
    return tasks_queue


@pytest.mark.parametrize(
    ("view", "body"), [(View.VIEW_UNSPECIFIED, b""), (View.BASIC, b""), (View.FULL, b"secret")]
)
def test_only_the_full_view_shows_the_body_and_both_show_the_headers(
    paused: TestQueue, view: View, body: bytes
) -> None:
    task = paused.add(http={"body": b"secret", "headers": {"X-Mine": "1"}})
    got = paused.client.get_task(request={"name": task, "response_view": view})
    listed = next(iter(paused.client.list_tasks(request={"parent": paused.name, "response_view": view})))
    for shown in (got, listed):
        assert shown.http_request.body == body
        assert shown.http_request.headers["X-Mine"] == "1"
        assert shown.view is (View.FULL if view is View.FULL else View.BASIC)


@pytest.mark.parametrize(("view", "body"), [(View.BASIC, b""), (View.FULL, b"secret")])
def test_create_answers_in_the_requested_view(paused: TestQueue, view: View, body: bytes) -> None:
    task = {"http_request": {"url": "http://127.0.0.1:1/", "body": b"secret"}}
    request = {"parent": paused.name, "task": task, "response_view": view}
    assert paused.client.create_task(request=request).http_request.body == body


def test_a_new_task_shows_its_defaults(paused: TestQueue) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    task = paused.client.get_task(name=paused.add())
    assert task.http_request.http_method is tasks_v2.HttpMethod.POST
    assert before <= task.create_time <= task.schedule_time
    assert task.create_time.microsecond == 0
    assert (task.dispatch_count, task.response_count) == (0, 0)
    assert "first_attempt" not in task
    assert "last_attempt" not in task


def test_tasks_are_listed_page_by_page_each_once(paused: TestQueue) -> None:
    names = {paused.add() for _ in range(5)}
    pages = list(paused.client.list_tasks(request={"parent": paused.name, "page_size": 2}).pages)
    assert [len(page.tasks) for page in pages] == [2, 2, 1]
    assert {task.name for page in pages for task in page.tasks} == names


def test_a_task_in_flight_shows_a_dispatch_without_a_response(tasks_queue: TestQueue) -> None:
    release = Event()
    task = tasks_queue.add(Answer(until=release))
    tasks_queue.calls(task, 1)
    shown = tasks_queue.client.get_task(name=task)
    assert (shown.dispatch_count, shown.response_count) == (1, 0)
    assert shown.first_attempt.dispatch_time == shown.last_attempt.dispatch_time
    assert "response_time" not in shown.last_attempt
    release.set()
    tasks_queue.ended(task)


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (500, 13, "INTERNAL(13): HTTP status code 500"),
        (503, 14, "UNAVAILABLE(14): HTTP status code 503"),
        (404, 5, "NOT_FOUND(5): HTTP status code 404"),
        (429, 8, "RESOURCE_EXHAUSTED(8): HTTP status code 429"),
    ],
)
def test_a_failed_attempt_shows_its_times_and_status(
    tasks_queue: TestQueue, status: int, code: int, message: str
) -> None:
    task = tasks_queue.add(Answer(status, {"Retry-After": "60"}))
    wait_until(lambda: tasks_queue.client.get_task(name=task).response_count == 1)
    shown = tasks_queue.client.get_task(name=task)
    last = shown.last_attempt
    assert shown.dispatch_count == 1
    assert (last.response_status.code, last.response_status.message) == (code, message)
    assert last.schedule_time <= last.dispatch_time <= last.response_time
    assert shown.schedule_time - last.response_time == timedelta(seconds=60)


def test_the_first_attempt_keeps_only_its_dispatch_time(tasks_queue: TestQueue) -> None:
    task = tasks_queue.add(Answer(500), Answer(500, {"Retry-After": "60"}))
    wait_until(lambda: tasks_queue.client.get_task(name=task).response_count == 2)
    shown = tasks_queue.client.get_task(name=task)
    assert shown.first_attempt.dispatch_time < shown.last_attempt.dispatch_time
    assert "schedule_time" not in shown.first_attempt
    assert "response_time" not in shown.first_attempt


def test_a_passed_deadline_is_a_dispatch_without_a_response(tasks_queue: TestQueue) -> None:
    release = Event()
    task = tasks_queue.add(Answer(until=release), dispatch_deadline={"nanos": 120_000_000})
    tasks_queue.deliveries(task, 1)
    shown = wait_until(lambda: tasks_queue.client.get_task(name=task))
    assert shown.response_count == 0
    assert shown.dispatch_count >= 1
    release.set()
    tasks_queue.ended(task)
