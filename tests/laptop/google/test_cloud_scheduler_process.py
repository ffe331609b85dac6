"""The server as a program: what it needs, what it says, how it ends."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from laptop.google.scheduler.__main__ import options, parser
from laptop.google.scheduler.limits import ForcedTime, Settings
from tests.laptop.google.scheduler_support import READY, ROOT, Schedule, running
from tests.laptop.google.tasks_support.worker import Worker


def program(data_file: Path, *, port: int = 0, control_port: int = 0) -> subprocess.Popen[str]:
    arguments = ["--port", str(port), "--control-port", str(control_port), "--data-file", str(data_file)]
    return subprocess.Popen(
        [sys.executable, "-m", "laptop.google.scheduler", "serve", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_when_it_is_ready_and_ends_cleanly_on_a_signal(
    tmp_path: Path, number: signal.Signals
) -> None:
    with program(tmp_path / "new" / "scheduler.db") as process:
        assert process.stdout
        ready = READY.search(process.stdout.readline())
        assert ready
        assert httpx.get(f"{ready[2]}/healthz").json() == {"status": "ok"}
        assert httpx.get(f"{ready[2]}/clock").json()["rate"] == 1
        process.send_signal(number)
        assert process.wait(20) == 0
        assert process.stderr
        assert process.stderr.read() == ""


@pytest.mark.parametrize("which", ["port", "control_port"])
def test_a_taken_port_is_said_in_one_line(tmp_path: Path, which: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with program(tmp_path / "scheduler.db", **{which: port}) as process:
            _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert str(port) in errors.splitlines()[-1]
    assert "Traceback" not in errors


def test_a_second_server_on_the_same_file_is_refused(tmp_path: Path) -> None:
    with running(tmp_path / "one.db"), program(tmp_path / "one.db") as second:
        _, errors = second.communicate(timeout=20)
    assert second.returncode == 1
    assert "Is another server running on it?" in errors


def test_the_options_default_to_the_real_service_s_limits() -> None:
    given = options(
        parser().parse_args(["serve", "--port", "1", "--control-port", "2", "--data-file", "x.db"])
    )
    assert given.settings == Settings(min_deadline=15, forced_time=ForcedTime.NEXT)
    assert (given.host, given.port, given.control_port) == ("127.0.0.1", 1, 2)


def test_forced_runs_can_be_without_a_schedule_time(tmp_path: Path, tasks_worker: Worker) -> None:
    with running(tmp_path / "scheduler.db", "--forced-schedule-time", "none") as server:
        schedule = Schedule(server, tasks_worker)
        job = schedule.add()
        schedule.client.run_job(name=job)
        assert schedule.schedule_times(job, 1) == [""]
        schedule.ended(job, 1)


def test_the_control_face_tells_jobs_and_the_last_firings(schedule: Schedule) -> None:
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
    assert schedule.server.ask("GET", "/firings?after=many", "").status_code == 422
    schedule.client.pause_job(name=job)
    assert control("GET", "/jobs")["jobs"][0]["due"] is None
