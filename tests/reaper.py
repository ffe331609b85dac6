"""Ends what a test process leaves behind: programs, and folders in memory.

Each program inherits the mark in its environment, also one in a session of its own. Run as a program beside each test
process, the reaper waits for its standard input to end, which it does also when the test process is killed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import psutil

from laptop.supabase.postgres.place import place_for

MARK = "TESTS_REAPED_BY"
FOLDERS = "switchyard-tests-"
IN_MEMORY = Path("/dev/shm")  # noqa: S108 - only what the test run itself makes and removes
GRACE_S = 3.0
"""For programs that end by themselves once their standard input has ended."""


@contextmanager
def reaping() -> Iterator[None]:
    """Fails when something is left at the end."""
    os.environ[MARK] = uuid4().hex
    quiet = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.reaper"],
        cwd=Path(__file__).parents[1],
        env=quiet,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl+C is for the tests
    ) as reaper:
        yield
        left, _ = reaper.communicate()
    assert not left, f"left running by the tests:\n{left}"
    assert reaper.returncode == 0, "the reaper failed: its standard error says why"


def marked(mark: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and process.environ().get(MARK) == mark:
                yield process


def reap(mark: str) -> list[str]:
    """Returns the command lines of those that it had to kill."""
    deadline = time.monotonic() + GRACE_S
    while (left := list(marked(mark))) and time.monotonic() < deadline:
        time.sleep(0.05)
    killed: list[str] = []
    while left:
        for process in left:
            with suppress(psutil.Error):
                killed.append(" ".join(process.cmdline()))
                process.kill()
        psutil.wait_procs(left, GRACE_S)
        left = list(marked(mark))  # what they started meanwhile
    return killed


def remove_folders(mark: str) -> None:
    for above in (IN_MEMORY, Path(tempfile.gettempdir())):
        for folder in above.glob(f"{FOLDERS}{mark}-*"):
            for cluster in ("postgres", "stack/postgres"):
                place_for(folder / cluster).remove()
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.stdin.read()
    own_mark = os.environ[MARK]
    left_running = reap(own_mark)
    remove_folders(own_mark)
    with suppress(BrokenPipeError):  # the test process was killed
        os.write(sys.stdout.fileno(), "".join(f"{command}\n" for command in left_running).encode())
