"""The Cloud Scheduler server, on a clock that the test sets."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import grpc
from google.api_core.exceptions import NotFound
from google.cloud import scheduler_v1
from google.cloud.scheduler_v1.services.cloud_scheduler.transports import CloudSchedulerGrpcTransport
from google.protobuf.duration_pb2 import Duration

from tests.laptop.google.server import Client, LocalServer
from tests.laptop.google.worker import Answer, Call, Worker
from tests.waiting import wait_until

LOCATION = "projects/demo/locations/here"
START = datetime(2026, 11, 22, 12, tzinfo=UTC)
"""A Sunday noon. The clock of each test stands there at first."""

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


class SchedulerServer(LocalServer):
    module = "laptop.google.scheduler"
    product = "Cloud Scheduler"

    def _connect(self, channel: grpc.Channel) -> Client:
        return scheduler_v1.CloudSchedulerClient(transport=CloudSchedulerGrpcTransport(channel=channel))

    def clock(self, **order: object) -> dict[str, Any]:
        given = {name: str(value) if name == "now" else value for name, value in order.items()}
        found: dict[str, Any] = self.control("PUT", "/clock", json=given)
        return found

    def advance(self, *, minutes: float = 0, seconds: float = 0) -> None:
        self.clock(advance=minutes * 60 + seconds)

    def firings(self, job: str = "") -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.control("GET", "/firings", params={"job": job})["firings"]
        return rows

    def start_over(self) -> None:
        """Leaves no jobs and no faults, and sets the clock to noon."""
        for job in self.client.list_jobs(parent=LOCATION):
            self.client.delete_job(name=job.name)
        self.control("DELETE", "/faults")
        self.clock(now=START)


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
        """The first `count` logged firings, once they have ended."""

        def ended() -> list[dict[str, Any]]:
            rows = [row for row in self.firings(job) if row["verdict"] != "in flight"]
            return rows[:count] if len(rows) >= count else []

        return wait_until(ended)

    def exists(self, job: str) -> bool:
        try:
            self.client.get_job(name=job)
        except NotFound:
            return False
        return True


def _key(job: str) -> str:
    return job.rpartition("/")[2]
