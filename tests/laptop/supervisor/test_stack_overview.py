import json
import os

import psutil
import pytest

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
