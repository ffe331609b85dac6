import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from laptop.supervisor import process
from laptop.supervisor.errors import PartFailed, PortsTaken, StackBusy, StateUnreadable
from laptop.supervisor.lock import stack_lock
from laptop.supervisor.plan import Plan
from laptop.supervisor.state import state_file
from tests.laptop.supervisor.stack_support import StandIns, stand_ins
from tests.processes import started
from tests.waiting import wait_until


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[StandIns]:
    with stand_ins(tmp_path) as stack:
        yield stack


def test_parts_start_in_the_order_of_their_needs_and_are_recorded(stack: StandIns) -> None:
    parts = (stack.part("last", after="first"), stack.part("first"))

    assert stack.supervisor.start(Plan(parts, environment={"WHO": "me"})) == ["last", "first"]

    state = stack.supervisor.state()
    assert stack.events() == ["start first", "start last"]
    assert sorted(record.pid for record in state.parts.values()) == sorted(stack.alive())
    assert all(record.ready for record in state.parts.values())
    assert (state.names, state.environment) == (["last", "first"], {"WHO": "me"})
    assert state_file(stack.folder / "state").stat().st_mode & 0o777 == 0o600


def test_a_second_start_of_a_running_stack_starts_nothing(stack: StandIns) -> None:
    plan = Plan((stack.part("a"), stack.part("b")))
    stack.supervisor.start(plan)
    before = stack.supervisor.state()

    assert stack.supervisor.start(plan) == []

    assert stack.supervisor.state() == before
    assert sorted(stack.events()) == ["start a", "start b"]


def test_only_the_dead_part_of_a_half_started_stack_is_started_and_it_is_named(stack: StandIns) -> None:
    plan = Plan((stack.part("a"), stack.part("b")))
    stack.supervisor.start(plan)
    survivor = stack.supervisor.record("a")
    stack.supervisor.kill("b")
    stack.lines.clear()

    assert stack.supervisor.start(plan) == ["b"]

    assert "b has died" in stack.lines[0]
    assert stack.supervisor.record("a") == survivor
    assert len(stack.alive()) == 2


def test_a_part_that_no_longer_answers_is_stopped_and_started_again(stack: StandIns) -> None:
    stack.stop_timeout = 0.2
    plan = Plan((stack.part("a"),))
    stack.supervisor.start(plan)
    frozen = stack.supervisor.record("a").pid
    os.kill(frozen, signal.SIGSTOP)

    assert stack.supervisor.start(plan) == ["a"]

    assert f"a (pid {frozen}) does not answer" in stack.lines[1]
    assert stack.alive() == [stack.supervisor.record("a").pid]


def test_a_running_part_keeps_its_settings_and_says_that_they_differ(stack: StandIns) -> None:
    part = stack.part("a")
    stack.supervisor.start(Plan((part,)))
    stack.lines.clear()

    assert stack.supervisor.start(Plan((replace(part, environment={"WORKFLOW_MAX_BATCH_SIZE": "7"}),))) == []

    (line,) = stack.lines
    assert "a keeps the settings it was started with" in line
    assert "to use them, `stack restart a`." in line


def test_a_taken_port_stops_the_start_and_is_explained(stack: StandIns) -> None:
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        port = squatter.getsockname()[1]
        with pytest.raises(PortsTaken) as refusal:
            stack.supervisor.start(Plan((stack.part("a"), stack.part("big-query", port=port))))

    assert f"{port}, for big-query, is held by pid {os.getpid()}" in str(refusal.value)
    assert "PORT_OF_big-query sets another port" in str(refusal.value)
    assert stack.events() == []


def test_a_part_that_ends_undoes_the_whole_start_and_its_last_lines_are_shown(stack: StandIns) -> None:
    with pytest.raises(PartFailed) as failure:
        stack.supervisor.start(Plan((stack.part("a"), stack.part("b", "broken", after="a"))))

    assert "b ended with status 7" in str(failure.value)
    assert "  | the catalogue is empty" in str(failure.value)
    assert stack.alive() == []
    assert stack.supervisor.state().parts == {}


def test_a_part_that_dies_while_others_start_fails_the_start(stack: StandIns) -> None:
    kill_a = stack.job(
        "kill",
        f"import os; os.kill(int(open({str(stack.folder / 'events')!r}).read().split()[2]), 9)",
        after="a",
    )

    with pytest.raises(PartFailed, match="a ended with status -9"):
        stack.supervisor.start(Plan((stack.part("a"), stack.part("b", "late", after="a")), (kill_a,)))

    assert stack.alive() == []


def test_a_part_that_never_gets_healthy_fails_the_start(stack: StandIns) -> None:
    stack.start_timeout = 0.5
    with pytest.raises(PartFailed, match=r"a was not healthy within 0\.5 s\. It wrote nothing to"):
        stack.supervisor.start(Plan((stack.part("a", "mute"),)))

    assert stack.alive() == []


def test_a_failed_start_leaves_the_parts_that_ran_before(stack: StandIns) -> None:
    running = stack.part("a")
    stack.supervisor.start(Plan((running,)))

    with pytest.raises(PartFailed):
        stack.supervisor.start(Plan((running, stack.part("b", "broken"))))

    assert list(stack.supervisor.state().parts) == ["a"]
    assert len(stack.alive()) == 1


def test_a_plan_that_can_never_start_is_refused(stack: StandIns) -> None:
    with pytest.raises(PartFailed, match="wait for one another, or for one that does not exist: a, b"):
        stack.supervisor.start(Plan((stack.part("a", after="b"), stack.part("b", after="a"))))


def test_two_commands_cannot_change_one_stack_at_once(stack: StandIns) -> None:
    plan = Plan((stack.part("a"),))
    with (
        stack_lock(stack.folder / "state", "up"),
        pytest.raises(StackBusy, match=rf"`up` \(pid {os.getpid()}\)"),
    ):
        stack.supervisor.start(plan)

    assert stack.supervisor.start(plan) == ["a"]


def test_a_damaged_state_file_is_explained_and_down_clears_it_with_its_processes(stack: StandIns) -> None:
    stack.supervisor.start(Plan((stack.part("a"),)))
    state_file(stack.folder / "state").write_text("{")

    with pytest.raises(StateUnreadable, match="`stack down` stops the processes"):
        stack.supervisor.start(Plan((stack.part("a"),)))
    assert len(stack.supervisor.stop()) == 1

    assert stack.alive() == []
    assert stack.supervisor.state().parts == {}


def test_processes_without_a_record_are_killed_before_a_start(stack: StandIns) -> None:
    plan = Plan((stack.part("a"),))
    stack.supervisor.start(plan)
    state_file(stack.folder / "state").unlink()

    stack.supervisor.start(plan)

    assert any("left behind by an earlier start" in line for line in stack.lines)
    assert stack.alive() == [stack.supervisor.record("a").pid]


def _up(stack: StandIns) -> AbstractContextManager["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "tests.laptop.supervisor.stack_support", str(stack.folder)]
    return started(command, stdout=subprocess.PIPE)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_during_the_start_stops_everything_that_was_started(
    stack: StandIns, number: signal.Signals
) -> None:
    with _up(stack) as up:
        wait_until(lambda: "start b" in stack.events())
        up.send_signal(number)
        output, _ = up.communicate(timeout=30)

    assert up.returncode == 128 + number
    assert "Stopping what was started." in output
    assert stack.alive() == []
    assert stack.supervisor.state().parts == {}


def test_the_parts_of_a_killed_start_are_found_by_down_and_by_the_next_start(stack: StandIns) -> None:
    with _up(stack) as up:
        wait_until(lambda: "start b" in stack.events())
        up.kill()
    assert len(stack.alive()) == 2

    (stack.folder / "open").touch()
    plan = Plan((stack.part("b", port=stack.supervisor.record("b").ports["b"]),))
    assert stack.supervisor.start(plan) == ["b"]
    assert any("does not answer" in line for line in stack.lines)

    assert sorted(stack.supervisor.stop()) == ["a", "b"]
    assert stack.alive() == []


def test_a_long_log_is_put_aside_when_its_part_starts(
    stack: StandIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_LOG_BYTES", 10)
    log = stack.folder / "state" / "logs" / "a.log"
    log.parent.mkdir(parents=True)
    log.write_text("words of an earlier run\n")

    stack.supervisor.start(Plan((stack.part("a"),)))

    assert (log.parent / "a.log.1").read_text() == "words of an earlier run\n"
    assert "earlier" not in log.read_text()
