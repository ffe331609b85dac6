"""The scheduler's adapter against the local server."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.cloud.scheduler_v1 import types

from shared.cloud.scheduler import CloudSchedulerJobs, SchedulerAddress
from shared.errors import NotFound, RequestRefused, RetryLater
from tests.laptop.google.scheduler_support import START, Schedule
from tests.laptop.google.worker import Answer
from tests.ports import free_port
from tests.processes import PROJECT


@contextmanager
def adapter(endpoint: str, timeout: float = 10) -> Iterator[CloudSchedulerJobs]:
    address = SchedulerAddress("demo", "here", endpoint)
    with closing(CloudSchedulerJobs(address, timeout=timeout)) as made:
        yield made


@pytest.fixture
def jobs(schedule: Schedule) -> Iterator[CloudSchedulerJobs]:
    with adapter(schedule.server.endpoint) as made:
        yield made


def short(job: str) -> str:
    return job.rpartition("/")[2]


def test_jobs_are_listed_by_name_with_their_state(schedule: Schedule, jobs: CloudSchedulerJobs) -> None:
    names = sorted(
        short(schedule.add(answer, time_zone="America/Toronto")) for answer in (Answer(200), Answer(404))
    )
    never = jobs.jobs()
    assert [job.name for job in never] == names
    assert {(job.last_attempt, job.last_status) for job in never} == {(None, None)}
    schedule.server.advance(minutes=15)
    found = jobs.jobs()
    assert {job.last_status for job in found} == {"OK", "NOT_FOUND(5): HTTP status code 404"}
    job = found[0]
    assert (job.schedule, job.time_zone, job.state) == ("*/15 * * * *", "America/Toronto", "ENABLED")
    assert job.url == schedule.worker.url(job.name)
    assert (job.last_attempt, job.next_time) == (START + timedelta(minutes=15), START + timedelta(minutes=30))


def test_a_pause_and_a_resumption_can_be_repeated(schedule: Schedule, jobs: CloudSchedulerJobs) -> None:
    name = short(schedule.add())
    assert [jobs.pause(name).state for _ in range(2)] == ["PAUSED", "PAUSED"]
    assert jobs.pause(name).next_time is None
    assert [jobs.resume(name).state for _ in range(2)] == ["ENABLED", "ENABLED"]


def test_each_request_to_run_fires_the_job_once(schedule: Schedule, jobs: CloudSchedulerJobs) -> None:
    job = schedule.add()
    jobs.pause(short(job))
    jobs.run(short(job))
    jobs.run(short(job))
    schedule.ended(job, 2)
    assert len(schedule.calls(job)) == 2


@pytest.mark.parametrize("method", ["pause", "resume", "run"])
def test_a_missing_job_is_named(jobs: CloudSchedulerJobs, method: str) -> None:
    with pytest.raises(NotFound, match="nobody"):
        getattr(jobs, method)("nobody")


def test_an_invalid_job_name_is_refused(jobs: CloudSchedulerJobs) -> None:
    with pytest.raises(RequestRefused, match="Job name must be formatted"):
        jobs.run("a b")


@pytest.mark.parametrize(
    "call", [lambda jobs: jobs.jobs(), lambda jobs: jobs.pause("a"), lambda jobs: jobs.run("a")]
)
def test_an_unreachable_server_is_reported_within_the_timeout(call: Any) -> None:  # noqa: ANN401  # a function of the parameter
    with adapter(f"127.0.0.1:{free_port()}", timeout=0.5) as jobs, pytest.raises(RetryLater):
        call(jobs)


@contextmanager
def refusing(method: str, codes: list[grpc.StatusCode]) -> Iterator[tuple[str, list[str]]]:
    """A bare server that answers one method with each code in turn, then with an empty job."""
    requests: list[str] = []

    def answer(request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ANN401  # messages
        requests.append(request.name)
        if len(requests) <= len(codes):
            context.abort(codes[len(requests) - 1], "scripted")
        return types.Job(name=request.name, state=types.Job.State.ENABLED)

    request: Any = {"GetJob": types.GetJobRequest, "RunJob": types.RunJobRequest}[method]
    handler = grpc.unary_unary_rpc_method_handler(
        answer, request_deserializer=request.deserialize, response_serializer=types.Job.serialize
    )
    server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("google.cloud.scheduler.v1.CloudScheduler", {method: handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}", requests
    finally:
        server.stop(0).wait()


def test_reading_is_retried_after_an_outage_and_running_is_not() -> None:
    outage = [grpc.StatusCode.UNAVAILABLE]
    with refusing("GetJob", outage) as (endpoint, requests), adapter(endpoint) as jobs:
        assert jobs.resume("a").state == "ENABLED"
        assert len(requests) == 2
    with refusing("RunJob", outage) as (endpoint, requests), adapter(endpoint) as jobs:
        with pytest.raises(RetryLater):
            jobs.run("a")
        assert len(requests) == 1


def test_missing_rights_are_a_refusal() -> None:
    denied = [grpc.StatusCode.PERMISSION_DENIED]
    with (
        refusing("RunJob", denied) as (endpoint, _),
        adapter(endpoint) as jobs,
        pytest.raises(RequestRefused, match="scripted"),
    ):
        jobs.run("a")


def test_without_credentials_the_real_service_is_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/at/all.json")
    with closing(CloudSchedulerJobs(SchedulerAddress("demo", "here"))) as jobs, pytest.raises(RetryLater):
        jobs.jobs()


def test_the_client_is_not_imported_before_it_is_needed() -> None:
    program = (
        "import sys, shared.cloud.scheduler; sys.exit(any(m in sys.modules for m in ('grpc', 'google.auth')))"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=PROJECT, check=False).returncode == 0
