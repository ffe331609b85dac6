"""Decisions and events by month: partitions are ready before they are needed, and no write is ever refused."""

from datetime import UTC, date, datetime
from uuid import UUID

import psycopg
import pytest

from tests.contract.enrichment_calls import Enrichment, at_once
from tests.contract.schema_rows import Json, item
from tests.postgres_support import Database

DECEMBER = datetime(2030, 12, 31, 23, 59, tzinfo=UTC)


def months(enrichment: Enrichment, kept: str = "decisions") -> list[str]:
    """The months of the partitions from 2030 on."""
    found = enrichment.all(
        "select right(relname, 7) as month from pg_inherits inner join pg_class on pg_class.oid = inhrelid"
        " where inhparent = %s::regclass and relname > %s and relname !~ 'default' order by relname",
        kept,
        f"{kept}_2030",
    )
    return [row["month"] for row in found]


@pytest.fixture
def december(enrichment: Enrichment) -> Enrichment:
    return Enrichment(enrichment.connection, DECEMBER)


def test_this_month_and_the_next_two_are_kept_ready(december: Enrichment) -> None:
    assert december.call("keep_partitions") == 6
    assert months(december) == months(december, "task_events") == ["2030_12", "2031_01", "2031_02"]
    assert december.call("keep_partitions") == 0
    assert december.later(minutes=1).call("keep_partitions") == 2


def test_rows_go_to_the_month_of_their_time(december: Enrichment) -> None:
    december.call("keep_partitions")
    december.automation("P1")
    december.later(minutes=1).automation("P2", batch="b2")
    for kept, count in (("decisions_2030_12", 1), ("decisions_2031_01", 1), ("decisions_default", 0)):
        assert december.one(f"select count(*) from {kept}")["count"] == count


def test_a_month_without_a_partition_is_taken_by_the_default_one_and_moved_later(
    december: Enrichment,
) -> None:
    task = december.failed("P1")
    person = december.person("P2")
    before = december.all("select * from task_events order by id")
    assert december.one("select count(*) from decisions_default")["count"] == 2
    assert december.call("keep_partitions") == 6
    assert december.one("select count(*) from decisions_default")["count"] == 0
    assert december.one("select count(*) from task_events_2030_12")["count"] == len(before)
    assert december.all("select * from task_events order by id") == before
    assert december.reconcile()["verdict"] == "balanced", "a move is counted by nobody"
    december.fall_back(task)
    assert december.take(person)["decision"]["rule"] == "sparse"


def test_partitions_are_made_once_by_callers_at_once(database: Database) -> None:
    answers = at_once(
        database,
        [lambda caller: caller.call("make_partition", table="decisions", month=date(2030, 5, 1), now_=None)]
        * 4,
    )
    assert sorted(map(str, answers)) == ["False", "False", "False", "True"]


def test_a_busy_table_is_left_for_the_next_call(database: Database, december: Enrichment) -> None:
    with database.connect(autocommit=False) as reader:
        reader.execute("select from decisions_default")
        assert december.call("keep_partitions") == 0
    assert december.call("keep_partitions") == 6


def test_a_batch_that_runs_over_the_end_of_a_month_decides_each_record_and_rejects_each_row_once(
    december: Enrichment,
) -> None:
    december.call("keep_partitions")
    december.begin()
    rejected: Json = {
        "pn": None,
        "manufacturer": None,
        "reason": "-",
        "content_hash": "r",
        "source_record": {},
    }
    first = december.open([item("P1"), item("P2", "manual")], rejected=[rejected])
    again = december.later(minutes=2).open([item("P1"), item("P2", "manual")], rejected=[rejected])
    assert again == first
    assert december.one("select count(*) from decisions")["count"] == 3
    assert december.reconcile()["taken"] == 3


def test_a_batch_over_the_end_of_a_month_is_looked_at_whole(december: Enrichment) -> None:
    december.call("keep_partitions")
    december.begin()
    december.open([item("P1")])
    december.later(minutes=2).open([item("P2")])
    found = december.reconcile()
    assert (found["verdict"], found["audit"]["records"]) == ("balanced", 2)


@pytest.mark.parametrize("rewriting", ["update task_events set to_state = 'x'", "delete from task_events"])
def test_the_history_of_a_partition_cannot_be_rewritten(december: Enrichment, rewriting: str) -> None:
    december.call("keep_partitions")
    december.automation("P1")
    for part in ("task_events", "task_events_2030_12"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="is append-only"):
            december.connection.execute(rewriting.replace("task_events", part).encode())


def test_a_partition_cannot_be_emptied_even_by_its_owner(database: Database, december: Enrichment) -> None:
    december.call("keep_partitions")
    with (
        database.connect() as owner,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"),
    ):
        owner.execute("truncate task_events_2030_12")


def test_a_person_sees_the_decision_of_an_earlier_month(december: Enrichment) -> None:
    december.call("keep_partitions")
    letter = UUID(december.later(minutes=2).fall_back(december.failed("P1"))["manual_task_id"])
    assert december.later(days=31).take(letter)["decision"]["reason"] == "a reason"
