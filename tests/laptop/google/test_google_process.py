"""The two servers as programs: options, ready line, exit status, control address."""

import signal
import socket
from pathlib import Path

import httpx
import pytest

from laptop.google.scheduler import __main__ as scheduler
from laptop.google.scheduler.validation import ForcedTime
from laptop.google.scheduler.validation import Settings as SchedulerSettings
from laptop.google.tasks import __main__ as tasks
from laptop.google.tasks.validation import Settings as TasksSettings
from tests.laptop.google.scheduler_support import Schedule, SchedulerServer
from tests.laptop.google.server import PATIENCE, LocalServer, running
from tests.laptop.google.tasks_support import TasksServer
from tests.laptop.google.worker import Worker

REQUIRED = ["--port", "1", "--control-port", "2", "--data-file", "x.db"]

both = pytest.mark.parametrize("kind", [TasksServer, SchedulerServer])


@both
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_when_it_is_ready_and_ends_cleanly_on_a_signal(
    tmp_path: Path, kind: type[LocalServer], number: signal.Signals
) -> None:
    with kind.program(tmp_path / "new" / "data.db") as process:
        _, control = kind.wait_until_ready(process)
        assert httpx.get(f"{control}/healthz").json() == {"status": "ok"}
        process.send_signal(number)
        _, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, errors) == (0, "")


@both
@pytest.mark.parametrize("which", ["port", "control_port"])
def test_a_taken_port_is_named_in_one_line(tmp_path: Path, kind: type[LocalServer], which: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with kind.program(tmp_path / "data.db", **{which: port}) as process:
            _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert str(port) in errors.splitlines()[-1]
    assert "Traceback" not in errors


@both
def test_a_second_server_on_the_same_file_is_refused(tmp_path: Path, kind: type[LocalServer]) -> None:
    with running(kind, tmp_path / "data.db"), kind.program(tmp_path / "data.db") as second:
        _, errors = second.communicate(timeout=PATIENCE)
    assert second.returncode == 1
    assert "Is another server running on it?" in errors
    assert "Traceback" not in errors


@both
def test_a_file_that_is_not_a_database_is_refused(tmp_path: Path, kind: type[LocalServer]) -> None:
    data_file = tmp_path / "data.db"
    data_file.write_text("something else entirely" * 100)
    with kind.program(data_file) as process:
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "cannot be used" in errors


def test_the_options_of_the_queue_default_to_the_real_service_s_limits() -> None:
    given = tasks.parser().parse_args(REQUIRED)
    assert tasks.settings(given) == TasksSettings(
        task_tombstone=3600, queue_tombstone=259_200, min_deadline=15
    )
    assert (given.host, given.port, given.control_port) == ("127.0.0.1", 1, 2)


def test_the_options_of_the_scheduler_default_to_the_real_service_s_limits() -> None:
    given = scheduler.parser().parse_args(REQUIRED)
    assert scheduler.settings(given) == SchedulerSettings(min_deadline=15, forced_time=ForcedTime.NEXT)
    assert (given.host, given.port, given.control_port) == ("127.0.0.1", 1, 2)


def test_a_new_scheduler_s_clock_runs_at_the_real_pace(tmp_path: Path, tasks_worker: Worker) -> None:
    """And with `--forced-schedule-time none`, a forced run carries no schedule time."""
    with running(SchedulerServer, tmp_path / "data.db", "--forced-schedule-time", "none") as server:
        assert server.control("GET", "/clock")["rate"] == 1
        schedule = Schedule(server, tasks_worker)
        job = schedule.add()
        schedule.client.run_job(name=job)
        assert schedule.schedule_times(job, 1) == [""]
        schedule.ended(job, 1)


def test_the_listing_of_deliveries_can_be_limited_and_a_wrong_limit_is_refused(
    tasks_server: TasksServer,
) -> None:
    assert len(tasks_server.control("GET", "/deliveries?limit=0")["deliveries"]) == 0
    assert tasks_server.ask("GET", "/deliveries?limit=many").status_code == 422


def test_the_control_address_shows_the_jobs_and_the_last_firings(schedule: Schedule) -> None:
    job = schedule.add()
    schedule.server.advance(minutes=45)
    (summary,) = schedule.server.control("GET", "/jobs")["jobs"]
    assert summary == {
        "name": job,
        "state": "ENABLED",
        "schedule": "*/15 * * * *",
        "due": "2026-11-22T13:00:00Z",
        "outstanding": 0,
        "waiting": 0,
    }
    rows = schedule.firings(job)
    control = schedule.server.control
    assert control("GET", "/firings", params={"job": job, "limit": 1})["firings"] == rows[-1:]
    assert control("GET", "/firings", params={"after": rows[1]["id"]})["firings"] == rows[2:]
    assert schedule.server.ask("GET", "/firings?after=many").status_code == 422
    schedule.client.pause_job(name=job)
    assert control("GET", "/jobs")["jobs"][0]["due"] is None
