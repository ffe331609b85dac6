import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.processes import started
from tests.reaper import reaping

LEAVES_A_PROGRAM = """
import subprocess, sys
from tests.folders import fast_folder
from tests.reaper import reaping

with reaping(), fast_folder() as folder:
    left = subprocess.Popen(["sleep", "600"], start_new_session=True)
    print(left.pid, folder, flush=True)
    sys.stdin.read()
"""


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_an_interrupted_test_process_leaves_no_program_and_no_folder(number: signal.Signals) -> None:
    with started(
        [sys.executable, "-c", LEAVES_A_PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as tests:
        assert tests.stdout is not None
        pid, folder = tests.stdout.readline().split()
        assert runs(int(pid))
        assert Path(folder).is_dir()
        tests.send_signal(number)
        tests.wait()
        while runs(int(pid)) or Path(folder).exists():
            time.sleep(0.02)


def test_a_program_that_the_tests_leave_is_killed_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TESTS_REAPED_BY")
    with pytest.raises(AssertionError, match="sleep 600"), reaping():
        left = subprocess.Popen(["sleep", "600"], start_new_session=True)
    assert left.wait() == -signal.SIGKILL
