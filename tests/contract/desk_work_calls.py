"""The SQL functions of people's work as tests call them, and all that an undo has to give back."""

from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from tests.contract.enrichment_calls import Enrichment
from tests.contract.schema_connection import let_go_at_once
from tests.contract.schema_rows import CLAIM, Json
from tests.postgres_support import Database

Answer = TypeVar("Answer")
SKIP = 3600

WORLD = {
    "tasks": "select to_jsonb(m) - array['updated_at', 'claimed_until', 'note'] as row from manual_tasks as m",
    "automation": "select to_jsonb(t) as row from automation_tasks as t",
    "records": "select to_jsonb(r) as row from records as r",
    "turns": "select to_jsonb(t) - array['changed_at', 'ledger_due'] as row from turns as t",
    "products": "select to_jsonb(p) - array['updated_at', 'created_at'] as row from products as p",
    "attributes": "select to_jsonb(a) as row from product_attributes as a",
    "media": "select to_jsonb(d) as row from document_media as d",
    "extras": "select to_jsonb(e) as row from product_extras as e",
    "layers": "select to_jsonb(l) as row from record_layers as l",
    "fields": "select to_jsonb(f) as row from person_fields as f where replaced_at is null",
    "counts": "select jsonb_build_array(batch_id, sum(in_flight), sum(with_a_person), sum(completed), sum(failed))"
    " as row from batch_counts group by batch_id",
    "usage": "select to_jsonb(u) as row from daily_usage as u",
}


class DeskWork(Enrichment):
    def undo(self, task: UUID, assignee: str = "ana", note: str | None = "the wrong part") -> Json:
        undone: Json = self.call(
            "undo_manual_task", task_id=task, assignee=assignee, note=note, claim_seconds=CLAIM
        )
        return undone

    def draft(self, task: UUID, assignee: str = "ana", fields: Json | None = None, **more: object) -> Json:
        saved: Json = self.call(
            "save_manual_draft",
            task_id=task,
            assignee=assignee,
            fields=Jsonb(fields or {}),
            removed=Jsonb(more.get("removed", {})),
            origins=Jsonb(more.get("origins", {})),
            note=more.get("note"),
            claim_seconds=CLAIM,
        )
        return saved

    def skip(self, task: UUID, assignee: str = "ana") -> Json:
        skipped: Json = self.call("skip_manual_task", task_id=task, assignee=assignee, skip_seconds=SKIP)
        return skipped

    def next(self, assignee: str = "ana", *, call: UUID | None = None, **wanted: object) -> Json | None:
        task: Json | None = self.call(
            "next_manual_task", assignee=assignee, wanted=Jsonb(wanted), call=call, claim_seconds=CLAIM
        )
        return task

    def preview(
        self, task: UUID, assignee: str = "ana", fields: Json | None = None, maker: str | None = None
    ) -> Json:
        shown: Json = self.call(
            "preview_manual_task",
            task_id=task,
            assignee=assignee,
            fields=fields or {},
            manufacturer_key=maker,
        )
        return shown

    def again(self, record_key: str, by: str = "bo") -> Json:
        taken: Json = self.call("take_again", record_key=record_key, by=by, note="look again")
        return taken

    def world(self) -> Json:
        """Everything that is said and counted, without the times of the last change."""
        return {
            name: sorted((row["row"] for row in self.all(query)), key=repr) for name, query in WORLD.items()
        }


def work_at_once(
    database: Database, calls: Sequence[Callable[[DeskWork], Answer]]
) -> list[Answer | psycopg.Error]:
    """The answer or the error of each call, all started at the same moment."""
    return let_go_at_once(database, calls, DeskWork)
