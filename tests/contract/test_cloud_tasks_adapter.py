"""The production queue adapter against the server, through the unmodified official client."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

import grpc
import pytest
from google.cloud.tasks_v2 import types

from shared.cloud.in_flight import RETRIES
from shared.cloud.tasks import CloudTasksQueue, QueueAddress
from shared.enrichment.ports import EnqueueFailure, QueueTask
from shared.errors import QueueUnavailable, SettingsInvalid
from tests.laptop.google.server import running
from tests.laptop.google.tasks_support import TasksServer, TestQueue, answering, create_queue
from tests.laptop.google.worker import Worker
from tests.ports import free_port
from tests.processes import PROJECT
from tests.waiting import wait_until

NOWHERE = QueueAddress("demo", "here", "nowhere", "http://127.0.0.1:1/")


def address(queue: TestQueue) -> QueueAddress:
    _, project, _, location, _, name = queue.name.split("/")
    url = queue.worker.url(name)
    return QueueAddress(project, location, name, url, api_endpoint=queue.server.endpoint)


@contextmanager
def adapter(where: QueueAddress, *, timeout: float = 10) -> Iterator[CloudTasksQueue]:
    queue = CloudTasksQueue(where, timeout=timeout, pause=lambda _: None)
    try:
        yield queue
    finally:
        queue.close()


@pytest.fixture
def queue(tasks_queue: TestQueue) -> Iterator[CloudTasksQueue]:
    with adapter(address(tasks_queue)) as made:
        yield made


@pytest.fixture
def outage(tasks_queue: TestQueue) -> Iterator[TestQueue]:
    yield tasks_queue
    tasks_queue.server.control("DELETE", "/faults")


def tasks(count: int) -> list[QueueTask]:
    return [QueueTask(f"task-{number}", {"automation_task_id": number}) for number in range(count)]


def test_each_task_arrives_as_json_under_its_name(tasks_queue: TestQueue, queue: CloudTasksQueue) -> None:
    assert queue.enqueue(tasks(100)) == []
    calls = tasks_queue.worker.calls(tasks_queue.name.rpartition("/")[2], 100)
    arrived = {call.headers["X-CloudTasks-TaskName"]: json.loads(call.body) for call in calls}
    assert arrived == {task.name: task.body for task in tasks(100)}
    assert {(call.method, call.headers["Content-Type"]) for call in calls} == {("POST", "application/json")}


def test_a_name_that_is_taken_counts_as_created(tasks_queue: TestQueue, queue: CloudTasksQueue) -> None:
    twice = [*tasks(3), *tasks(3)]
    assert queue.enqueue(twice) == []
    assert queue.enqueue(twice) == []
    tasks_queue.ended(tasks_queue.path("task-2"))
    assert len(tasks_queue.worker.calls(tasks_queue.name.rpartition("/")[2], 3)) == 3


def test_enqueueing_no_tasks_succeeds(queue: CloudTasksQueue) -> None:
    assert queue.enqueue([]) == []


def test_the_schedule_time_is_kept(tasks_queue: TestQueue, queue: CloudTasksQueue) -> None:
    later = datetime.now(UTC) + timedelta(hours=3)
    queue.enqueue([QueueTask("later", {}, later)])
    assert tasks_queue.client.get_task(name=tasks_queue.path("later")).schedule_time == later


@pytest.mark.parametrize("audience", [None, "https://automate.example"])
def test_a_task_carries_identity_and_deadline(tasks_queue: TestQueue, audience: str | None) -> None:
    plain = address(tasks_queue)
    tasks_queue.client.pause_queue(name=tasks_queue.name)
    who = "queue@demo.iam.gserviceaccount.com"
    with adapter(replace(plain, service_account=who, audience=audience, dispatch_deadline=90)) as queue:
        assert queue.enqueue(tasks(1)) == []
    task = tasks_queue.client.get_task(name=tasks_queue.path("task-0"))
    assert task.dispatch_deadline == timedelta(seconds=90)
    assert task.http_request.oidc_token.service_account_email == who
    assert task.http_request.oidc_token.audience == (audience or plain.target_url)


def test_tasks_are_started_in_the_given_order(tasks_queue: TestQueue, queue: CloudTasksQueue) -> None:
    tasks_queue.client.pause_queue(name=tasks_queue.name)
    queue.enqueue(tasks(200))
    listed = [task.name.rpartition("-")[2] for task in tasks_queue.client.list_tasks(parent=tasks_queue.name)]
    out_of_place = [abs(int(number) - place) for place, number in enumerate(listed)]
    assert max(out_of_place) <= 64  # calls in flight together may overtake each other


def test_at_least_32_calls_are_in_flight_at_once() -> None:
    together = threading.Barrier(32)

    def meet(request: types.CreateTaskRequest, _: grpc.ServicerContext) -> types.Task:
        together.wait(10)  # fails the call when fewer than 32 arrive
        return request.task

    with answering(create_task=meet) as endpoint, adapter(replace(NOWHERE, api_endpoint=endpoint)) as queue:
        assert queue.enqueue(tasks(64)) == []


@pytest.mark.parametrize("kind", ["call_refused", "call_lost"])
def test_tasks_are_created_despite_a_short_outage(
    outage: TestQueue, queue: CloudTasksQueue, kind: str
) -> None:
    outage.server.inject({"kind": kind, "queue": outage.name.rpartition("/")[2], "times": 20})
    assert queue.enqueue(tasks(30)) == []
    outage.worker.calls(outage.name.rpartition("/")[2], 30)


def test_retries_are_bounded_and_failures_are_reported(outage: TestQueue, queue: CloudTasksQueue) -> None:
    outage.server.inject({"kind": "call_refused", "queue": outage.name.rpartition("/")[2]})
    expected = "Cloud Tasks answered UNAVAILABLE: Injected fault: nothing was created."
    assert queue.enqueue(tasks(2)) == [EnqueueFailure("task-0", expected), EnqueueFailure("task-1", expected)]
    assert outage.server.control("GET", "/faults")["faults"][0]["struck"] == 2 * RETRIES.tries


def test_the_pauses_between_attempts_double() -> None:
    pauses: list[float] = []
    queue = CloudTasksQueue(replace(NOWHERE, api_endpoint=f"127.0.0.1:{free_port()}"), pause=pauses.append)
    assert [failure.name for failure in queue.enqueue(tasks(3))] == ["task-0", "task-1", "task-2"]
    assert pauses == [0.25, 0.5, 1.0]
    queue.close()


def test_one_bad_task_does_not_hold_up_the_others(tasks_queue: TestQueue, queue: CloudTasksQueue) -> None:
    too_large = QueueTask("too-large", {"text": "x" * 1_048_576})
    failures = queue.enqueue([*tasks(1), too_large, QueueTask("bad name", {}), QueueTask("last", {})])
    assert [failure.name for failure in failures] == ["too-large", "bad name"]
    assert failures[0].message == "Cloud Tasks answered INVALID_ARGUMENT: Task size too large"
    tasks_queue.worker.calls(tasks_queue.name.rpartition("/")[2], 2)


def test_a_call_that_hangs_is_retried_after_its_timeout() -> None:
    requests: list[str] = []
    over = threading.Event()

    def hang_once(request: types.CreateTaskRequest, _: grpc.ServicerContext) -> types.Task:
        requests.append(request.task.name)
        if len(requests) == 1:
            over.wait(10)
        return request.task

    with (
        answering(create_task=hang_once) as endpoint,
        adapter(replace(NOWHERE, api_endpoint=endpoint), timeout=0.5) as queue,
    ):
        assert queue.enqueue(tasks(1)) == []
        over.set()
    assert requests == [f"{NOWHERE.path}/tasks/task-0"] * 2


def test_a_lasting_refusal_is_not_retried() -> None:
    requests: list[str] = []

    def forbid(request: types.CreateTaskRequest, context: grpc.ServicerContext) -> NoReturn:
        requests.append(request.task.name)
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "not yours")

    with answering(create_task=forbid) as endpoint, adapter(replace(NOWHERE, api_endpoint=endpoint)) as queue:
        expected = EnqueueFailure("task-0", "Cloud Tasks answered PERMISSION_DENIED: not yours")
        assert queue.enqueue(tasks(1)) == [expected]
    assert len(requests) == 1


def test_a_missing_queue_is_reported_for_each_task(tasks_queue: TestQueue) -> None:
    with adapter(replace(address(tasks_queue), queue="missing")) as queue:
        failures = queue.enqueue(tasks(2))
    assert [failure.message.startswith("Cloud Tasks answered NOT_FOUND: Queue") for failure in failures] == [
        True
    ] * 2


def test_held_tells_which_tasks_the_queue_still_has(tasks_queue: TestQueue, queue: CloudTasksQueue) -> None:
    tasks_queue.client.pause_queue(name=tasks_queue.name)
    queue.enqueue(tasks(2))
    tasks_queue.client.delete_task(name=tasks_queue.path("task-0"))
    assert queue.held(["task-0", "task-1", "never"]) == {"task-0": False, "task-1": True, "never": False}
    assert queue.held([]) == {}


def test_many_questions_are_asked_at_once() -> None:
    together = threading.Barrier(32)

    def meet(request: types.GetTaskRequest, _: grpc.ServicerContext) -> types.Task:
        together.wait(10)  # fails the call when fewer than 32 arrive
        return types.Task(name=request.name)

    names = [f"task-{number}" for number in range(64)]
    with answering(get_task=meet) as endpoint, adapter(replace(NOWHERE, api_endpoint=endpoint)) as queue:
        assert queue.held(names) == dict.fromkeys(names, True)


def test_questions_that_fail_for_a_moment_are_asked_again(outage: TestQueue, queue: CloudTasksQueue) -> None:
    outage.client.pause_queue(name=outage.name)
    queue.enqueue(tasks(30))
    outage.server.inject({"kind": "look_refused", "queue": outage.name.rpartition("/")[2], "times": 20})
    assert queue.held(["never", *(task.name for task in tasks(30))]) == {
        "never": False,
        **{task.name: True for task in tasks(30)},
    }


def test_a_question_that_keeps_failing_leaves_the_others_answered() -> None:
    def fail_one(request: types.GetTaskRequest, context: grpc.ServicerContext) -> types.Task:
        if request.name.endswith("task-1"):
            context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        return types.Task(name=request.name)

    with answering(get_task=fail_one) as endpoint, adapter(replace(NOWHERE, api_endpoint=endpoint)) as queue:
        assert queue.held(["task-0", "task-1", "task-2"]) == {"task-0": True, "task-2": True}


def test_a_task_counts_as_missing_only_in_a_queue_that_exists(
    tasks_queue: TestQueue, queue: CloudTasksQueue
) -> None:
    tasks_queue.client.pause_queue(name=tasks_queue.name)
    queue.enqueue(tasks(1))
    tasks_queue.client.delete_queue(name=tasks_queue.name)
    with pytest.raises(SettingsInvalid, match=f"{tasks_queue.name} does not exist"):
        queue.held(["task-0"])


def test_a_queue_that_does_not_answer_is_unavailable() -> None:
    with (
        adapter(replace(NOWHERE, api_endpoint=f"127.0.0.1:{free_port()}"), timeout=0.5) as queue,
        pytest.raises(QueueUnavailable, match="could not say which tasks exist"),
    ):
        queue.held(["task-0"])


def test_creates_that_are_refused_for_their_number_are_tried_again(
    outage: TestQueue, queue: CloudTasksQueue
) -> None:
    outage.server.inject({"kind": "call_exhausted", "queue": outage.name.rpartition("/")[2], "times": 20})
    assert queue.enqueue(tasks(30)) == []
    outage.worker.calls(outage.name.rpartition("/")[2], 30)


def test_a_queue_that_refuses_all_creates_ends_the_enqueuing_early(
    outage: TestQueue, queue: CloudTasksQueue
) -> None:
    """And later ones try a single task, until one is taken."""
    short = outage.name.rpartition("/")[2]

    def struck() -> int:
        return int(outage.server.control("GET", "/faults")["faults"][0]["struck"])

    outage.server.inject({"kind": "call_exhausted", "queue": short})
    refused = "Cloud Tasks answered RESOURCE_EXHAUSTED: Injected fault: nothing was created."
    assert queue.enqueue(tasks(3000)) == [EnqueueFailure(task.name, refused) for task in tasks(3000)]
    first = struck()
    assert 64 * RETRIES.tries <= first <= 128 * RETRIES.tries
    assert queue.enqueue(tasks(3000)) == [EnqueueFailure(task.name, refused) for task in tasks(3000)]
    assert struck() == first + 1

    outage.server.control("DELETE", "/faults")
    assert queue.enqueue(tasks(100)) == []
    outage.worker.calls(short, 100)


def test_many_bad_tasks_do_not_hold_up_the_good_ones(tasks_queue: TestQueue, queue: CloudTasksQueue) -> None:
    bad = [QueueTask(f"bad name {number}", {}) for number in range(200)]
    assert len(queue.enqueue([*bad, *tasks(1)])) == len(bad)
    tasks_queue.worker.calls(tasks_queue.name.rpartition("/")[2], 1)


def test_a_check_passes_where_tasks_may_be_created_and_creates_none(
    tasks_queue: TestQueue, queue: CloudTasksQueue
) -> None:
    queue.check()
    assert list(tasks_queue.client.list_tasks(parent=tasks_queue.name)) == []


def test_a_check_distinguishes_a_missing_queue_from_an_unreachable_service(tasks_queue: TestQueue) -> None:
    missing = replace(address(tasks_queue), queue="missing")
    with adapter(missing) as queue, pytest.raises(SettingsInvalid, match="queues/missing does not exist"):
        queue.check()
    away = replace(NOWHERE, api_endpoint=f"127.0.0.1:{free_port()}")
    with adapter(away, timeout=0.5) as queue, pytest.raises(QueueUnavailable, match="did not say"):
        queue.check()


def test_the_adapter_reconnects_to_a_restarted_server(tmp_path: Path, tasks_worker: Worker) -> None:
    with running(TasksServer, tmp_path / "tasks.db") as server:
        made = create_queue(server, tasks_worker)
        port = int(server.endpoint.rpartition(":")[2])
        with adapter(address(made)) as queue:
            assert queue.enqueue(tasks(1)) == []
            server.kill()
            assert len(queue.enqueue(tasks(2))) == 2
            with running(TasksServer, tmp_path / "tasks.db", "--port", str(port)):
                wait_until(lambda: queue.enqueue(tasks(2)) == [])


def test_a_closed_adapter_opens_a_new_connection_when_it_is_used_again(queue: CloudTasksQueue) -> None:
    assert queue.enqueue(tasks(1)) == []
    queue.close()
    queue.close()
    assert queue.enqueue(tasks(1)) == []


def test_without_credentials_every_task_fails_with_that_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/no/such/file.json")
    with adapter(NOWHERE) as queue:
        (failure,) = queue.enqueue(tasks(1))
        assert failure.message.startswith("no credentials for Cloud Tasks: ")
        with pytest.raises(QueueUnavailable):
            queue.held(["task-0"])


def test_importing_and_building_the_adapter_does_not_import_the_client() -> None:
    code = (
        "import sys; from shared.cloud.tasks import *; "
        "CloudTasksQueue(QueueAddress('p', 'l', 'q', 'http://x')); "
        "print([name for name in sys.modules if name.startswith(('google.cloud.', 'grpc', 'google.auth'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
