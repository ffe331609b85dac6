"""Looks at a batch again and again until nothing is left to see."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from cli.answers import BatchStatus, TaskCounts, Vendor, parsed
from cli.failures import NotReached
from cli.screen import Screen, shown
from shared.clock import system_clock

ABANDONED_AFTER = timedelta(minutes=15)
"""A dead `orchestrate` never closes its batch; the database gives it up after the same time (batch_status)."""


@dataclass(frozen=True)
class Share:
    """`ended` tasks out of `total`; `failed` is the part of `ended` that failed."""

    total: int
    ended: int
    failed: int

    @property
    def in_words(self) -> str:
        failed = f" ({self.failed} failed)" if self.failed else ""
        return f"{self.ended} of {self.total}{failed}"


@dataclass(frozen=True)
class Progress:
    opening: bool
    ended: bool
    automation: Share
    people: Share

    @property
    def automation_ended(self) -> bool:
        return self.ended or (not self.opening and self.automation.ended == self.automation.total)

    @property
    def in_words(self) -> str:
        opening = ", more are being opened" if self.opening else ""
        return f"automation {self.automation.in_words}, people {self.people.in_words}{opening}"


def progress_of(batch: BatchStatus, now: datetime) -> Progress:
    ended = batch.state != "in_progress"
    abandoned = now - batch.created_at > ABANDONED_AFTER
    return Progress(
        opening=not ended and batch.closed_at is None and not abandoned,
        ended=ended,
        automation=_share(batch.automation),
        people=_share(batch.manual),
    )


def _share(counts: TaskCounts) -> Share:
    completed, failed = counts.get("completed", 0), counts.get("failed", 0)
    return Share(sum(counts.values()), completed + failed, failed)


def why_it_waits(batch: BatchStatus, vendors: Sequence[Vendor]) -> str:
    """Names a paused vendor, else the queue, and people, with what each of them holds. Empty when all has ended."""
    automation, people = _open(batch.automation), _open(batch.manual)
    reasons = []
    if automation:
        paused = [vendor for vendor in vendors if vendor.state == "open"]
        reasons += [_paused(vendor) for vendor in paused]
        if not paused:
            queued = automation.get("initialized", 0)
            reasons.append(f"{queued} in the queue, {sum(automation.values()) - queued} at work")
    if people:
        free = people.get("initialized", 0)
        held = sum(people.values()) - free
        reasons.append(f"people hold {held}, {free} unclaimed")
    return "; ".join(reasons)


def _open(counts: TaskCounts) -> TaskCounts:
    return {state: count for state, count in counts.items() if count and state not in ("completed", "failed")}


_PAUSED = {
    "daily_limit": "the day's quota of {} is used",
    "down": "{} is down",
    "account": "{} refuses our account",
}


def _paused(vendor: Vendor) -> str:
    said = _PAUSED.get(vendor.cause or "", "{} is paused").format(shown(vendor.vendor))
    until = (
        "" if vendor.until is None else f", asked again at {vendor.until.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"
    )
    return f"{said}: {vendor.waiting} records wait{until}"


Show = Callable[[Progress, str], None]
"""Takes the progress, and why nothing moves: empty while something does."""


@dataclass(frozen=True)
class Watching:
    """`interval` and `patience` in seconds."""

    interval: float
    patience: float
    until_ended: bool

    def is_over(self, progress: Progress) -> bool:
        return progress.ended if self.until_ended else progress.automation_ended


class Reader(Protocol):
    def __call__(self) -> dict[str, Any]:
        """The batch's status now. Raises NotReached and Refused."""
        ...


Explain = Callable[[BatchStatus], str]

_STILL = 2
_STILL_AGAIN = 10
"""After so many looks without a change the reason is asked for, and after each so many once more."""


def watch(
    read: Reader, explain: Explain, watching: Watching, show: Show, notify: Callable[[str], None]
) -> dict[str, Any]:
    """Returns the last status. Raises NotReached when the first call fails, or later ones fail for `patience`."""
    answer = read()
    before, why, still = None, "", 0
    while True:
        batch = parsed(BatchStatus, answer)
        progress = progress_of(batch, system_clock())
        seen = (batch.automation, batch.manual, progress)
        still = still + 1 if seen == before else 0
        before = seen
        if still == 0:
            why = ""
        elif still == _STILL or still % _STILL_AGAIN == 0:
            why = explain(batch)
        show(progress, why)
        if watching.is_over(progress):
            return answer
        time.sleep(watching.interval)
        answer = _read_patiently(read, watching, notify)


def _read_patiently(read: Reader, watching: Watching, notify: Callable[[str], None]) -> dict[str, Any]:
    deadline = time.monotonic() + watching.patience
    while True:
        try:
            return read()
        except NotReached as failure:
            if time.monotonic() >= deadline:
                raise
            notify(f"{failure}; still watching")
            time.sleep(watching.interval)


@contextmanager
def display(screen: Screen | None) -> Iterator[Show]:
    """Shows bars on a terminal, lines in a pipe, and nothing without a screen."""
    if screen is None:
        yield lambda _progress, _why: None
        return
    if not screen.is_terminal:
        yield _lines(screen)
        return
    with Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[words]}"),
        TimeElapsedColumn(),
        console=screen.console,
    ) as bars:
        yield _bars(bars, screen)


def _bars(bars: Bars, screen: Screen) -> Show:
    rows = {
        name: bars.add_task(screen.symbol(name), total=None, words="") for name in ("automation", "person")
    }

    last = ""

    def show(progress: Progress, why: str) -> None:
        nonlocal last
        if why not in ("", last):
            screen.line(f"waits: {why}", style="yellow")
        last = why
        shares: dict[str, Share] = {"automation": progress.automation, "person": progress.people}
        for name, share in shares.items():
            bars.update(
                rows[name],
                total=share.total or None,
                completed=share.ended,
                words=share.in_words,
            )

    return show


def _lines(screen: Screen) -> Show:
    """Prints one line for each change."""
    last = ""

    def show(progress: Progress, why: str) -> None:
        nonlocal last
        words = f"{progress.in_words}; waits: {why}" if why else progress.in_words
        if words != last:
            last = words
            screen.line(last)

    return show
