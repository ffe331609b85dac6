"""The SQL functions of enrichment as tests call them, and tasks where a test begins."""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from tests.contract.schema_connection import ServiceConnection, let_go_at_once
from tests.contract.schema_rows import (
    ATTEMPTS,
    CLAIM,
    DUE,
    GRACE,
    HALF_LIFE,
    LEASE,
    OWNER,
    PATIENCE,
    VENDOR,
    Json,
    item,
    product,
)
from tests.postgres_support import Database

Answer = TypeVar("Answer")
DUE_KINDS = ("hand_over", "enqueue", "silent")


class Enrichment(ServiceConnection):
    def task(self, task_id: UUID) -> Json:
        return self.one("select * from automation_tasks where id = %s", task_id)

    def manual(self, task_id: UUID) -> Json:
        return self.one("select * from manual_tasks where id = %s", task_id)

    def record(self, pn: str) -> Json:
        return self.one("select * from records where pn = %s", pn)

    def turn(self, content_hash: str) -> Json:
        return self.one("select * from turns where content_hash = %s", content_hash)

    def events(self, task_id: UUID) -> list[tuple[str | None, str]]:
        found = self.all(
            "select from_state, to_state from task_events where task_id = %s order by id", task_id
        )
        return [(event["from_state"], event["to_state"]) for event in found]

    # --- orchestrate

    def begin(self, batch: str = "b1", run: UUID | None = None, *, ledger_limit: int = 10) -> Json:
        begun: Json = self.call(
            "begin_batch",
            batch_id=batch,
            run_id=run or uuid.uuid4(),
            trigger="manual",
            request={},
            policy="flow",
            policy_version="1",
            vendor="digikey",
            ledger_limit=ledger_limit,
        )
        return begun

    def open(
        self,
        items: Sequence[Json],
        *,
        batch: str = "b1",
        rejected: Sequence[Json] = (),
        daily_limit: int = 1000,
        manual_batch_size: int = 50,
    ) -> Json:
        opened: Json = self.call(
            "open_tasks",
            batch_id=batch,
            items=Jsonb(list(items)),
            rejected=Jsonb(rejected),
            daily_limit=daily_limit,
            manual_batch_size=manual_batch_size,
            due_seconds=DUE,
            sweep_grace_seconds=GRACE,
            reprocess_seconds=timedelta(days=30).total_seconds(),
        )
        return opened

    def known(self, *items: Json, rejected: Sequence[str] = ()) -> Json:
        known: Json = self.call(
            "read_known",
            records=Jsonb(items),
            rejected=list(rejected),
            failed_after=self.now - timedelta(days=7),
            half_life_days=HALF_LIFE,
        )
        return known

    def progress(
        self,
        *enqueued: UUID,
        batch: str = "b1",
        counts: Json | None = None,
        ledgered: Sequence[Json] = (),
        skipped: Sequence[Json] = (),
        closed: bool = False,
    ) -> None:
        self.call(
            "note_progress",
            batch_id=batch,
            enqueued=list(enqueued),
            counts=counts or {},
            ledgered=Jsonb(list(ledgered)),
            skipped=Jsonb(list(skipped)),
            patience_seconds=PATIENCE,
            closed=closed,
        )

    # --- automate

    def claim(self, task: UUID, owner: UUID = OWNER) -> Json:
        claim: Json = self.call(
            "claim_automation_task",
            task_id=task,
            owner=owner,
            lease_seconds=LEASE,
            vendor=VENDOR,
            max_attempts=ATTEMPTS,
            patience_seconds=PATIENCE,
            grace_seconds=GRACE,
        )
        return claim

    def save(self, task: UUID, owner: UUID = OWNER, answer: Json | None = None) -> bool:
        return bool(self.call("save_vendor_answer", task_id=task, owner=owner, answer=answer or {"a": 1}))

    def finish(
        self,
        task: UUID,
        owner: UUID = OWNER,
        written: Json | None = None,
        *,
        answer: Json | None = None,
        half_life: float = HALF_LIFE,
    ) -> bool:
        return bool(
            self.call(
                "finish_automation_task",
                task_id=task,
                owner=owner,
                answer=answer,
                product=written or product(),
                half_life_days=half_life,
            )
        )

    def release(
        self, task: UUID, owner: UUID = OWNER, *, refund: bool = False, message: str = "slow"
    ) -> bool:
        return bool(
            self.call(
                "release_automation_task",
                task_id=task,
                owner=owner,
                category="timeout",
                message=message,
                answer=None,
                refund=refund,
                patience_seconds=PATIENCE,
            )
        )

    def postpone(self, task: UUID, until: datetime, owner: UUID = OWNER) -> int | None:
        """The daily limit refuses its call. The generation as which it waits, if it is still the owner's."""
        noted = self.blame(task, owner, "daily_limit", until=until, message="tomorrow")
        return noted["generation"] if noted["outcome"] == "waits" else None

    def blame(
        self,
        task: UUID,
        owner: UUID = OWNER,
        cause: str = "down",
        *,
        until: datetime | None = None,
        message: str = "no answer",
    ) -> Json:
        categories = {"daily_limit": "rate_limited", "down": "vendor_error", "account": "auth"}
        first, longest = (300, 1800) if cause == "account" else (30, 900)
        noted: Json = self.call(
            "note_vendor_failure",
            task_id=task,
            owner=owner,
            cause=cause,
            category=categories[cause],
            message=message,
            answer=None,
            until=until,
            first_seconds=first,
            longest_seconds=longest,
            grace_seconds=GRACE,
        )
        return noted

    def breaker(self, vendor: str = VENDOR) -> Json:
        (found,) = [each for each in self.call("vendors") if each["vendor"] == vendor]
        return dict(found)

    def resume(self, vendor: str = VENDOR, by: str = "ana", note: str = "mended") -> Json:
        resumed: Json = self.call("resume_vendor", vendor=vendor, by=by, note=note)
        return resumed

    def renewed(self, task: UUID, owner: UUID = OWNER) -> int | None:
        generation: int | None = self.call(
            "renew_automation_task", task_id=task, owner=owner, message="too fast", grace_seconds=GRACE
        )
        return generation

    def fail(
        self,
        task: UUID,
        owner: UUID = OWNER,
        *,
        to_manual: bool = True,
        category: str = "not_found",
        blame: str = "record",
    ) -> bool:
        return bool(
            self.call(
                "fail_automation_task",
                task_id=task,
                owner=owner,
                category=category,
                message="no such part",
                answer=Jsonb({"Products": []}),
                blame=blame,
                to_manual=to_manual,
                half_life_days=HALF_LIFE,
                grace_seconds=GRACE,
            )
        )

    def enqueued(self, task: UUID, generation: int) -> None:
        self.note_many({task: generation})

    def note_many(self, generations: Mapping[UUID, int]) -> None:
        tasks = [{"id": str(task), "generation": generation} for task, generation in generations.items()]
        self.call("note_enqueued", tasks=Jsonb(tasks), patience_seconds=PATIENCE)

    # --- fallback

    def fall_back(self, task: UUID) -> Json:
        handed: Json = self.call("create_fallback_task", task_id=task, due_seconds=DUE)
        return handed

    def candidates(self, limit: int = 100, kinds: Sequence[str] = DUE_KINDS) -> list[Json]:
        """At most `limit` of each kind, each with its kind."""
        return [
            found | {"kind": kind}
            for kind in kinds
            for found in self.call("sweep_candidates", kind=kind, limit=limit)
        ]

    def extend(self, *tasks: UUID) -> int:
        return int(self.call("extend_patience", task_ids=list(tasks), patience_seconds=PATIENCE))

    def renew(self, task: UUID, generation: int) -> int | None:
        renewed: int | None = self.call(
            "renew_generation", task_id=task, generation=generation, grace_seconds=GRACE
        )
        return renewed

    def lose(self, task: UUID, generation: int, *, to_manual: bool = True) -> bool:
        return bool(
            self.call(
                "fail_lost_task",
                task_id=task,
                generation=generation,
                message="lost",
                to_manual=to_manual,
                grace_seconds=GRACE,
            )
        )

    # --- people

    def take(self, task: UUID, assignee: str = "ana") -> Json:
        taken: Json = self.call("claim_manual_task", task_id=task, assignee=assignee, claim_seconds=CLAIM)
        return taken

    def give_back(self, task: UUID, assignee: str = "ana", note: str | None = None) -> Json:
        returned: Json = self.call("release_manual_task", task_id=task, assignee=assignee, note=note)
        return returned

    def complete(
        self,
        task: UUID,
        assignee: str = "ana",
        fields: Json | None = None,
        manufacturer_key: str | None = None,
    ) -> Json:
        completed: Json = self.call(
            "complete_manual_task",
            task_id=task,
            assignee=assignee,
            fields=fields or {},
            manufacturer_key=manufacturer_key,
            note=None,
        )
        return completed

    def give_up(self, task: UUID, assignee: str = "ana", note: str = "no data sheet") -> Json:
        failed: Json = self.call("fail_manual_task", task_id=task, assignee=assignee, note=note)
        return failed

    def pending(self, limit: int = 100, priority: str | None = None) -> list[Json]:
        """The tasks that nobody holds."""
        wanted = {"state": "free"} | ({"priority": priority} if priority else {})
        page: Json = self.call("list_manual_tasks", wanted=Jsonb(wanted), limit=limit)
        tasks: list[Json] = page["manual_tasks"]
        return tasks

    def redrive(
        self,
        batch: str = "b1",
        redrive_id: str = "again",
        *,
        cause: str | None = None,
        limit: int = 100,
        daily_limit: int = 1000,
    ) -> Json:
        redriven: Json = self.call(
            "redrive_dead_letters",
            batch_id=batch,
            cause=cause,
            redrive_id=redrive_id,
            limit=limit,
            daily_limit=daily_limit,
        )
        return redriven

    # --- reports

    def status(self, batch: str = "b1") -> Json:
        report: Json = self.call("batch_status", batch_id=batch)
        return report

    def reconcile(self, batch: str | None = "b1", day: str | None = None) -> Json:
        """The audit takes the time it needs."""
        sides: Json = self.call("reconcile", batch_id=batch, day=day, seconds=60.0)
        return sides

    # --- where a test begins

    def automation(self, pn: str = "LM317T", *, batch: str = "b1", fields: Json | None = None) -> UUID:
        """An opened automation task; begins the batch if needed."""
        self.begin(batch)
        return UUID(self.open([item(pn, **(fields or {}))], batch=batch)["automation"][0]["id"])

    def person(self, pn: str = "LM317T", *, batch: str = "b1", fields: Json | None = None) -> UUID:
        """An opened manual task; begins the batch if needed."""
        self.begin(batch)
        assert self.open([item(pn, "manual", **(fields or {}))], batch=batch)["manual"] >= 1
        found = self.one("select id from manual_tasks where pn = %s order by created_at desc limit 1", pn)
        return UUID(str(found["id"]))

    def saved(self, pn: str = "LM317T", fields: Json | None = None) -> UUID:
        """An automation task that OWNER holds, with the vendor's answer saved."""
        task = self.automation(pn, fields=fields)
        self.claim(task)
        assert self.save(task)
        return task

    def completed(self, pn: str = "LM317T", fields: Json | None = None) -> UUID:
        task = self.saved(pn, fields=fields)
        assert self.finish(task)
        return task

    def failed(
        self, pn: str = "LM317T", *, to_manual: bool = True, batch: str = "b1", fields: Json | None = None
    ) -> UUID:
        task = self.automation(pn, batch=batch, fields=fields)
        self.claim(task)
        assert self.fail(task, to_manual=to_manual)
        return task

    def fallback(self, pn: str = "LM317T", fields: Json | None = None) -> UUID:
        """The manual task of a failed automation task."""
        return UUID(self.fall_back(self.failed(pn, fields=fields))["manual_task_id"])


@contextmanager
def callers(database: Database, number: int) -> Iterator[list[Enrichment]]:
    """`number` callers with one connection each."""
    with ExitStack() as stack:
        yield [Enrichment(stack.enter_context(database.connect(role="service_role"))) for _ in range(number)]


def at_once(
    database: Database, calls: Sequence[Callable[[Enrichment], Answer]]
) -> list[Answer | psycopg.Error]:
    """The answer or the error of each call, all started at the same moment."""
    return let_go_at_once(database, calls, Enrichment)
