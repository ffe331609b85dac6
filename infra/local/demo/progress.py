"""How far the batch is, while it is worked on: one bar on a terminal, now and then a line in a pipe."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli.answers import Equation
from cli.screen import Screen

Show = Callable[[Equation], None]

_LINE_EVERY = 1.0
_BAR_WIDTH = 24


@contextmanager
def shown_progress(screen: Screen) -> Iterator[Show]:
    if not screen.is_terminal:
        yield _lines(screen)
        return
    with Progress(
        TextColumn(" "),
        BarColumn(_BAR_WIDTH),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=screen.console,
    ) as bars:
        bar = bars.add_task("", total=None)
        yield lambda equation: bars.update(
            bar,
            total=equation.taken,
            completed=equation.taken - equation.in_flight,
            description=_in_words(equation),
        )


def _in_words(equation: Equation) -> str:
    failed = f", {equation.failed} failed" if equation.failed else ""
    return (
        f"{equation.completed} completed, {equation.with_a_person} with a person{failed},"
        f" {equation.in_flight} in flight"
    )


def _lines(screen: Screen) -> Show:
    """Changes only, and the last one always."""
    last, due = "", 0.0

    def show(equation: Equation) -> None:
        nonlocal last, due
        words = _in_words(equation)
        if words != last and (time.monotonic() >= due or not equation.in_flight):
            last, due = words, time.monotonic() + _LINE_EVERY
            screen.line(f"  {words}")

    return show
