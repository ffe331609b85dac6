"""The code and text of each refusal: as recorded from the real service, or ours where there is no recording.

The recordings and the measured size limit come from github.com/aertje/cloud-tasks-emulator (MIT, 2026).
"""

import time
import uuid
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.api_core.exceptions import GoogleAPICallError

from tests.laptop.google.tasks_support import LOCATION, TestQueue, retry_config

MISSING = f"{LOCATION}/queues/no-such-queue"
QUEUE_MISSING = (
    "NOT_FOUND",
    "Queue does not exist. If you just created the queue, wait at least a minute for the queue to initialize.",
)
ENTITY_MISSING = ("NOT_FOUND", "Requested entity was not found.")
TASK_GONE = (
    "NOT_FOUND",
    (
        "The task no longer exists, though a task with this name existed recently. "
        "The task either successfully completed or was deleted."
    ),
)
HTTP = {"url": "http://127.0.0.1:1/"}

Case = Callable[[TestQueue], object]


def create_queue(queue: TestQueue, **fields: Any) -> object:  # noqa: ANN401  # a queue's fields
    return queue.client.create_queue(parent=LOCATION, queue={"name": f"{LOCATION}/queues/refused", **fields})


def create_task(queue: TestQueue, parent: str = "", **fields: Any) -> object:  # noqa: ANN401  # a task's fields
    task = {"http_request": HTTP, **fields}
    return queue.client.create_task(parent=parent or queue.name, task=task)


def recreate_queue(queue: TestQueue) -> None:
    queue.client.delete_queue(name=queue.name)
    queue.client.create_queue(parent=LOCATION, queue={"name": queue.name})


def create_twice(queue: TestQueue) -> None:
    queue.add(task="twice")
    queue.add(task="twice")


def get_a_task_that_was_deleted(queue: TestQueue) -> None:
    queue.client.pause_queue(name=queue.name)
    task = queue.add()
    queue.client.delete_task(name=task)
    queue.client.get_task(name=task)


def get_a_task_that_completed(queue: TestQueue) -> None:
    task = queue.add()
    queue.ended(task)
    queue.client.get_task(name=task)


# rpc, case: what brings it about; code and text
RECORDED: dict[tuple[str, str], tuple[list[Case], tuple[str, str]]] = {
    ("CreateQueue", "queue already exists"): (
        [lambda q: q.client.create_queue(parent=LOCATION, queue={"name": q.name})],
        ("ALREADY_EXISTS", "Queue already exists"),
    ),
    ("CreateQueue", "min_backoff > max_backoff"): (
        [lambda q: create_queue(q, retry_config=retry_config(min_backoff=2, max_backoff=1))],
        ("INVALID_ARGUMENT", "RetryConfig.minBackoff must be less than or equal to RetryConfig.maxBackoff."),
    ),
    ("CreateQueue", "max_concurrent_dispatches > 5000"): (
        [lambda q: create_queue(q, rate_limits={"max_concurrent_dispatches": 5001})],
        ("INVALID_ARGUMENT", "RateLimits.maxConcurrentDispatches must be less than or equal to 5000."),
    ),
    ("CreateQueue", "max_attempts < -1"): (
        [lambda q: create_queue(q, retry_config={"max_attempts": -2})],
        ("INVALID_ARGUMENT", "RetryConfig.maxAttempts must be greater or equal to -1."),
    ),
    ("CreateQueue", "max_dispatches_per_second > 500"): (
        [lambda q: create_queue(q, rate_limits={"max_dispatches_per_second": 501})],
        ("INVALID_ARGUMENT", "RateLimits.maxDispatchesPerSecond must be less than or equal to 500."),
    ),
    ("CreateQueue", "name of a queue deleted recently"): (
        [recreate_queue],
        (
            "FAILED_PRECONDITION",
            "The queue cannot be created because a queue with this name existed too recently.",
        ),
    ),
    ("CreateQueue", "queue name malformed"): (
        [lambda q: q.client.create_queue(parent=LOCATION, queue={"name": "not-a-valid-queue-name"})],
        (
            "INVALID_ARGUMENT",
            'Queue name must be formatted: "projects/<PROJECT_ID>/locations/<LOCATION_ID>/queues/<QUEUE_ID>".',
        ),
    ),
    ("CreateQueue", "parent malformed"): (
        [lambda q: q.client.create_queue(parent="not-a-valid-parent", queue={"name": q.name})],
        ("PERMISSION_DENIED", "Permission denied on resource project not-a-valid-parent."),
    ),
    ("GetQueue, PauseQueue, PurgeQueue, ResumeQueue, CreateTask", "no such queue"): (
        [
            lambda q: q.client.get_queue(name=MISSING),
            lambda q: q.client.pause_queue(name=MISSING),
            lambda q: q.client.purge_queue(name=MISSING),
            lambda q: q.client.resume_queue(name=MISSING),
            lambda q: create_task(q, MISSING),
        ],
        QUEUE_MISSING,
    ),
    ("DeleteQueue", "no such queue"): ([lambda q: q.client.delete_queue(name=MISSING)], ENTITY_MISSING),
    ("CreateTask", "name in use, or used recently"): (
        [create_twice],
        ("ALREADY_EXISTS", "Requested entity already exists"),
    ),
    ("CreateTask", "empty url"): (
        [lambda q: create_task(q, http_request={"url": ""}), lambda q: create_task(q, http_request={})],
        ("INVALID_ARGUMENT", "HttpRequest.url is required."),
    ),
    ("CreateTask", "url without http(s) scheme"): (
        [lambda q: create_task(q, http_request={"url": "ftp://example.com"})],
        ("INVALID_ARGUMENT", "HttpTarget.url must start with 'http://' or 'https://'."),
    ),
    ("CreateTask", "task named under another queue"): (
        [lambda q: create_task(q, name=f"{MISSING}/tasks/t")],
        (
            "INVALID_ARGUMENT",
            (
                "The queue name from request ('{queue_path}') must be the same as the queue name in the named task "
                "('{other_queue_path}')."
            ),
        ),
    ),
    ("GetTask, DeleteTask, RunTask", "no such task"): (
        [
            lambda q: q.client.get_task(name=q.path("never")),
            lambda q: q.client.delete_task(name=q.path("never")),
            lambda q: q.client.run_task(name=q.path("never")),
            lambda q: q.client.get_task(name=f"{MISSING}/tasks/never"),
        ],
        ENTITY_MISSING,
    ),
    ("GetTask", "task that ended or was deleted recently"): (
        [get_a_task_that_was_deleted, get_a_task_that_completed],
        TASK_GONE,
    ),
}

UNRECORDED: dict[str, tuple[Case, str, str]] = {
    "a malformed task name": (lambda q: create_task(q, name="t"), "INVALID_ARGUMENT", "Task name must be"),
    "a character that a task id cannot have": (
        lambda q: create_task(q, name=q.path("a.b")),
        "INVALID_ARGUMENT",
        "Task name must be",
    ),
    "a malformed queue name": (
        lambda q: q.client.get_queue(name="projects/p/queues/q"),
        "INVALID_ARGUMENT",
        "Queue name must be",
    ),
    "a character that a queue id cannot have": (
        lambda q: q.client.create_queue(parent=LOCATION, queue={"name": f"{LOCATION}/queues/a_b"}),
        "INVALID_ARGUMENT",
        "Queue name must be",
    ),
    "a queue in another location": (
        lambda q: q.client.create_queue(parent=LOCATION, queue={"name": "projects/p/locations/l/queues/q"}),
        "INVALID_ARGUMENT",
        "must be in the location",
    ),
    "a parent without a project": (
        lambda q: q.client.list_queues(parent="here"),
        "PERMISSION_DENIED",
        "Permission denied on resource project here.",
    ),
    "a parent without a location": (
        lambda q: q.client.list_queues(parent="projects/p"),
        "INVALID_ARGUMENT",
        "Location name must be",
    ),
    "a body with GET": (
        lambda q: create_task(q, http_request={**HTTP, "http_method": "GET", "body": b"x"}),
        "INVALID_ARGUMENT",
        "HttpRequest.body",
    ),
    "a url that is too long": (
        lambda q: create_task(q, http_request={"url": "http://example.com/" + "x" * 2083}),
        "INVALID_ARGUMENT",
        "HttpRequest.url must be at most",
    ),
    "a negative page size": (
        lambda q: q.client.list_tasks(request={"parent": q.name, "page_size": -1}),
        "INVALID_ARGUMENT",
        "page size",
    ),
    "an invalid page token": (
        lambda q: q.client.list_tasks(request={"parent": q.name, "page_token": "x"}),
        "INVALID_ARGUMENT",
        "page token",
    ),
    "a negative rate": (
        lambda q: create_queue(q, rate_limits={"max_dispatches_per_second": -1}),
        "INVALID_ARGUMENT",
        "must not be negative",
    ),
    "a negative backoff": (
        lambda q: create_queue(q, retry_config=retry_config(min_backoff=-1)),
        "INVALID_ARGUMENT",
        "must not be negative",
    ),
    "tasks of a missing queue": (
        lambda q: q.client.list_tasks(parent=MISSING),
        *QUEUE_MISSING,
    ),
    "a filter": (
        lambda q: q.client.list_queues(request={"parent": LOCATION, "filter": "state: PAUSED"}),
        "UNIMPLEMENTED",
        "is not imitated by the local Cloud Tasks server",
    ),
    "an App Engine task": (
        lambda q: q.client.create_task(
            parent=q.name, task={"app_engine_http_request": {"relative_uri": "/work"}}
        ),
        "UNIMPLEMENTED",
        "is not imitated by the local Cloud Tasks server",
    ),
    "routing on the queue": (
        lambda q: create_queue(q, http_target={"http_method": "POST"}),
        "UNIMPLEMENTED",
        "is not imitated by the local Cloud Tasks server",
    ),
    "a batch of tasks": (
        lambda q: q.client.batch_create_tasks(request={"parent": q.name}),
        "UNIMPLEMENTED",
        "BatchCreateTasks is not imitated by the local Cloud Tasks server",
    ),
    "an access policy": (
        lambda q: q.client.get_iam_policy(request={"resource": q.name}),
        "UNIMPLEMENTED",
        "GetIamPolicy is not imitated by the local Cloud Tasks server",
    ),
}


def refusal(cause: Case, queue: TestQueue) -> tuple[str, str]:
    with pytest.raises(GoogleAPICallError) as raised:
        cause(queue)
    code = raised.value.grpc_status_code
    assert isinstance(code, grpc.StatusCode)
    return code.name, raised.value.message


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        pytest.param(cause, expected, id=f"{rpc}: {case} ({number})")
        for (rpc, case), (causes, expected) in RECORDED.items()
        for number, cause in enumerate(causes)
    ],
)
def test_a_refusal_has_the_recorded_code_and_text(
    tasks_queue: TestQueue, cause: Case, expected: tuple[str, str]
) -> None:
    code, text = expected
    text = text.replace("{queue_path}", tasks_queue.name).replace("{other_queue_path}", MISSING)
    assert refusal(cause, tasks_queue) == (code, text)


@pytest.mark.parametrize(("cause", "code", "text"), UNRECORDED.values(), ids=UNRECORDED)
def test_a_refusal_without_a_recording_says_what_is_wrong(
    tasks_queue: TestQueue, cause: Case, code: str, text: str
) -> None:
    got_code, got_text = refusal(cause, tasks_queue)
    assert got_code == code
    assert text in got_text


@pytest.mark.parametrize(
    "url", ["http://", "http:///path", "http://[::1", "http://example.com:99999/", "http://example.com:0/"]
)
def test_a_url_without_a_possible_host_or_port_is_refused(tasks_queue: TestQueue, url: str) -> None:
    text = "HttpRequest.url must name a host and a port that can exist."
    assert refusal(lambda q: create_task(q, http_request={"url": url}), tasks_queue) == (
        "INVALID_ARGUMENT",
        text,
    )


def test_a_task_may_be_as_large_as_was_measured_on_the_real_service(tasks_queue: TestQueue) -> None:
    """With a name and a url of these lengths and times in whole seconds, the body may have 1,048,368 bytes."""
    parent = "projects/cloudtasksemu/locations/us-central1"
    queue = f"{parent}/queues/cte-probe-{uuid.uuid4().hex[:10]}-http"
    tasks_queue.client.create_queue(parent=parent, queue={"name": queue})

    def create(task: str, size: int) -> object:
        tomorrow = {"seconds": int(time.time()) + 86_400}
        http_request = {"url": "https://example.com/", "body": b"a" * size}
        return create_task(
            tasks_queue,
            queue,
            name=f"{queue}/tasks/cte-probe-1234567890-{task}",
            schedule_time=tomorrow,
            http_request=http_request,
        )

    create("t000001", 1_048_368)
    assert refusal(lambda _: create("t000002", 1_048_369), tasks_queue) == (
        "INVALID_ARGUMENT",
        "Task size too large",
    )
    tasks_queue.client.delete_queue(name=queue)


def test_a_task_of_nearly_one_mebibyte_is_delivered_whole(tasks_queue: TestQueue) -> None:
    body = b"x" * 1_048_000
    task = tasks_queue.add(http={"body": body})
    assert tasks_queue.calls(task, 1)[0].body == body
