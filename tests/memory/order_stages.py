"""Stages of the in-memory order store."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from shared.errors import Conflict
from shared.fulfillment.sequence import Before, Beginning, Breaker, Fault
from shared.fulfillment.store import Json
from tests.memory.order_findings import InMemoryFindings
from tests.memory.order_rows import Run


@dataclass
class InMemoryStages(InMemoryFindings):
    """Implements StageStore."""

    runs: dict[tuple[str, str], Run] = field(default_factory=dict)
    breakers: dict[str, Breaker] = field(default_factory=dict)

    def begin_stage(
        self,
        cycle: str,
        stage: str,
        owner: UUID,
        *,
        trigger: str,
        lease: timedelta,
        before: Before | None,
    ) -> Beginning:
        now = self.clock()
        own, breaker = self.runs.get((cycle, stage)), self.breakers.get(stage)
        if own and own.owner == owner:
            if own.state != "running":
                raise Conflict(f"this run of {stage} in cycle {cycle} has ended")
            own.lease_until = now + lease
            return Beginning("run", own.out_of_order, breaker=breaker)
        if own and own.state == "finished":
            return Beginning("ran", result=own.result)
        live = next(
            (run for run in self.runs.values() if run.stage == stage and run.state == "running"), None
        )
        if live and live.lease_until > now:
            return Beginning("busy", detail=f"cycle {live.cycle}, until {live.lease_until}")
        waiting = self._waits_for(cycle, before)
        if waiting:
            return waiting
        if live:
            live.state, live.ended_at, live.result = "failed", now, {"error": "its lease ran out"}
        earlier = self.runs.get((cycle, before.stage)) if before else None
        out_of_order = before is not None and (earlier is None or earlier.state != "finished")
        run = Run(cycle, stage, owner, trigger, now + lease, now, out_of_order)
        run.tries += own.tries if own else 0
        self.runs[cycle, stage] = run
        return Beginning("run", out_of_order, breaker=breaker)

    def _waits_for(self, cycle: str, before: Before | None) -> Beginning | None:
        if before is None:
            return None
        now, earlier = self.clock(), self.runs.get((cycle, before.stage))
        if earlier:
            runs = earlier.state == "running" and earlier.lease_until > now
            return Beginning("wait", detail=before.stage) if runs else None
        left = (before.due + timedelta(seconds=before.grace) - now).total_seconds() if before.due else 0
        return Beginning("wait", retry_after=max(1, min(60, left)), detail=before.stage) if left > 0 else None

    def renew_stage(self, cycle: str, stage: str, owner: UUID, lease: timedelta) -> bool:
        run = self.runs.get((cycle, stage))
        if run is None or run.owner != owner or run.state != "running":
            return False
        run.lease_until = self.clock() + lease
        return True

    def end_stage(
        self,
        cycle: str,
        stage: str,
        owner: UUID,
        *,
        finished: bool,
        result: dict[str, Any],
        fault: Fault | None = None,
    ) -> bool:
        run = self.runs.get((cycle, stage))
        if run is None or run.owner != owner:
            return False
        if run.state != "running":
            return run.result == result
        now = self.clock()
        run.state, run.result, run.ended_at = "finished" if finished else "failed", result, now
        if fault:
            new = Breaker(fault.cause, fault.reason, now, 1, now + fault.hold)
            old = self.breakers.get(stage)
            self.breakers[stage] = replace(new, opened_at=old.opened_at, tries=old.tries + 1) if old else new
        elif finished:
            self.breakers.pop(stage, None)
        return True

    def recent_stage_runs(self, limit: int) -> list[Json]:
        latest = sorted(self.runs.values(), key=lambda run: (-run.begun_at.timestamp(), run.stage))
        return [run.to_json() for run in latest[:limit]]

    def open_breakers(self) -> list[Json]:
        opened = sorted(self.breakers.items(), key=lambda each: (each[1].opened_at, each[0]))
        return [{"stage": stage} | breaker.to_json() for stage, breaker in opened]
