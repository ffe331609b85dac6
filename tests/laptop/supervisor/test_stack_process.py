import sys
from pathlib import Path

import psutil

from laptop.supervisor.ports import is_free
from laptop.supervisor.process import is_alive, kill_all, kill_left_behind, launch

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


def test_a_process_lives_as_long_as_one_of_its_threads_holds_its_ports(tmp_path: Path) -> None:
    """So does a killed one for some milliseconds: its first thread is gone while the others still end."""
    log = tmp_path / "log"
    process = launch([sys.executable, "-c", LEADERLESS], {}, log, tmp_path)
    try:
        while not log.read_text().endswith("\n"):
            assert is_alive(process)
        assert is_alive(process)
    finally:
        kill_all([process])
    assert not is_alive(process)
    assert is_free(int(log.read_text()))


def test_killed_children_leave_no_zombies(tmp_path: Path) -> None:
    command = [sys.executable, "-c", THREADS]
    log = tmp_path / "log"
    processes = [launch(command, {}, log, tmp_path) for _ in range(10)]
    while len(log.read_text().split()) < len(processes):
        assert all(map(is_alive, processes))
    kill_all(processes)
    assert [process for process in processes if psutil.pid_exists(process.pid)] == []


ORPHAN = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import threading; threading.Event().wait()"])
print(child.pid, flush=True)
"""


def test_what_an_ended_process_left_in_its_group_is_killed(tmp_path: Path) -> None:
    """Its environment may be another one, so that the stack's mark does not find it."""
    log = tmp_path / "log"
    process = launch([sys.executable, "-c", ORPHAN], {}, log, tmp_path)
    while is_alive(process):
        pass
    left = psutil.Process(int(log.read_text()))
    assert left.status() != psutil.STATUS_ZOMBIE
    kill_left_behind([process])
    assert not left.is_running() or left.status() == psutil.STATUS_ZOMBIE
