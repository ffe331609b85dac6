"""A call for many rows waits for the first before it holds another, so no deadlock is possible."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import UUID

import psycopg
import pytest

from tests.contract.enrichment_calls import Enrichment, callers
from tests.contract.schema_rows import NOW, Json, item, product
from tests.postgres_support import Database

NUMBER = 12
WAITING = "select from pg_stat_activity where pid = %s and wait_event_type = 'Lock'"


@contextmanager
def waiting_for(
    database: Database, held: tuple[str, object], enrichment: Enrichment, call: Callable[[Enrichment], object]
) -> Iterator[psycopg.Connection]:
    """Yields the holder while `call` waits for its locks. Then the holder's transaction ends."""
    pid = enrichment.connection.info.backend_pid
    with (
        database.connect(autocommit=False) as holder,
        database.connect() as watcher,
        ThreadPoolExecutor(1) as pool,
    ):
        statement, parameter = held
        holder.execute(statement.encode(), (parameter,))
        made = pool.submit(call, enrichment)
        try:
            while not made.done() and watcher.execute(WAITING, (pid,)).fetchone() is None:
                time.sleep(0.01)
            assert not made.done()
            yield holder
        finally:
            holder.rollback()
        made.result(60)


def free(holder: psycopg.Connection, table: str) -> int:
    """The number of rows that no other transaction has locked."""
    return len(holder.execute(f"select from {table} for update skip locked".encode()).fetchall())


@pytest.mark.parametrize("name", ["note_progress", "note_enqueued", "extend_patience"])
def test_tasks_are_locked_by_id(database: Database, name: str) -> None:
    with callers(database, 1) as (enrichment,):
        enrichment.begin()
        opened = enrichment.open([item(f"P{number}") for number in range(NUMBER)])
        tasks = sorted((UUID(task["id"]) for task in opened["automation"]), reverse=True)
        calls: dict[str, Callable[[Enrichment], object]] = {
            "note_progress": lambda caller: caller.progress(*tasks),
            "note_enqueued": lambda caller: caller.note_many(dict.fromkeys(tasks, 0)),
            "extend_patience": lambda caller: caller.later(hours=1).extend(*tasks),
        }
        first = ("select from automation_tasks where id = %s for update", tasks[-1])
        with waiting_for(database, first, enrichment, calls[name]) as holder:
            assert free(holder, "automation_tasks") == NUMBER
        assert len({enrichment.task(task)["sweep_after"] for task in tasks}) == 1


def opening(enrichment: Enrichment) -> None:
    enrichment.begin("b2")
    items = [item(f"P{number}", content_hash="changed") for number in reversed(range(10, 10 + NUMBER))]
    assert len(enrichment.open(items, batch="b2")["automation"]) == NUMBER


def turns() -> list[Json]:
    numbers = reversed(range(10, 10 + NUMBER))
    return [
        {
            "content_hash": f"hash of P{n}",
            "record_key": f"P{n}|texas instruments",
            "noted_at": NOW.isoformat(),
        }
        for n in numbers
    ]


NOTING: dict[str, Callable[[Enrichment], None]] = {
    "ledgered": lambda caller: caller.progress(ledgered=turns()),
    "skipped": lambda caller: caller.progress(skipped=turns()),
}


@pytest.mark.parametrize("given", NOTING)
def test_turns_are_locked_by_content(database: Database, given: str) -> None:
    with callers(database, 1) as (enrichment,):
        for number in reversed(range(10, 10 + NUMBER)):
            enrichment.completed(f"P{number}")
        first = ("select from turns where content_hash = %s for update", "hash of P10")
        with waiting_for(database, first, enrichment, NOTING[given]) as holder:
            assert free(holder, "turns") == NUMBER


def ended(enrichment: Enrichment) -> None:
    task = UUID(str(enrichment.one("select id from automation_tasks where state = 'initialized'")["id"]))
    enrichment.claim(task)
    enrichment.save(task)
    enrichment.finish(task)


def asked_for(enrichment: Enrichment) -> None:
    enrichment.call("take_again", record_key="P1|texas instruments", by="ana", note="a data sheet")


@pytest.mark.parametrize("call", [ended, asked_for])
def test_the_contents_of_a_record_are_locked_in_their_order(
    database: Database, call: Callable[[Enrichment], None]
) -> None:
    with callers(database, 1) as (enrichment,):
        enrichment.automation("P1", fields={"content_hash": "d"})
        waiting = [{"content_hash": each, "record_key": "P1|texas instruments"} for each in "cba"]
        for each in waiting:
            enrichment.progress(skipped=[each])
        if call is asked_for:
            ended(enrichment)
        first = ("select from turns where content_hash = %s for update", "a")
        with waiting_for(database, first, enrichment, call) as holder:
            assert free(holder, "turns") == len(waiting) + 1


@pytest.mark.parametrize("call", [opening])
def test_records_are_locked_by_key(database: Database, call: Callable[[Enrichment], None]) -> None:
    with callers(database, 1) as (enrichment,):
        for number in reversed(range(10, 10 + NUMBER)):
            enrichment.completed(f"P{number}")
        first = ("select from records where pn = %s for update", "P10")
        with waiting_for(database, first, enrichment, call) as holder:
            assert free(holder, "records") == NUMBER


def test_the_records_of_redriven_dead_letters_are_locked_by_key(database: Database) -> None:
    with callers(database, 1) as (enrichment,):
        for number in reversed(range(10, 10 + NUMBER)):
            enrichment.fallback(f"P{number}")
        first = ("select from records where pn = %s for update", "P10")
        with waiting_for(database, first, enrichment, Enrichment.redrive) as holder:
            assert free(holder, "records") == NUMBER
        assert enrichment.status("again")["taken"] == NUMBER


def test_the_turns_of_redriven_dead_letters_are_locked_by_content(database: Database) -> None:
    with callers(database, 1) as (enrichment,):
        for number in reversed(range(10, 10 + NUMBER)):
            enrichment.fallback(f"P{number}")
        first = ("select from turns where content_hash = %s for update", "hash of P10")
        with waiting_for(database, first, enrichment, Enrichment.redrive) as holder:
            assert free(holder, "turns") == NUMBER


def test_new_manufacturers_are_made_by_key(database: Database) -> None:
    with callers(database, 1) as (enrichment,):
        task = enrichment.saved(fields={"manufacturer": "b"})
        first = ("insert into manufacturers (key, name) values (%s, 'AA')", "aa")
        with waiting_for(
            database, first, enrichment, lambda caller: caller.finish(task, written=product("aa"))
        ) as holder:
            holder.execute("set local lock_timeout = '1s'")
            holder.execute("insert into manufacturers (key, name) values ('b', 'B')")
        assert enrichment.task(task)["state"] == "completed"
