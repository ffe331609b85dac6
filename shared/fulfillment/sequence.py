"""A stage begins when the stage before it has ended, runs once in its cycle, and holds a lease while it runs."""

import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

from shared.clock import Clock
from shared.errors import Conflict, RetryLater, SwitchyardError, VendorUnavailable
from shared.fulfillment.pipeline import Pipeline, Stage
from shared.fulfillment.ports import Cause, NotSent

LEASE = timedelta(seconds=120)
"""Renewed while the stage works, so that a killed stage blocks the next firing no longer than this."""

MARGIN = timedelta(seconds=120)
"""Reserved from a stage's time for its last order and its answer: two of the longest calls, at most half."""

LONGEST_WAIT = 60.0
"""Seconds. A vendor's window of calls ends within this time; a longer wait is left to the next cycle."""

MOST_ERRORS = 50

FIRST_HOLD, LONGEST_HOLD = timedelta(minutes=5), timedelta(hours=1)
"""A stage that stopped because of our account does nothing for so long; each further try that fails doubles it."""


@dataclass(frozen=True)
class Breaker:
    """A stage that is stopped by a vendor or our account. Until `retry_at`, firings of the schedule do nothing."""

    cause: str
    reason: str
    opened_at: datetime
    tries: int
    retry_at: datetime

    def to_json(self) -> dict[str, Any]:
        return {
            "cause": self.cause,
            "reason": self.reason,
            "opened_at": self.opened_at.isoformat(),
            "tries": self.tries,
            "retry_at": self.retry_at.isoformat(),
        }


@dataclass(frozen=True)
class Fault:
    """Why a run stopped for all orders; firings of the schedule do nothing for `hold`."""

    cause: str
    reason: str
    hold: timedelta


@dataclass(frozen=True)
class Beginning:
    """`outcome` is run, ran, busy or wait; see `begin_stage` in the migrations."""

    outcome: str
    out_of_order: bool = False
    result: dict[str, Any] | None = None
    retry_after: float = 10
    detail: str = ""
    breaker: Breaker | None = None


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
        self,
        cycle: str,
        stage: str,
        owner: uuid.UUID,
        *,
        finished: bool,
        result: dict[str, Any],
        fault: "Fault | None" = None,
    ) -> bool:
        """`fault` opens the stage's breaker; a run that finished without one closes it."""
        ...


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
    reasons: Counter[str] = field(default_factory=Counter)
    lost: bool = False
    fault: NotSent | None = None
    suspect: tuple[str, NotSent] | None = None

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

    def stop(self, fault: NotSent) -> None:
        """Ends the run, because a vendor does nothing now for any order. The next cycle does the rest."""
        self.deadline = self.clock()
        self.fault = fault

    def blocked(self, order_id: str, fault: NotSent) -> None:
        """Nothing was done for an order, which stays as it was. Ends the run unless the fault may be this order's own.

        A refusal of our account, or an answer that says nothing, must show at a second order before it counts.
        """
        self.counts["left"] += 1
        may_be_its_own = fault.cause in (Cause.ACCOUNT, Cause.UNCLEAR)
        if not may_be_its_own or (self.suspect and self.suspect[0] != order_id):
            self.stop(fault)
        else:
            self.suspect = (order_id, fault)

    def worked(self) -> None:
        """A vendor has served an order, so the fault of the one before it was its own: its clock runs."""
        if self.suspect:
            self.failed(self.suspect[0], self.suspect[1].message)
        self.suspect = None

    def skipped(self, why: str) -> None:
        """Nothing is to be done for an order in this run. `why` is one of few sentences, without its data."""
        self.counts["skipped"] += 1
        self.reasons[why] += 1

    def failed(self, what: str, message: str) -> None:
        self.counts["failed"] += 1
        if len(self.errors) < MOST_ERRORS:
            self.errors.append({"order_id": what, "message": message})

    def to_json(self) -> dict[str, Any]:
        counted = {name: self.counts[name] for name in ("done", "skipped", "failed", "left")}
        because = {"skipped_because": dict(self.reasons)} if self.reasons else {}
        return counted | dict(self.counts) | because | {"errors": self.errors}


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
        answer["out_of_order"] = beginning.out_of_order
        end = partial(self.store.end_stage, firing.cycle, name, owner)
        breaker = beginning.breaker
        if breaker and firing.due and self.clock() < breaker.retry_at:
            held = answer | {"held": breaker.to_json()}
            end(finished=False, result=held, fault=None)
            return held
        run = self._started(stage, limit, firing, owner)
        try:
            work(run)
        except BaseException as error:
            result = answer | run.to_json() | {"error": _public_text(error)}
            end(finished=False, result=result, fault=_fault_of(error, breaker))
            raise
        fault = (
            _fault(run.fault.cause, run.fault.message, run.fault.retry_after, breaker) if run.fault else None
        )
        if fault is None and run.suspect:  # the only order: the next firing asks again
            fault = Fault(run.suspect[1].cause, run.suspect[1].message, timedelta())
        result = answer | run.to_json()
        if fault:
            result["stopped"] = {"cause": fault.cause, "reason": fault.reason}
        end(finished=not run.lost, result=result, fault=fault)
        return result

    def _started(self, stage: Stage, limit: int, firing: Firing, owner: uuid.UUID) -> StageRun:
        now = self.clock()
        allowed = timedelta(seconds=stage.timeout_seconds)
        return StageRun(
            stage=stage.name,
            limit=limit,
            deadline=now + allowed - min(MARGIN, allowed / 2),
            clock=self.clock,
            renew=lambda: self.store.renew_stage(firing.cycle, stage.name, owner, LEASE),
            renew_at=now + LEASE / 3,
            cycle=firing.cycle,
            pause=self.pause,
        )

    def _before(self, name: str, firing: Firing) -> Before | None:
        before = self.pipeline.before(name)
        if before is None:
            return None
        due = None
        if firing.due:
            due = self.pipeline.cycle_begin(firing.due) + timedelta(minutes=before.offset_minutes)
        return Before(before.name, due, self.pipeline.grace_seconds)


def _fault_of(error: BaseException, breaker: Breaker | None) -> Fault | None:
    if isinstance(error, VendorUnavailable):
        return _fault(Cause(error.cause), error.detail, None, breaker)
    return None


def _fault(cause: Cause, reason: str, retry_after: float | None, breaker: Breaker | None) -> Fault | None:
    """An outage holds nothing: the next firing tries again. Our account holds longer each time: a person mends it."""
    if cause is Cause.LATE:
        return None
    hold = timedelta(seconds=retry_after or 0)
    if cause is Cause.ACCOUNT:
        hold = min(FIRST_HOLD * 2 ** min(breaker.tries if breaker else 0, 8), LONGEST_HOLD)
    return Fault(cause, reason, hold)
