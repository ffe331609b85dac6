"""Waits until nothing of a batch is left to automation, and fires the sweep meanwhile, as Cloud Scheduler would."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cli.answers import Equation
from infra.local.demo.errors import DemoFailed
from infra.local.demo.progress import Show

_LOOK_EVERY = 0.5
_SWEEP_EVERY = 5.0
STALLED_AFTER = 120.0
"""Seconds without any change. The longest honest silence is DigiKey's minute, at whose limit the queue waits."""


@dataclass
class Swept:
    """`rescued` counts tasks by what the sweep did for them; `still_queued` ones needed nothing."""

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
class Line:
    """What the waiting looks at."""

    equation: Callable[[], Equation]
    queued: Callable[[], int]
    sweep: Callable[[], dict[str, int]]


def drain(line: Line, show: Show, stalled_after: float = STALLED_AFTER) -> Swept:
    """Raises DemoFailed when nothing changes any more."""
    swept = Swept()
    before: tuple[Equation, int] | None = None
    changed = sweep_due = time.monotonic()
    while True:
        now = time.monotonic()
        if now >= sweep_due:
            swept.add(line.sweep())
            sweep_due = now + _SWEEP_EVERY
        seen = equation, queued = line.equation(), line.queued()
        show(equation)
        if not equation.in_flight and not queued:
            swept.add(line.sweep())
            return swept
        if seen != before:
            before, changed = seen, now
        elif now - changed > stalled_after:
            raise DemoFailed(
                f"Stuck: nothing has changed for {stalled_after:.0f} s. {equation.in_flight} records are in flight,"
                f" {queued} tasks in the queues."
            )
        time.sleep(_LOOK_EVERY)
