"""The number of deliveries of a task, and the answers that end it."""

from collections.abc import Callable
from threading import Event

import pytest

from tests.laptop.google.tasks_support import FAST, TestQueue, retry_config
from tests.laptop.google.worker import Answer
from tests.waiting import wait_until

QueueOf = Callable[..., TestQueue]


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_success_removes_the_task(tasks_queue: TestQueue, status: int) -> None:
    task = tasks_queue.add(Answer(status))
    assert [row["verdict"] for row in tasks_queue.ended(task)] == ["succeeded"]


@pytest.mark.parametrize("status", [302, 304, 400, 404, 409, 500])
def test_any_other_answer_is_a_failed_delivery(tasks_queue: TestQueue, status: int) -> None:
    task = tasks_queue.add(Answer(status, {"Location": "/elsewhere"}), Answer(200))
    assert [row["status"] for row in tasks_queue.ended(task)] == [status, 200]


def test_a_redirect_is_not_followed(tasks_queue: TestQueue) -> None:
    task = tasks_queue.add(Answer(302, {"Location": tasks_queue.worker.url("the-target")}), Answer(200))
    tasks_queue.ended(task)
    assert tasks_queue.worker.calls("the-target") == []


def test_an_unreachable_worker_is_a_failed_delivery(tasks_queue_of: QueueOf) -> None:
    queue = tasks_queue_of(retry_config=retry_config(max_attempts=2, **FAST))
    task = queue.add(http={"url": "http://127.0.0.1:1/nobody"})
    assert [(row["status"], row["verdict"]) for row in queue.ended(task)] == [
        (503, "retried"),
        (503, "exhausted"),
    ]


@pytest.mark.parametrize(
    "url",
    ["http://exa mple.invalid/", f"http://{'a' * 64}.invalid/", "https://127.0.0.1:1/", "http://x\x01y/"],
)
def test_a_url_that_cannot_be_resolved_is_a_failed_delivery(tasks_queue_of: QueueOf, url: str) -> None:
    queue = tasks_queue_of(retry_config=retry_config(max_attempts=1))
    assert [row["verdict"] for row in queue.ended(queue.add(http={"url": url}))] == ["exhausted"]


def test_a_header_that_cannot_be_sent_is_a_failed_delivery(tasks_queue_of: QueueOf) -> None:
    queue = tasks_queue_of(retry_config=retry_config(max_attempts=1))
    task = queue.add(http={"headers": {"X-Broken": "a\r\nb"}})
    assert [row["verdict"] for row in queue.ended(task)] == ["exhausted"]


def test_an_answer_with_a_wrong_content_encoding_counts_as_an_answer(tasks_queue: TestQueue) -> None:
    task = tasks_queue.add(Answer(200, {"Content-Encoding": "gzip"}))
    assert [row["verdict"] for row in tasks_queue.ended(task)] == ["succeeded"]


def test_an_exhausted_task_is_deleted_silently(tasks_queue_of: QueueOf) -> None:
    queue = tasks_queue_of(retry_config=retry_config(max_attempts=3, **FAST))
    task = queue.add(Answer(500))
    assert [row["verdict"] for row in queue.ended(task)] == ["retried", "retried", "exhausted"]
    assert list(queue.client.list_tasks(parent=queue.name)) == []
    assert len(queue.calls(task)) == 3


def test_one_attempt_means_no_retry(tasks_queue_of: QueueOf) -> None:
    queue = tasks_queue_of(retry_config=retry_config(max_attempts=1))
    task = queue.add(Answer(500))
    queue.ended(task)
    assert len(queue.calls(task)) == 1


def test_unlimited_attempts_go_on_past_the_default_limit(tasks_queue_of: QueueOf) -> None:
    queue = tasks_queue_of(retry_config=retry_config(max_attempts=-1, min_backoff=0, max_backoff=0))
    task = queue.add(*[Answer(500)] * 100, Answer(200))
    assert len(queue.ended(task)) == 101


def test_retrying_ends_only_when_attempts_and_duration_are_both_used_up(tasks_queue_of: QueueOf) -> None:
    queue = tasks_queue_of(
        retry_config=retry_config(max_attempts=2, max_retry_duration=0.3, min_backoff=0.05, max_backoff=0.05)
    )
    task = queue.add(Answer(500))
    rows = queue.ended(task)
    first = rows[0]["dispatched"]
    assert len(rows) > 2
    assert all(row["answered"] - first < 0.3 for row in rows[:-1])
    assert rows[-1]["answered"] - first >= 0.3


def test_many_attempts_outlast_the_duration(tasks_queue_of: QueueOf) -> None:
    queue = tasks_queue_of(
        retry_config=retry_config(max_attempts=8, max_retry_duration=0.02, min_backoff=0.01, max_backoff=0.01)
    )
    task = queue.add(Answer(500))
    assert len(queue.ended(task)) == 8


def test_a_task_follows_its_own_retry_config(tasks_queue_of: QueueOf) -> None:
    queue = tasks_queue_of(retry_config=retry_config(max_attempts=5, **FAST))
    task = queue.add(
        Answer(500), retry_config=retry_config(max_attempts=2, min_backoff=0.02, max_backoff=0.02)
    )
    assert [row["delay"] for row in queue.ended(task)] == [0.02, None]


def test_the_worker_gets_method_body_and_content_type_of_the_task(tasks_queue: TestQueue) -> None:
    task = tasks_queue.add(
        http={"http_method": "PUT", "body": b'{"a": 1}', "headers": {"Content-Type": "application/json"}}
    )
    call = tasks_queue.calls(task, 1)[0]
    assert (call.method, call.body, call.headers["Content-Type"]) == ("PUT", b'{"a": 1}', "application/json")


def test_a_deleted_task_is_not_delivered(tasks_queue: TestQueue) -> None:
    tasks_queue.client.pause_queue(name=tasks_queue.name)
    gone, kept = tasks_queue.add(), tasks_queue.add()
    tasks_queue.client.delete_task(name=gone)
    tasks_queue.client.resume_queue(name=tasks_queue.name)
    tasks_queue.ended(kept)
    assert tasks_queue.calls(gone) == []


def test_a_failure_reported_after_the_task_was_deleted_is_discarded(tasks_queue: TestQueue) -> None:
    release = Event()
    task = tasks_queue.add(Answer(500, until=release))
    tasks_queue.calls(task, 1)
    tasks_queue.client.delete_task(name=task)
    release.set()
    wait_until(lambda: tasks_queue.server.deliveries(task)[0]["verdict"] == "discarded")
    assert not tasks_queue.exists(task)
