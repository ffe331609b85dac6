"""Waits until automation has finished a batch, shows the progress, and fires the sweep meanwhile."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli.answers import Equation
from cli.screen import Screen
from infra.local.errors import DemoFailed

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
    """Prints changes, at most one a second, and always the last one."""
    last, due = "", 0.0

    def show(equation: Equation) -> None:
        nonlocal last, due
        words = _in_words(equation)
        if words != last and (time.monotonic() >= due or not equation.in_flight):
            last, due = words, time.monotonic() + _LINE_EVERY
            screen.line(f"  {words}")

    return show


_LOOK_EVERY = 0.5
_SWEEP_EVERY = 5.0
STALLED_AFTER = 120.0
"""Seconds without any change. A healthy run is silent for a minute at most: the queue waits for DigiKey's limit."""


@dataclass
class Swept:
    """`rescued` counts tasks by what the sweep did; it does nothing for a `still_queued` one."""

    runs: int = 0
    rescued: dict[str, int] = field(default_factory=dict)

    def add(self, answer: dict[str, int]) -> None:
        self.runs += 1
        for what in ("handed_over", "enqueued", "renewed", "dead_lettered"):
            if answer[what]:
                self.rescued[what] = self.rescued.get(what, 0) + answer[what]

    @property
    def in_words(self) -> str:
        runs = f"the sweep, every 5 minutes in the cloud, ran {self.runs} times"
        if not self.rescued:
            return f"{runs} and found nothing lost"
        rescued = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in self.rescued.items())
        return f"{runs}: {rescued}"


@dataclass(frozen=True)
class Work:
    """The calls that show how far the batch is, and the sweep."""

    equation: Callable[[], Equation]
    queued: Callable[[], int]
    sweep: Callable[[], dict[str, int]]


def drain(work: Work, show: Show, stalled_after: float = STALLED_AFTER) -> Swept:
    """Returns when no record is in flight. Raises DemoFailed when nothing changes for `stalled_after` seconds."""
    swept = Swept()
    before: tuple[Equation, int] | None = None
    changed = sweep_due = time.monotonic()
    while True:
        now = time.monotonic()
        if now >= sweep_due:
            swept.add(work.sweep())
            sweep_due = now + _SWEEP_EVERY
        seen = equation, queued = work.equation(), work.queued()
        show(equation)
        if not equation.in_flight and not queued:
            swept.add(work.sweep())
            return swept
        if seen != before:
            before, changed = seen, now
        elif now - changed > stalled_after:
            raise DemoFailed(
                f"Stuck: nothing has changed for {stalled_after:.0f} s. {equation.in_flight} records are in flight,"
                f" {queued} tasks in the queues."
            )
        time.sleep(_LOOK_EVERY)
