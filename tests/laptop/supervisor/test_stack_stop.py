from collections.abc import Iterator
from pathlib import Path

import pytest

from laptop.supervisor.errors import UnknownPart
from laptop.supervisor.overview import PartState, look
from laptop.supervisor.plan import Plan
from laptop.supervisor.state import write_state
from tests.laptop.supervisor.stack_support import StandIns, stand_ins


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[StandIns]:
    with stand_ins(tmp_path) as stack:
        yield stack


def test_the_highest_tier_stops_first(stack: StandIns) -> None:
    parts = (stack.part("store"), stack.part("queue", tier=2), stack.part("function", tier=1))
    stack.supervisor.start(Plan(parts))

    assert stack.supervisor.stop() == ["store", "queue", "function"]

    assert stack.events()[3:] == ["stop queue", "stop function", "stop store"]
    assert stack.alive() == []
    assert stack.supervisor.state().parts == {}


def test_stopping_what_does_not_run_does_nothing(stack: StandIns) -> None:
    assert stack.supervisor.stop() == []


def test_a_part_that_ignores_the_request_to_stop_is_killed_and_reported(stack: StandIns) -> None:
    stack.stop_timeout = 0.2
    stack.supervisor.start(Plan((stack.part("a", "deaf"),)))

    assert stack.supervisor.stop() == ["a"]

    assert stack.lines[-1] == "a did not stop within 0.2 s; it is killed."
    assert stack.alive() == []


def test_children_end_with_their_part_in_any_session(stack: StandIns) -> None:
    stack.supervisor.start(Plan((stack.part("a", "family"),)))
    assert len(stack.alive()) == 3

    stack.supervisor.stop()

    assert stack.alive() == []


def test_a_killed_part_shows_as_dead_and_its_children_have_ended(stack: StandIns) -> None:
    stack.supervisor.start(Plan((stack.part("a", "family"), stack.part("b"))))

    stack.supervisor.kill("a")

    states = {part.name: part.state for part in look(stack.supervisor.state()).parts}
    assert states == {"a": PartState.DEAD, "b": PartState.RUNNING}
    assert stack.alive() == [stack.supervisor.record("b").pid]


def test_a_foreign_process_with_the_pid_of_a_dead_part_is_not_touched(stack: StandIns) -> None:
    plan = Plan((stack.part("a"),))
    stack.supervisor.start(plan)
    stranger = StandIns(stack.folder / "elsewhere")
    stranger.folder.mkdir()
    stranger.supervisor.start(Plan((stranger.part("stranger"),)))
    state = stack.supervisor.state()
    pid = stranger.supervisor.record("stranger").pid
    record = state.parts["a"]
    stack.supervisor.stop()
    state.parts["a"] = record.model_copy(update={"pid": pid, "started": record.started - 3600})
    write_state(stack.folder / "state", state)

    stack.supervisor.kill("a")
    assert stack.supervisor.stop() == []

    assert stranger.alive() == [pid]
    assert stranger.supervisor.stop() == ["stranger"]


def test_restarting_one_part_touches_no_other_not_even_a_dead_one(stack: StandIns) -> None:
    plan = Plan((stack.part("a"), stack.part("b"), stack.part("c")))
    stack.supervisor.start(plan)
    before = stack.supervisor.state().parts
    stack.supervisor.kill("c")

    stack.supervisor.restart(plan, "b")

    after = stack.supervisor.state().parts
    assert list(after) == ["a", "b", "c"]
    assert after["b"].pid != before["b"].pid
    assert (after["a"], after["c"]) == (before["a"], before["c"])
    assert len(stack.alive()) == 2


def test_a_single_stopped_part_shows_as_stopped(stack: StandIns) -> None:
    stack.supervisor.start(Plan((stack.part("a"), stack.part("b"))))

    assert stack.supervisor.stop(["b"]) == ["b"]

    overview = look(stack.supervisor.state())
    assert [(part.name, part.state) for part in overview.parts] == [
        ("a", PartState.RUNNING),
        ("b", PartState.STOPPED),
    ]
    assert overview.exit_status == 1


def test_an_unknown_part_is_refused_with_the_names_of_the_parts(stack: StandIns) -> None:
    with pytest.raises(UnknownPart, match="the stack is not running"):
        stack.supervisor.kill("a")
    stack.supervisor.start(Plan((stack.part("a"), stack.part("b"))))
    with pytest.raises(UnknownPart, match=r"'c'\. There are: a, b\."):
        stack.supervisor.kill("c")


def test_purging_removes_the_state_directory(stack: StandIns) -> None:
    stack.supervisor.start(Plan((stack.part("a"),)))
    stack.supervisor.stop()

    stack.supervisor.purge()

    assert not (stack.folder / "state").exists()
