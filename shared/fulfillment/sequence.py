"""A stage begins when the stage before it has ended, runs once in its cycle, and holds a lease while it runs."""

import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from shared.clock import Clock
from shared.errors import Conflict, RetryLater, SwitchyardError
from shared.fulfillment.pipeline import Pipeline
from shared.fulfillment.ports import Malformed

LEASE = timedelta(seconds=120)
"""Renewed while the stage works, so that a killed stage blocks the next firing no longer than this."""

MARGIN = timedelta(seconds=120)
"""Reserved from a stage's time for its last order and its answer: two of the longest calls, at most half."""

LONGEST_WAIT = 60.0
"""Seconds. A vendor's window of calls ends within this time; a longer wait is left to the next cycle."""

MOST_ERRORS = 50


@dataclass(frozen=True)
class Beginning:
    """`outcome` is run, ran, busy or wait; see `begin_stage` in the migrations."""

    outcome: str
    out_of_order: bool = False
    result: dict[str, Any] | None = None
    retry_after: float = 10
    detail: str = ""


@dataclass(frozen=True)
class Before:
    """The stage before. `due` is None when no schedule fired this cycle; `grace` is the longest wait after `due`."""

    stage: str
    due: datetime | None
    grace: float


class StageStore(Protocol):
    """All raise StoreUnavailable. `owner` is unique to one run."""

    def begin_stage(
        self,
        cycle: str,
        stage: str,
        owner: uuid.UUID,
        *,
        trigger: str,
        lease: timedelta,
        before: Before | None,
    ) -> Beginning: ...

    def renew_stage(self, cycle: str, stage: str, owner: uuid.UUID, lease: timedelta) -> bool: ...

    def end_stage(
        self, cycle: str, stage: str, owner: uuid.UUID, *, finished: bool, result: dict[str, Any]
    ) -> bool: ...


@dataclass(frozen=True)
class Firing:
    """The cause of a run. `due` is Scheduler's time; None for a call by hand, which has its own cycle."""

    cycle: str
    due: datetime | None = None

    @property
    def trigger(self) -> str:
        return "manual" if self.due is None else "scheduler"


def firing_of(due: datetime | None, cycle: str | None, pipeline: Pipeline) -> Firing:
    """A given cycle wins; Scheduler's firing belongs to its interval; any other call gets a new cycle."""
    if cycle is not None:
        return Firing(cycle)
    if due is None:
        return Firing(f"manual-{uuid.uuid4()}")
    return Firing(pipeline.cycle_begin(due).strftime("%Y-%m-%dT%H:%MZ"), due)


@dataclass
class StageRun:
    """One run of a stage, with its deadline and counts. `limit` is the most orders that it handles."""

    stage: str
    limit: int
    deadline: datetime
    clock: Clock
    renew: Callable[[], bool]
    renew_at: datetime
    cycle: str
    pause: Callable[[float], None] = time.sleep
    counts: Counter[str] = field(default_factory=Counter)
    errors: list[dict[str, str]] = field(default_factory=list)
    lost: bool = False

    def may_go_on(self) -> bool:
        """Called before each order: false when the time is up or another run has the lease."""
        now = self.clock()
        if now >= self.renew_at and not self.lost:
            self.lost = not self.renew()
            self.renew_at = now + LEASE / 3
        return not self.lost and now < self.deadline

    def wait(self, seconds: float) -> bool:
        """Waits as long as a vendor asks and renews the lease; false when that would take too long."""
        ends_late = self.clock() + timedelta(seconds=seconds) >= self.deadline
        if seconds > LONGEST_WAIT or ends_late:
            return False
        left = seconds
        while self.may_go_on() and left > 0:
            self.pause(min(left, LEASE.total_seconds() / 6))
            left -= LEASE.total_seconds() / 6
        return self.may_go_on()

    def stop(self) -> None:
        """Ends the run, because the vendor asks for a longer wait or is away. The next cycle does the rest."""
        self.deadline = self.clock()

    def failed(self, what: str, message: str) -> None:
        self.counts["failed"] += 1
        if len(self.errors) < MOST_ERRORS:
            self.errors.append({"order_id": what, "message": message})

    def report(self, problems: Sequence[Malformed]) -> None:
        """Reports orders and threads that could not be read."""
        for problem in problems:
            self.failed(problem.ident or "?", problem.problem)

    def to_json(self) -> dict[str, Any]:
        counted = {name: self.counts[name] for name in ("done", "skipped", "failed", "left")}
        return counted | dict(self.counts) | {"errors": self.errors}


def _public_text(error: BaseException) -> str:
    """The error for the reports. Only our own errors show their text; others could hold a customer's data."""
    name = type(error).__name__
    return f"{name}: {error.detail}"[:500] if isinstance(error, SwitchyardError) else name


@dataclass(frozen=True)
class StageRunner:
    store: StageStore
    pipeline: Pipeline
    clock: Clock
    pause: Callable[[float], None] = time.sleep

    def run(self, name: str, firing: Firing, limit: int, work: Callable[[StageRun], None]) -> dict[str, Any]:
        """Returns the stage's answer.

        Raises Conflict while it runs elsewhere, RetryLater while the stage before it has not ended, and every error of
        `work`: the run is then marked as failed, and the next firing repeats it.
        """
        stage = self.pipeline.stage(name)
        owner = uuid.uuid4()
        beginning = self.store.begin_stage(
            firing.cycle,
            name,
            owner,
            trigger=firing.trigger,
            lease=LEASE,
            before=self._before(name, firing),
        )
        answer: dict[str, Any] = {"cycle": firing.cycle, "stage": name}
        if beginning.outcome == "ran":
            return answer | {"skipped": "already ran", "result": beginning.result}
        if beginning.outcome == "busy":
            raise Conflict(f"{name} is running: {beginning.detail}")
        if beginning.outcome == "wait":
            raise RetryLater(f"{name} waits for {beginning.detail}", beginning.retry_after)
        now = self.clock()
        allowed = timedelta(seconds=stage.timeout_seconds)
        run = StageRun(
            stage=name,
            limit=limit,
            deadline=now + allowed - min(MARGIN, allowed / 2),
            clock=self.clock,
            renew=lambda: self.store.renew_stage(firing.cycle, name, owner, LEASE),
            renew_at=now + LEASE / 3,
            cycle=firing.cycle,
            pause=self.pause,
        )
        answer["out_of_order"] = beginning.out_of_order
        try:
            work(run)
        except BaseException as error:
            result = answer | run.to_json() | {"error": _public_text(error)}
            self.store.end_stage(firing.cycle, name, owner, finished=False, result=result)
            raise
        result = answer | run.to_json()
        self.store.end_stage(firing.cycle, name, owner, finished=not run.lost, result=result)
        return result

    def _before(self, name: str, firing: Firing) -> Before | None:
        before = self.pipeline.before(name)
        if before is None:
            return None
        due = None
        if firing.due:
            due = self.pipeline.cycle_begin(firing.due) + timedelta(minutes=before.offset_minutes)
        return Before(before.name, due, self.pipeline.grace_seconds)
