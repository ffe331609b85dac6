"""Every claim against 32 callers at the same moment."""

import uuid
from collections import Counter
from functools import partial
from uuid import UUID

import psycopg
import pytest

from tests.contract.enrichment_calls import Enrichment, at_once
from tests.contract.schema_rows import Json, item
from tests.postgres_support import Database

CALLERS = 32


def answers(results: list[Json | psycopg.Error]) -> list[Json]:
    assert [result for result in results if isinstance(result, psycopg.Error)] == []
    return [result for result in results if isinstance(result, dict)]


def test_of_many_runs_with_one_batch_name_one_starts(database: Database, enrichment: Enrichment) -> None:
    begun = answers(at_once(database, [lambda caller: caller.begin("b1", uuid.uuid4())] * CALLERS))
    assert Counter(answer["started"] for answer in begun) == {True: 1, False: CALLERS - 1}
    assert enrichment.one("select count(*) from batches") == {"count": 1}


def test_of_many_batches_that_open_the_same_records_each_record_is_opened_once(
    database: Database, enrichment: Enrichment
) -> None:
    items = [item(f"P{number}", "automation" if number % 2 else "manual") for number in range(10)]
    batches = [f"b{number}" for number in range(CALLERS)]
    for batch in batches:
        enrichment.begin(batch)
    opened = answers(
        at_once(database, [partial(Enrichment.open, items=items, batch=batch) for batch in batches])
    )
    automation = Counter(task["record_key"] for answer in opened for task in answer["automation"])
    assert automation == {i["record_key"]: 1 for i in items if i["route"] == "automation"}
    assert sum(answer["manual"] for answer in opened) == 5
    assert sum(answer["claimed_elsewhere"] for answer in opened) == 10 * (CALLERS - 1)
    assert enrichment.one(
        "select count(*) tasks, count(distinct record_key) records from automation_tasks"
    ) == {
        "tasks": 5,
        "records": 5,
    }
    assert enrichment.one("select count(*) tasks, count(distinct record_key) records from manual_tasks") == {
        "tasks": 5,
        "records": 5,
    }


def test_one_run_s_chunk_sent_many_times_at_once_is_opened_once_and_answered_alike(
    database: Database, enrichment: Enrichment
) -> None:
    enrichment.begin()
    items = [item(f"P{number}") for number in range(10)]
    opened = answers(at_once(database, [lambda caller: caller.open(items)] * CALLERS))
    assert all(answer == opened[0] for answer in opened)
    assert len(opened[0]["automation"]) == 10
    assert enrichment.one("select used from daily_usage") == {"used": 10}


def test_of_many_deliveries_of_one_task_one_claims_it(database: Database, enrichment: Enrichment) -> None:
    task = enrichment.automation()
    claims = answers(
        at_once(database, [lambda caller: caller.claim(task, uuid.uuid4())] * CALLERS),
    )
    assert Counter(claim["outcome"] for claim in claims) == {"claimed": 1, "leased": CALLERS - 1}
    assert (enrichment.task(task)["attempts"], enrichment.task(task)["deliveries"]) == (1, 1)


def test_of_many_dead_letters_of_one_task_one_makes_the_manual_task(
    database: Database, enrichment: Enrichment
) -> None:
    task = enrichment.failed()
    handed = answers(at_once(database, [lambda caller: caller.fall_back(task)] * CALLERS))
    assert Counter(answer["outcome"] for answer in handed) == {"created": 1, "exists": CALLERS - 1}
    assert len({answer["manual_task_id"] for answer in handed}) == 1
    assert enrichment.one("select count(*) from manual_tasks") == {"count": 1}


def test_of_many_people_one_gets_the_task_and_the_others_read_who(
    database: Database, enrichment: Enrichment
) -> None:
    task = enrichment.person()
    people = [f"person {number}" for number in range(CALLERS)]
    results = at_once(database, [partial(Enrichment.take, task=task, assignee=person) for person in people])
    (winner,) = [result["assignee"] for result in results if isinstance(result, dict)]
    refusals = [result for result in results if isinstance(result, psycopg.Error)]
    assert len(refusals) == CALLERS - 1
    assert {refusal.sqlstate for refusal in refusals} == {"PT409"}
    (message,) = {refusal.diag.message_primary for refusal in refusals}
    assert message == f"manual task {task} is claimed by {winner} until 2026-03-02T13:00:00Z"


def test_of_many_sweeps_one_renews_and_one_gives_up(database: Database, enrichment: Enrichment) -> None:
    lost, silent = enrichment.automation("P1"), enrichment.automation("P2")
    for task in (lost, silent):
        enrichment.enqueued(task, 0)
    renewed = at_once(database, [lambda caller: caller.later(hours=1).renew(silent, 0)] * CALLERS)
    assert Counter(renewed) == {1: 1, None: CALLERS - 1}
    failed = at_once(database, [lambda caller: caller.later(hours=1).lose(lost, 0)] * CALLERS)
    assert Counter(failed) == {True: 1, False: CALLERS - 1}


def test_finishing_and_dead_lettering_at_once_leaves_one_end(
    database: Database, enrichment: Enrichment
) -> None:
    tasks = [enrichment.saved(f"P{number}") for number in range(8)]

    def finish(task: UUID) -> list[bool | psycopg.Error]:
        return at_once(database, [lambda caller: caller.finish(task), lambda caller: caller.fail(task)])

    for task in tasks:
        finished, failed = finish(task)
        assert {finished, failed} == {True, False}
        assert enrichment.task(task)["state"] == ("completed" if finished else "failed")
    products = enrichment.one("select count(*) from products")
    completed = enrichment.one("select count(*) from automation_tasks where state = 'completed'")
    assert products == completed


@pytest.mark.parametrize("table", ["automation_tasks", "manual_tasks"])
def test_no_second_open_task_of_a_record_can_be_written_past_the_functions(
    enrichment: Enrichment, table: str
) -> None:
    enrichment.automation("P1") if table == "automation_tasks" else enrichment.person("P1")
    decision = insert_decision(enrichment)
    copied = enrichment.one(f"select * from {table}") | {"decision_id": decision, "source_record": "{}"}
    del copied["id"]
    names, marks = ", ".join(copied), ", ".join(["%s"] * len(copied))
    with pytest.raises(psycopg.errors.UniqueViolation, match=f"one_open_{table[:-1]}_per_record"):
        enrichment.connection.execute(
            f"insert into {table} ({names}) values ({marks})".encode(), [*copied.values()]
        )


def test_no_second_manual_task_of_an_automation_task_can_be_written_past_the_functions(
    enrichment: Enrichment,
) -> None:
    manual = enrichment.fallback("P1")
    enrichment.take(manual)
    enrichment.give_up(manual)
    changed = {"state": "initialized", "assignee": None, "finished_at": None, "undo_until": None}
    copied = enrichment.manual(manual) | changed | {"source_record": "{}", "last_vendor_answer": None}
    del copied["id"]
    names, marks = ", ".join(copied), ", ".join(["%s"] * len(copied))
    with pytest.raises(psycopg.errors.UniqueViolation, match="one_manual_task_per_automation_task"):
        enrichment.connection.execute(
            f"insert into manual_tasks ({names}) values ({marks})".encode(), [*copied.values()]
        )


def insert_decision(enrichment: Enrichment) -> UUID:
    enrichment.begin("b2")
    found = enrichment.one(
        "insert into decisions (batch_id, record_key, route, priority, rule, reason, confidence, decided_at)"
        " values ('b2', 'P1|texas instruments', 'manual', 'low', 'r', 'r', 1, now()) returning id"
    )
    return UUID(str(found["id"]))
