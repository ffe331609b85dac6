"""The rows of the in-memory record store, and what `orchestrate` does with them."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

from shared.cloud.record_desk import StoreTimes
from shared.enrichment.ports import FinishedRow, JsonObject
from shared.enrichment.store import (
    Begun,
    Identity,
    Json,
    Known,
    KnownRecord,
    ManufacturerCounts,
    Opened,
    OpenedTask,
)
from shared.errors import Conflict, NotFound
from tests.memory.clock import SettableClock
from tests.memory.record_layers import Layers
from tests.memory.rows import Batch, Manual, Record, Task

PRIORITIES = ("high", "medium", "low")
TIMES = StoreTimes(
    lease=60, grace=120, patience=1800, claim=3600, due_high=86_400, due_medium=259_200, due_low=604_800
)


@dataclass
class InMemoryOpening:
    clock: SettableClock = field(default_factory=SettableClock)
    max_attempts: int = 3
    batches: dict[str, Batch] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    tasks: dict[UUID, Task] = field(default_factory=dict)
    manual: dict[UUID, Manual] = field(default_factory=dict)
    products: dict[str, Json] = field(default_factory=dict)
    layers: dict[str, Layers] = field(default_factory=dict)
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

    # --- reports

    def batch_status(self, batch_id: str) -> Json:
        if batch_id not in self.batches:
            raise NotFound(f"no batch {batch_id}")
        work = [w for w in self._work() if w.batch_id == batch_id]
        return {"batch_id": batch_id, "taken": self.batches[batch_id].taken, "tasks": len(work)}
