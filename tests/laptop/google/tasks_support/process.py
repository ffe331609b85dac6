"""The Cloud Tasks server as its own process, reached as the deployed code would reach the real one."""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import grpc
import httpx
from google.cloud import tasks_v2
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

ROOT = Path(__file__).parents[4]
READY = re.compile(r"Cloud Tasks ready on 127\.0\.0\.1:(\d+), control on (http://\S+)")
PATIENCE = 20.0

T = TypeVar("T")
Client = Any
"""The official CloudTasksClient, whose types do not know the dicts and datetimes that it takes and gives."""


def eventually(condition: Callable[[], T]) -> T:
    """Waits for a truthy answer; fails the test when it does not come."""
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, "what was waited for did not happen"
        time.sleep(0.01)
    return found


class TasksServer:
    def __init__(self, data_file: Path, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "laptop.google.tasks", "--port", "0", "--control-port", "0",
             "--data-file", str(data_file), *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        assert self._process.stdout
        ready = READY.search(self._process.stdout.readline())
        assert ready, "the server did not start"
        self.endpoint = f"127.0.0.1:{ready[1]}"
        self._control = httpx.Client(base_url=ready[2], timeout=10)
        channel = grpc.insecure_channel(self.endpoint)
        self.client: Client = tasks_v2.CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))

    def control(self, method: str, path: str, **request: Any) -> Any:  # noqa: ANN401  # JSON
        answer = self._control.request(method, path, **request)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, content: str) -> httpx.Response:
        return self._control.post(path, content=content)

    def deliveries(self, task: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.control("GET", "/deliveries", params={"task": task})["deliveries"]
        return rows

    def summary(self, queue: str) -> dict[str, Any]:
        found: dict[str, Any] = next(
            q for q in self.control("GET", "/queues")["queues"] if q["name"] == queue
        )
        return found

    def inject(self, *faults: dict[str, Any]) -> None:
        self.control("POST", "/faults", json={"seed": 1, "faults": faults})

    def kill(self) -> None:
        self._process.kill()
        self._release()

    def terminate(self) -> int:
        """Returns the exit status."""
        self._process.terminate()
        return self._release()

    def close(self) -> None:
        if self._process.returncode is None:
            assert self.terminate() == 0

    def _release(self) -> int:
        self.client.transport.close()
        self._control.close()
        status = self._process.wait(PATIENCE)
        assert self._process.stdout
        self._process.stdout.close()
        return status


@contextmanager
def running(data_file: Path, *arguments: str) -> Iterator[TasksServer]:
    server = TasksServer(data_file, *arguments)
    try:
        yield server
    finally:
        server.close()
