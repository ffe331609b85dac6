"""People's work with the SQL functions: the next task, drafts, skips, previews and undo."""

from typing import Any
from uuid import UUID

from shared.clock import Clock
from shared.cloud.supabase import SupabaseRpc
from shared.enrichment.desk_work import SKIP_SECONDS, Draft
from shared.enrichment.ports import JsonObject
from shared.enrichment.store import Json


class SupabaseRecordWork:
    """Implements WorkStore. `claim` is in seconds. `clock` moves the database's time in simulations."""

    def __init__(self, rpc: SupabaseRpc, *, claim: float, clock: Clock | None = None) -> None:
        self._rpc = rpc
        self._claim = claim
        self._clock = clock

    def next_manual_task(self, assignee: str, wanted: JsonObject, call: UUID | None = None) -> Json | None:
        task: Json | None = self._call(
            "next_manual_task",
            p_assignee=assignee,
            p_wanted=wanted,
            p_call=call and str(call),
            p_claim_seconds=self._claim,
        )
        return task

    def save_manual_draft(self, task_id: UUID, assignee: str, draft: Draft) -> Json:
        saved: Json = self._call(
            "save_manual_draft",
            p_task_id=str(task_id),
            p_assignee=assignee,
            p_fields=draft.fields,
            p_removed=draft.removed,
            p_origins=draft.origins,
            p_note=draft.note,
            p_claim_seconds=self._claim,
        )
        return saved

    def skip_manual_task(self, task_id: UUID, assignee: str) -> Json:
        task: Json = self._call(
            "skip_manual_task", p_task_id=str(task_id), p_assignee=assignee, p_skip_seconds=SKIP_SECONDS
        )
        return task

    def undo_manual_task(self, task_id: UUID, assignee: str, note: str | None) -> Json:
        task: Json = self._call(
            "undo_manual_task",
            p_task_id=str(task_id),
            p_assignee=assignee,
            p_note=note,
            p_claim_seconds=self._claim,
        )
        return task

    def preview_manual_task(
        self, task_id: UUID, assignee: str, fields: JsonObject, manufacturer_key: str | None
    ) -> Json:
        shown: Json = self._call(
            "preview_manual_task",
            p_task_id=str(task_id),
            p_assignee=assignee,
            p_fields=fields,
            p_manufacturer_key=manufacturer_key,
        )
        return shown

    def _call(self, function: str, **arguments: Any) -> Any:  # noqa: ANN401 - JSON in and out
        if self._clock is not None:
            arguments["p_now"] = self._clock().isoformat()
        return self._rpc.call(function, arguments)
