"""The server as a program: what it needs, what it says, how it ends."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from laptop.google.tasks.__main__ import options
from laptop.google.tasks.limits import Settings
from tests.laptop.google.tasks_support.process import READY, ROOT, TasksServer


def program(data_file: Path, *, port: int = 0, control_port: int = 0) -> subprocess.Popen[str]:
    arguments = ["--port", str(port), "--control-port", str(control_port), "--data-file", str(data_file)]
    return subprocess.Popen(
        [sys.executable, "-m", "laptop.google.tasks", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_when_it_is_ready_and_ends_cleanly_on_a_signal(
    tmp_path: Path, number: signal.Signals
) -> None:
    with program(tmp_path / "new" / "tasks.db") as process:
        assert process.stdout
        ready = READY.search(process.stdout.readline())
        assert ready
        assert httpx.get(f"{ready[2]}/healthz").json() == {"status": "ok"}
        process.send_signal(number)
        assert process.wait(20) == 0
        assert process.stderr
        assert process.stderr.read() == ""


@pytest.mark.parametrize("which", ["port", "control_port"])
def test_a_taken_port_is_said_in_one_line(tmp_path: Path, which: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with program(tmp_path / "tasks.db", **{which: port}) as process:
            _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert str(port) in errors.splitlines()[-1]
    assert "Traceback" not in errors


def test_a_second_server_on_the_same_file_is_refused(tmp_path: Path) -> None:
    data_file = tmp_path / "tasks.db"
    with program(data_file) as first:
        assert first.stdout
        assert READY.search(first.stdout.readline())
        with program(data_file) as second:
            _, errors = second.communicate(timeout=20)
        assert second.returncode == 1
        assert "Is another server running on it?" in errors
        assert "Traceback" not in errors
        first.terminate()
        assert first.wait(20) == 0


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    data_file = tmp_path / "tasks.db"
    data_file.write_text("something else entirely" * 100)
    with program(data_file) as process:
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "cannot be used" in errors


def test_the_options_default_to_the_real_service_s_limits() -> None:
    given = options(["--port", "1", "--control-port", "2", "--data-file", "x.db"])
    assert given.settings == Settings(task_tombstone=3600, queue_tombstone=259_200, min_deadline=15)
    assert (given.host, given.port, given.control_port) == ("127.0.0.1", 1, 2)


def test_the_books_can_be_limited_and_a_wrong_limit_is_refused(tasks_server: TasksServer) -> None:
    assert len(tasks_server.control("GET", "/deliveries?limit=0")["deliveries"]) == 0
    with pytest.raises(httpx.HTTPStatusError, match="422"):
        tasks_server.control("GET", "/deliveries?limit=many")
