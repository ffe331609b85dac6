"""Where summaries go: colour, emojis and boxes on a terminal; plain lines without an edge to wrap at in a pipe."""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import NoReturn, TextIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

PLAIN_WIDTH = 2_000

SYMBOLS = {
    "done": ("✅", "[ok]"),
    "bad": ("❌", "[failed]"),
    "warning": ("⚠️ ", "[warning]"),
    "working": ("⏳", "[in progress]"),
    "automation": ("🤖 automation:", "automation:"),
    "person": ("🧑 people:", "people:"),
    "trial": ("🔍", "[dry run]"),
    "skipped": ("⏭️  skipped:", "skipped:"),
}
"""Each on a terminal, and where emojis cannot be shown."""

_INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode categories that could move a cursor, reorder a line or break it."""


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        """The console would end the program by itself; the way out is cli/program.py's."""
        raise BrokenPipeError


class Screen:
    def __init__(self, stream: TextIO) -> None:
        self.console = _Console(file=stream, markup=False, emoji=False, highlight=False)
        if not self.console.is_terminal:
            self.console.width = PLAIN_WIDTH
        self.is_terminal = self.console.is_terminal and not self.console.is_dumb_terminal
        self._emojis = self.is_terminal and self.console.encoding.startswith("utf")

    def symbol(self, name: str) -> str:
        rich, plain = SYMBOLS[name]
        return rich if self._emojis else plain

    def line(self, text: str = "", style: str = "") -> None:
        """`text` is ours; what came from elsewhere goes through `shown` first. Never wrapped, to be copied whole."""
        self.console.print(Text(text, style=style), soft_wrap=True)

    def table(
        self, columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None
    ) -> None:
        if title:
            self.line()
            self.line(title, style="bold")
        frame = (box.ROUNDED if self._emojis else box.ASCII) if self.is_terminal else None
        table = Table(box=frame, header_style="bold", pad_edge=self.is_terminal)
        for number, column in enumerate(columns):
            # the first is what the next command is given: to be copied whole
            table.add_column(column, no_wrap=number == 0 or not self.is_terminal, overflow="fold")
        for row in rows:
            table.add_row(*(Text(shown(cell)) for cell in row))
        if self.is_terminal:
            self.console.print(table)
            return
        with self.console.capture() as captured:
            self.console.print(table)
        for line in captured.get().splitlines():
            self.line(line.rstrip())


def shown(value: object) -> str:
    """A value of an answer as text that cannot steer the terminal. None is a dash."""
    if value is None:
        return "-"
    text = str(value)
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        ascii(character)[1:-1] if unicodedata.category(character) in _INVISIBLE else character
        for character in text
    )
