"""The starter of the tests' programs."""

import os
import signal
import subprocess
import sys

import psutil

from tests.processes import default_signals_for_children, started

WAITING = "import signal; print('waits', flush=True); signal.pause()"
PARENT = f"""
import subprocess, sys
print(subprocess.Popen([sys.executable, "-c", {WAITING!r}]).pid, flush=True)
input()
"""


def test_an_exception_ends_the_program_and_its_children() -> None:
    running = started([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    program = running.__enter__()
    assert program.stdout is not None
    # A child that does not wait yet could end by itself, when its output is closed.
    [pid] = {program.stdout.readline(), program.stdout.readline()} - {"waits\n"}
    child = psutil.Process(int(pid))

    assert not running.__exit__(TimeoutError, TimeoutError(), None)

    assert program.returncode == -signal.SIGKILL
    psutil.wait_procs([child], timeout=30)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_program_gets_the_default_signals_where_this_process_ignores_them() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        default_signals_for_children()
        os.kill(os.getpid(), signal.SIGINT)
        with started(
            [sys.executable, "-c", WAITING], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as program:
            assert program.stdout is not None
            assert program.stdout.readline() == "waits\n"
            program.send_signal(signal.SIGINT)
            assert program.wait() == -signal.SIGINT
    finally:
        signal.signal(signal.SIGINT, before)
