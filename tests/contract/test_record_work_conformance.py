"""People's work by the SQL functions, through Supabase's client, and in memory: the same promises."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.cloud.record_store import SupabaseRecordStore
from shared.cloud.record_work import SupabaseRecordWork
from shared.cloud.supabase import SupabaseRpc
from shared.enrichment.desk_work import SKIP_SECONDS, Draft, WorkStore
from shared.errors import Conflict, NotFound
from tests.memory.clock import SettableClock
from tests.memory.record_store import TIMES
from tests.memory.record_work import InMemoryRecordWork
from tests.record_support import begin, item

ROW = {"pn": "A", "category": "ICs", "specs": {"Voltage": "5 V"}, "docs": ["https://source.example/a.pdf"]}
SAID: dict[str, Any] = {
    "category": "Typed",
    "removed": {"attributes": ["Voltage"], "docs": ["https://source.example/a.pdf"]},
    "origins": {"category": "typed"},
}


@dataclass(frozen=True)
class Desk:
    store: SupabaseRecordStore | InMemoryRecordWork
    work: WorkStore

    def waiting(self, pn: str = "A", **changes: Any) -> UUID:  # noqa: ANN401 - item's
        begin(self.store, f"batch-{pn}")
        self._open(f"batch-{pn}", item(pn, route="manual", source_record=ROW, **changes))
        task = self.work.next_manual_task("opener", {})
        assert task is not None
        self.store.release_manual_task(UUID(task["id"]), "opener", None)
        return UUID(task["id"])

    def held(self) -> UUID:
        task = self.waiting()
        self.store.claim_manual_task(task, "ana")
        return task

    def _open(self, batch: str, *items: dict[str, object]) -> None:
        self.store.open_tasks(
            batch, items, [], daily_limit=1000, manual_batch_size=2, reprocess_after=timedelta(days=30)
        )

    def opens_other_content(self) -> None:
        begin(self.store, "later")
        self._open("later", item("A", content_hash="other"))

    def complete(self, task: UUID) -> dict[str, Any]:
        return self.store.complete_manual_task(task, "ana", SAID, None, None)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture(params=["memory", "supabase"])
def desk(request: pytest.FixtureRequest, clock: SettableClock) -> Iterator[Desk]:
    if request.param == "memory":
        store = InMemoryRecordWork(clock)
        yield Desk(store, store)
    else:
        rest = request.getfixturevalue("rest_server")
        rpc = SupabaseRpc(rest.url, rest.service_key, timeout=20)
        work = SupabaseRecordWork(rpc, claim=TIMES.claim, clock=clock)
        yield Desk(SupabaseRecordStore(rpc, TIMES, max_attempts=3, clock=clock), work)
        rpc.close()


def test_what_is_removed_stays_away_and_comes_back_with_the_undo(desk: Desk) -> None:
    task = desk.held()
    seen = desk.work.preview_manual_task(task, "ana", SAID, None)
    assert seen["before"] is None
    done = desk.complete(task)
    assert (done["product"]["category"], done["product"]["attributes"]) == ("Typed", {})
    assert not done["product"]["media"]
    assert seen["after"]["attributes"] == {}
    undone = desk.work.undo_manual_task(task, "ana", "the wrong part")
    assert (undone["state"], undone["assignee"], undone["note"]) == ("processing", "ana", "the wrong part")
    assert undone["product"]["attributes"] == {"Voltage": "5 V"}
    assert desk.work.undo_manual_task(task, "ana", "the wrong part") == undone
    assert desk.complete(task)["product"]["category"] == "Typed"


def test_a_failure_is_taken_back(desk: Desk) -> None:
    task = desk.held()
    desk.store.fail_manual_task(task, "ana", "no such part")
    assert desk.work.undo_manual_task(task, "ana", None)["state"] == "processing"
    with pytest.raises(Conflict, match="is being worked on"):
        desk.store.take_again("A|ti", "bo", "look")
    desk.store.fail_manual_task(task, "ana", "no such part")
    assert desk.store.take_again("A|ti", "bo", "look")["contents"] == 1


def test_an_undo_is_refused_with_its_reason(desk: Desk, clock: SettableClock) -> None:
    task = desk.held()
    for person in ("ana", "bo"):
        with pytest.raises(Conflict, match="has not ended"):
            desk.work.undo_manual_task(task, person, None)
    desk.complete(task)
    with pytest.raises(Conflict, match="was ended by ana"):
        desk.work.undo_manual_task(task, "bo", None)
    clock.advance(seconds=TIMES.undo)
    with pytest.raises(Conflict, match="the time to take that back is over"):
        desk.work.undo_manual_task(task, "ana", None)
    with pytest.raises(NotFound):
        desk.work.undo_manual_task(uuid4(), "ana", None)


def test_an_undo_is_refused_when_the_record_has_gone_on(desk: Desk) -> None:
    task = desk.held()
    desk.complete(task)
    desk.store.take_again("A|ti", "bo", "look")
    with pytest.raises(Conflict, match="bo wants its record taken again"):
        desk.work.undo_manual_task(task, "ana", None)
    desk.opens_other_content()
    with pytest.raises(Conflict, match="opened again since"):
        desk.work.undo_manual_task(task, "ana", None)


def test_a_draft_outlasts_the_claim(desk: Desk) -> None:
    task = desk.waiting()
    draft = Draft({"category": "half"}, {}, {}, "n")
    mine = desk.work.save_manual_draft(task, "ana", draft)
    assert (mine["claim"]["held"], mine["draft"]["fields"], mine["draft"]["note"]) == (
        True,
        draft.fields,
        "n",
    )
    lost = desk.work.save_manual_draft(task, "bo", draft)
    assert (lost["claim"]["held"], lost["claim"]["by"], lost["draft"]["by"]) == (False, "ana", "bo")
    desk.complete(task)
    ended = desk.work.save_manual_draft(task, "bo", draft)
    assert (ended["claim"]["held"], ended["claim"]["state"]) == (False, "completed")


def test_the_next_task_is_the_first_that_is_not_skipped(desk: Desk, clock: SettableClock) -> None:
    first = desk.waiting("A", priority="high")
    call = uuid4()
    taken = desk.work.next_manual_task("ana", {"priority": "high"}, call)
    assert taken is not None
    assert (taken["id"], taken["assignee"]) == (str(first), "ana")
    assert desk.work.next_manual_task("ana", {"priority": "high"}, call) == taken
    assert desk.work.next_manual_task("bo", {}) is None
    assert desk.work.skip_manual_task(first, "ana")["state"] == "initialized"
    assert desk.work.next_manual_task("ana", {}) is None
    clock.advance(seconds=SKIP_SECONDS)
    again = desk.work.next_manual_task("ana", {})
    assert again is not None
    assert again["id"] == str(first)
    with pytest.raises(Conflict, match="is claimed by ana"):
        desk.work.skip_manual_task(first, "bo")
