"""The next task, drafts, skips and previews of people's work, by the SQL functions."""

from collections.abc import Callable
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.contract.desk_work_calls import SKIP, DeskWork, work_at_once
from tests.contract.schema_rows import CLAIM, Json
from tests.postgres_support import Database

UNKNOWN = uuid4()


@pytest.fixture
def desk(service_connection: psycopg.Connection) -> DeskWork:
    return DeskWork(service_connection)


def part(task: Json | None) -> str | None:
    return None if task is None else str(task["pn"])


def waiting(desk: DeskWork, *pns: str) -> list[UUID]:
    """Tasks that nobody holds, each a second younger than the one before."""
    return [desk.later(seconds=number).person(pn) for number, pn in enumerate(pns)]


def taking(person: str) -> Callable[[DeskWork], Json | None]:
    return lambda caller: caller.next(person)


# --- next


def test_the_next_task_is_the_most_urgent_free_one_and_is_claimed(desk: DeskWork) -> None:
    waiting(desk, "A", "C")
    desk.person("B", fields={"priority": "high"})
    taken = desk.next()
    assert taken is not None
    assert (taken["pn"], taken["state"], taken["assignee"]) == ("B", "processing", "ana")
    assert taken["claimed_until"] == "2026-03-02T13:00:00+00:00"
    assert [part(desk.next()), part(desk.next("bo")), desk.next()] == ["A", "C", None]


def test_a_person_s_own_tasks_come_first_and_those_of_others_never(desk: DeskWork) -> None:
    for pn, person in (("A", "bo"), ("B", None), ("C", "ana")):
        task = desk.person(pn)
        desk.connection.execute("update manual_tasks set assigned_to = %s where id = %s", (person, task))
    assert [part(desk.next()), part(desk.next()), desk.next()] == ["C", "B", None]


def test_the_next_task_fits_the_filter_and_is_free(desk: DeskWork) -> None:
    desk.person("A1")
    desk.person("A2", fields={"priority": "low"})
    desk.take(desk.person("A3", fields={"priority": "low"}), "bo")
    assert part(desk.next(priority="low", search="A")) == "A2"
    assert desk.next(priority="low", search="A") is None
    assert desk.next(state="held") is not None, "only free tasks are offered, whatever the filter says"
    assert part(desk.later(seconds=CLAIM).next(priority="low")) in ("A2", "A3")


def test_two_people_who_ask_at_once_get_different_tasks(desk: DeskWork, database: Database) -> None:
    for number in range(8):
        desk.person(f"P{number}")
    people = [f"person {number}" for number in range(8)]
    answers = work_at_once(database, [taking(person) for person in people])
    assert sorted(part(answer) or "" for answer in answers if isinstance(answer, dict)) == [
        f"P{number}" for number in range(8)
    ]


def test_a_repeated_call_gives_the_same_task_and_takes_no_other(desk: DeskWork, database: Database) -> None:
    waiting(desk, "A", "B")
    call = uuid4()
    answers = work_at_once(database, [lambda caller: caller.next(call=call)] * 4)
    assert {part(answer) for answer in answers if isinstance(answer, dict)} == {"A"}
    assert part(desk.next("bo")) == "B"
    other = uuid4()
    assert desk.next(call=other) is None
    desk.person("C")
    assert desk.next(call=other) is None
    assert part(desk.next(call=uuid4())) == "C"


# --- skip


def test_a_skipped_task_is_free_and_comes_back_to_that_person_after_an_hour(desk: DeskWork) -> None:
    first, _ = waiting(desk, "A", "B")
    assert part(desk.next()) == "A"
    skipped = desk.skip(first)
    assert (skipped["state"], skipped["assignee"]) == ("initialized", None)
    assert desk.skip(first) == skipped
    assert part(desk.next("bo")) == "A"
    desk.give_back(first, "bo")
    assert [part(desk.next()), desk.next()] == ["B", None]
    assert desk.later(seconds=SKIP - 1).next() is None
    assert part(desk.later(seconds=SKIP).next(priority="medium")) == "A"


def test_a_task_of_another_person_cannot_be_skipped(desk: DeskWork) -> None:
    task = desk.person()
    desk.take(task, "bo")
    with pytest.raises(psycopg.Error, match="is claimed by bo"):
        desk.skip(task)
    desk.complete(task, "bo")
    with pytest.raises(psycopg.Error, match="is already completed"):
        desk.skip(task)


def test_skips_that_are_over_are_forgotten(desk: DeskWork) -> None:
    first, second = desk.person("A"), desk.person("B")
    desk.skip(first)
    desk.later(seconds=SKIP).skip(second)
    assert [row["task_id"] for row in desk.all("select task_id from manual_skips")] == [second]


# --- draft


def test_a_draft_is_kept_and_renews_the_claim(desk: DeskWork) -> None:
    task = desk.person()
    desk.take(task)
    later = desk.later(minutes=30)
    saved = later.draft(
        task, fields={"category": "Reg"}, removed={"docs": ["x"]}, origins={"category": "typed"}, note="n"
    )
    assert saved["claim"] == {
        "held": True,
        "by": "ana",
        "until": "2026-03-02T13:30:00+00:00",
        "state": "processing",
    }
    assert saved["draft"] == {
        "fields": {"category": "Reg"},
        "removed": {"docs": ["x"]},
        "origins": {"category": "typed"},
        "note": "n",
        "by": "ana",
        "saved_at": "2026-03-02T12:30:00+00:00",
    }
    assert later.draft(task, fields={"category": "Regul"})["draft"]["fields"] == {"category": "Regul"}


def test_a_draft_claims_a_free_task_and_one_whose_claim_is_over(desk: DeskWork) -> None:
    task = desk.person()
    assert desk.draft(task)["claim"]["held"]
    assert desk.later(seconds=CLAIM).draft(task, "bo")["claim"] == {
        "held": True,
        "by": "bo",
        "until": "2026-03-02T14:00:00+00:00",
        "state": "processing",
    }


def test_a_draft_is_kept_though_the_claim_is_lost_and_says_who_has_it(desk: DeskWork) -> None:
    task = desk.person()
    desk.take(task, "bo")
    saved = desk.draft(task, fields={"category": "mine"})
    assert (saved["claim"]["held"], saved["claim"]["by"]) == (False, "bo")
    desk.draft(task, "bo", fields={"category": "his"})
    for person, words in (("ana", "mine"), ("bo", "his")):
        draft = desk.call("draft_of", task_id=task, assignee=person, now_=None)
        assert (draft["fields"], draft["by"]) == ({"category": words}, person)
    desk.complete(task, "bo")
    assert desk.call("draft_of", task_id=task, assignee="bo", now_=None)["by"] == "ana"
    ended = desk.draft(task, fields={"category": "later"})
    assert (ended["claim"]["held"], ended["claim"]["state"]) == (False, "completed")
    assert ended["draft"]["fields"] == {"category": "later"}


def test_completing_ends_the_person_s_draft(desk: DeskWork) -> None:
    task = desk.person()
    desk.draft(task, fields={"category": "x"})
    desk.complete(task)
    assert desk.call("draft_of", task_id=task, assignee="ana", now_=None) is None


def test_an_unknown_task_is_not_found(desk: DeskWork) -> None:
    for action in (DeskWork.draft, DeskWork.skip, DeskWork.preview, DeskWork.undo):
        with pytest.raises(psycopg.Error, match=f"no manual task {UNKNOWN}") as refusal:
            action(desk, UNKNOWN)
        assert refusal.value.sqlstate == "PT404"


# --- preview


SOURCE: Json = {"pn": "LM317T", "category": "Regulators", "specs": {"Voltage": "37 V"}}
EDITS: Json = {"category": "Linear", "attributes": {"Current": "1 A"}, "removed": {"attributes": ["Voltage"]}}


def test_a_preview_shows_what_the_completion_makes_and_changes_nothing(desk: DeskWork) -> None:
    task = desk.person(fields={"source_record": SOURCE})
    before = desk.world()
    shown = desk.preview(task, fields=EDITS)
    assert desk.world() == before
    assert shown["before"] is None
    assert {each["field"]: each["after"] for each in shown["changes"]} == {
        "pn": "LM317T",
        "manufacturer": "Texas Instruments",
        "category": "Linear",
        "attribute:Current": "1 A",
    }
    desk.take(task)
    assert desk.complete(task, fields=EDITS)["product"] == shown["after"]
    with pytest.raises(psycopg.Error, match="is already completed"):
        desk.preview(task, fields=EDITS)


def test_a_preview_names_each_difference_to_the_product_that_stands(desk: DeskWork) -> None:
    desk.completed()
    desk.begin("b2")
    fields = {"source_record": SOURCE, "content_hash": "new"}
    task = desk.person(batch="b2", fields=fields)
    shown = desk.preview(
        task,
        fields=EDITS | {"removed": {"attributes": ["Voltage"], "docs": ["https://vendor.example/a.pdf"]}},
    )
    changes = {each["field"]: (each["before"], each["after"]) for each in shown["changes"]}
    assert changes == {
        "manufacturer": ("TI", "Texas Instruments"),
        "category": ("Regulators", "Linear"),
        "attribute:Current": (None, "1 A"),
        "attribute:Voltage": ("37 V", None),
        "datasheet:https://vendor.example/a.pdf": ("https://vendor.example/a.pdf", None),
    }
    other = desk.preview(task, fields={"manufacturer": "onsemi"}, maker="onsemi")
    assert other["after"]["manufacturer"] == "onsemi"
    assert other["after"]["vendor"] is None
    assert desk.preview(task, "bo", fields=EDITS)["changes"] == desk.preview(task, fields=EDITS)["changes"]
