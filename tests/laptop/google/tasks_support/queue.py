"""One queue of its own for each test, with a worker behind it."""

import uuid
from dataclasses import dataclass
from typing import Any

from google.api_core.exceptions import NotFound
from google.cloud import tasks_v2
from google.protobuf.duration_pb2 import Duration

from tests.laptop.google.tasks_support.process import Client, TasksServer, eventually
from tests.laptop.google.tasks_support.worker import Answer, Call, Worker

LOCATION = "projects/demo/locations/here"
Field = Any
"""A value for a field of a protobuf message: what the client library takes."""
FAST = {"min_backoff": 0.01, "max_backoff": 0.01}


def retry_config(**values: float) -> tasks_v2.RetryConfig:
    """Durations are given in seconds."""
    lengths = {
        name: Duration(seconds=int(value), nanos=round(value % 1 * 1e9))
        for name, value in values.items()
        if name in {"min_backoff", "max_backoff", "max_retry_duration"}
    }
    return tasks_v2.RetryConfig(values | lengths)


@dataclass(frozen=True)
class TestQueue:
    __test__ = False

    server: TasksServer
    worker: Worker
    name: str

    @property
    def client(self) -> Client:
        return self.server.client

    def path(self, task: str) -> str:
        return f"{self.name}/tasks/{task}"

    def add(
        self, *answers: Answer, task: str = "", http: dict[str, Any] | None = None, **fields: Field
    ) -> str:
        """Creates a task that gets the answers in turn; returns its full name, whose last part is the worker's key."""
        key = task or uuid.uuid4().hex
        self.worker.script(key, *answers)
        request = {"url": self.worker.url(key), "body": b"{}", **(http or {})}
        message = tasks_v2.Task({"name": self.path(key), "http_request": request, **fields})
        return str(self.client.create_task(parent=self.name, task=message).name)

    def calls(self, task: str, count: int = 0) -> list[Call]:
        return self.worker.calls(task.rpartition("/")[2], count)

    def exists(self, task: str) -> bool:
        try:
            self.client.get_task(name=task)
        except NotFound:
            return False
        return True

    def ended(self, task: str) -> list[dict[str, Any]]:
        """Waits until the queue has forgotten the task and returns its deliveries from the books."""
        eventually(lambda: not self.exists(task))
        return self.server.deliveries(task)

    def deliveries(self, task: str, count: int) -> list[dict[str, Any]]:
        """The first `count` deliveries of the books, once they have come to their end."""

        def told() -> list[dict[str, Any]]:
            over = [row for row in self.server.deliveries(task) if row["verdict"] != "in flight"]
            return over[:count] if len(over) >= count else []

        rows: list[dict[str, Any]] = eventually(told)
        return rows


def create_queue(server: TasksServer, worker: Worker, **fields: Field) -> TestQueue:
    """Backoffs of 10 ms unless said otherwise."""
    name = f"{LOCATION}/queues/q-{uuid.uuid4().hex}"
    queue = tasks_v2.Queue({"name": name, "retry_config": retry_config(**FAST), **fields})
    server.client.create_queue(parent=LOCATION, queue=queue)
    return TestQueue(server, worker, name)
