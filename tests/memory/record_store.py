"""The store of enrichment without a database: the promises of the SQL functions, for one caller at a time."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from shared.enrichment.ports import Blame, ErrorCategory, JsonObject, PauseCause
from shared.enrichment.store import (
    CATALOGUE,
    Claim,
    ClaimOutcome,
    Due,
    Handover,
    Standing,
    SweepCandidate,
    VendorFailure,
)
from shared.errors import NotFound
from tests.memory.record_layers import Layers
from tests.memory.record_opening import TIMES
from tests.memory.rows import Counts, Manual, Task
from tests.memory.vendor_breakers import InMemoryBreakers, place_in_line

__all__ = ["TIMES", "InMemoryRecordStore"]


@dataclass
class InMemoryRecordStore(InMemoryBreakers):
    # --- automate

    def claim_automation_task(self, task_id: UUID, owner: UUID, vendor: str = CATALOGUE) -> Claim:
        task = self._task(task_id)
        repeated = task.owner == owner
        asking = task.answer is None and not repeated
        outcome = self._outcome_of_claim(task, owner)
        if outcome is ClaimOutcome.CLAIMED and asking:
            self._give_back_owed(task, vendor)
        if outcome is ClaimOutcome.CLAIMED and self._is_spent(task, repeated=repeated):
            outcome = ClaimOutcome.SPENT
        elif outcome is ClaimOutcome.CLAIMED and asking:
            task.asks = vendor
            if pause := self._admit_call(task, owner, vendor):
                outcome = ClaimOutcome.POSTPONED
                self._give_up_lease(task, owner)
                self._wait_until(task, pause)
        if outcome in (ClaimOutcome.CLAIMED, ClaimOutcome.SPENT):
            counted = outcome is ClaimOutcome.CLAIMED and asking
            task.state = "processing" if task.state == "initialized" else task.state
            task.attempts += counted
            task.attempt_counted = task.attempt_counted if repeated else counted
            task.deliveries += not repeated
            task.enqueued, task.not_before, task.owner = True, None, owner
            task.lease_until = self._later(TIMES.lease)
            task.sweep_after = self._later(TIMES.lease + TIMES.patience)
        return Claim(
            outcome=outcome,
            state=task.state,
            pn=task.item["pn"],
            manufacturer=task.item["manufacturer"],
            attempts=task.attempts,
            generation=task.generation,
            renewed=task.renewed,
            answer=task.answer,
            dead_letter_due=task.hand_over == "due",
            not_before=task.not_before,
            error_category=task.category,
            error_message=task.message,
        )

    def _outcome_of_claim(self, task: Task, owner: UUID) -> ClaimOutcome:
        """Before attempts and the vendor's breaker are looked at."""
        if task.ended:
            return ClaimOutcome.ENDED
        if task.lease_until and task.lease_until > self.clock() and task.owner != owner:
            return ClaimOutcome.LEASED
        if task.not_before and task.not_before > self.clock():
            return ClaimOutcome.POSTPONED
        return ClaimOutcome.LEASED if task.was_released_by(owner) else ClaimOutcome.CLAIMED

    def _is_spent(self, task: Task, *, repeated: bool) -> bool:
        return (
            task.answer is None
            and task.attempts >= self.max_attempts
            and not (repeated and task.attempt_counted)
        )

    def _task(self, task_id: UUID) -> Task:
        if task_id not in self.tasks:
            raise NotFound(f"no automation task {task_id}")
        return self.tasks[task_id]

    def save_vendor_answer(self, task_id: UUID, owner: UUID, answer: JsonObject) -> bool:
        task = self._task(task_id)
        if task.owner != owner or task.state not in ("processing", "data_finished"):
            return False
        if task.state == "processing":
            task.state, task.answer = "data_finished", answer
            self._vendor_answered(task.asks, owner)
        return True

    def finish_automation_task(
        self, task_id: UUID, owner: UUID, product: JsonObject, answer: JsonObject | None = None
    ) -> bool:
        task = self._task(task_id)
        if task.state == "completed":
            return True
        unsaved = task.state == "processing"
        if task.owner != owner or (unsaved and answer is None):
            return False
        task.answer = answer if unsaved else task.answer
        layers = self._layers_of(task)
        layers.lay_source(task.item, self.clock())
        layers.lay_answer(product, self.clock())
        self.products[task.item["record_key"]] = layers.product
        task.state, task.owner, task.lease_until, task.sweep_after = "completed", None, None, None
        task.finished = self.clock()
        self._close(task.item, "completed")
        if answer is not None:
            self._vendor_answered(task.asks, owner)
        self._count(task, success=True)
        return True

    def _layers_of(self, work: Task | Manual) -> Layers:
        return self.layers.setdefault(work.item["record_key"], Layers())

    def _count(self, task: Task, *, success: bool) -> None:
        if maker := task.item["manufacturer_key"]:
            before = self.manufacturers.setdefault(maker, Counts())
            weight, taken_back = self._weight_left(before.at), 0.0
            letter = self.tasks[task.redrives] if task.redrives else None
            while success and letter:
                taken_back += self._weight_left(letter.finished) * (letter.blame is Blame.RECORD)
                letter = self.tasks[letter.redrives] if letter.redrives else None
            successes = before.successes * weight
            attempts = max(before.attempts * weight - taken_back, successes)
            self.manufacturers[maker] = Counts(attempts + 1, successes + success, self.clock())

    def release_automation_task(
        self,
        task_id: UUID,
        owner: UUID,
        category: ErrorCategory,
        message: str,
        *,
        answer: JsonObject | None = None,  # noqa: ARG002 - kept for people only
        refund: bool = False,
    ) -> bool:
        task = self._task(task_id)
        if task.was_released_by(owner):
            return True
        if task.owner != owner or task.ended:
            return False
        self._free_probe(owner)
        task.attempts -= refund and task.attempt_counted
        self._give_up_lease(task, owner)
        task.category, task.message = category, message
        task.sweep_after = self._later(TIMES.patience)
        return True

    def _give_up_lease(self, task: Task, owner: UUID) -> None:
        task.attempt_counted, task.released_by, task.owner, task.lease_until = False, owner, None, None

    def _wait_until(self, task: Task, moment: datetime | None) -> None:
        """As the next generation of its queue task."""
        task.generation, task.enqueued, task.not_before = task.generation + 1, False, moment
        task.sweep_after = self._later(TIMES.grace)

    def renew_automation_task(self, task_id: UUID, owner: UUID, message: str) -> int | None:
        task = self._task(task_id)
        if task.was_released_by(owner):
            return task.generation
        if not self.release_automation_task(task_id, owner, ErrorCategory.RATE_LIMITED, message, refund=True):
            return None
        task.renewed += 1
        self._wait_until(task, None)
        return task.generation

    def note_vendor_failure(
        self,
        task_id: UUID,
        owner: UUID,
        cause: PauseCause,
        category: ErrorCategory,
        message: str,
        *,
        answer: JsonObject | None = None,  # noqa: ARG002 - kept for people only
        until: datetime | None = None,
    ) -> VendorFailure:
        task = self._task(task_id)
        if task.was_released_by(owner):
            return VendorFailure(Standing.WAITS, task.generation, task.not_before)
        if task.owner != owner or task.state != "processing":
            return VendorFailure(Standing.MOVED_ON)
        probing = any(breaker.probe_owner == owner for breaker in self.breakers.values())
        breaker = self._strike(task, owner, cause, message, until)
        if breaker is None or breaker.until is None:
            return VendorFailure(Standing.STANDS)
        if cause is not PauseCause.DAILY_LIMIT:
            self._hit(task, breaker)
        task.attempts -= task.attempt_counted
        self._give_up_lease(task, owner)
        task.category, task.message = category, message
        behind = place_in_line(task.id, breaker.backoff)
        if probing:
            behind = timedelta(seconds=breaker.backoff / 5)
        if cause is PauseCause.DAILY_LIMIT:
            behind = timedelta(0)
        self._wait_until(task, breaker.until + behind)
        return VendorFailure(Standing.WAITS, task.generation, task.not_before)

    def note_enqueued(self, generations: Mapping[UUID, int]) -> None:
        for task_id, generation in generations.items():
            task = self._task(task_id)
            if task.generation == generation and not task.enqueued and not task.ended:
                task.enqueued = True
                task.sweep_after = max(self.clock(), task.not_before or self.clock()) + timedelta(
                    seconds=TIMES.patience
                )

    def fail_automation_task(
        self,
        task_id: UUID,
        owner: UUID,
        category: ErrorCategory,
        message: str,
        *,
        to_manual: bool,
        answer: JsonObject | None = None,  # noqa: ARG002 - kept for people only
        blame: Blame = Blame.RECORD,
    ) -> bool:
        task = self._task(task_id)
        if task.state == "failed":
            return True
        if task.state == "completed" or task.owner != owner:
            return False
        self._fail(task, category, message, to_manual=to_manual)
        task.blame = blame
        if blame is Blame.RECORD and category is not ErrorCategory.INVALID_RESPONSE and task.answer is None:
            self._vendor_answered(task.asks, owner)
        self._free_probe(owner)
        if blame is Blame.RECORD:
            self._count(task, success=False)
        return True

    def _fail(self, task: Task, category: ErrorCategory, message: str, *, to_manual: bool) -> None:
        task.state, task.category, task.message, task.finished = "failed", category, message, self.clock()
        task.owner, task.lease_until, task.hand_over = None, None, "due" if to_manual else "off"
        task.sweep_after = self._later(TIMES.grace) if to_manual else None
        self.failures.setdefault(task.item["record_key"], []).append(self.clock())
        if not to_manual:
            self._close(task.item, "failed")

    # --- fallback

    def create_fallback_task(self, task_id: UUID) -> Handover:
        task = self._task(task_id)
        if task.state != "failed":
            return Handover("not_failed")
        if task.hand_over == "off":
            return Handover("off")
        task.hand_over, task.sweep_after = "done", None
        for manual in self.manual.values():
            if manual.automation is task:
                return Handover("exists", manual.id)
        manual = Manual(
            uuid.uuid4(), f"{task.batch_id}_fallback", task.item, self.clock(), task.category, task
        )
        self.manual[manual.id] = manual
        self.with_people.add(task.item["record_key"])
        return Handover("created", manual.id)

    def sweep_candidates(
        self, due: Due, limit: int, after: SweepCandidate | None = None
    ) -> Sequence[SweepCandidate]:
        overdue = [
            SweepCandidate(
                task.id,
                task.state,
                task.generation,
                task.deliveries,
                task.attempts,
                task.answer is not None,
                task.sweep_after,
                task.not_before,
                task.renewed,
            )
            for task in self.tasks.values()
            if task.sweep_after and task.sweep_after <= self.clock() and task.due is due
        ]
        overdue.sort(key=_place)
        return [each for each in overdue if after is None or _place(each) > _place(after)][:limit]

    def extend_patience(self, task_ids: Sequence[UUID]) -> int:
        return self._look_again(task_ids, TIMES.patience)

    def ask_again_soon(self, task_ids: Sequence[UUID]) -> int:
        return self._look_again(task_ids, TIMES.grace)

    def _look_again(self, task_ids: Sequence[UUID], seconds: float) -> int:
        tasks = [self._task(task_id) for task_id in task_ids]
        due = [task for task in tasks if task.sweep_after and task.sweep_after <= self.clock()]
        for task in due:
            task.sweep_after = self._later(seconds)
        return len(due)

    def renew_generation(self, task_id: UUID, generation: int) -> int | None:
        task = self._swept(task_id, generation)
        if task is None:
            return None
        task.generation, task.enqueued, task.owner, task.lease_until = generation + 1, False, None, None
        task.renewed += 1
        task.sweep_after = self._later(TIMES.grace)
        return task.generation

    def _swept(self, task_id: UUID, generation: int) -> Task | None:
        task = self._task(task_id)
        due = task.sweep_after is not None and task.sweep_after <= self.clock()
        return task if due and task.generation == generation and not task.ended else None

    def fail_lost_task(self, task_id: UUID, generation: int, message: str, *, to_manual: bool) -> bool:
        task = self._swept(task_id, generation)
        if task is None:
            return False
        self._fail(task, task.category or ErrorCategory.LOST, message, to_manual=to_manual)
        return True


def _place(candidate: SweepCandidate) -> tuple[datetime, UUID]:
    return candidate.sweep_after, candidate.id
