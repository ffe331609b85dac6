"""The output of summaries: colours, emojis and boxes on a terminal, plain lines that are never wrapped in a pipe."""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import NoReturn, TextIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

PLAIN_WIDTH = 2_000

LEAST_FOLDED_WIDTH = 80
"""Columns of the narrowest terminal on which a table that does not fit is folded; below, it becomes paragraphs."""

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
        cells = [[shown(cell) for cell in row] for row in rows]
        for row in cells:
            table.add_row(*map(Text, row))
        if self._is_too_wide(table):
            self._paragraphs(columns, cells)
            return
        if self.is_terminal:
            self.console.print(table)
            return
        with self.console.capture() as captured:
            self.console.print(table)
        for line in captured.get().splitlines():
            self.line(line.rstrip())

    def _is_too_wide(self, table: Table) -> bool:
        """A wide terminal folds cells; a narrow one would fold them to a few characters."""
        if self.console.width >= LEAST_FOLDED_WIDTH:
            return False
        unbounded = self.console.options.update(max_width=PLAIN_WIDTH)
        return self.console.measure(table, options=unbounded).maximum > self.console.width

    def _paragraphs(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """The first cell, then a line for each of the others that says something."""
        width = max(map(len, columns), default=0)
        for first, *others in rows:
            self.line(f"{columns[0]} {first}", style="bold")
            for column, cell in zip(columns[1:], others, strict=True):
                if cell not in ("", "-"):
                    self.line(f"  {column:<{width}}  {cell}")


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
