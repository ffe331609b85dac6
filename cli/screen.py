"""The output of summaries: colours, emojis and boxes on a terminal, plain lines that are never wrapped in a pipe."""

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
"""Each symbol for a terminal, and for output that cannot show emojis."""

_INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode categories that could move a cursor, reorder a line or break it."""


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        """Raises instead of ending the program: cli/program.py sets the exit status."""
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
        """Prints our own text, never wrapped, so that it can be copied. Foreign text must go through `shown` first."""
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
            # a person copies the first cell into the next command, so it is never wrapped
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
    """The value as text without control characters; a dash for None."""
    if value is None:
        return "-"
    text = str(value)
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        ascii(character)[1:-1] if unicodedata.category(character) in _INVISIBLE else character
        for character in text
    )
