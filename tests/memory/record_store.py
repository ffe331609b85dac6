"""The store of enrichment without a database: the promises of the SQL functions, for one caller at a time."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

from shared.cloud.record_store import StoreTimes
from shared.enrichment.ports import ErrorCategory, FinishedRow, JsonObject
from shared.enrichment.store import (
    Begun,
    Claim,
    ClaimOutcome,
    Handover,
    Identity,
    Json,
    Known,
    KnownRecord,
    ManufacturerCounts,
    Opened,
    OpenedTask,
    SweepCandidate,
)
from shared.errors import Conflict, NotFound
from tests.memory.clock import SettableClock
from tests.memory.rows import Batch, Manual, Record, Task

PRIORITIES = ("high", "medium", "low")
TIMES = StoreTimes(
    lease=60, grace=120, patience=1800, claim=3600, due_high=86_400, due_medium=259_200, due_low=604_800
)


@dataclass
class InMemoryRecordStore:
    clock: SettableClock = field(default_factory=SettableClock)
    max_attempts: int = 3
    batches: dict[str, Batch] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    tasks: dict[UUID, Task] = field(default_factory=dict)
    manual: dict[UUID, Manual] = field(default_factory=dict)
    products: dict[str, Json] = field(default_factory=dict)
    manufacturers: dict[str, tuple[int, int]] = field(default_factory=dict)
    used: dict[date, int] = field(default_factory=dict)

    def _later(self, seconds: float) -> datetime:
        return self.clock() + timedelta(seconds=seconds)

    def _work(self) -> list[Task | Manual]:
        return [*self.tasks.values(), *self.manual.values()]

    # --- orchestrate

    def begin_batch(
        self,
        batch_id: str,
        *,
        run_id: UUID,
        trigger: str,  # noqa: ARG002 - the port's signature
        request: JsonObject,
        policy: str,  # noqa: ARG002
        policy_version: str,  # noqa: ARG002
    ) -> Begun:
        batch = self.batches.setdefault(batch_id, Batch(run_id, dict(request)))
        if batch.run_id != run_id:
            return Begun(started=False)
        due = [record for record in self.records.values() if record.ledger_due]
        return Begun(
            started=True,
            finished=[
                FinishedRow(record.completed_hash, record.completed_at)
                for record in due
                if record.completed_hash and record.completed_at
            ],
        )

    def read_known(
        self,
        records: Sequence[Identity],
        rejected: Sequence[str],
        *,
        completed_after: datetime,
        failed_after: datetime,
    ) -> Known:
        before = {content for batch in self.batches.values() for content in batch.rejected}
        return Known(
            records={
                asked.record_key: KnownRecord(
                    self._skip(asked.record_key, asked.content_hash, completed_after),
                    sum(
                        task.state == "failed" and task.item["record_key"] == asked.record_key
                        for task in self.tasks.values()
                        if task.finished and task.finished > failed_after
                    ),
                )
                for asked in records
                if asked.record_key in self.records
            },
            manufacturers={
                asked.manufacturer_key: ManufacturerCounts(*self.manufacturers[asked.manufacturer_key])
                for asked in records
                if asked.manufacturer_key in self.manufacturers
            },
            rejected_before=frozenset(before & set(rejected)),
            daily_used=self.used.get(self.clock().date(), 0),
        )

    def _skip(self, key: str, content_hash: str, completed_after: datetime) -> str | None:
        if any(not manual.ended and manual.item["record_key"] == key for manual in self.manual.values()):
            return "open_manual_task"
        record = self.records.get(key)
        if record is None:
            return None
        if record.open:
            return "in_flight"
        recent = record.completed_at is not None and record.completed_at > completed_after
        return "recently_completed" if recent and record.completed_hash == content_hash else None

    def open_tasks(
        self,
        batch_id: str,
        items: Sequence[JsonObject],
        rejected: Sequence[JsonObject],
        *,
        daily_limit: int,
        manual_batch_size: int,  # noqa: ARG002 - a matter of the database
        completed_after: datetime,
    ) -> Opened:
        batch = self.batches[batch_id]
        if batch.closed:
            raise Conflict(f"batch {batch_id} is not open")
        mine = {w.item["record_key"]: w for w in self._work() if w.batch_id == batch_id}
        fresh = [
            item
            for item in items
            if item["record_key"] not in mine
            and self._skip(item["record_key"], item["content_hash"], completed_after) is None
        ]
        today = self.clock().date()
        claimed = fresh[: max(0, daily_limit - self.used.get(today, 0))]
        for item in claimed:
            record = self.records.setdefault(item["record_key"], Record(open=True))
            record.open = True
            work_id = uuid.uuid4()
            if item["route"] == "automation":
                task = Task(work_id, batch_id, dict(item), self.clock(), sweep_after=self._later(TIMES.grace))
                self.tasks[work_id] = mine[item["record_key"]] = task
            else:
                manual = Manual(work_id, batch_id, dict(item), self.clock())
                self.manual[work_id] = mine[item["record_key"]] = manual
        new = [refusal for refusal in rejected if refusal["content_hash"] not in batch.rejected]
        batch.rejected.update({refusal["content_hash"]: dict(refusal) for refusal in new})
        batch.taken += len(claimed) + len(new)
        self.used[today] = self.used.get(today, 0) + len(claimed)
        opened = [mine[item["record_key"]] for item in items if item["record_key"] in mine]
        automation = [work for work in opened if isinstance(work, Task)]
        automation.sort(key=lambda task: PRIORITIES.index(task.item["priority"]))
        over = len(fresh) - len(claimed)
        return Opened(
            automation=[
                OpenedTask(task.id, task.item["record_key"], task.item["priority"]) for task in automation
            ],
            manual=len(opened) - len(automation),
            rejected=len(rejected),
            over_limit=over,
            claimed_elsewhere=len(items) - len(opened) - over,
        )

    def note_progress(
        self,
        batch_id: str,
        *,
        enqueued: Sequence[UUID],
        counts: JsonObject,
        ledgered: Sequence[str],
        closed: bool,
    ) -> None:
        for task in (self.tasks[task_id] for task_id in enqueued):
            if task.state == "initialized" and not task.enqueued and task.generation == 0:
                task.enqueued, task.sweep_after = True, self._later(TIMES.patience)
        for record in self.records.values():
            record.ledger_due = record.ledger_due and record.completed_hash not in ledgered
        batch = self.batches[batch_id]
        if not batch.closed:
            batch.counts, batch.closed = dict(counts), closed

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
        self.products[task.item["record_key"]] = dict(product)
        task.state, task.owner, task.lease_until, task.sweep_after = "completed", None, None, None
        task.finished = self.clock()
        self._complete(task.item)
        return True

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

    # --- reports

    def batch_status(self, batch_id: str) -> Json:
        if batch_id not in self.batches:
            raise NotFound(f"no batch {batch_id}")
        work = [w for w in self._work() if w.batch_id == batch_id]
        return {"batch_id": batch_id, "taken": self.batches[batch_id].taken, "tasks": len(work)}
