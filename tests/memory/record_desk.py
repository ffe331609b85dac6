"""People's work in the in-memory record store: the promises of the SQL functions, as far as simulations need them."""

from dataclasses import dataclass
from uuid import UUID

from shared.enrichment.ports import JsonObject
from shared.enrichment.store import Json
from shared.errors import Conflict, NotFound
from tests.memory.record_store import TIMES, InMemoryRecordStore
from tests.memory.rows import Manual


@dataclass
class InMemoryRecordDesk(InMemoryRecordStore):
    def claim_manual_task(self, task_id: UUID, assignee: str) -> Json:
        manual = self._held_by_nobody_else(task_id, assignee)
        manual.state, manual.assignee = "processing", assignee
        manual.claimed_until = self._later(TIMES.claim)
        return {"id": str(task_id), "assignee": assignee}

    def complete_manual_task(
        self,
        task_id: UUID,
        assignee: str,
        fields: JsonObject,
        manufacturer_key: str | None,  # noqa: ARG002 - the port's signature
        note: str | None,
    ) -> Json:
        manual = self._own(task_id, assignee)
        key = manual.item["record_key"]
        said = self.said_by_people.setdefault(key, {})
        said.update(fields)
        source = {name: value for name, value in manual.item["source_record"].items() if value}
        self.products[key] = source | self.products.get(key, {}) | said
        self._end(manual, "completed", note)
        return {"id": str(task_id), "state": "completed"}

    def fail_manual_task(self, task_id: UUID, assignee: str, note: str) -> Json:
        self._end(self._own(task_id, assignee), "failed", note)
        return {"id": str(task_id), "state": "failed"}

    def _end(self, manual: Manual, state: str, note: str | None) -> None:
        manual.state, manual.note, manual.claimed_until = state, note, None
        self._close(manual.item, state, manual.assignee)

    def _own(self, task_id: UUID, assignee: str) -> Manual:
        manual = self._held_by_nobody_else(task_id, assignee)
        if manual.assignee != assignee:
            raise Conflict(f"manual task {task_id} is not claimed by {assignee}: claim it first")
        return manual

    def _held_by_nobody_else(self, task_id: UUID, assignee: str) -> Manual:
        if task_id not in self.manual:
            raise NotFound(f"no manual task {task_id}")
        manual = self.manual[task_id]
        if manual.ended:
            raise Conflict(f"manual task {task_id} is already {manual.state}")
        held = manual.claimed_until is not None and manual.claimed_until > self.clock()
        if held and manual.assignee != assignee:
            raise Conflict(f"manual task {task_id} is claimed by {manual.assignee}")
        return manual
