"""The Cloud Scheduler server as its own process, on a clock that the test sets."""

import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import httpx
from google.api_core.exceptions import NotFound
from google.cloud import scheduler_v1
from google.cloud.scheduler_v1.services.cloud_scheduler.transports import CloudSchedulerGrpcTransport
from google.protobuf.duration_pb2 import Duration

from tests.laptop.google.tasks_support.process import PATIENCE, eventually
from tests.laptop.google.tasks_support.worker import Answer, Call, Worker

ROOT = Path(__file__).parents[3]
READY = re.compile(r"Cloud Scheduler ready on 127\.0\.0\.1:(\d+), control on (http://\S+)")
LOCATION = "projects/demo/locations/here"
START = datetime(2026, 11, 22, 12, tzinfo=UTC)
"""A Sunday noon: what the clock of each test shows at first, standing still."""

Client = Any
"""The official CloudSchedulerClient, whose types do not know the dicts and datetimes that it takes and gives."""
Field = Any


def at(hour: int, minute: int = 0, second: int = 0) -> float:
    return START.replace(hour=hour, minute=minute, second=second).timestamp()


def retry_config(**values: float) -> scheduler_v1.RetryConfig:
    """Durations are given in seconds."""
    lengths = {
        name: Duration(seconds=int(value), nanos=round(value % 1 * 1e9))
        for name, value in values.items()
        if name.endswith("duration")
    }
    return scheduler_v1.RetryConfig(values | lengths)


class SchedulerServer:
    def __init__(self, data_file: Path, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "laptop.google.scheduler", "serve", "--port", "0", "--control-port", "0",
             "--data-file", str(data_file), *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        assert self._process.stdout
        ready = READY.search(self._process.stdout.readline())
        assert ready, "the server did not start"
        self.endpoint = f"127.0.0.1:{ready[1]}"
        self.control_url = ready[2]
        self._control = httpx.Client(base_url=ready[2], timeout=60)
        channel = grpc.insecure_channel(self.endpoint)
        self.client: Client = scheduler_v1.CloudSchedulerClient(
            transport=CloudSchedulerGrpcTransport(channel=channel)
        )

    def control(self, method: str, path: str, **request: Any) -> Any:  # noqa: ANN401  # JSON
        answer = self._control.request(method, path, **request)
        answer.raise_for_status()
        return answer.json()

    def ask(self, method: str, path: str, content: str) -> httpx.Response:
        return self._control.request(method, path, content=content)

    def clock(self, **order: object) -> dict[str, Any]:
        given = {name: str(value) if name == "now" else value for name, value in order.items()}
        found: dict[str, Any] = self.control("PUT", "/clock", json=given)
        return found

    def advance(self, *, minutes: float = 0, seconds: float = 0) -> None:
        self.clock(advance=minutes * 60 + seconds)

    def firings(self, job: str = "") -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.control("GET", "/firings", params={"job": job})["firings"]
        return rows

    def inject(self, *faults: dict[str, Any]) -> None:
        self.control("POST", "/faults", json={"seed": 1, "faults": faults})

    def start_over(self) -> None:
        """No jobs, no faults, and noon."""
        for job in self.client.list_jobs(parent=LOCATION):
            self.client.delete_job(name=job.name)
        self.control("DELETE", "/faults")
        self.clock(now=START)

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
def running(data_file: Path, *arguments: str) -> Iterator[SchedulerServer]:
    server = SchedulerServer(data_file, *arguments)
    try:
        yield server
    finally:
        server.close()


@dataclass(frozen=True)
class Schedule:
    """The jobs of one test, with a target behind them."""

    server: SchedulerServer
    worker: Worker
    fields: dict[str, Field] = field(default_factory=dict)

    @property
    def client(self) -> Client:
        return self.server.client

    def message(self, *, http: dict[str, Any] | None = None, **fields: Field) -> scheduler_v1.Job:
        key = uuid.uuid4().hex
        target = {"uri": self.worker.url(key), "body": b"{}", **(http or {})}
        name = f"{LOCATION}/jobs/{key}"
        return scheduler_v1.Job({"name": name, "schedule": "*/15 * * * *", "http_target": target, **fields})

    def add(self, *answers: Answer, http: dict[str, Any] | None = None, **fields: Field) -> str:
        """A job that gets the answers in turn, every 15 minutes; returns its full name."""
        job = self.message(http=http, **fields)
        self.worker.script(_key(job.name), *answers)
        return str(self.client.create_job(parent=LOCATION, job=job).name)

    def calls(self, job: str, count: int = 0) -> list[Call]:
        return self.worker.calls(_key(job), count)

    def schedule_times(self, job: str, count: int = 0) -> list[str]:
        return [call.headers.get("X-CloudScheduler-ScheduleTime", "") for call in self.calls(job, count)]

    def firings(self, job: str) -> list[dict[str, Any]]:
        return self.server.firings(job)

    def ended(self, job: str, count: int) -> list[dict[str, Any]]:
        """The first `count` firings of the books, once they have come to their end."""

        def told() -> list[dict[str, Any]]:
            over = [row for row in self.firings(job) if row["verdict"] != "in flight"]
            return over[:count] if len(over) >= count else []

        return eventually(told)

    def exists(self, job: str) -> bool:
        try:
            self.client.get_job(name=job)
        except NotFound:
            return False
        return True


def _key(job: str) -> str:
    return job.rpartition("/")[2]
