import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from laptop.google.common import journal as journals
from laptop.google.common.journal import DataFileUnusable, Journal
from laptop.google.common.rpc import Refused
from laptop.google.tasks.__main__ import SCHEMA
from laptop.google.tasks.control import delivery_log
from laptop.google.tasks.messages import Queue, Task
from laptop.google.tasks.registry import Registry
from laptop.google.tasks.validation import DAY, Settings, new_queue

LOCATION = "projects/p/locations/l"
NAME = f"{LOCATION}/queues/q"
BURY = "INSERT INTO tombstones VALUES (?, ?)"
COUNT = "SELECT count(*) FROM tombstones"


@pytest.fixture
def data_file(tmp_path: Path) -> Path:
    return tmp_path / "tasks.db"


@pytest.fixture
def journal(data_file: Path) -> Iterator[Journal]:
    made = Journal(data_file, SCHEMA)
    yield made
    made.close()


def test_written_and_posted_rows_survive_a_restart(data_file: Path) -> None:
    first = Journal(data_file, SCHEMA)
    asyncio.run(first.write((BURY, ("a", 1.0))))
    first.post((BURY, ("b", 2.0)))
    first.close()
    second = Journal(data_file, SCHEMA)
    assert asyncio.run(second.read(COUNT)) == [(2,)]
    second.close()


def test_what_is_only_posted_shares_commits_without_a_sync_until_somebody_waits(journal: Journal) -> None:
    ran: list[str] = []
    journal._connection.set_trace_callback(ran.append)
    for number in range(100):
        journal.post((BURY, (str(number), 0.0)))
    asyncio.run(journal.write((BURY, ("a", 1.0))))
    journal.post((BURY, ("b", 1.0)))
    journal.close()
    commits = [index for index, sql in enumerate(ran) if sql == "COMMIT"]
    assert len(commits) <= 20
    syncs = [(index, sql) for index, sql in enumerate(ran) if sql.startswith("PRAGMA synchronous")]
    waited_for = next(index for index, sql in enumerate(ran) if "VALUES ('a'" in sql)
    before = [sql for index, sql in syncs if index < waited_for]
    assert before == [] or before[-1] == "PRAGMA synchronous = FULL"
    assert syncs[-1][1] == "PRAGMA synchronous = NORMAL"


def test_what_is_posted_waits_for_the_next_write_which_waits_for_nothing(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "LINGER", 3600)
    ran: list[str] = []
    journal._connection.set_trace_callback(ran.append)
    journal.post((BURY, ("a", 0.0)))
    asyncio.run(journal.write((BURY, ("b", 0.0))))
    assert ran.count("COMMIT") == 1


def test_many_writers_share_commits_and_all_are_answered(journal: Journal) -> None:
    async def write_all() -> None:
        await asyncio.gather(*(journal.write((BURY, (str(number), 0.0))) for number in range(1_200)))

    asyncio.run(write_all())
    assert asyncio.run(journal.read(COUNT)) == [(1_200,)]


def test_a_failing_statement_raises_and_changes_nothing(journal: Journal) -> None:
    async def write() -> None:
        await journal.write((BURY, ("a", 1.0)), ("INSERT INTO no_such_table VALUES (1)", ()))

    with pytest.raises(sqlite3.OperationalError, match="no_such_table"):
        asyncio.run(write())
    assert asyncio.run(journal.read(COUNT)) == [(0,)]


def test_a_posted_statement_that_fails_does_not_stop_the_journal(journal: Journal) -> None:
    journal.post(("INSERT INTO no_such_table VALUES (1)", ()))
    asyncio.run(journal.write((BURY, ("a", 1.0))))
    assert asyncio.run(journal.read(COUNT)) == [(1,)]


def test_a_cancelled_writer_does_not_disturb_others(journal: Journal) -> None:
    async def give_up() -> None:
        writing = asyncio.create_task(journal.write((BURY, ("a", 1.0))))
        await asyncio.sleep(0)
        writing.cancel()
        await journal.write((BURY, ("b", 1.0)))

    asyncio.run(give_up())
    assert asyncio.run(journal.read(COUNT)) == [(2,)]


def test_a_file_in_use_cannot_be_opened_twice(journal: Journal, data_file: Path) -> None:
    asyncio.run(journal.write((BURY, ("a", 1.0))))
    with pytest.raises(DataFileUnusable, match="Is another server running on it"):
        Journal(data_file, SCHEMA)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def a_task() -> object:
    return Task(name=f"{NAME}/tasks/t", http_request={"url": "http://127.0.0.1:1/"})


def test_a_task_older_than_31_days_is_forgotten_and_its_name_is_free_later(journal: Journal) -> None:
    clock = Clock()
    registry = Registry(journal, Settings(queue_tombstone=3_600), clock)

    async def live() -> None:
        queue = await registry.create_queue(new_queue(LOCATION, Queue(name=NAME)))
        await registry.create_task(queue, a_task())
        clock.now += 31 * DAY - 1
        registry.expire()
        assert registry.task(f"{NAME}/tasks/t")
        clock.now += 1
        registry.expire()
        assert registry.task(f"{NAME}/tasks/t") is None
        assert await journal.read("SELECT count(*) FROM tasks") == [(0,)]
        assert await journal.read(COUNT) == [(1,)]
        clock.now += 3_600
        registry.expire()
        assert await journal.read(COUNT) == [(0,)]
        await registry.create_task(queue, a_task())

    asyncio.run(live())


def test_names_are_free_again_when_their_time_is_over(journal: Journal) -> None:
    clock = Clock()
    registry = Registry(journal, Settings(task_tombstone=60, queue_tombstone=600), clock)

    async def live() -> None:
        queue = await registry.create_queue(new_queue(LOCATION, Queue(name=NAME)))
        registry.end_task(queue, await registry.create_task(queue, a_task()))
        clock.now += 59
        with pytest.raises(Refused, match="already exists"):
            await registry.create_task(queue, a_task())
        clock.now += 1
        await registry.create_task(queue, a_task())
        await registry.delete_queue(NAME)
        clock.now += 599
        with pytest.raises(Refused, match="existed too recently"):
            await registry.create_queue(new_queue(LOCATION, Queue(name=NAME)))
        clock.now += 1
        await registry.create_queue(new_queue(LOCATION, Queue(name=NAME)))

    asyncio.run(live())


def test_a_task_that_could_not_be_written_is_not_there(journal: Journal) -> None:
    registry = Registry(journal, Settings(), Clock())

    async def live() -> None:
        queue = await registry.create_queue(new_queue(LOCATION, Queue(name=NAME)))
        await journal.write(("ALTER TABLE tasks RENAME TO elsewhere", ()))
        with pytest.raises(sqlite3.OperationalError):
            await registry.create_task(queue, a_task())
        assert registry.task(f"{NAME}/tasks/t") is None
        await journal.write(("ALTER TABLE elsewhere RENAME TO tasks", ()))
        await registry.create_task(queue, a_task())

    asyncio.run(live())


def test_a_task_purged_while_it_is_being_written_is_never_scheduled(journal: Journal) -> None:
    registry = Registry(journal, Settings(), Clock())

    async def live() -> None:
        queue = await registry.create_queue(new_queue(LOCATION, Queue(name=NAME)))
        creating = asyncio.create_task(registry.create_task(queue, a_task()))
        await asyncio.sleep(0)
        await registry.purge_queue(queue)
        await creating
        assert queue.next(2_000_000) is None
        with pytest.raises(Refused):
            await registry.create_task(queue, a_task())

    asyncio.run(live())


def test_the_log_keeps_the_latest_hundred_thousand(journal: Journal) -> None:
    log = delivery_log(journal)

    async def keep() -> None:
        row = "INSERT INTO deliveries (id, queue, task, retry_count, scheduled, dispatched, verdict) VALUES "
        old = [f"({number}, 'q', 't', 0, 0, 0, 'succeeded')" for number in (5, 900, 100_005)]
        await journal.write((row + ", ".join(old), ()))
        await log.open()
        assert [kept["id"] for kept in await log.recent(limit=10)] == [900, 100_005]
        assert log.sent(queue=NAME, task="t", retry_count=0, scheduled=0, dispatched=0) == 100_006
        for _ in range(994):  # every thousandth row removes the old ones
            log.sent(queue=NAME, task="t", retry_count=0, scheduled=0, dispatched=0)
        kept = await log.recent("t", limit=1_000)
        assert [row["id"] for row in kept] == [*range(100_005, 101_001)]

    asyncio.run(keep())
