"""The breakers of the in-memory record store: the promises of the SQL functions of 20261122000009."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from shared.enrichment.ports import PauseCause
from shared.enrichment.store import Json
from shared.errors import NotFound
from tests.memory.record_opening import TIMES, InMemoryOpening
from tests.memory.rows import Breaker, Task

FAILING_TASKS = 3
OUTAGES = 3
PROBE = 10.0  # seconds that others wait for a probe


def place_in_line(task_id: UUID, backoff: float) -> timedelta:
    return timedelta(seconds=backoff / 10 * (task_id.int >> 112) / 65536)


@dataclass
class InMemoryBreakers(InMemoryOpening):
    def _admit_call(self, task: Task, owner: UUID, vendor: str) -> datetime | None:
        """None, or until when the task waits."""
        breaker, now = self.breakers.get(vendor), self.clock()
        if breaker is None or breaker.until is None:
            return None
        if breaker.until <= now and (breaker.probe_until is None or breaker.probe_until <= now):
            breaker.probe_owner, breaker.probe_until = owner, self._later(TIMES.lease)
            return None
        seen = max(breaker.until, self._later(min(breaker.backoff, PROBE)))
        return seen + place_in_line(task.id, breaker.backoff)

    def _vendor_answered(self, vendor: str, owner: UUID) -> None:
        breaker = self.breakers.get(vendor)
        if breaker and breaker.cause is None:
            breaker.failing = {}
        elif breaker and breaker.probe_owner == owner:
            breaker.close(self.clock(), "probe")

    def _free_probe(self, owner: UUID) -> None:
        for breaker in self.breakers.values():
            if breaker.probe_owner == owner:
                breaker.probe_owner = breaker.probe_until = None

    def _give_back_owed(self, task: Task, vendor: str) -> None:
        breaker = self.breakers.get(vendor)
        if breaker and task.id in breaker.owed:
            task.attempts = max(task.attempts - breaker.owed.pop(task.id), 0)
            self._hit(task, breaker)

    def _hit(self, task: Task, breaker: Breaker) -> None:
        task.outages += task.outage_at != breaker.opened_at
        task.outage_at = breaker.opened_at

    def _strike(
        self, task: Task, owner: UUID, cause: PauseCause, reason: str, until: datetime | None
    ) -> Breaker | None:
        """The open breaker behind which the task waits, or None: the failure stands."""
        breaker = self.breakers.setdefault(task.asks, Breaker(task.asks))
        down = cause is PauseCause.DOWN
        elsewhere = breaker.cause is None or task.outage_at != breaker.opened_at
        if cause is not PauseCause.DAILY_LIMIT and task.outages >= OUTAGES and elsewhere:
            self._free_probe(owner)
            return None
        if down and breaker.cause is None:
            breaker.failing.setdefault(task.id, set()).add(owner)
            if len(breaker.failing) < FAILING_TASKS:
                return None
            owed = {failed: len(owners - {owner}) for failed, owners in breaker.failing.items()}
            self._open(breaker, cause, reason, until)
            breaker.owed |= {failed: attempts for failed, attempts in owed.items() if attempts}
            return breaker
        news = breaker.cause is PauseCause.DOWN and not down
        later = until is not None and breaker.until is not None and until > breaker.until
        if breaker.cause is None or breaker.probe_owner == owner or news or later:
            self._open(breaker, cause, reason, until)
        opened = breaker.opened_at
        return None if down and opened and opened < self.clock() - timedelta(days=1) else breaker

    def _open(self, breaker: Breaker, cause: PauseCause, reason: str, until: datetime | None) -> None:
        first, longest = TIMES.pauses(cause)
        doubled = breaker.cause is cause and until is None
        breaker.backoff = min(max(2 * breaker.backoff, first), longest) if doubled else first
        breaker.opened_at = self.clock() if breaker.cause is None else breaker.opened_at
        breaker.cause, breaker.reason, breaker.failing = cause, reason, {}
        breaker.until = max(until or self._later(breaker.backoff), self.clock())
        breaker.probe_owner = breaker.probe_until = None
        breaker.owed = {task: owed for task, owed in breaker.owed.items() if not self.tasks[task].ended}

    # --- people

    def vendors(self) -> list[Json]:
        return [self._view(breaker) for _, breaker in sorted(self.breakers.items())]

    def resume_vendor(self, vendor: str, by: str, note: str) -> Json:
        if vendor not in self.breakers:
            raise NotFound(f"no breaker of a vendor {vendor}")
        breaker = self.breakers[vendor]
        for task in self._waiting(vendor):
            task.generation, task.enqueued, task.not_before = task.generation + 1, False, None
            task.sweep_after = self.clock()
        if breaker.cause:
            breaker.close(self.clock(), by, note)
        return self._view(breaker)

    def _waiting(self, vendor: str) -> list[Task]:
        now = self.clock()
        tasks = [task for task in self.tasks.values() if task.asks == vendor and not task.ended]
        return [task for task in tasks if task.not_before and task.not_before > now]

    def _view(self, breaker: Breaker) -> Json:
        return {
            "vendor": breaker.vendor,
            "state": "open" if breaker.cause else "closed",
            "cause": breaker.cause,
            "reason": breaker.reason,
            "closed_by": breaker.closed_by,
            "note": breaker.note,
            "waiting": len(self._waiting(breaker.vendor)),
        }
