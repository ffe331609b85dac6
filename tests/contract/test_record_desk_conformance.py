"""The SQL functions, through Supabase's client, and the in-memory store keep the same promises to people."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.cloud.record_store import SupabaseRecordStore
from shared.cloud.supabase import SupabaseRpc
from shared.enrichment.store import Opened
from shared.errors import Conflict, NotFound
from tests.memory.clock import SettableClock
from tests.memory.record_desk import InMemoryRecordDesk
from tests.memory.record_store import TIMES
from tests.record_support import begin, free_tasks, item, only, product

Store = SupabaseRecordStore | InMemoryRecordDesk
ROW = {
    "pn": "A",
    "category": "ICs",
    "description": "of the row",
    "specs": {"Voltage": "5 V", "Blank": " "},
    "docs": ["https://source.example/a.pdf", "javascript:alert(1)"],
}


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture(params=["memory", "supabase"])
def store(request: pytest.FixtureRequest, clock: SettableClock) -> Iterator[Store]:
    if request.param == "memory":
        yield InMemoryRecordDesk(clock)
    else:
        rest = request.getfixturevalue("rest_server")
        rpc = SupabaseRpc(rest.url, rest.service_key, timeout=20)
        yield SupabaseRecordStore(rpc, TIMES, max_attempts=3, clock=clock)
        rpc.close()


def opened(store: Store, batch: str, **changes: Any) -> Opened:  # noqa: ANN401 - item's
    begin(store, batch)
    return store.open_tasks(
        batch,
        [item("A", content_hash=batch, **changes)],
        [],
        daily_limit=1000,
        manual_batch_size=2,
        reprocess_after=timedelta(days=30),
    )


def waiting(store: Store, batch: str = "b", row: object = ROW, **changes: Any) -> UUID:  # noqa: ANN401 - item's
    opened(store, batch, route="manual", source_record=row, **changes)
    (task,) = free_tasks(store)
    return UUID(task["id"])


def completed(store: Store, fields: dict[str, object], batch: str = "b", row: object = ROW) -> dict[str, Any]:
    task = waiting(store, batch, row)
    store.claim_manual_task(task, "ana")
    return store.complete_manual_task(task, "ana", fields, None, None)


def automated(store: Store, batch: str) -> None:
    task = only(opened(store, batch)).id
    owner = uuid4()
    store.claim_automation_task(task, owner)
    assert store.save_vendor_answer(task, owner, {"x": 1})
    assert store.finish_automation_task(task, owner, product("A"))


def known(task: dict[str, Any]) -> dict[str, Any]:
    return {name: task["product"][name] for name in ("category", "description", "attributes")}


def test_a_person_takes_a_task_and_nobody_else_gets_it_meanwhile(store: Store, clock: SettableClock) -> None:
    task = waiting(store)
    assert store.claim_manual_task(task, "ana")["assignee"] == "ana"
    assert free_tasks(store) == []
    with pytest.raises(Conflict, match="is claimed by ana"):
        store.claim_manual_task(task, "bo")
    with pytest.raises(Conflict, match="is claimed by ana"):
        store.release_manual_task(task, "bo", None)
    clock.advance(seconds=TIMES.claim)
    assert [each["id"] for each in free_tasks(store)] == [str(task)]
    assert store.claim_manual_task(task, "bo")["assignee"] == "bo"
    assert store.release_manual_task(task, "bo", "no time")["state"] == "initialized"
    with pytest.raises(Conflict, match="claim it first"):
        store.fail_manual_task(task, "bo", "no such part")


def test_a_task_that_has_ended_stays_so_and_its_repetition_answers_the_same(store: Store) -> None:
    task = waiting(store)
    store.claim_manual_task(task, "ana")
    failed = store.fail_manual_task(task, "ana", "no such part")
    assert failed["state"] == "failed"
    assert store.fail_manual_task(task, "ana", "no such part") == failed
    with pytest.raises(Conflict, match="is already failed"):
        store.claim_manual_task(task, "ana")
    with pytest.raises(NotFound):
        store.claim_manual_task(uuid4(), "ana")


def test_a_completed_row_is_the_product_without_what_cannot_be_stored(store: Store) -> None:
    done = completed(store, {"category": "Verified"})
    assert known(done) == {
        "category": "Verified",
        "description": "of the row",
        "attributes": {"Voltage": "5 V"},
    }


def test_a_person_s_fields_outlast_automation(store: Store, clock: SettableClock) -> None:
    first = completed(store, {"description": "typed", "attributes": {"Voltage": "3 V"}})
    clock.advance(days=31)
    automated(store, "b2")
    clock.advance(days=31)
    task = waiting(store, "b3")
    view = store.claim_manual_task(task, "bo")
    assert known(view) == known(first)
    assert [(each["field"], each["kept"], each["offered"]) for each in view["suggestions"]] == [
        ("attribute:Voltage", "3 V", "37 V"),
        ("category", "ICs", "Regulators"),
        ("description", "typed", "Linear regulator"),
    ]
    store.complete_manual_task(task, "bo", {}, None, None)
    clock.advance(days=31)
    assert store.claim_manual_task(waiting(store, "b4"), "bo")["suggestions"] == []


def test_an_approved_row_replaces_the_one_approved_before_and_nothing_typed(
    store: Store, clock: SettableClock
) -> None:
    completed(store, {"category": "Typed"})
    clock.advance(days=31)
    row = {"pn": "A", "category": "Other", "description": "corrected", "specs": {"Current": "1 A"}}
    done = completed(store, {}, "b2", row)
    assert known(done) == {
        "category": "Typed",
        "description": "corrected",
        "attributes": {"Current": "1 A"},
    }
