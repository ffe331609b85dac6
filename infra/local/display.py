from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from laptop.supervisor.overview import PartState, StackOverview
from laptop.supervisor.state import StackState

_COLOURS = {
    PartState.RUNNING: "green",
    PartState.SILENT: "yellow",
    PartState.DEAD: "red",
    PartState.STOPPED: "red",
}
_NO_EDGE = 1000
"""Columns of a file or a pipe, where nothing needs to be wrapped."""


class Display:
    """Lines and one table, coloured on a terminal; lines are never wrapped, so that commands can be copied."""

    def __init__(self, console: Console) -> None:
        self._console = console
        if not console.is_terminal:
            console.width = _NO_EDGE

    def line(self, text: str = "") -> None:
        self._console.print(text, soft_wrap=True, markup=False, highlight=False)

    def functions(self, state: StackState) -> None:
        for trial in state.trials:
            self.line(f"{trial.function:<12} {trial.url}")
            self.line(f"    {trial.command}")

    def overview(self, overview: StackOverview) -> None:
        table = Table("part", "state", "pid", "ports", "up", box=None, pad_edge=False)
        table.add_column("url", overflow="fold")
        table.add_column("log", overflow="fold")
        for part in overview.parts:
            table.add_row(
                part.name,
                f"[{_COLOURS[part.state]}]{part.state}[/]",
                str(part.pid or "-"),
                " ".join(str(port) for port in part.ports) or "-",
                "-" if part.uptime is None else str(timedelta(seconds=int(part.uptime))),
                part.url or "-",
                _near(part.log),
            )
        self._console.print(table, highlight=False)


def _near(log: str) -> str:
    """Relative to where the person stands, when it lies below."""
    path = Path(log)
    return str(path.relative_to(Path.cwd())) if log and path.is_relative_to(Path.cwd()) else log or "-"
