"""Stacks of stand-in processes. As a program, it starts one of them and prints the supervisor's lines."""

import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from laptop.supervisor.errors import StackInterrupted
from laptop.supervisor.health import HttpHealth
from laptop.supervisor.plan import Job, Part, Plan
from laptop.supervisor.ports import resolve_ports
from laptop.supervisor.process import STACK_MARK
from laptop.supervisor.startup import Report
from laptop.supervisor.supervisor import Supervisor

PROJECT = Path(__file__).parents[3]
STAND_IN = Path(__file__).with_name("stack_stand_in.py")


@dataclass
class StandIns:
    """A folder in which stand-ins record events, and a supervisor for them."""

    folder: Path
    stop_timeout: float = 10
    start_timeout: float = 30
    lines: list[str] = field(default_factory=list)

    report: Report | None = None

    @property
    def supervisor(self) -> Supervisor:
        return Supervisor(
            self.folder / "state",
            PROJECT,
            program="stack",
            port_variable=lambda name: f"PORT_OF_{name}",
            start_timeout=self.start_timeout,
            stop_timeout=self.stop_timeout,
            report=self.report or self.lines.append,
        )

    def part(
        self, name: str, behaviour: str = "serve", *, after: str = "", tier: int = 0, port: int = 0
    ) -> Part:
        port = resolve_ports({name: port})[name]
        return Part(
            name,
            (sys.executable, str(STAND_IN), behaviour, name, str(port), str(self.folder)),
            {name: port},
            HttpHealth(port, "/health"),
            after=frozenset(after.split()),
            tier=tier,
            url=f"http://127.0.0.1:{port}",
        )

    def job(self, name: str, code: str = "", *, after: str, content: str = "", marker: bool = False) -> Job:
        """A job that records that it ran, then executes `code`."""
        note = f"open({str(self.folder / 'events')!r}, 'a').write('ran {name} 0\\n')"
        return Job(
            name,
            (sys.executable, "-c", f"{note}\n{code}"),
            frozenset(after.split()),
            content=content,
            marker=self.folder / f"{name}.done" if marker else None,
        )

    def events(self) -> list[str]:
        """The events in their order, such as `start a`, `stop a`, `ran job`."""
        return [" ".join(line.split()[:2]) for line in self._notes()]

    def alive(self) -> list[int]:
        """The pids of recorded processes, with children, that still run."""
        pids = [int(line.split()[2]) for line in self._notes() if not line.startswith("ran")]
        return running_pids(pids)

    def _notes(self) -> list[str]:
        file = self.folder / "events"
        return file.read_text().splitlines() if file.exists() else []


@contextmanager
def stand_ins(folder: Path, stop_timeout: float = 10, start_timeout: float = 30) -> Iterator[StandIns]:
    """Afterwards, kills whatever the test left running."""
    stack = StandIns(folder, stop_timeout, start_timeout)
    try:
        yield stack
    finally:
        for process in psutil.process_iter():
            try:
                if process.environ().get(STACK_MARK, "").startswith(str(folder)):
                    process.kill()
            except psutil.Error:
                continue


def running_pids(pids: Iterable[int]) -> list[int]:
    return [pid for pid in pids if _runs(pid)]


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def main(folder: Path) -> int:
    """Starts `a`, then `b`, which is ready only when the file `open` exists. Exits as the command line does."""
    stack = StandIns(folder, report=lambda line: print(line, flush=True))  # noqa: T201 - read by the test
    try:
        stack.supervisor.start(Plan((stack.part("a"), stack.part("b", "late", after="a"))))
    except StackInterrupted as interruption:
        return 128 + signal.Signals(interruption.signal_number)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
