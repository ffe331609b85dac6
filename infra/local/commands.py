"""The commands of `python -m infra.local`, and the display of their results."""

import json
import shlex
import time
from collections import deque
from collections.abc import Collection
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from cli.laptop_cloud import PROGRAM
from infra.local.functions import STAGES, Line
from infra.local.local_stack import LocalStack
from infra.local.settings import LocalSettings
from laptop.supervisor.errors import StackError
from laptop.supervisor.overview import PartOverview, PartState, StackOverview, look
from laptop.supervisor.state import StackState

_ORDERS_BEGIN = f"""\
The marketplace is empty at first: `make seed-orders` puts 25 orders into it.
The jobs of the stages ({", ".join(STAGES)}) are made paused:
  .venv/bin/python -m infra.local scheduler --every 60                 fires them and shows their answers
  .venv/bin/python run_workflow.py schedule resume {STAGES[0]}       has the stack fire this one by itself"""

NOT_RUNNING = "The stack is not running. `make up` starts it."

_COLOURS = {
    PartState.RUNNING: "green",
    PartState.SILENT: "yellow",
    PartState.DEAD: "red",
    PartState.STOPPED: "red",
}
_NO_EDGE = 1000
"""Width, in columns, for a file or a pipe, where nothing needs to be wrapped."""


class Display:
    """Prints lines and one table, coloured on a terminal. Lines are never wrapped, so that commands can be copied."""

    def __init__(self, console: Console) -> None:
        self._console = console
        if not console.is_terminal:
            console.width = _NO_EDGE

    def line(self, text: str = "") -> None:
        self._console.print(text, soft_wrap=True, markup=False, highlight=False)

    def functions(self, state: StackState) -> None:
        for trial in state.trials:
            if trial.command is None:
                self.line(f"{trial.function:<16} {trial.url}  open it in a browser")
            else:
                self.line(f"{trial.function:<16} {trial.url}")
                self.line(f"    {trial.command}")

    def overview(self, overview: StackOverview) -> None:
        """One row for each part; where the rows do not fit, one paragraph. Then, how each part comes back."""
        table = Table("part", "state", "pid", "ports", "up", "url", "log", box=None, pad_edge=False)
        for part in overview.parts:
            facts = _facts(part)
            table.add_row(part.name, f"[{_COLOURS[part.state]}]{part.state}[/]", *facts.values())
        unbounded = self._console.options.update(max_width=_NO_EDGE)
        if self._console.measure(table, options=unbounded).maximum <= self._console.width:
            self._console.print(table, highlight=False)
        else:
            for part in overview.parts:
                self._paragraph(part)
        for part in overview.parts:
            if part.state != PartState.RUNNING:
                self.line(f"{part.name} is {part.state}: {_WAYS_BACK[part.state].format(part.name)}")

    def _paragraph(self, part: PartOverview) -> None:
        self._console.print(f"{part.name}  [{_COLOURS[part.state]}]{part.state}[/]", highlight=False)
        for name, fact in _facts(part).items():
            if fact != _NOTHING:
                self.line(f"  {name:<6} {fact}")


_NOTHING = "-"
_WAYS_BACK = {
    PartState.STOPPED: "`make up` starts it.",
    PartState.DEAD: f"`{PROGRAM} restart {{0}}` starts it again, `{PROGRAM} logs {{0}}` shows its end.",
    PartState.SILENT: f"`{PROGRAM} restart {{}}` stops it and starts it again.",
}


def _facts(part: PartOverview) -> dict[str, str]:
    return {
        "pid": str(part.pid or _NOTHING),
        "ports": " ".join(str(port) for port in part.ports) or _NOTHING,
        "up": _NOTHING if part.uptime is None else str(timedelta(seconds=int(part.uptime))),
        "url": part.url or _NOTHING,
        "log": _near(part.log),
    }


def _near(log: str) -> str:
    """The path, relative to the current folder when it is below it."""
    path = Path(log)
    return str(path.relative_to(Path.cwd())) if log and path.is_relative_to(Path.cwd()) else log or _NOTHING


_FOLLOW_SECONDS = 0.2


class Commands:
    """One method for each command; it returns the exit status."""

    def __init__(self, settings: LocalSettings, display: Display) -> None:
        self._settings = settings
        self._display = display

    def up(self, intake: Path | None, catalogue: Path | None, line: Line | None) -> int:
        """Starts both lines, unless one is named."""
        stack = self.stack(
            intake or self._settings.intake,
            catalogue or self._settings.catalogue,
            tuple(Line) if line is None else (line,),
        )
        begun = time.monotonic()
        started = stack.start()
        if started:
            self._display.line(f"Started {', '.join(started)} in {time.monotonic() - begun:.1f} s.")
        else:
            self._display.line("The stack runs already.")
        self._display.line()
        self._display.functions(stack.state)
        if Line.ORDERS in stack.running_lines():
            self._display.line()
            self._display.line(_ORDERS_BEGIN)
        return 0

    def down(self, *, purge: bool) -> int:
        stack = self.stack()
        stopped = stack.purge() if purge else stack.stop()
        if stopped:
            self._display.line(f"Stopped {', '.join(stopped)}.")
        else:
            self._display.line("Nothing was running.")
        if purge:
            self._display.line(f"Removed {self._settings.state_dir} and all that the stack kept.")
        return 0

    def status(self, *, as_json: bool) -> int:
        overview = look(self.stack().state)
        if as_json:
            self._display.line(json.dumps(overview.as_json(), indent=2))
        elif overview.parts:
            self._display.overview(overview)
        else:
            self._display.line(NOT_RUNNING)
        return overview.exit_status

    def restart(self, name: str) -> int:
        self.stack(self._settings.intake, self._settings.catalogue).restart(name)
        return 0

    def kill(self, name: str) -> int:
        stack = self.stack()
        stack.kill(name)
        states = {part.name: part.state for part in look(stack.state).parts}
        self._display.line(
            f"{name} is {states.get(name, PartState.STOPPED)}. `{PROGRAM} restart {name}` brings it back."
        )
        return 0

    def environment(self, *, export: bool) -> int:
        """With `export` as commands of a shell, with every value quoted."""
        variables = self.stack().environment
        if export and not variables:
            raise StackError(NOT_RUNNING)
        for name, value in sorted(variables.items()):
            self._display.line(f"export {name}={shlex.quote(value)}" if export else f"{name}={value}")
        return 0

    def logs(self, name: str, lines: int, *, follow: bool) -> int:
        log = Path(self.stack().supervisor.record(name).log)
        with log.open(errors="replace") as file:
            for line in deque(file, maxlen=lines):
                self._display.line(line.rstrip("\n"))
            while follow:
                line = file.readline()
                if line:
                    self._display.line(line.rstrip("\n"))
                else:
                    time.sleep(_FOLLOW_SECONDS)
        return 0

    def stack(
        self,
        intake: Path | None = None,
        catalogue: Path | None = None,
        lines: Collection[Line] = tuple(Line),
    ) -> LocalStack:
        settings = self._settings
        return LocalStack(
            settings.state_dir,
            ports=settings.ports,
            intake=intake,
            catalogue=catalogue,
            report=self._display.line,
            lines=lines,
        )
