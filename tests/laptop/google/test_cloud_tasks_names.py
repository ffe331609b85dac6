"""Named tasks are created once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from google.api_core.exceptions import AlreadyExists, FailedPrecondition

from tests.laptop.google.server import running
from tests.laptop.google.tasks_support import LOCATION, TasksServer, TestQueue, create_queue
from tests.laptop.google.worker import Worker
from tests.waiting import wait_until


def test_a_name_in_use_is_refused(tasks_queue: TestQueue) -> None:
    tasks_queue.client.pause_queue(name=tasks_queue.name)
    tasks_queue.add(task="twice")
    with pytest.raises(AlreadyExists):
        tasks_queue.add(task="twice")


def test_the_name_of_a_completed_task_is_refused(tasks_queue: TestQueue) -> None:
    tasks_queue.ended(tasks_queue.add(task="done"))
    with pytest.raises(AlreadyExists):
        tasks_queue.add(task="done")


def test_the_name_of_a_deleted_task_is_refused(tasks_queue: TestQueue) -> None:
    tasks_queue.client.pause_queue(name=tasks_queue.name)
    tasks_queue.client.delete_task(name=tasks_queue.add(task="deleted"))
    with pytest.raises(AlreadyExists):
        tasks_queue.add(task="deleted")


def test_the_same_name_is_free_in_another_queue(tasks_queue: TestQueue, tasks_worker: Worker) -> None:
    other = create_queue(tasks_queue.server, tasks_worker)
    assert tasks_queue.add(task="shared") != other.add(task="shared")


def test_of_many_creators_of_one_name_exactly_one_wins(tasks_queue: TestQueue) -> None:
    def create(_: int) -> bool:
        try:
            tasks_queue.add(task="contested")
        except AlreadyExists:
            return False
        return True

    with ThreadPoolExecutor(32) as pool:
        assert sum(pool.map(create, range(32))) == 1
    tasks_queue.ended(tasks_queue.path("contested"))
    assert len(tasks_queue.worker.calls("contested")) == 1


def test_unnamed_tasks_get_different_names(tasks_queue: TestQueue) -> None:
    task = {"http_request": {"url": tasks_queue.worker.url("unnamed")}}
    names = {tasks_queue.client.create_task(parent=tasks_queue.name, task=task).name for _ in range(5)}
    assert len(names) == 5
    assert all(name.startswith(f"{tasks_queue.name}/tasks/") for name in names)
    tasks_queue.worker.calls("unnamed", 5)


def test_names_are_free_again_when_their_time_is_over(tmp_path: Path, tasks_worker: Worker) -> None:
    windows = ("--task-tombstone", "0.6", "--queue-tombstone", "0.6")
    with running(TasksServer, tmp_path / "tasks.db", *windows) as server:
        queue = create_queue(server, tasks_worker)
        queue.ended(queue.add(task="again"))
        with pytest.raises(AlreadyExists):
            queue.add(task="again")

        def created(create: object) -> bool:
            try:
                assert callable(create)
                create()
            except (AlreadyExists, FailedPrecondition):
                return False
            return True

        wait_until(lambda: created(lambda: queue.add(task="again")))
        queue.client.delete_queue(name=queue.name)
        with pytest.raises(FailedPrecondition):
            queue.client.create_queue(parent=LOCATION, queue={"name": queue.name})
        wait_until(
            lambda: created(lambda: queue.client.create_queue(parent=LOCATION, queue={"name": queue.name}))
        )
