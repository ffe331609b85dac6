"""The store of enrichment without a database: the promises of the SQL functions, for one caller at a time."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from shared.enrichment.ports import ErrorCategory, JsonObject
from shared.enrichment.store import Claim, ClaimOutcome, Handover, Json, SweepCandidate
from shared.errors import NotFound
from tests.memory.record_layers import Layers
from tests.memory.record_opening import TIMES, InMemoryOpening
from tests.memory.rows import Manual, Record, Task

__all__ = ["TIMES", "InMemoryRecordStore"]


@dataclass
class InMemoryRecordStore(InMemoryOpening):
    # --- automate

    def claim_automation_task(self, task_id: UUID, owner: UUID) -> Claim:
        task = self._task(task_id)
        repeated = task.owner == owner
        if task.ended:
            outcome = ClaimOutcome.ENDED
        elif task.lease_until and task.lease_until > self.clock() and not repeated:
            outcome = ClaimOutcome.LEASED
        elif task.not_before and task.not_before > self.clock():
            outcome = ClaimOutcome.POSTPONED
        elif task.answer is None and task.attempts >= self.max_attempts and not repeated:
            outcome = ClaimOutcome.SPENT
        else:
            outcome = ClaimOutcome.CLAIMED
        if outcome in (ClaimOutcome.CLAIMED, ClaimOutcome.SPENT):
            task.state = "processing" if task.state == "initialized" else task.state
            task.attempts += outcome is ClaimOutcome.CLAIMED and task.answer is None and not repeated
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
            answer=task.answer,
            dead_letter_due=task.hand_over == "due",
            not_before=task.not_before,
            error_category=task.category,
            error_message=task.message,
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
        return True

    def finish_automation_task(self, task_id: UUID, owner: UUID, product: JsonObject) -> bool:
        task = self._task(task_id)
        if task.state == "completed":
            return True
        if task.state != "data_finished" or task.owner != owner:
            return False
        self._count(task.item["manufacturer_key"], success=True)
        layers = self._layers_of(task)
        layers.lay_source(task.item, self.clock())
        layers.lay_answer(product, self.clock())
        self.products[task.item["record_key"]] = layers.product
        task.state, task.owner, task.lease_until, task.sweep_after = "completed", None, None, None
        task.finished = self.clock()
        self._complete(task.item)
        return True

    def _layers_of(self, work: Task | Manual) -> Layers:
        return self.layers.setdefault(work.item["record_key"], Layers())

    def _count(self, manufacturer: str, *, success: bool) -> None:
        if manufacturer:
            attempts, successes = self.manufacturers.get(manufacturer, (0, 0))
            self.manufacturers[manufacturer] = (attempts + 1, successes + success)

    def _complete(self, item: Json) -> None:
        self.records[item["record_key"]] = Record(False, item["content_hash"], self.clock(), ledger_due=True)

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
        task.attempts -= refund
        task.released_by = owner
        task.owner, task.lease_until, task.category, task.message = None, None, category, message
        task.sweep_after = self._later(TIMES.patience)
        return True

    def postpone_automation_task(
        self, task_id: UUID, owner: UUID, until: datetime | None, message: str, *, refund: bool
    ) -> int | None:
        if self._task(task_id).was_released_by(owner):
            return self._task(task_id).generation
        if not self.release_automation_task(
            task_id, owner, ErrorCategory.RATE_LIMITED, message, refund=refund
        ):
            return None
        task = self._task(task_id)
        task.generation, task.enqueued, task.not_before = task.generation + 1, False, until
        task.sweep_after = self._later(TIMES.grace)
        return task.generation

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
    ) -> bool:
        task = self._task(task_id)
        if task.state == "failed":
            return True
        if task.state == "completed" or task.owner != owner:
            return False
        self._fail(task, category, message, to_manual=to_manual)
        return True

    def _fail(self, task: Task, category: ErrorCategory, message: str, *, to_manual: bool) -> None:
        task.state, task.category, task.message, task.finished = "failed", category, message, self.clock()
        task.owner, task.lease_until, task.hand_over = None, None, "due" if to_manual else "off"
        task.sweep_after = self._later(TIMES.grace) if to_manual else None
        self._count(task.item["manufacturer_key"], success=False)
        if not to_manual:
            self.records[task.item["record_key"]].open = False

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
        return Handover("created", manual.id)

    def sweep_candidates(self, limit: int) -> Sequence[SweepCandidate]:
        due = [(task.sweep_after, task) for task in self.tasks.values() if task.sweep_after]
        overdue = sorted((pair for pair in due if pair[0] <= self.clock()), key=lambda pair: pair[0])
        return [
            SweepCandidate(
                task.id,
                task.state,
                task.generation,
                task.deliveries,
                task.attempts,
                task.enqueued,
                task.answer is not None,
                task.not_before,
            )
            for _, task in overdue[:limit]
        ]

    def extend_patience(self, task_ids: Sequence[UUID]) -> int:
        tasks = [self._task(task_id) for task_id in task_ids]
        due = [task for task in tasks if task.sweep_after and task.sweep_after <= self.clock()]
        for task in due:
            task.sweep_after = self._later(TIMES.patience)
        return len(due)

    def renew_generation(self, task_id: UUID, generation: int) -> int | None:
        task = self._swept(task_id, generation)
        if task is None:
            return None
        task.generation, task.enqueued, task.owner, task.lease_until = generation + 1, False, None, None
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
