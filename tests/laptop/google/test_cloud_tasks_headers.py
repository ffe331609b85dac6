"""The headers of each delivery, compared with those recorded from the real service.

The recordings come from github.com/aertje/cloud-tasks-emulator (MIT, 2026).
"""

import base64
import json
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from tests.laptop.google.tasks_support import TestQueue
from tests.laptop.google.worker import Answer

SENT_BY_ANY_CLIENT = {"Host", "Content-Length"}

# answer of this delivery; RetryCount, ExecutionCount, PreviousResponse carried by it
ANSWERS = [
    (503, "0", "0", None),
    (404, "1", "0", "503"),
    (429, "2", "1", "404"),
    (500, "3", "2", "429"),
    (302, "4", "2", "500"),
    (200, "5", "3", "302"),
]
DEADLINE_PASSED = [(None, "0", "0", None), (200, "1", "0", "504")]


def expected(row: tuple[int | None, str, str, str | None], queue: str, task: str, eta: str) -> dict[str, str]:
    _, retries, executions, previous = row
    headers = {
        "User-Agent": "Google-Cloud-Tasks",
        "X-CloudTasks-QueueName": queue,
        "X-CloudTasks-TaskName": task,
        "X-CloudTasks-TaskETA": eta,
        "X-CloudTasks-TaskRetryCount": retries,
        "X-CloudTasks-TaskExecutionCount": executions,
    }
    if previous:
        headers |= {"X-CloudTasks-TaskPreviousResponse": previous, "X-CloudTasks-TaskRetryReason": ""}
    return headers


def received(queue: TestQueue, task: str, rows: list[Any]) -> None:
    calls = queue.calls(task, len(rows))
    logged = queue.ended(task)
    short_queue, short_task = queue.name.rpartition("/")[2], task.rpartition("/")[2]
    for row, call, delivery in zip(rows, calls, logged, strict=True):
        own = {name: value for name, value in call.headers.items() if name not in SENT_BY_ANY_CLIENT}
        assert own == expected(row, short_queue, short_task, f"{delivery['scheduled']:.6f}")


def test_each_delivery_carries_the_recorded_headers(tasks_queue: TestQueue) -> None:
    task = tasks_queue.add(*[Answer(status) for status, *_ in ANSWERS])
    received(tasks_queue, task, ANSWERS)


def test_after_a_passed_deadline_the_previous_response_is_504(tasks_queue: TestQueue) -> None:
    never = Event()
    task = tasks_queue.add(Answer(until=never), Answer(200), dispatch_deadline={"nanos": 150_000_000})
    received(tasks_queue, task, DEADLINE_PASSED)
    never.set()


def test_the_task_s_headers_keep_their_casing(tasks_queue: TestQueue) -> None:
    own = {"X-Correlation-ID": "abc", "content-TYPE": "text/plain", "X-Latin": "café"}
    call = tasks_queue.calls(tasks_queue.add(http={"headers": own}), 1)[0]
    assert {name: call.headers.get(name) for name in ("X-Correlation-ID", "content-TYPE")} == {
        "X-Correlation-ID": "abc",
        "content-TYPE": "text/plain",
    }
    assert "X-Latin" in call.headers


def test_a_task_without_a_content_type_is_sent_without_one(tasks_queue: TestQueue) -> None:
    call = tasks_queue.calls(tasks_queue.add(), 1)[0]
    assert "content-type" not in {name.lower() for name in call.headers}


def test_headers_reserved_by_the_service_are_replaced_or_left_out(tasks_queue: TestQueue) -> None:
    forged = {
        "Host": "elsewhere",
        "User-Agent": "me",
        "Content-Length": "999",
        "X-Google-Thing": "1",
        "x-appengine-queuename": "1",
        "X-CloudTasks-TaskRetryCount": "7",
    }
    task = tasks_queue.add(http={"headers": forged})
    headers = tasks_queue.calls(task, 1)[0].headers
    assert headers["User-Agent"] == "Google-Cloud-Tasks"
    assert headers["X-CloudTasks-TaskRetryCount"] == "0"
    assert headers["Host"].startswith("127.0.0.1:")
    assert headers["Content-Length"] == "2"
    assert not {"X-Google-Thing", "x-appengine-queuename"} & set(headers)


@pytest.mark.parametrize("audience", ["", "https://automate.example"])
def test_an_oidc_token_comes_as_a_bearer_token(tasks_queue: TestQueue, audience: str) -> None:
    token = {"service_account_email": "queue@demo.iam.gserviceaccount.com", "audience": audience}
    task = tasks_queue.add(http={"oidc_token": token})
    call = tasks_queue.calls(task, 1)[0]
    scheme, _, jwt = call.headers["Authorization"].partition(" ")
    header, payload, signature = (part + "=" * (-len(part) % 4) for part in jwt.split("."))
    claims = json.loads(base64.urlsafe_b64decode(payload))
    assert (scheme, signature, json.loads(base64.urlsafe_b64decode(header))["alg"]) == ("Bearer", "", "none")
    assert claims["email"] == token["service_account_email"]
    assert claims["aud"] == (audience or tasks_queue.worker.url(Path(task).name))
    assert claims["exp"] - claims["iat"] == 3600


def test_an_oauth_token_comes_as_a_bearer_token(tasks_queue: TestQueue) -> None:
    task = tasks_queue.add(http={"oauth_token": {"service_account_email": "queue@demo"}})
    assert tasks_queue.calls(task, 1)[0].headers["Authorization"].startswith("Bearer ")
