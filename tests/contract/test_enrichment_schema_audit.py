"""The audit looks at the rows: it finds nothing on a healthy history, and each of its lines can fail."""

import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.contract.enrichment_calls import Enrichment
from tests.contract.schema_rows import Json, item
from tests.postgres_support import Database

DAY = "2026-03-02"
ACCOUNT_DAY = Path(__file__).parents[2] / "infra" / "bench" / "account_day.sql"
LINES = (
    "distinct_records",
    "open_without_work",
    "work_without_open_record",
    "two_open_tasks",
    "completed_without_product",
    "product_without_task",
    "decisions_without_task",
    "decisions_without_record",
    "tasks_without_decision",
    "answers_without_calls",
)


def broken(found: Json) -> dict[str, int]:
    """The lines that found something, with their counts; all lines are there."""
    lines = found["audit"]["lines"]
    assert sorted(lines) == sorted(LINES)
    return {name: line["count"] for name, line in lines.items() if line["count"]}


def lived(enrichment: Enrichment) -> None:
    """A history by all paths: automation, people, fallback, redrive, rejection, a hand-over that is off."""
    rejected: Json = {
        "pn": None,
        "manufacturer": None,
        "reason": "-",
        "content_hash": "r",
        "source_record": {},
    }
    enrichment.begin()
    enrichment.open([item("MANUAL", "manual"), item("NEW"), item("WAITING", "manual")], rejected=[rejected])
    enrichment.completed("DONE")
    released = enrichment.saved("RELEASED")
    enrichment.release(released, refund=True)
    enrichment.saved("SAVED")
    enrichment.failed("OFF", to_manual=False)
    enrichment.failed("DUE")
    by_person = enrichment.fallback("FALLBACK")
    given_up = enrichment.fallback("GIVEN UP")
    enrichment.fallback("LETTER")
    own = enrichment.one("select id from manual_tasks where pn = 'MANUAL'")["id"]
    for manual, end in (
        (by_person, enrichment.complete),
        (given_up, enrichment.give_up),
        (own, enrichment.complete),
    ):
        enrichment.take(manual)
        end(manual)
    again = enrichment.fallback("REDRIVEN")
    enrichment.take(again)
    enrichment.give_back(again)
    enrichment.redrive()
    redriven = enrichment.one("select id from automation_tasks where batch_id = 'again' and pn = 'REDRIVEN'")[
        "id"
    ]
    enrichment.claim(redriven)
    enrichment.save(redriven)
    enrichment.finish(redriven)
    enrichment.later(days=40).automation("DONE", batch="next", fields={"content_hash": "changed"})


def test_a_history_by_all_paths_is_without_a_fault(enrichment: Enrichment) -> None:
    lived(enrichment)
    for batch in ("b1", "b1_fallback", "again", "next"):
        found = enrichment.reconcile(batch)
        assert (broken(found), found["verdict"]) == ({}, "balanced"), batch
    found = enrichment.reconcile(None, DAY)
    assert (broken(found), found["verdict"], found["batches"]) == ({}, "balanced", 2)


def test_a_saved_answer_of_a_dead_letter_is_not_paid_for_again_when_it_is_redriven(
    enrichment: Enrichment,
) -> None:
    letter = enrichment.failed("P1")
    task = enrichment.saved("P2")
    for redrives, verdict in ((letter, "balanced"), (None, "unbalanced")):
        enrichment.connection.execute(
            "update automation_tasks set redrives = %s, attempts = 0 where id = %s", (redrives, task)
        )
        if redrives is None:
            with_history_forgotten(enrichment)
        assert enrichment.reconcile()["verdict"] == verdict


def with_history_forgotten(enrichment: Enrichment) -> None:
    """Events are append-only for the service; here the test is the owner of the tables."""
    enrichment.connection.execute("reset role")
    enrichment.connection.execute("set session_replication_role = replica")
    enrichment.connection.execute("delete from task_events")
    enrichment.connection.execute("reset session_replication_role")
    enrichment.connection.execute("set role service_role")


def a_decision_lost(enrichment: Enrichment) -> None:
    enrichment.automation("P1")
    enrichment.connection.execute("delete from automation_tasks")
    enrichment.connection.execute("delete from decisions")
    enrichment.connection.execute("update records set open = false")


def a_record_decided_twice(enrichment: Enrichment) -> None:
    """Two rows of one record, both finished: the sides are equal, and it is one record."""
    enrichment.completed("P1")
    enrichment.later(minutes=1).completed("P2")
    for table in ("decisions", "automation_tasks"):
        enrichment.connection.execute(f"update {table} set record_key = 'P1|texas instruments'".encode())
    enrichment.connection.execute(
        "delete from products where id in (select product_id from record_layers where record_key like 'P2%')"
    )
    enrichment.connection.execute("delete from record_layers where record_key like 'P2%'")
    enrichment.connection.execute("delete from records where record_key like 'P2%'")


def an_open_record_whose_task_has_gone(enrichment: Enrichment) -> None:
    enrichment.completed("P1")
    enrichment.connection.execute("update records set open = true")


def a_closed_record_under_automation(enrichment: Enrichment) -> None:
    enrichment.automation("P1")
    enrichment.connection.execute("update records set open = false")


def a_closed_record_with_a_person(enrichment: Enrichment) -> None:
    enrichment.person("P1")
    enrichment.connection.execute("update records set open = false")


def a_closed_record_whose_letter_is_due(enrichment: Enrichment) -> None:
    enrichment.failed("P1")
    enrichment.connection.execute("update records set open = false")


def automation_and_a_person_at_once(enrichment: Enrichment) -> None:
    enrichment.automation("P1")
    enrichment.person("P2", batch="b2")
    enrichment.connection.execute("update manual_tasks set record_key = 'P1|texas instruments'")
    enrichment.connection.execute("update decisions set record_key = 'P1|texas instruments' where pn = 'P2'")
    enrichment.connection.execute("update records set open = false where pn = 'P2'")


def a_deleted_product(enrichment: Enrichment) -> None:
    enrichment.completed("P1")
    enrichment.connection.execute("delete from products")


def a_product_that_nobody_made(enrichment: Enrichment) -> None:
    enrichment.completed("P1")
    enrichment.connection.execute("update products set task_id = %s", (uuid.UUID(int=0),))


def a_product_whose_task_has_not_completed(enrichment: Enrichment) -> None:
    enrichment.completed("P1")
    other = enrichment.automation("P2")
    enrichment.connection.execute("update products set task_id = %s", (other,))


def a_deleted_task(enrichment: Enrichment) -> None:
    enrichment.failed("P1", to_manual=False)
    enrichment.connection.execute("delete from automation_tasks")


def a_deleted_letter(enrichment: Enrichment) -> None:
    letter = enrichment.fallback("P1")
    enrichment.take(letter)
    enrichment.give_up(letter)
    enrichment.connection.execute("delete from manual_endings")
    enrichment.connection.execute("delete from manual_tasks")


def a_decision_about_no_record(enrichment: Enrichment) -> None:
    enrichment.failed("P1", to_manual=False)
    enrichment.connection.execute("update decisions set record_key = 'P404|'")


def a_task_that_nobody_decided(enrichment: Enrichment) -> None:
    enrichment.failed("P1", to_manual=False)
    enrichment.connection.execute("delete from decisions")
    enrichment.connection.execute("update batches set taken = 0")
    enrichment.connection.execute("update batch_counts set in_flight = 0, failed = 0")


def an_answer_that_nobody_asked_for(enrichment: Enrichment) -> None:
    task = enrichment.saved("P1")
    enrichment.connection.execute("update automation_tasks set attempts = 0 where id = %s", (task,))
    with_history_forgotten(enrichment)


FAULTS: Sequence[tuple[Callable[[Enrichment], None], dict[str, int]]] = (
    (a_decision_lost, {"distinct_records": 1}),
    (a_record_decided_twice, {"distinct_records": 1}),
    (an_open_record_whose_task_has_gone, {"open_without_work": 1}),
    (a_closed_record_under_automation, {"work_without_open_record": 1}),
    (a_closed_record_with_a_person, {"work_without_open_record": 1}),
    (a_closed_record_whose_letter_is_due, {"work_without_open_record": 1}),
    (a_deleted_product, {"completed_without_product": 1}),
    (a_product_that_nobody_made, {"product_without_task": 1}),
    (a_product_whose_task_has_not_completed, {"product_without_task": 1}),
    (a_deleted_task, {"decisions_without_task": 1}),
    (a_deleted_letter, {"decisions_without_task": 1}),
    (a_decision_about_no_record, {"decisions_without_record": 1}),
    (a_task_that_nobody_decided, {"tasks_without_decision": 1}),
    (an_answer_that_nobody_asked_for, {"answers_without_calls": 1}),
)


@pytest.mark.parametrize(("fault", "lines"), FAULTS, ids=[fault.__name__ for fault, _ in FAULTS])
def test_each_fault_is_seen_for_what_it_is(
    enrichment: Enrichment, fault: Callable[[Enrichment], None], lines: dict[str, int]
) -> None:
    fault(enrichment)
    for found in (enrichment.reconcile(), enrichment.reconcile(None, DAY)):
        assert (broken(found), found["verdict"], found["balanced"]) == (lines, "unbalanced", False)


def test_there_is_a_fault_for_each_line_of_the_audit() -> None:
    assert {name for _, lines in FAULTS for name in lines} | {"two_open_tasks"} == set(LINES)


def test_two_open_tasks_of_a_record_are_seen(enrichment: Enrichment) -> None:
    automation_and_a_person_at_once(enrichment)
    for found in (enrichment.reconcile("b1"), enrichment.reconcile("b2"), enrichment.reconcile(None, DAY)):
        assert (set(broken(found)), found["adds_up"]) == ({"two_open_tasks"}, True)


def a_record_opened_by_hand(enrichment: Enrichment) -> None:
    enrichment.connection.execute(
        "insert into records (record_key, pn, open, content_hash) values ('P9|', 'P9', true, 'h')"
    )


def a_product_by_hand(enrichment: Enrichment) -> None:
    a_record_opened_by_hand(enrichment)
    enrichment.connection.execute("update records set open = false")
    enrichment.connection.execute(
        "with made as ("
        "insert into products (part_key, pn, source, task_id, created_at, updated_at)"
        " values ('P9|', 'P9', 'manual', gen_random_uuid(), now(), now()) returning id)"
        " insert into record_layers"
        " (record_key, product_id, settled, pn, source, content_hash, source_task, source_at)"
        " select record_key, made.id, false, 'P9', '{}', 'h', gen_random_uuid(), now()"
        " from records, made where record_key like 'P9%'"
    )


@pytest.mark.parametrize(
    ("fault", "line"),
    [(a_record_opened_by_hand, "open_without_work"), (a_product_by_hand, "product_without_task")],
)
def test_what_belongs_to_no_batch_is_seen_on_each_day(
    enrichment: Enrichment, fault: Callable[[Enrichment], None], line: str
) -> None:
    enrichment.completed("P1")
    assert enrichment.reconcile(None, DAY)["verdict"] == "balanced"
    fault(enrichment)
    for day in (DAY, "2026-03-09"):
        found = enrichment.reconcile(None, day)
        assert (broken(found), found["verdict"], found["adds_up"]) == ({line: 1}, "unbalanced", True)
    assert enrichment.reconcile()["verdict"] == "balanced"


def test_a_product_that_is_deleted_long_after_its_batch_is_seen_on_each_day(enrichment: Enrichment) -> None:
    enrichment.completed("P1")
    enrichment.connection.execute("delete from products")
    found = enrichment.reconcile(None, "2026-03-19")
    assert (broken(found), found["verdict"]) == ({"completed_without_product": 1}, "unbalanced")


def test_five_examples_of_a_line_are_named(enrichment: Enrichment) -> None:
    for number in range(7):
        enrichment.completed(f"P{number}")
    enrichment.connection.execute("delete from products")
    for found in (enrichment.reconcile(), enrichment.reconcile(None, DAY)):
        line = found["audit"]["lines"]["completed_without_product"]
        assert line == {"count": 7, "examples": [f"P{n}|texas instruments" for n in range(5)]}


# --- within its time


def state(enrichment: Enrichment, seconds: float, day: str = DAY) -> tuple[str, str, int, int]:
    found = enrichment.call("reconcile", batch_id=None, day=day, seconds=seconds)
    audit = found["audit"]
    return found["verdict"], audit["state"], audit["batches"], audit["pending"]


def test_a_day_is_not_called_balanced_before_each_of_its_batches_was_looked_at(
    enrichment: Enrichment,
) -> None:
    for each in range(3):
        enrichment.automation(f"P{each}", batch=f"b{each}")
    assert state(enrichment, 0) == ("unverified", "partial", 0, 3)
    assert state(enrichment, 20) == ("balanced", "whole", 3, 0)
    assert state(enrichment, 0) == ("balanced", "whole", 3, 0)
    enrichment.automation("P9", batch="b9")
    assert state(enrichment, 0) == ("unverified", "partial", 3, 1)


def test_a_fault_is_called_one_even_before_all_was_looked_at(enrichment: Enrichment) -> None:
    a_deleted_product(enrichment)
    assert state(enrichment, 20)[0] == "unbalanced"
    enrichment.automation("P9", batch="b9")
    assert state(enrichment, 0)[:2] == ("unbalanced", "partial")


def test_the_batch_that_was_looked_at_longest_ago_is_looked_at_next(enrichment: Enrichment) -> None:
    for each in range(3):
        enrichment.automation(f"P{each}", batch=f"b{each}")
    for minute, batch in enumerate(("b1", "b2")):
        enrichment.connection.execute(
            "insert into batch_audits values (%s, %s, 1, '{}')",
            (batch, enrichment.later(minutes=-60 + minute).now),
        )
    looked = enrichment.all(
        "select batch_id from batches_to_audit(%s, 'infinity') order by at nulls first", DAY
    )
    assert [row["batch_id"] for row in looked] == ["b0", "b1", "b2"]
    found = enrichment.later(hours=1).call("audit_some", seconds=20, day=DAY)
    assert found == {"audited": 3, "audit_pending": 0, "audit_faults": 0}
    times = {row["at"] for row in enrichment.all("select at from batch_audits")}
    assert times == {enrichment.later(hours=1).now}


def test_the_sweep_looks_at_the_batches_of_the_last_7_days(enrichment: Enrichment) -> None:
    for days in (-8, -6, 0):
        enrichment.later(days=days).automation(f"P{days}", batch=f"b{days}")
    found = enrichment.call("audit_some", seconds=20)
    assert (found["audited"], found["audit_pending"]) == (2, 0)
    assert {row["batch_id"] for row in enrichment.all("select batch_id from batch_audits")} == {"b-6", "b0"}


def test_a_walk_that_ran_out_of_time_goes_on_and_then_begins_again(enrichment: Enrichment) -> None:
    a_record_opened_by_hand(enrichment)
    enrichment.connection.execute(
        "update audit_walks set after = 'P99', begun_at = now() where walk = 'open_records'"
    )
    found = enrichment.call("audit_some", seconds=20)
    assert found["audit_faults"] == 1
    walk = enrichment.one("select * from audit_walks where walk = 'open_records'")
    assert (walk["after"], walk["as_of"], walk["lines"]) == (None, enrichment.now, {})


def test_a_walk_goes_through_all_pages(enrichment: Enrichment) -> None:
    enrichment.connection.execute(
        "insert into records (record_key, pn, open, content_hash)"
        " select 'K' || lpad(n::text, 5, '0'), 'P', true, 'h' from generate_series(1, 2500) as n"
    )
    enrichment.call("audit_some", seconds=60)
    (lines,) = (
        row["done_lines"] for row in enrichment.all("select * from audit_walks where walk = 'open_records'")
    )
    assert lines == {"open_without_work": {"count": 2500, "examples": [f"K0000{n}" for n in range(1, 6)]}}


def test_of_two_audits_at_once_one_works_and_the_other_says_what_is_known(
    database: Database, enrichment: Enrichment
) -> None:
    enrichment.automation("P1")
    with database.connect(role="service_role", autocommit=False) as other:
        assert Enrichment(other).call("audit_some", seconds=20)["audited"] == 1
        assert enrichment.call("audit_some", seconds=0.05) == {
            "audited": 0,
            "audit_pending": 1,
            "audit_faults": 0,
        }
        other.commit()
    assert enrichment.call("audit_some", seconds=20)["audited"] == 1


def test_a_day_of_many_batches_is_counted_without_a_look_at_their_rows(database: Database) -> None:
    """The rows are those of infra/bench/account_day.sql, which is also measured with 2,000,000."""
    with database.connect() as owner:
        owner.execute("select set_config('account.batches', '3', false)")
        owner.execute(ACCOUNT_DAY.read_bytes())
    with database.connect(role="service_role") as connection:
        enrichment = Enrichment(connection)
        found = enrichment.reconcile(None, DAY)
        assert (found["taken"], found["completed"], found["rejected"]) == (3000, 2700, 300)
        assert (found["adds_up"], broken(found)) == (True, {})
        for batch in ("day-1", "day-3"):
            found = enrichment.reconcile(batch)
            assert (broken(found), found["verdict"], found["completed"]) == ({}, "balanced", 900)
