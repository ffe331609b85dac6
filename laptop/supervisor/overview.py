import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from laptop.supervisor.health import TcpHealth
from laptop.supervisor.process import is_alive
from laptop.supervisor.state import PartRecord, StackState


class PartState(StrEnum):
    RUNNING = "running"
    SILENT = "silent"  # the process lives, but one of its ports accepts no connection
    DEAD = "dead"
    STOPPED = "stopped"


@dataclass(frozen=True)
class PartOverview:
    """One part in `status`; `uptime` is in seconds, None for a part that does not run."""

    name: str
    state: PartState
    pid: int | None = None
    ports: tuple[int, ...] = ()
    url: str = ""
    uptime: float | None = None
    log: str = ""


@dataclass(frozen=True)
class StackOverview:
    parts: tuple[PartOverview, ...]

    @property
    def exit_status(self) -> int:
        """0 when all parts run, 3 when none does (as for systemd), 1 otherwise."""
        states = {part.state for part in self.parts}
        if not states & {PartState.RUNNING, PartState.SILENT}:
            return 3
        return 0 if states == {PartState.RUNNING} else 1

    def as_json(self) -> dict[str, Any]:
        return {"running": self.exit_status == 0, "parts": [asdict(part) for part in self.parts]}


def look(state: StackState, now: Callable[[], float] = time.time) -> StackOverview:
    names = [*state.names, *(name for name in state.parts if name not in state.names)]
    return StackOverview(tuple(_look_at(name, state.parts.get(name), now()) for name in names))


def _look_at(name: str, record: PartRecord | None, now: float) -> PartOverview:
    if record is None:
        return PartOverview(name, PartState.STOPPED)
    ports = tuple(record.ports.values())
    if not is_alive(record.process):
        return PartOverview(name, PartState.DEAD, ports=ports, url=record.url, log=record.log)
    answers = all(TcpHealth(port).ready() for port in ports)
    return PartOverview(
        name,
        PartState.RUNNING if answers else PartState.SILENT,
        record.pid,
        ports,
        record.url,
        round(max(0.0, now - record.started), 1),
        record.log,
    )
