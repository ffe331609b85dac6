"""Named tasks are created once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from google.api_core.exceptions import AlreadyExists

from tests.laptop.google.tasks_support import TestQueue, create_queue
from tests.laptop.google.worker import Worker


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


def test_exactly_one_of_many_creators_of_one_name_succeeds(tasks_queue: TestQueue) -> None:
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
