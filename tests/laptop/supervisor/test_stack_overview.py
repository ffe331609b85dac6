import io
import json
import os

import psutil
import pytest
from rich.console import Console

from infra.local.commands import Display
from laptop.supervisor.overview import PartOverview, PartState, StackOverview, look
from laptop.supervisor.ports import resolve_ports
from laptop.supervisor.state import PartRecord, StackState


def record(**changes: object) -> PartRecord:
    myself = psutil.Process()
    values = {
        "pid": myself.pid,
        "started": myself.create_time(),
        "ports": {},
        "url": "http://127.0.0.1:1",
        "log": f"{os.getcwd()}/.local/logs/a.log",  # noqa: PTH109 - as a string
        "tier": 0,
        "stop_signal": "SIGTERM",
        "fingerprint": "",
    }
    return PartRecord.model_validate(values | changes)


def test_each_part_is_running_silent_dead_or_stopped() -> None:
    state = StackState(
        names=["a", "b", "c", "d"],
        parts={
            "b": record(ports={"b": resolve_ports({"b": 0})["b"]}),
            "c": record(started=1.0),
            "a": record(),
            "old": record(),
        },
    )

    overview = look(state, now=lambda: psutil.Process().create_time() + 61)

    assert [(part.name, part.state) for part in overview.parts] == [
        ("a", PartState.RUNNING),
        ("b", PartState.SILENT),
        ("c", PartState.DEAD),
        ("d", PartState.STOPPED),
        ("old", PartState.RUNNING),
    ]
    assert (overview.parts[0].uptime, overview.parts[2].uptime, overview.parts[2].pid) == (61, None, None)


@pytest.mark.parametrize(
    ("states", "status"),
    [
        ([], 3),
        ([PartState.DEAD, PartState.STOPPED], 3),
        ([PartState.RUNNING, PartState.STOPPED], 1),
        ([PartState.SILENT], 1),
        ([PartState.RUNNING, PartState.RUNNING], 0),
    ],
)
def test_the_exit_status_tells_all_from_some_and_none(states: list[PartState], status: int) -> None:
    overview = StackOverview(tuple(PartOverview(str(number), state) for number, state in enumerate(states)))

    assert overview.exit_status == status
    assert json.loads(json.dumps(overview.as_json()))["running"] is (status == 0)


def test_a_table_in_a_pipe_cuts_nothing_off_and_shows_logs_relative_to_here() -> None:
    output = io.StringIO()
    long = "postgresql://postgres:postgres@127.0.0.1:65535/" + "database" * 20
    running = look(
        StackState(names=["a", "gone"], parts={"a": record(url=long, log="/var/log/elsewhere.log")})
    )

    Display(Console(file=output)).overview(running)
    Display(Console(file=output)).overview(look(StackState(parts={"a": record()})))

    assert long in output.getvalue()
    assert "/var/log/elsewhere.log" in output.getvalue()
    assert " .local/logs/a.log" in output.getvalue()


def test_a_table_on_a_narrow_terminal_folds_instead_of_cutting() -> None:
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=60, color_system=None)

    Display(console).overview(look(StackState(parts={"a": record(url="http://" + "x" * 50)})))

    assert "…" not in output.getvalue()
    assert output.getvalue().count("x") == 50
