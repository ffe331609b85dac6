"""The store of enrichment without a database, for people: the next task, drafts, skips, previews and undo."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from shared.enrichment.desk_work import SKIP_SECONDS, Draft
from shared.enrichment.ports import JsonObject
from shared.enrichment.store import Json
from shared.errors import Conflict, NotFound
from tests.memory.record_desk import InMemoryRecordDesk
from tests.memory.record_layers import Layers
from tests.memory.record_opening import PRIORITIES, TIMES
from tests.memory.rows import Manual, Turn

T = TypeVar("T")


@dataclass(frozen=True)
class Ending:
    """The state before a person ended a task, and the turns that the end left."""

    until: datetime
    task: Manual
    turns: Mapping[str, Turn]
    turns_after: Mapping[str, Turn]
    layers: Layers | None
    product: Json | None


@dataclass
class InMemoryRecordWork(InMemoryRecordDesk):
    """Adds the WorkStore's calls."""

    endings: dict[UUID, Ending] = field(default_factory=dict)
    taken_back: set[UUID] = field(default_factory=set)
    drafts: dict[tuple[UUID, str], Json] = field(default_factory=dict)
    skips: dict[tuple[UUID, str], datetime] = field(default_factory=dict)
    offers: dict[str, tuple[UUID, UUID | None]] = field(default_factory=dict)

    def next_manual_task(self, assignee: str, wanted: JsonObject, call: UUID | None = None) -> Json | None:
        last, given = self.offers.get(assignee, (None, None))
        if call is not None and last == call:
            return self._manual_view(self.manual[given]) if given else None
        free = [task for task in self.manual.values() if self._may_be_offered(task, assignee, wanted)]
        free.sort(key=lambda task: (PRIORITIES.index(task.item["priority"]), task.created, task.id))
        if call is not None:
            self.offers[assignee] = (call, free[0].id if free else None)
        return self.claim_manual_task(free[0].id, assignee) if free else None

    def _may_be_offered(self, task: Manual, assignee: str, wanted: JsonObject) -> bool:
        now = self.clock()
        held = task.claimed_until is not None and task.claimed_until > now
        skipped = self.skips.get((task.id, assignee), now) > now
        fits = wanted.get("priority") in (None, task.item["priority"])
        return fits and not (task.ended or held or skipped)

    def save_manual_draft(self, task_id: UUID, assignee: str, draft: Draft) -> Json:
        task = self._any(task_id)
        held_by_another = (
            task.claimed_until is not None and task.claimed_until > self.clock() and task.assignee != assignee
        )
        if not task.ended and not held_by_another:
            self.claim_manual_task(task_id, assignee)
        saved: Json = {
            "fields": dict(draft.fields),
            "removed": dict(draft.removed),
            "origins": dict(draft.origins),
        }
        saved |= {"note": draft.note, "by": assignee}
        self.drafts[task_id, assignee] = saved
        held = task.state == "processing" and task.assignee == assignee
        return {"draft": saved, "claim": {"held": held, "by": task.assignee, "state": task.state}}

    def skip_manual_task(self, task_id: UUID, assignee: str) -> Json:
        task = self._taken(task_id, assignee)
        if task.assignee == assignee:
            task.state, task.assignee, task.claimed_until = "initialized", None, None
        self.skips[task_id, assignee] = self.clock() + timedelta(seconds=SKIP_SECONDS)
        return self._manual_view(task)

    def preview_manual_task(
        self,
        task_id: UUID,
        assignee: str,
        fields: JsonObject,
        manufacturer_key: str | None,  # noqa: ARG002 - one record is one part here
    ) -> Json:
        task = self._any(task_id)
        if task.ended:
            raise Conflict(f"manual task {task_id} is already {task.state}")
        layers = self._layers_of(task).copy()
        layers.complete(task.item, fields, assignee, self.clock())
        return {"before": self.products.get(task.item["record_key"]), "after": layers.product}

    def complete_manual_task(
        self, task_id: UUID, assignee: str, fields: JsonObject, manufacturer_key: str | None, note: str | None
    ) -> Json:
        before = self._before(task_id)
        view = super().complete_manual_task(task_id, assignee, fields, manufacturer_key, note)
        self._note_ended(before)
        self.drafts.pop((task_id, assignee), None)
        return view

    def fail_manual_task(self, task_id: UUID, assignee: str, note: str) -> Json:
        before = self._before(task_id)
        view = super().fail_manual_task(task_id, assignee, note)
        self._note_ended(before)
        return view

    def undo_manual_task(self, task_id: UUID, assignee: str, note: str | None) -> Json:
        task = self._any(task_id)
        if task.state == "processing" and task.assignee == assignee and task_id in self.taken_back:
            return self._manual_view(task)
        ending = self._ending_to_take_back(task, assignee)
        key = task.item["record_key"]
        if task.edited is not None:
            said = {name: value for name, value in task.edited.items() if name not in ("removed", "origins")}
            more = {name: task.edited.get(name, {}) for name in ("removed", "origins")}
            self.drafts.setdefault((task_id, assignee), {"fields": said, "by": assignee, **more})
        self.turns |= {name: replace(turn) for name, turn in ending.turns.items()}
        self.ledger_due |= dict.fromkeys(ending.turns)
        _put_back(self.layers, key, ending.layers)
        _put_back(self.products, key, ending.product)
        self.records[key].open = True
        self.with_people.add(key)
        task.state, task.edited, task.product = "processing", None, None
        task.note = note or ending.task.note
        task.claimed_until = self.clock() + timedelta(seconds=TIMES.claim)
        self.taken_back.add(task_id)
        del self.endings[task_id]
        return self._manual_view(task)

    def claim_manual_task(self, task_id: UUID, assignee: str) -> Json:
        view = super().claim_manual_task(task_id, assignee)
        self.taken_back.discard(task_id)
        return view

    def _ending_to_take_back(self, task: Manual, assignee: str) -> Ending:
        if not task.ended:
            raise Conflict(f"manual task {task.id} has not ended: nothing is to be taken back")
        if task.assignee != assignee:
            raise Conflict(
                f"manual task {task.id} was ended by {task.assignee}: only they can take that back"
            )
        ending = self.endings.get(task.id)
        if ending is None or ending.until <= self.clock():
            raise Conflict(f"manual task {task.id} is {task.state}: the time to take that back is over")
        now = self._turns_of(task)
        if self.records[task.item["record_key"]].open:
            raise Conflict(f"manual task {task.id}: its record was opened again since")
        if now != ending.turns_after:
            by = next((turn.by for turn in now.values() if turn.verdict == "asked"), "somebody")
            raise Conflict(f"manual task {task.id}: {by} wants its record taken again")
        return ending

    def _before(self, task_id: UUID) -> Ending | None:
        task = self.manual.get(task_id)
        if task is None or task.ended:
            return None
        key = task.item["record_key"]
        layers = self.layers.get(key)
        return Ending(
            self.clock() + timedelta(seconds=TIMES.undo),
            replace(task),
            self._turns_of(task),
            {},
            layers and layers.copy(),
            deepcopy(self.products.get(key)),
        )

    def _note_ended(self, before: Ending | None) -> None:
        if before is not None:
            self.endings[before.task.id] = replace(before, turns_after=self._turns_of(before.task))

    def _turns_of(self, task: Manual) -> dict[str, Turn]:
        return {name: replace(self.turns[name]) for name in self.turns_of[task.item["record_key"]]}

    def _any(self, task_id: UUID) -> Manual:
        if task_id not in self.manual:
            raise NotFound(f"no manual task {task_id}")
        return self.manual[task_id]


def _put_back(where: dict[str, T], key: str, before: T | None) -> None:
    if before is None:
        where.pop(key, None)
    else:
        where[key] = before
