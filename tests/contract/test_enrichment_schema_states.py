from itertools import product
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.contract.enrichment_calls import Enrichment
from tests.contract.schema_rows import NOW, OWNER, Json
from tests.postgres_support import Database

AUTOMATION = ("initialized", "processing", "data_finished", "supabase_finished", "completed", "failed")
AUTOMATION_ARROWS = {
    ("initialized", "processing"),
    ("processing", "data_finished"),
    ("data_finished", "supabase_finished"),
    ("supabase_finished", "completed"),
    *((state, "failed") for state in AUTOMATION[:4]),
}
MANUAL = ("initialized", "processing", "completed", "failed")
MANUAL_ARROWS = {
    ("initialized", "processing"),
    ("processing", "completed"),
    ("processing", "failed"),
    ("processing", "initialized"),
    ("completed", "processing"),
    ("failed", "processing"),
}


def pairs(states: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(one, other) for one, other in product(states, states) if one != other]


def automation_row(state: str) -> Json:
    """All columns that constraints tie to the state, so that only the arrow can be wrong."""
    ended = state in {"completed", "failed"}
    return {
        "state": state,
        "vendor_answer": "{}",
        "error_category": "timeout",
        "hand_over": "due" if state == "failed" else "none",
        "finished_at": NOW if ended else None,
    }


def manual_row(state: str) -> Json:
    return {
        "state": state,
        "assignee": None if state == "initialized" else "ana",
        "claimed_until": NOW if state == "processing" else None,
        "finished_at": NOW if state in {"completed", "failed"} else None,
    }


def write(connection: psycopg.Connection, table: str, task: UUID, columns: Json) -> None:
    assigned = ", ".join(f"{column} = %s" for column in columns)
    connection.execute(f"update {table} set {assigned} where id = %s".encode(), [*columns.values(), task])


def arrange(database: Database, table: str, task: UUID, columns: Json) -> None:
    """Writes without the triggers, as only the database's owner can."""
    with database.connect() as owner:
        owner.execute("set session_replication_role = replica")
        write(owner, table, task, columns)


@pytest.mark.parametrize(("before", "after"), pairs(AUTOMATION))
def test_an_automation_task_takes_the_legal_arrows_and_no_other(
    database: Database, enrichment: Enrichment, before: str, after: str
) -> None:
    task = enrichment.automation()
    arrange(database, "automation_tasks", task, automation_row(before))
    if (before, after) in AUTOMATION_ARROWS:
        write(enrichment.connection, "automation_tasks", task, automation_row(after))
        assert enrichment.events(task) == [(None, "initialized"), (before, after)]
        return
    with pytest.raises(psycopg.errors.CheckViolation) as refusal:
        write(enrichment.connection, "automation_tasks", task, automation_row(after))
    assert refusal.value.diag.message_primary == f"automation task {task}: {before} -> {after} is no arrow"
    assert enrichment.task(task)["state"] == before
    assert enrichment.events(task) == [(None, "initialized")]


@pytest.mark.parametrize(("before", "after"), pairs(MANUAL))
def test_a_manual_task_takes_the_legal_arrows_and_no_other(
    database: Database, enrichment: Enrichment, before: str, after: str
) -> None:
    task = enrichment.person()
    arrange(database, "manual_tasks", task, manual_row(before))
    if (before, after) in MANUAL_ARROWS:
        write(enrichment.connection, "manual_tasks", task, manual_row(after))
        assert enrichment.events(task) == [(None, "initialized"), (before, after)]
        return
    with pytest.raises(psycopg.errors.CheckViolation) as refusal:
        write(enrichment.connection, "manual_tasks", task, manual_row(after))
    assert refusal.value.diag.message_primary == f"manual task {task}: {before} -> {after} is no arrow"
    assert enrichment.manual(task)["state"] == before


def test_the_states_and_their_order_are_those_of_the_tests(enrichment: Enrichment) -> None:
    (states,) = enrichment.all(
        "select enum_range(null::automation_state)::text[] a, enum_range(null::manual_state)::text[] m"
    )
    assert (tuple(states["a"]), tuple(states["m"])) == (AUTOMATION, MANUAL)


@pytest.mark.parametrize("state", AUTOMATION)
def test_writing_the_same_state_again_is_no_event(
    database: Database, enrichment: Enrichment, state: str
) -> None:
    task = enrichment.automation()
    arrange(database, "automation_tasks", task, automation_row(state))
    write(enrichment.connection, "automation_tasks", task, automation_row(state))
    assert enrichment.events(task) == [(None, "initialized")]


@pytest.mark.parametrize("state", AUTOMATION[1:])
def test_an_automation_task_is_born_initialized(enrichment: Enrichment, state: str) -> None:
    born_wrong(
        enrichment, "automation_tasks", enrichment.automation(), automation_row(state), "an automation task"
    )


@pytest.mark.parametrize("state", MANUAL[1:])
def test_a_manual_task_is_born_initialized(enrichment: Enrichment, state: str) -> None:
    born_wrong(enrichment, "manual_tasks", enrichment.person(), manual_row(state), "a manual task")


def born_wrong(enrichment: Enrichment, table: str, model: UUID, columns: Json, name: str) -> None:
    """A copy of the task in `columns`' state, after the model and its decision's claim were taken out of the way."""
    row: dict[str, Any] = enrichment.one(f"select * from {table} where id = %s", model)
    enrichment.connection.execute(f"delete from {table} where id = %s".encode(), [model])
    copy = {key: value for key, value in row.items() if key != "id" and not isinstance(value, dict)} | columns
    copy["source_record"] = "{}"
    names, marks = ", ".join(copy), ", ".join(["%s"] * len(copy))
    with pytest.raises(psycopg.errors.CheckViolation) as refusal:
        enrichment.connection.execute(
            f"insert into {table} ({names}) values ({marks})".encode(), [*copy.values()]
        )
    assert refusal.value.diag.message_primary == f"{name} begins as initialized, not as {columns['state']}"


def test_the_events_of_a_whole_life_say_who_and_when(enrichment: Enrichment) -> None:
    task = enrichment.automation()
    enrichment.later(seconds=1).claim(task)
    enrichment.later(seconds=2).save(task)
    enrichment.later(seconds=3).finish(task)
    events = enrichment.all("select * from task_events where task_id = %s order by id", task)
    assert [(e["to_state"], (e["at"] - NOW).seconds, e["detail"].get("owner")) for e in events] == [
        ("initialized", 0, None),
        ("processing", 1, str(OWNER)),
        ("data_finished", 2, str(OWNER)),
        ("supabase_finished", 3, str(OWNER)),
        ("completed", 3, str(OWNER)),
    ]
    assert {(e["task_kind"], e["batch_id"]) for e in events} == {("automation", "b1")}


def test_a_failure_s_event_says_why(enrichment: Enrichment) -> None:
    task = enrichment.failed()
    (event,) = enrichment.all(
        "select detail from task_events where task_id = %s and to_state = 'failed'", task
    )
    assert event["detail"] == {
        "attempts": 1,
        "owner": str(OWNER),
        "category": "not_found",
        "message": "no such part",
    }


def test_events_of_people_name_them_when_they_claim_release_and_take_over(enrichment: Enrichment) -> None:
    task = enrichment.person()
    enrichment.take(task, "ana")
    enrichment.give_back(task, "ana", "too hard")
    enrichment.take(task, "bo")
    enrichment.later(hours=2).take(task, "cleo")
    enrichment.later(hours=2).take(task, "cleo")
    events = enrichment.all("select to_state, detail from task_events where task_id = %s order by id", task)
    assert [(event["to_state"], event["detail"].get("assignee")) for event in events] == [
        ("initialized", None),
        ("processing", "ana"),
        ("initialized", "ana"),
        ("processing", "bo"),
        ("processing", "cleo"),
    ]


@pytest.mark.parametrize("rewriting", ["update task_events set to_state = 'x'", "delete from task_events"])
def test_the_audit_cannot_be_rewritten_or_emptied_even_by_its_owner(
    database: Database, enrichment: Enrichment, rewriting: str
) -> None:
    enrichment.automation()
    with database.connect() as owner:
        for connection in (enrichment.connection, owner):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match=r"task_events\w* is append-only"):
                connection.execute(rewriting.encode())
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=r"task_events\w* is append-only"):
            owner.execute("truncate task_events")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
        enrichment.connection.execute("truncate task_events")
