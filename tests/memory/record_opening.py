"""The rows of the in-memory record store, and what `orchestrate` does with them."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID

from shared.cloud.record_desk import StoreTimes
from shared.enrichment.ports import JsonObject, NotedRow, PauseCause
from shared.enrichment.store import (
    CATALOGUE,
    LEDGER_PAGE,
    SETTLED,
    Begun,
    Identity,
    Json,
    Known,
    KnownRecord,
    ManufacturerCounts,
    Opened,
    OpenedTask,
    Skipped,
)
from shared.errors import Conflict, NotFound
from tests.memory.clock import SettableClock
from tests.memory.record_layers import Layers
from tests.memory.rows import Batch, Breaker, Counts, Manual, Record, Task, Turn

PRIORITIES = ("high", "medium", "low")
TIMES = StoreTimes(
    lease=60, grace=120, patience=1800, claim=3600, due_high=86_400, due_medium=259_200, due_low=604_800
)


FOREVER = datetime.max.replace(tzinfo=UTC)
FRESH = ("waiting", "asked")
"""Verdicts on a content that was not taken yet, or shall be taken again by a person's word."""


@dataclass
class InMemoryOpening:
    clock: SettableClock = field(default_factory=SettableClock)
    max_attempts: int = 3
    batches: dict[str, Batch] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    turns: dict[str, Turn] = field(default_factory=dict)
    turns_of: dict[str, set[str]] = field(default_factory=dict)
    ledger_due: dict[str, None] = field(default_factory=dict)
    with_people: set[str] = field(default_factory=set)
    batch_work: dict[str, dict[str, Task | Manual]] = field(default_factory=dict)
    failures: dict[str, list[datetime]] = field(default_factory=dict)
    tasks: dict[UUID, Task] = field(default_factory=dict)
    manual: dict[UUID, Manual] = field(default_factory=dict)
    products: dict[str, Json] = field(default_factory=dict)
    layers: dict[str, Layers] = field(default_factory=dict)
    manufacturers: dict[str, Counts] = field(default_factory=dict)
    used: dict[date, int] = field(default_factory=dict)
    again: dict[date, int] = field(default_factory=dict)
    breakers: dict[str, Breaker] = field(default_factory=dict)

    def _later(self, seconds: float) -> datetime:
        return self.clock() + timedelta(seconds=seconds)

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
        today = self.clock().date()
        breaker = self.breakers.get(CATALOGUE)
        holds = (
            breaker
            and breaker.until
            and breaker.until > self.clock()
            and breaker.cause is PauseCause.DAILY_LIMIT
        )
        paused = breaker.until if breaker and holds else None
        return Begun(True, self._ledger_rows(), self.used.get(today, 0), self.again.get(today, 0), paused)

    def abandon_batch(self, batch_id: str, run_id: UUID) -> None:
        batch = self.batches.get(batch_id)
        if batch and batch.run_id == run_id and not batch.taken and not batch.closed:
            del self.batches[batch_id]

    def _ledger_rows(self) -> list[NotedRow]:
        latest = self.clock() + timedelta(days=90)
        due = sorted((self.turns[content] for content in self.ledger_due), key=lambda turn: turn.changed)
        return [
            NotedRow(
                turn.record_key or turn.content_hash,
                turn.content_hash,
                turn.verdict not in FRESH,
                min(turn.next_turn, latest),
                turn.changed,
            )
            for turn in due[:LEDGER_PAGE]
        ]

    def note_ledgered(self, noted: Sequence[NotedRow]) -> Sequence[NotedRow]:
        for row in noted:
            if self.turns[row.content_hash].changed == row.noted_at:
                self.ledger_due.pop(row.content_hash, None)
        return self._ledger_rows()

    def _turn(self, content_hash: str, record_key: str | None, verdict: str, **values: Any) -> None:  # noqa: ANN401
        turn = self.turns.get(content_hash)
        if turn is None:
            turn = self.turns[content_hash] = Turn(
                content_hash, record_key, verdict, timedelta(0), FOREVER, self.clock()
            )
            if record_key:
                self.turns_of.setdefault(record_key, set()).add(content_hash)
        turn.change(self.clock(), verdict=verdict, **values)
        self.ledger_due[content_hash] = None

    def _close(self, item: Json, state: str, person: str | None = None) -> None:
        """The record's claim is given back, and the verdict on its content is written."""
        key, now = item["record_key"], self.clock()
        self.records[key].open = False
        self.with_people.discard(key)
        for content in self.turns_of.get(key, ()):
            turn = self.turns[content]
            if content == item["content_hash"]:
                wait = turn.reprocess if state == "completed" else min(turn.reprocess, timedelta(days=1))
                next_turn = FOREVER if person else now + wait
                self._turn(content, key, state, by=person, next_turn=next_turn)
            elif turn.next_turn == FOREVER and (turn.verdict in FRESH or not turn.by):
                self._turn(content, key, turn.verdict, next_turn=now)

    def take_again(self, record_key: str, by: str, note: str) -> Json:  # noqa: ARG002 - kept for people only
        if record_key not in self.records:
            raise NotFound(f"no record {record_key} was ever taken")
        if self.records[record_key].open:
            raise Conflict(f"record {record_key} is being worked on")
        contents = self.turns_of[record_key]
        for content in contents:
            self._turn(content, record_key, "asked", by=by, next_turn=self.clock())
        return {"record_key": record_key, "contents": len(contents)}

    def read_known(
        self, records: Sequence[Identity], rejected: Sequence[str], *, failed_after: datetime
    ) -> Known:
        today = self.clock().date()
        return Known(
            records={
                asked.record_key: KnownRecord(
                    self._skip(asked.record_key, asked.content_hash),
                    self._was_taken(asked.content_hash),
                    self.records[asked.record_key].content == asked.content_hash,
                    sum(at > failed_after for at in self.failures.get(asked.record_key, ())),
                )
                for asked in records
                if asked.record_key in self.records
            },
            manufacturers={
                asked.manufacturer_key: self._counts_now(self.manufacturers[asked.manufacturer_key])
                for asked in records
                if asked.manufacturer_key in self.manufacturers
            },
            rejected_before=frozenset(
                content
                for content in rejected
                if content in self.turns and self.turns[content].verdict == "rejected"
            ),
            daily_used=self.used.get(today, 0),
            daily_again=self.again.get(today, 0),
        )

    def _was_taken(self, content_hash: str) -> bool:
        return content_hash in self.turns and self.turns[content_hash].verdict not in FRESH

    def _counts_now(self, counts: Counts) -> ManufacturerCounts:
        weight = self._weight_left(counts.at)
        return ManufacturerCounts(
            Fraction(str(round(counts.attempts * weight, 3))),
            Fraction(str(round(counts.successes * weight, 3))),
        )

    def _weight_left(self, counted_at: datetime | None) -> float:
        if counted_at is None:
            return 1
        age: float = max((self.clock() - counted_at) / timedelta(days=TIMES.half_life_days), 0)
        return float(0.5 ** min(age, 100))

    def _skip(self, key: str, content_hash: str) -> str | None:
        if key in self.with_people:
            return "open_manual_task"
        record = self.records.get(key)
        if record is not None and record.open:
            return "in_flight"
        turn = self.turns.get(content_hash)
        if turn is None or turn.next_turn <= self.clock() or turn.verdict not in ("completed", "failed"):
            return None
        return "decided_by_a_person" if turn.by else f"recently_{turn.verdict}"

    def open_tasks(
        self,
        batch_id: str,
        items: Sequence[JsonObject],
        rejected: Sequence[JsonObject],
        *,
        daily_limit: int,
        manual_batch_size: int,  # noqa: ARG002 - a matter of the database
        reprocess_after: timedelta,
    ) -> Opened:
        batch = self.batches[batch_id]
        if batch.closed:
            raise Conflict(f"batch {batch_id} is not open")
        mine = self.batch_work.setdefault(batch_id, {})
        fresh = [item for item in items if item["record_key"] not in mine and self._may_open(item)]
        today = self.clock().date()
        claimed = fresh[: max(0, daily_limit - self.used.get(today, 0))]
        self.used[today] = self.used.get(today, 0) + len(claimed)
        self.again[today] = self.again.get(today, 0) + sum(
            self._was_taken(item["content_hash"]) for item in claimed
        )
        for item in claimed:
            mine[item["record_key"]] = self._start(batch_id, item, reprocess_after)
        new = [refusal for refusal in rejected if refusal["content_hash"] not in self.turns]
        for refusal in new:
            self._turn(refusal["content_hash"], None, "rejected")
            batch.rejected[refusal["content_hash"]] = refusal["reason"]
        batch.taken += len(claimed) + len(new)
        opened = [mine[item["record_key"]] for item in items if item["record_key"] in mine]
        automation = [work for work in opened if isinstance(work, Task)]
        automation.sort(key=lambda task: PRIORITIES.index(task.item["priority"]))
        over = len(fresh) - len(claimed)
        return Opened(
            automation=[
                OpenedTask(task.id, task.item["record_key"], task.item["priority"]) for task in automation
            ],
            manual=len(opened) - len(automation),
            rejected=sum(refusal["content_hash"] in batch.rejected for refusal in rejected),
            over_limit=over,
            claimed_elsewhere=len(items) - len(opened) - over,
        )

    def _may_open(self, item: JsonObject) -> bool:
        skip = self._skip(item["record_key"], item["content_hash"])
        if skip is None or skip not in SETTLED:
            return skip is None
        return bool(item.get("returned")) and self.records[item["record_key"]].content != item["content_hash"]

    def _start(self, batch_id: str, item: JsonObject, reprocess_after: timedelta) -> Task | Manual:
        key, work_id, automatic = item["record_key"], uuid.uuid4(), item["route"] == "automation"
        self.records[key] = Record(open=True, content=item["content_hash"])
        verdict = "in_flight" if automatic else "with_a_person"
        self._turn(item["content_hash"], key, verdict, by=None, reprocess=reprocess_after, next_turn=FOREVER)
        if automatic:
            task = Task(work_id, batch_id, dict(item), self.clock(), sweep_after=self._later(TIMES.grace))
            self.tasks[work_id] = task
            return task
        self.with_people.add(key)
        manual = Manual(work_id, batch_id, dict(item), self.clock())
        self.manual[work_id] = manual
        return manual

    def note_progress(
        self,
        batch_id: str,
        *,
        enqueued: Sequence[UUID],
        counts: JsonObject,
        ledgered: Sequence[NotedRow],
        skipped: Sequence[Skipped],
        closed: bool,
    ) -> None:
        for task in (self.tasks[task_id] for task_id in enqueued):
            if task.state == "initialized" and not task.enqueued and task.generation == 0:
                task.enqueued, task.sweep_after = True, self._later(TIMES.patience)
        for row in skipped:
            turn = self.turns.get(row.content_hash)
            if turn is not None:
                self._turn(row.content_hash, turn.record_key, turn.verdict, next_turn=self._noted_turn(turn))
            elif self.records[row.record_key].open:
                self._turn(row.content_hash, row.record_key, "waiting")
        self.note_ledgered(ledgered)
        batch = self.batches[batch_id]
        if not batch.closed:
            batch.counts, batch.closed = dict(counts), closed

    def _noted_turn(self, turn: Turn) -> datetime:
        """A due content whose record is being worked on waits for the end of that."""
        busy = turn.record_key in self.records and self.records[turn.record_key].open
        return FOREVER if busy and turn.next_turn <= self.clock() else turn.next_turn

    # --- reports

    def batch_status(self, batch_id: str) -> Json:
        if batch_id not in self.batches:
            raise NotFound(f"no batch {batch_id}")
        work = self.batch_work.get(batch_id, {})
        return {"batch_id": batch_id, "taken": self.batches[batch_id].taken, "tasks": len(work)}
