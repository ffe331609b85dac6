import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from laptop.supervisor.ports import is_free
from laptop.supervisor.process import (
    STACK_MARK,
    ProcessId,
    exit_status,
    is_alive,
    kill_all,
    kill_left_behind,
    kill_strays,
    launch,
    send,
    wait_until_gone,
)
from tests.processes import PROJECT
from tests.waiting import wait_until

LEADERLESS = """
import ctypes, os, socket, sys, threading, time
server = socket.create_server(("127.0.0.1", 0))
def stay():
    while sys.platform == "linux" and "Z (zombie)" not in open(f"/proc/{os.getpid()}/status").read():
        time.sleep(0.01)
    print(server.getsockname()[1], flush=True)
    threading.Event().wait()
threading.Thread(target=stay).start()
ctypes.CDLL(None).pthread_exit(None)
"""

THREADS = """
import threading
for _ in range(50):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
print("ready", flush=True)
threading.Event().wait()
"""

Launch = Callable[[str], ProcessId]


@pytest.fixture
def launched(tmp_path: Path) -> Iterator[Launch]:
    """Starts a Python program whose output goes to tmp_path/log."""
    command, mark, log = [sys.executable, "-c"], {STACK_MARK: str(tmp_path)}, tmp_path / "log"
    processes: list[ProcessId] = []

    def start(code: str) -> ProcessId:
        processes.append(launch([*command, code], mark, log, tmp_path))
        return processes[-1]

    yield start
    kill_all(processes)  # by pid too: the mark cannot be read from a process that is just being started
    kill_strays(str(tmp_path))


def test_a_process_lives_as_long_as_one_of_its_threads_holds_its_ports(
    tmp_path: Path, launched: Launch
) -> None:
    """A killed process does so too, for some milliseconds: its first thread has ended, the others have not."""
    log = tmp_path / "log"
    process = launched(LEADERLESS)
    try:
        while not log.read_text().endswith("\n"):
            assert is_alive(process)
        assert is_alive(process)
    finally:
        kill_all([process])
    assert not is_alive(process)
    assert is_free(int(log.read_text()))


def test_killed_children_leave_no_zombies(tmp_path: Path, launched: Launch) -> None:
    log = tmp_path / "log"
    processes = [launched(THREADS) for _ in range(10)]
    while len(log.read_text().split()) < len(processes):
        assert all(map(is_alive, processes))
    kill_all(processes)
    assert [process for process in processes if psutil.pid_exists(process.pid)] == []


ORPHAN = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import threading; threading.Event().wait()"])
print(child.pid, flush=True)
"""


def test_the_rest_of_an_ended_process_s_group_is_killed(tmp_path: Path, launched: Launch) -> None:
    """The stack's mark may not find it, as a child can have another environment."""
    log = tmp_path / "log"
    process = launched(ORPHAN)
    while is_alive(process):
        pass
    left = psutil.Process(int(log.read_text()))
    assert left.status() != psutil.STATUS_ZOMBIE
    kill_left_behind([process])
    assert not left.is_running() or left.status() == psutil.STATUS_ZOMBIE


WAITING = "import signal; print('waits', flush=True); signal.pause()"


def test_a_part_reacts_to_its_stop_signal_although_this_process_ignores_it(
    tmp_path: Path, launched: Launch
) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = launched(WAITING)
    finally:
        signal.signal(signal.SIGINT, before)
    wait_until(lambda: "waits" in (tmp_path / "log").read_text())

    send(process, "SIGINT")

    assert wait_until_gone([process], 30) == []
    assert exit_status(process) == -signal.SIGINT


def test_a_part_that_outlives_its_starter_causes_no_warning(tmp_path: Path) -> None:
    starter = f"""
import sys
from pathlib import Path
from laptop.supervisor.process import launch
folder = Path({str(tmp_path)!r})
print(launch([sys.executable, "-c", {WAITING!r}], {{}}, folder / "log", folder).pid)
"""
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", starter],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )

    psutil.Process(int(done.stdout)).kill()
    assert done.stderr == ""


def test_a_part_inherits_no_open_file(launched: Launch) -> None:
    ours, theirs = os.pipe()
    os.set_inheritable(theirs, True)
    process = launched(WAITING)
    os.close(theirs)
    assert is_alive(process)
    os.set_blocking(ours, False)

    with open(ours, "rb", buffering=0) as pipe:  # noqa: PTH123 - a file that is open already
        assert pipe.read() == b""  # its end; None if the part could still write
