import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from infra.local.local_stack import LocalStack
from infra.local.settings import PORT_OFFSETS, port_variable
from laptop.supabase.postgres.place import place_for
from laptop.supervisor.plan import Plan
from tests.laptop.supervisor.stack_support import StandIns, running_pids, stand_ins
from tests.processes import started


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[StandIns]:
    with stand_ins(tmp_path) as stack:
        yield stack


def begin(state_dir: Path, *arguments: str) -> AbstractContextManager["subprocess.Popen[str]"]:
    return started(
        [sys.executable, "-m", "infra.local", *arguments],
        env={
            **os.environ,
            **{port_variable(name): "0" for name in PORT_OFFSETS},
            "LOCAL_STATE_DIR": str(state_dir),
            "LOCAL_POSTGRES_FAST": "true",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def test_ctrl_c_during_up_leaves_nothing_behind(tmp_path: Path) -> None:
    state_dir = tmp_path / "state"
    try:
        with begin(state_dir, "up") as up:
            assert up.stdout is not None
            up.stdout.readline()
            started = [record.pid for record in LocalStack(state_dir).state.parts.values()]
            up.send_signal(signal.SIGINT)
            output, _ = up.communicate(timeout=60)

        assert up.returncode == 128 + signal.SIGINT
        assert "Interrupted by SIGINT: all that was started is stopped again." in output
        assert len(started) > 1
        assert running_pids(started) == []
        assert LocalStack(state_dir).state.parts == {}
    finally:
        place_for(state_dir / "postgres").remove()


def test_a_log_can_be_followed_until_ctrl_c(stack: StandIns) -> None:
    stack.supervisor.start(Plan((stack.part("a"),)))
    log = Path(stack.supervisor.record("a").log)
    log.write_text("first\nsecond\n")

    with begin(stack.folder / "state", "logs", "a", "--lines", "1", "--follow") as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline() == "second\n"
        with log.open("a") as file:
            file.write("third\n")
        assert follower.stdout.readline() == "third\n"
        follower.send_signal(signal.SIGINT)
        follower.communicate(timeout=60)

    assert follower.returncode == 128 + signal.SIGINT


def test_ctrl_c_while_the_command_line_loads_ends_it_without_a_traceback(tmp_path: Path) -> None:
    package = tmp_path / "rich"
    package.mkdir()
    (package / "__init__.py").write_text("print('loading', flush=True)\nwhile True: pass\n")

    with started(
        [sys.executable, "-m", "infra.local", "status"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as loading:
        assert loading.stdout is not None
        assert loading.stdout.readline() == "loading\n"
        loading.send_signal(signal.SIGINT)
        _, complaints = loading.communicate(timeout=60)

    assert (loading.returncode, complaints) == (128 + signal.SIGINT, "")


@pytest.mark.parametrize("lines", ["-5", "0", "many"])
def test_a_number_of_lines_that_makes_no_sense_is_wrong_usage(tmp_path: Path, lines: str) -> None:
    with begin(tmp_path, "logs", "rest", "-n", lines) as wrong:
        output, _ = wrong.communicate(timeout=60)

    assert wrong.returncode == 2
    assert f"argument --lines/-n: '{lines}' is not a whole number from 1" in output
    assert "Traceback" not in output
