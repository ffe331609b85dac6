"""The Cloud Tasks server, and for each test a new queue with a worker behind it."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from google.api_core.exceptions import NotFound
from google.cloud import tasks_v2
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport
from google.protobuf.duration_pb2 import Duration

from tests.laptop.google.server import Client, LocalServer
from tests.laptop.google.worker import Answer, Call, Worker
from tests.waiting import wait_until

LOCATION = "projects/demo/locations/here"
Field = Any
"""A value of a protobuf field, in any form that the client library accepts."""
Method = Callable[[Any, grpc.ServicerContext], Any]
FAST = {"min_backoff": 0.01, "max_backoff": 0.01}


def retry_config(**values: float) -> tasks_v2.RetryConfig:
    """Durations are given in seconds."""
    lengths = {
        name: Duration(seconds=int(value), nanos=round(value % 1 * 1e9))
        for name, value in values.items()
        if name in {"min_backoff", "max_backoff", "max_retry_duration"}
    }
    return tasks_v2.RetryConfig(values | lengths)


class TasksServer(LocalServer):
    module = "laptop.google.tasks"
    product = "Cloud Tasks"

    def _connect(self, channel: grpc.Channel) -> Client:
        return tasks_v2.CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))

    def deliveries(self, task: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.control("GET", "/deliveries", params={"task": task})["deliveries"]
        return rows

    def summary(self, queue: str) -> dict[str, Any]:
        found: dict[str, Any] = next(
            q for q in self.control("GET", "/queues")["queues"] if q["name"] == queue
        )
        return found


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
        """Waits until the queue has forgotten the task and returns its logged deliveries."""
        wait_until(lambda: not self.exists(task))
        return self.server.deliveries(task)

    def deliveries(self, task: str, count: int) -> list[dict[str, Any]]:
        """The first `count` logged deliveries, once they have ended."""

        def ended() -> list[dict[str, Any]]:
            rows = [row for row in self.server.deliveries(task) if row["verdict"] != "in flight"]
            return rows[:count] if len(rows) >= count else []

        rows: list[dict[str, Any]] = wait_until(ended)
        return rows


def create_queue(server: TasksServer, worker: Worker, **fields: Field) -> TestQueue:
    """Its backoffs are 10 ms unless `fields` say otherwise."""
    name = f"{LOCATION}/queues/q-{uuid.uuid4().hex}"
    queue = tasks_v2.Queue({"name": name, "retry_config": retry_config(**FAST), **fields})
    server.client.create_queue(parent=LOCATION, queue=queue)
    return TestQueue(server, worker, name)


@contextmanager
def answering(create_task: Method | None = None, get_task: Method | None = None) -> Iterator[str]:
    """A bare gRPC server with nothing but these methods, in up to 100 threads at once; yields its endpoint."""
    methods = {
        "CreateTask": (create_task, tasks_v2.CreateTaskRequest.deserialize),
        "GetTask": (get_task, tasks_v2.GetTaskRequest.deserialize),
    }
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(
            method, request_deserializer=deserialize, response_serializer=tasks_v2.Task.serialize
        )
        for name, (method, deserialize) in methods.items()
        if method
    }
    server = grpc.server(ThreadPoolExecutor(100), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("google.cloud.tasks.v2.CloudTasks", handlers),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(0).wait()
