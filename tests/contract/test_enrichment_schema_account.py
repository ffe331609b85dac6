"""The counters of the account follow the tasks at every write, and nobody waits for them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

import psycopg
import pytest

from tests.contract.enrichment_calls import Enrichment, at_once
from tests.contract.schema_rows import Json, item
from tests.postgres_support import Database

PLACES = ("in_flight", "with_a_person", "completed", "failed", "rejected")
REJECTED: list[Json] = [
    {"pn": None, "manufacturer": None, "reason": "-", "content_hash": f"r{n}", "source_record": {}}
    for n in range(3)
]


def counts(enrichment: Enrichment, batch: str = "b1") -> dict[str, int]:
    """The sums over a batch's shards that are not 0."""
    sums = ", ".join(f"coalesce(sum({place}), 0) as {place}" for place in PLACES)
    found = enrichment.one(f"select {sums} from batch_counts where batch_id = %s", batch)
    return {place: int(found[place]) for place in PLACES if found[place]}


def test_opening_counts_each_record_in_its_place(enrichment: Enrichment) -> None:
    enrichment.begin()
    enrichment.open([item("P1"), item("P2"), item("P3", "manual")], rejected=REJECTED)
    assert counts(enrichment) == {"in_flight": 2, "with_a_person": 1, "rejected": 3}


def test_a_repeated_opening_counts_nothing_more(enrichment: Enrichment) -> None:
    enrichment.begin()
    for _ in range(2):
        enrichment.open([item("P1"), item("P3", "manual")], rejected=REJECTED, manual_batch_size=1)
    assert counts(enrichment) == {"in_flight": 1, "with_a_person": 1, "rejected": 3}


def test_work_that_does_not_end_moves_no_record(enrichment: Enrichment) -> None:
    task = enrichment.saved("P1")
    enrichment.release(task)
    person = enrichment.person("P2")
    enrichment.take(person)
    enrichment.give_back(person)
    assert counts(enrichment) == {"in_flight": 1, "with_a_person": 1}


def test_a_dead_letter_stays_in_flight_until_a_person_has_it_and_counts_where_it_was_decided(
    enrichment: Enrichment,
) -> None:
    task = enrichment.failed("P1")
    assert counts(enrichment) == {"in_flight": 1}
    letter = UUID(enrichment.fall_back(task)["manual_task_id"])
    enrichment.fall_back(task)
    assert counts(enrichment) == {"with_a_person": 1}
    enrichment.take(letter)
    enrichment.complete(letter)
    assert (counts(enrichment), counts(enrichment, "b1_fallback")) == ({"completed": 1}, {})


def test_a_redrive_moves_all_its_letters_to_the_new_batch(enrichment: Enrichment) -> None:
    for number in range(5):
        enrichment.fallback(f"P{number}")
    enrichment.redrive()
    assert (counts(enrichment), counts(enrichment, "again")) == ({"failed": 5}, {"in_flight": 5})


def test_a_call_that_is_rolled_back_counts_nothing(database: Database) -> None:
    with database.connect(role="service_role", autocommit=False) as connection:
        enrichment = Enrichment(connection)
        enrichment.begin()
        connection.commit()
        enrichment.open([item("P1")])
        connection.rollback()
        assert counts(enrichment) == {}


@pytest.mark.parametrize(("hour", "day"), [(0, "2026-03-02"), (23.99, "2026-03-02"), (24, "2026-03-03")])
def test_a_record_counts_on_the_utc_day_of_its_batch_whenever_it_ends(
    enrichment: Enrichment, hour: float, day: str
) -> None:
    midnight = Enrichment(enrichment.connection, datetime(2026, 3, 2, tzinfo=UTC)).later(hours=hour)
    task = midnight.saved("P1")
    midnight.later(days=2).finish(task)
    found = enrichment.all("select distinct day::text from batch_counts")
    assert [row["day"] for row in found] == [day]


def test_records_of_one_batch_that_end_at_once_are_all_counted(
    database: Database, enrichment: Enrichment
) -> None:
    enrichment.begin()
    opened = enrichment.open([item(f"P{n}") for n in range(12)])["automation"]
    tasks = [UUID(task["id"]) for task in opened]
    for task in tasks:
        enrichment.claim(task)

    def end(number: int, caller: Enrichment) -> bool:
        if number % 3:
            return caller.save(tasks[number]) and caller.finish(tasks[number])
        return caller.fail(tasks[number], to_manual=False)

    answers = at_once(database, [partial(end, number) for number in range(12)])
    assert answers == [True] * 12
    assert counts(enrichment) == {"completed": 8, "failed": 4}


@pytest.fixture
def holders(database: Database) -> Iterator[list[Enrichment]]:
    """Callers whose transactions stay open until the end of the test."""
    connections = [database.connect(role="service_role", autocommit=False) for _ in range(2)]
    yield [Enrichment(connection) for connection in connections]
    for connection in connections:
        connection.close()


def test_a_record_ends_while_the_transaction_that_ended_another_one_of_its_batch_is_still_open(
    enrichment: Enrichment, holders: list[Enrichment]
) -> None:
    enrichment.begin()
    # a manufacturer's counts are one row for all its tasks
    items = [item(pn, manufacturer=None, manufacturer_key="") for pn in ("P1", "P2")]
    opened = enrichment.open(items)["automation"]
    one, two = (UUID(task["id"]) for task in opened)
    for holder, task in zip(holders, (one, two), strict=True):
        holder.connection.execute("set lock_timeout = '20s'")
        holder.claim(task)
        holder.connection.commit()
    holders[0].fail(one, to_manual=False)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(holders[1].fail, two, to_manual=False).result(60)
    for holder in holders:
        holder.connection.commit()
    assert counts(enrichment) == {"failed": 2}


def test_a_counter_that_was_changed_by_hand_shows(enrichment: Enrichment) -> None:
    enrichment.completed("P1")
    enrichment.connection.execute(
        "update batch_counts set completed = completed + 1 where shard = (select min(shard) from batch_counts)"
    )
    for found in (enrichment.reconcile(), enrichment.reconcile(None, "2026-03-02")):
        assert (found["adds_up"], found["verdict"], found["completed"]) == (False, "unbalanced", 2)
        assert all(line["count"] == 0 for line in found["audit"]["lines"].values())


def test_taken_is_not_read_from_the_counters(enrichment: Enrichment) -> None:
    enrichment.automation("P1")
    enrichment.connection.execute("update batches set taken = 2 where id = 'b1'")
    found = enrichment.reconcile()
    assert (found["taken"], found["in_flight"], found["verdict"]) == (2, 1, "unbalanced")


def test_counts_are_of_batches_alone(enrichment: Enrichment) -> None:
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        enrichment.connection.execute(
            "insert into batch_counts (batch_id, shard, day) values ('b404', 0, '2026-03-02')"
        )
