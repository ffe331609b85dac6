"""A completion or a failure taken back leaves everything as it was, or is refused with the reason."""

from collections.abc import Callable
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.contract.desk_work_calls import DeskWork
from tests.contract.schema_rows import Json, item, product

WINDOW = 900
Begin = Callable[[DeskWork], UUID]
End = Callable[[DeskWork, UUID], Json]
SOURCE: Json = {
    "pn": "LM317T",
    "category": "Regulators",
    "description": "from the source",
    "specs": {"Voltage": "37 V"},
    "docs": ["https://source.example/a.pdf"],
}
EDITS: Json = {
    "category": "Linear",
    "attributes": {"Current": "1 A"},
    "removed": {"attributes": ["Voltage"], "docs": ["https://vendor.example/a.pdf"]},
    "origins": {"category": "vendor"},
}


@pytest.fixture
def desk(service_connection: psycopg.Connection) -> DeskWork:
    return DeskWork(service_connection)


def held(desk: DeskWork, pn: str = "LM317T", **fields: object) -> UUID:
    task = desk.person(pn, fields={"source_record": SOURCE, **fields})
    desk.take(task)
    return task


def of_a_finished_record(desk: DeskWork) -> UUID:
    """Automation has completed the record; other content of it is with a person."""
    desk.completed(fields={"source_record": SOURCE})
    desk.begin("b2")
    desk.open(
        [item("LM317T", "manual", source_record=SOURCE | {"category": "New"}, content_hash="new")], batch="b2"
    )
    task = UUID(str(desk.one("select id from manual_tasks")["id"]))
    desk.take(task)
    return task


def of_a_dead_letter(desk: DeskWork) -> UUID:
    task = desk.fallback(fields={"source_record": SOURCE})
    desk.take(task)
    return task


def refused(desk: DeskWork, task: UUID, words: str, assignee: str = "ana") -> None:
    before = desk.world()
    with pytest.raises(psycopg.Error, match=words) as refusal:
        desk.undo(task, assignee)
    assert refusal.value.sqlstate == "PT409"
    assert desk.world() == before


def balanced(desk: DeskWork) -> None:
    for batch in desk.all("select id from batches where parent_batch_id is null"):
        sides = desk.reconcile(batch["id"])
        assert sides["verdict"] == "balanced", sides


BEGINNINGS = [held, of_a_finished_record, of_a_dead_letter]


@pytest.mark.parametrize("begin", BEGINNINGS)
@pytest.mark.parametrize("maker", [None, "onsemi"])
def test_a_completion_taken_back_leaves_everything_as_it_was(
    desk: DeskWork, begin: Begin, maker: str | None
) -> None:
    task = begin(desk)
    before = desk.world()
    edits = EDITS if maker is None else EDITS | {"manufacturer": maker}
    done = desk.later(minutes=1).complete(task, fields=edits, manufacturer_key=maker)
    assert done["undo_until"] == "2026-03-02T12:16:00+00:00"
    assert desk.world() != before
    balanced(desk)
    undone = desk.later(minutes=2).undo(task)
    assert (undone["state"], undone["assignee"], undone["note"]) == ("processing", "ana", "the wrong part")
    assert undone["claimed_until"] == "2026-03-02T13:02:00+00:00"
    assert desk.world() == before
    balanced(desk)


@pytest.mark.parametrize("begin", BEGINNINGS)
def test_a_failure_taken_back_leaves_everything_as_it_was(desk: DeskWork, begin: Begin) -> None:
    task = begin(desk)
    before = desk.world()
    desk.give_up(task)
    assert desk.world() != before
    desk.undo(task)
    assert desk.world() == before
    balanced(desk)


def test_what_was_typed_becomes_the_draft_and_what_happened_stays_in_the_history(desk: DeskWork) -> None:
    task = held(desk)
    desk.complete(task, fields=EDITS)
    desk.later(minutes=1).undo(task)
    draft = desk.call("draft_of", task_id=task, assignee="ana", now_=None)
    assert draft["fields"] == {"category": "Linear", "attributes": {"Current": "1 A"}}
    assert (draft["removed"], draft["origins"], draft["by"]) == (EDITS["removed"], EDITS["origins"], "ana")
    assert desk.events(task)[-2:] == [("processing", "completed"), ("completed", "processing")]
    (event,) = desk.all("select detail from task_events where from_state = 'completed'")
    assert event["detail"] == {"assignee": "ana", "note": "the wrong part"}
    said = desk.all("select kind, name, value, taken_back_at from person_fields where layer = 'edited'")
    assert {(each["kind"], each["name"], each["value"]) for each in said} == {
        ("category", "", "Linear"),
        ("attribute", "Current", "1 A"),
        ("attribute", "Voltage", None),
        ("datasheet", "https://vendor.example/a.pdf", None),
    }
    assert all(each["taken_back_at"] is not None for each in said)


def test_a_task_can_be_ended_and_taken_back_again_and_again(desk: DeskWork) -> None:
    task = of_a_finished_record(desk)
    before = desk.world()
    for minute in range(1, 7, 2):
        later = desk.later(minutes=minute)
        if minute == 3:
            later.give_up(task)
        else:
            later.complete(task, fields=EDITS | {"category": f"at {minute}"})
        later.later(seconds=30).undo(task)
        assert desk.world() == before
    done = desk.later(minutes=8).complete(task, fields={"category": "At last"})
    assert done["product"]["category"] == "At last"
    balanced(desk)


def test_the_same_call_again_answers_the_same(desk: DeskWork) -> None:
    task = held(desk)
    desk.complete(task)
    undone = desk.undo(task)
    world = desk.world()
    assert desk.later(seconds=5).undo(task) == undone
    assert desk.later(days=5).undo(task) == undone
    assert desk.world() == world
    assert len(desk.events(task)) == 4


def test_a_task_that_has_not_ended_is_not_taken_back(desk: DeskWork) -> None:
    task = held(desk)
    refused(desk, task, "has not ended")
    desk.complete(task)
    desk.undo(task)
    desk.give_back(task)
    refused(desk, task, "has not ended")
    desk.take(task)
    refused(desk, task, "has not ended")
    with pytest.raises(psycopg.Error, match="no manual task") as refusal:
        desk.undo(uuid4())
    assert refusal.value.sqlstate == "PT404"


def test_the_window_ends_on_time(desk: DeskWork) -> None:
    task = held(desk)
    desk.complete(task)
    refused(
        desk.later(seconds=WINDOW), task, "since 2026-03-02T12:00:00Z: the time to take that back is over"
    )
    assert desk.later(seconds=WINDOW - 1).undo(task)["state"] == "processing"


def test_an_ending_whose_time_is_over_is_forgotten_by_the_next_ones(desk: DeskWork) -> None:
    first, second = held(desk, "A"), held(desk, "B")
    desk.complete(first)
    desk.later(seconds=WINDOW + 1).give_up(second)
    assert [row["task_id"] for row in desk.all("select task_id from manual_endings")] == [second]
    refused(desk.later(seconds=WINDOW + 1), first, "is over")


def test_nobody_takes_back_what_another_person_ended(desk: DeskWork) -> None:
    task = held(desk)
    desk.complete(task)
    refused(desk, task, "was ended by ana: only they can take that back", "bo")
    with pytest.raises(psycopg.errors.CheckViolation, match="only ana can take back"):
        desk.connection.execute(
            "update manual_tasks set state = 'processing', assignee = 'bo', claimed_until = now(), finished_at = null,"
            " undo_until = null"
        )


def test_what_a_redrive_ended_stays_with_automation(desk: DeskWork) -> None:
    task = desk.fallback()
    desk.redrive()
    refused(desk, task, "was given back to automation by batch again", "redrive")


@pytest.mark.parametrize("end", [DeskWork.complete, DeskWork.give_up])
def test_a_record_that_was_opened_again_keeps_its_end(desk: DeskWork, end: End) -> None:
    task = held(desk)
    end(desk, task)
    desk.begin("b2")
    opened = desk.open([item("LM317T", content_hash="other")], batch="b2")["automation"]
    refused(desk, task, "opened again since")
    automation = UUID(opened[0]["id"])
    desk.claim(automation)
    desk.save(automation)
    desk.finish(automation)
    refused(desk, task, "opened again since")


@pytest.mark.parametrize("end", [DeskWork.complete, DeskWork.give_up])
def test_a_person_s_word_to_take_the_record_again_stands(desk: DeskWork, end: End) -> None:
    task = held(desk)
    end(desk, task)
    desk.again("LM317T|texas instruments")
    refused(desk, task, "bo wants its record taken again")


def shared(desk: DeskWork) -> tuple[UUID, UUID]:
    """Two records of one part: a person will name the maker of the second one."""
    first = held(desk)
    second = held(
        desk.later(seconds=1), manufacturer=None, manufacturer_key="", record_key="LM317T|", content_hash="2"
    )
    return first, second


TI = "texas instruments"


def test_a_later_person_s_edit_of_the_same_product_stands(desk: DeskWork) -> None:
    first, second = shared(desk)
    desk.complete(first, fields=EDITS)
    desk.later(minutes=1).complete(
        second, fields={"manufacturer": "TI", "category": "Other"}, manufacturer_key=TI
    )
    assert desk.one("select count(*) from products")["count"] == 1
    refused(desk.later(minutes=2), first, "ana has edited the same product since")
    desk.later(minutes=2).undo(second)
    desk.later(minutes=3).undo(first)
    assert desk.all("select * from products") == []
    balanced(desk)


def test_a_product_that_others_use_stays_and_keeps_their_words(desk: DeskWork) -> None:
    first, second = shared(desk)
    desk.complete(first, fields={"category": "Mine"})
    before = desk.world()
    desk.later(minutes=1).complete(
        second, fields={"manufacturer": "TI", "category": "Other"}, manufacturer_key=TI
    )
    desk.later(minutes=2).undo(second)
    assert desk.world()["products"] == before["products"]
    assert desk.world() == before


def test_a_product_that_automation_wrote_since_keeps_automation_as_its_writer(desk: DeskWork) -> None:
    first = held(desk)
    desk.complete(first, fields=EDITS)
    desk.begin("b2")
    other = desk.open([item("LM317", content_hash="3")], batch="b2")["automation"][0]["id"]
    desk.claim(UUID(other))
    part = product("Texas Instruments", manufacturer_key=TI, part_key=f"LM317T|{TI}")
    assert desk.finish(UUID(other), answer={"a": 1}, written=part)
    desk.later(minutes=2).undo(first)
    found = desk.one("select source, task_id, category from products")
    assert (found["source"], str(found["task_id"]), found["category"]) == ("automation", other, "Regulators")
    balanced(desk)


def test_a_product_that_was_removed_meanwhile_is_there_again(desk: DeskWork) -> None:
    task = of_a_finished_record(desk)
    before = desk.world()
    desk.complete(task, fields={"manufacturer": "onsemi"}, manufacturer_key="onsemi")
    assert desk.world()["products"] != before["products"]
    desk.undo(task)
    assert desk.world() == before


def test_another_content_that_waited_waits_again(desk: DeskWork) -> None:
    task = held(desk)
    desk.progress(skipped=[{"record_key": f"LM317T|{TI}", "content_hash": "other"}])
    before = desk.world()
    desk.complete(task)
    assert desk.turn("other")["next_turn"] is not None
    desk.undo(task)
    assert desk.world() == before
    assert desk.turn("other")["next_turn"] is None
    assert desk.turn("other")["ledger_due"]
