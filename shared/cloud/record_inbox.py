"""The lists of enrichment for people: the inbox of manual tasks, the batches, and the history of a part."""

from typing import Any
from uuid import UUID

from shared.clock import Clock
from shared.cloud.supabase import SupabaseRpc
from shared.enrichment.store import Json


class SupabaseRecordInbox:
    """Implements InboxStore. `clock` moves the database's time in simulations, as in SupabaseRecordDesk."""

    def __init__(self, rpc: SupabaseRpc, clock: Clock | None = None) -> None:
        self._rpc = rpc
        self._clock = clock

    def _call(self, function: str, **arguments: Any) -> Any:  # noqa: ANN401 - JSON in and out
        if self._clock is not None:
            arguments["p_now"] = self._clock().isoformat()
        return self._rpc.call(function, arguments)

    def list_manual_tasks(self, wanted: Json, sort: str, limit: int, after: Json | None) -> Json:
        page: Json = self._call(
            "list_manual_tasks", p_wanted=wanted, p_sort=sort, p_limit=limit, p_after=after
        )
        return page

    def manual_task_groups(self, wanted: Json) -> Json:
        groups: Json = self._call("manual_task_groups", p_wanted=wanted)
        return groups

    def manual_task(self, task_id: UUID, assignee: str | None) -> Json:
        task: Json = self._call("manual_task", p_task_id=str(task_id), p_assignee=assignee)
        return task

    def list_batches(self, limit: int, after: Json | None) -> Json:
        page: Json = self._call("list_batches", p_limit=limit, p_after=after)
        return page

    def part_history(self, part: str, record_key: str | None, limit: int) -> Json:
        history: Json = self._call("part_history", p_part=part, p_record_key=record_key, p_limit=limit)
        return history
