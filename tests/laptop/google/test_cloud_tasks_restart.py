"""The server is ended by SIGKILL or SIGTERM and started again on the same file."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
from google.api_core.exceptions import AlreadyExists, GoogleAPICallError
from google.cloud import tasks_v2

from tests.laptop.google.server import running
from tests.laptop.google.tasks_support import TasksServer, TestQueue, create_queue
from tests.laptop.google.worker import Answer, Worker
from tests.waiting import wait_until

ENDS: dict[str, Callable[[TasksServer], object]] = {
    "SIGKILL": TasksServer.kill,
    "SIGTERM": TasksServer.terminate,
}


@pytest.fixture(params=ENDS)
def restart(
    request: pytest.FixtureRequest, tmp_path: Path, tasks_worker: Worker
) -> Iterator[Callable[[TestQueue | None], TestQueue]]:
    """Called without a queue, starts a server and creates one; called with it, ends and starts that server again."""
    with ExitStack() as servers:

        def start(queue: TestQueue | None) -> TestQueue:
            if queue:
                ENDS[request.param](queue.server)
            server = servers.enter_context(running(TasksServer, tmp_path / "tasks.db"))
            return replace(queue, server=server) if queue else create_queue(server, tasks_worker)

        yield start


Restart = Callable[[TestQueue | None], TestQueue]


def test_waiting_tasks_and_settings_survive_a_restart(restart: Restart) -> None:
    queue = restart(None)
    queue.client.pause_queue(name=queue.name)
    tasks = {queue.add(http={"body": b"kept"}) for _ in range(5)}
    before = queue.client.get_queue(name=queue.name)
    queue = restart(queue)
    assert queue.client.get_queue(name=queue.name) == before
    full = {"parent": queue.name, "response_view": tasks_v2.Task.View.FULL}
    listed = {task.name: task.http_request.body for task in queue.client.list_tasks(request=full)}
    assert listed == dict.fromkeys(tasks, b"kept")
    queue.client.resume_queue(name=queue.name)
    for task in tasks:
        queue.ended(task)
        assert len(queue.calls(task)) == 1


def test_a_task_in_flight_is_delivered_again_with_the_same_counts(restart: Restart) -> None:
    queue = restart(None)
    release = Event()
    task = queue.add(Answer(500), Answer(until=release), Answer(200))
    queue.calls(task, 2)
    wait_until(lambda: queue.server.deliveries(task)[-1]["retry_count"] == 1)
    queue = restart(queue)
    rows = queue.ended(task)
    release.set()
    retry_counts = [call.headers["X-CloudTasks-TaskRetryCount"] for call in queue.calls(task, 3)]
    assert retry_counts == ["0", "1", "1"]
    assert [row["verdict"] for row in rows] == ["retried", "interrupted", "succeeded"]


def test_a_task_that_waits_for_its_retry_keeps_its_time_and_its_counts(restart: Restart) -> None:
    queue = restart(None)
    task = queue.add(Answer(404, {"Retry-After": "600"}), Answer(200))
    queue.deliveries(task, 1)
    before = queue.client.get_task(name=task)
    queue = restart(queue)
    assert queue.client.get_task(name=task) == before
    queue.client.run_task(name=task)
    headers = queue.calls(task, 2)[1].headers
    assert headers["X-CloudTasks-TaskExecutionCount"] == "1"
    assert headers["X-CloudTasks-TaskPreviousResponse"] == "404"


def test_names_of_ended_tasks_stay_taken(restart: Restart) -> None:
    queue = restart(None)
    queue.ended(queue.add(task="ended"))
    queue = restart(queue)
    with pytest.raises(AlreadyExists):
        queue.add(task="ended")


def test_a_task_that_became_due_while_stopped_is_delivered(restart: Restart) -> None:
    queue = restart(None)
    task = queue.add(schedule_time=datetime.now(UTC) + timedelta(seconds=0.5))
    queue = restart(queue)
    assert len(queue.ended(task)) == 1


def test_every_acknowledged_task_survives_a_kill_in_the_middle(tmp_path: Path, tasks_worker: Worker) -> None:
    with running(TasksServer, tmp_path / "tasks.db") as server:
        queue = create_queue(server, tasks_worker)
        queue.client.pause_queue(name=queue.name)
        acknowledged: list[str] = []
        enough = Event()

        def create(_: int) -> None:
            try:
                while True:
                    acknowledged.append(queue.add())
                    if len(acknowledged) >= 100:
                        enough.set()
            except (GoogleAPICallError, ValueError):  # ValueError: the channel was closed
                return

        with ThreadPoolExecutor(16) as pool:
            creators = [pool.submit(create, number) for number in range(16)]
            assert enough.wait(20)
            server.kill()
            for creator in creators:
                creator.result()
    with running(TasksServer, tmp_path / "tasks.db") as server:
        kept = {task.name for task in server.client.list_tasks(parent=queue.name)}
    assert set(acknowledged) <= kept
