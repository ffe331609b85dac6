"""The store of enrichment without a database, for people: claims, and what they write."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from shared.enrichment.ports import JsonObject
from shared.enrichment.store import Json
from shared.errors import Conflict, NotFound
from tests.memory.record_opening import PRIORITIES, TIMES
from tests.memory.record_store import InMemoryRecordStore
from tests.memory.rows import Manual


@dataclass
class InMemoryRecordDesk(InMemoryRecordStore):
    """Adds the DeskStore's calls, without the redrive."""

    def list_manual_tasks(self, wanted: Json, sort: str, limit: int, after: Json | None) -> Json:
        """Knows of the filters `state: free` and `priority`, and of the first page by urgency."""
        assert (wanted["state"], sort, after) == ("free", "urgency", None)
        assert wanted.keys() <= {"state", "priority"}
        waiting = [
            task
            for task in self.manual.values()
            if not task.ended
            and not (task.claimed_until and task.claimed_until > self.clock())
            and wanted.get("priority") in (None, task.item["priority"])
        ]
        waiting.sort(key=lambda task: (PRIORITIES.index(task.item["priority"]), task.created, task.id))
        shown = ("id", "batch_id", "pn", "priority", "state", "assignee", "note")
        rows = [{name: self._manual_view(task)[name] for name in shown} for task in waiting[:limit]]
        return {"total": len(waiting), "manual_tasks": rows, "next": None}

    def claim_manual_task(self, task_id: UUID, assignee: str) -> Json:
        task = self._taken(task_id, assignee)
        task.state, task.assignee = "processing", assignee
        task.claimed_until = self.clock() + timedelta(seconds=TIMES.claim)
        return self._manual_view(task)

    def release_manual_task(self, task_id: UUID, assignee: str, note: str | None) -> Json:
        task = self._own(task_id, assignee)
        task.state, task.assignee, task.claimed_until = "initialized", None, None
        task.note = note or task.note
        return self._manual_view(task)

    def complete_manual_task(
        self,
        task_id: UUID,
        assignee: str,
        fields: JsonObject,
        manufacturer_key: str | None,  # noqa: ARG002 - one record is one part here
        note: str | None,
    ) -> Json:
        ended = self._ended_by(task_id, assignee, "completed")
        if ended and ended.edited == fields:
            return self._manual_view(ended)
        task = self._own(task_id, assignee)
        layers = self._layers_of(task)
        layers.complete(task.item, fields, assignee, self.clock())
        self.products[task.item["record_key"]] = task.product = layers.product
        task.state, task.claimed_until, task.edited = "completed", None, dict(fields)
        task.note = note or task.note
        self._close(task.item, "completed", assignee)
        return self._manual_view(task)

    def fail_manual_task(self, task_id: UUID, assignee: str, note: str) -> Json:
        ended = self._ended_by(task_id, assignee, "failed")
        if ended and ended.note == note:
            return self._manual_view(ended)
        task = self._own(task_id, assignee)
        task.state, task.claimed_until, task.note = "failed", None, note
        self._close(task.item, "failed", assignee)
        return self._manual_view(task)

    def _ended_by(self, task_id: UUID, assignee: str, state: str) -> Manual | None:
        task = self.manual.get(task_id)
        return task if task and task.state == state and task.assignee == assignee else None

    def _taken(self, task_id: UUID, assignee: str) -> Manual:
        if task_id not in self.manual:
            raise NotFound(f"no manual task {task_id}")
        task = self.manual[task_id]
        if task.ended:
            raise Conflict(f"manual task {task_id} is already {task.state}")
        held = task.claimed_until is not None and task.claimed_until > self.clock()
        if held and task.assignee != assignee:
            raise Conflict(f"manual task {task_id} is claimed by {task.assignee}")
        return task

    def _own(self, task_id: UUID, assignee: str) -> Manual:
        task = self._taken(task_id, assignee)
        if task.assignee != assignee:
            raise Conflict(f"manual task {task_id} is not claimed by {assignee}: claim it first")
        return task

    def _manual_view(self, task: Manual) -> Json:
        shown = None if task.ended else self._as_it_would_be(task)
        return {
            "id": str(task.id),
            "batch_id": task.batch_id,
            "pn": task.item["pn"],
            "priority": task.item["priority"],
            "state": task.state,
            "assignee": task.assignee,
            "note": task.note,
            "product": task.product if shown is None else shown[0],
            "suggestions": [] if shown is None else shown[1],
        }

    def _as_it_would_be(self, task: Manual) -> tuple[Json, list[Json]]:
        layers = self._layers_of(task).copy()
        layers.lay_source(task.item, task.created)
        suggestions = layers.suggestions
        layers.complete(task.item, {}, "", self.clock())
        return layers.product, suggestions
