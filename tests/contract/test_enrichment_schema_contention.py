"""All calls at once, with any locks: no deadlock."""

import random
import uuid
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg
import pytest

from tests.contract.enrichment_calls import Enrichment, at_once, callers
from tests.contract.schema_rows import Json, item, product
from tests.postgres_support import Database

if TYPE_CHECKING:
    from collections.abc import Callable

CALLERS = 16
MAKERS = ("TI", "Bosch", "Vishay")


def opened(enrichment: Enrichment, batch: str, *, content: str = "") -> list[UUID]:
    """Sixty automation tasks of few manufacturers; `content` changes the rows."""
    enrichment.begin(batch)
    items = [item(f"P{n}", manufacturer=MAKERS[n % 3], content_hash=f"P{n}{content}") for n in range(60)]
    return [UUID(task["id"]) for task in enrichment.open(items, batch=batch)["automation"]]


def life(tasks: list[UUID], seed: int, enrichment: Enrichment) -> None:
    """Ends some tasks, each in one of seven ways, with new manufacturers in any order."""
    chance = random.Random(seed)
    for task in tasks:
        owner = uuid.uuid4()
        if enrichment.claim(task, owner)["outcome"] != "claimed":
            continue
        names = chance.sample([*MAKERS, f"new {chance.randrange(4)}"], 1)
        match chance.randrange(7):
            case 0 | 1:
                enrichment.save(task, owner)
                enrichment.finish(task, owner, product(names[0]))
            case 2:
                enrichment.fail(task, owner, to_manual=False)
            case 3:
                enrichment.fail(task, owner)
                manual = UUID(enrichment.fall_back(task)["manual_task_id"])
                enrichment.take(manual)
                enrichment.complete(
                    manual, fields={"manufacturer": names[0]}, manufacturer_key=names[0].lower()
                )
            case 4:
                enrichment.finish(task, owner, product(names[0]), answer={"a": 1})
            case 5:
                if enrichment.blame(task, owner, chance.choice(["down", "account"]))["outcome"] == "stands":
                    enrichment.release(task, owner)
            case _:
                enrichment.release(task, owner, refund=True)


def turn_of(given: Json) -> Json:
    return {"content_hash": given["content_hash"], "record_key": given["record_key"]}


def orchestration(tasks: list[UUID], seed: int, enrichment: Enrichment) -> None:
    """Opens records that others have finished, and notes queue tasks and ledger rows, in any order."""
    batch = f"other-{seed}"
    begun = enrichment.begin(batch, ledger_limit=100)
    shuffled = random.Random(seed).sample(tasks, len(tasks))
    noted = list(reversed(begun["noted"]))
    items = [
        item(f"P{n}", manufacturer=MAKERS[n % 3], content_hash=f"P{n}-{seed}") for n in reversed(range(60))
    ]
    enrichment.open(items, batch=batch)
    enrichment.progress(
        *shuffled, batch=batch, ledgered=noted, skipped=[turn_of(each) for each in items], closed=True
    )


def sweeping(tasks: list[UUID], seed: int, enrichment: Enrichment) -> None:
    late = enrichment.later(hours=1)
    due = [UUID(candidate["id"]) for candidate in late.candidates()]
    random.Random(seed).shuffle(due)
    late.extend(*due)
    late.note_many(dict.fromkeys(reversed(tasks), 0))
    for found in late.call("vendors"):
        late.resume(found["vendor"])


def test_a_mixed_crowd_meets_no_deadlock_and_every_record_stays_accounted_for(
    database: Database, service_connection: psycopg.Connection
) -> None:
    enrichment = Enrichment(service_connection)
    tasks = opened(enrichment, "b1")
    work: list[Callable[[Enrichment], None]] = []
    for seed in range(CALLERS):
        mine = random.Random(seed).sample(tasks, len(tasks))
        work.append(partial((life, life, orchestration, sweeping)[seed % 4], mine, seed))
    assert at_once(database, work) == [None] * CALLERS
    sides = enrichment.reconcile(None, "2026-03-02")
    assert sides["balanced"], sides
    assert enrichment.all("select id from batches where not (reconcile(id) -> 'balanced')::boolean") == []
    counted = enrichment.one("select sum(attempts) as ended from manufacturers")
    ended = enrichment.one(
        "select count(*) as ended from automation_tasks where state in ('completed', 'failed')"
    )
    assert counted == ended


def redriving(seed: int, enrichment: Enrichment) -> int:
    return int(enrichment.redrive(redrive_id=f"again-{seed}", limit=4)["redriven"])


def handing_over_again(tasks: list[UUID], seed: int, enrichment: Enrichment) -> int:
    """Dead letters that are delivered once more, in any order."""
    for task in random.Random(seed).sample(tasks, len(tasks)):
        assert enrichment.fall_back(task)["outcome"] == "exists"
    return 0


def opening_all(seed: int, enrichment: Enrichment) -> int:
    """A run that meets the same records, in any order, and new ones."""
    names = [f"P{number:02}" for number in range(64)] + [f"N{seed}-{number}" for number in range(4)]
    enrichment.begin(f"run-{seed}")
    shuffled = random.Random(seed).sample(names, len(names))
    enrichment.open([item(pn, content_hash=f"{pn} {seed}") for pn in shuffled], batch=f"run-{seed}")
    return 0


def leaving(manuals: list[UUID], seed: int, enrichment: Enrichment) -> int:
    """A person who claims tasks and gives them back."""
    for manual in random.Random(seed).sample(manuals, 8):
        try:
            enrichment.take(manual, f"person {seed}")
            enrichment.give_back(manual, f"person {seed}")
        except psycopg.Error as refusal:
            if refusal.sqlstate != "PT409":
                raise
    return 0


def test_redrives_repeated_hand_overs_and_people_meet_no_deadlock(
    database: Database, service_connection: psycopg.Connection
) -> None:
    enrichment = Enrichment(service_connection)
    letters = [enrichment.failed(f"P{number:02}") for number in range(64)]
    manuals = [UUID(enrichment.fall_back(letter)["manual_task_id"]) for letter in letters]
    work: list[Callable[[Enrichment], int]] = []
    for seed in range(32):
        match seed % 5:
            case 0 | 1:
                work.append(partial(redriving, seed))
            case 2:
                work.append(partial(handing_over_again, letters, seed))
            case 3:
                work.append(partial(opening_all, seed))
            case _:
                work.append(partial(leaving, manuals, seed))
    answers = at_once(database, work)
    assert [each for each in answers if isinstance(each, psycopg.Error)] == []
    redriven = enrichment.all("select redrives from automation_tasks where batch_id like 'again-%%'")
    assert sum(each for each in answers if isinstance(each, int)) == len(redriven)
    assert len({row["redrives"] for row in redriven}) == len(redriven), "a letter was redriven twice"
    sides = enrichment.reconcile(None, "2026-03-02")
    assert sides["balanced"], sides


def test_two_tasks_with_each_other_s_new_manufacturers_both_finish(database: Database) -> None:
    with callers(database, 1) as (enrichment,):
        enrichment.begin()
        makers = [f"maker {number}" for number in range(20)]
        found = enrichment.open([item(f"P{n}", manufacturer=maker) for n, maker in enumerate(makers)])
        tasks = [UUID(task["id"]) for task in found["automation"]]
        for task in tasks:
            enrichment.claim(task)
            enrichment.save(task)
    finishing: list[Callable[[Enrichment], bool]] = [
        partial(Enrichment.finish, task=task, written=product(maker))
        for task, maker in zip(tasks, reversed(makers), strict=True)
    ]
    assert at_once(database, finishing) == [True] * 20


@pytest.mark.parametrize("end", ["finish", "fail"])
def test_a_transaction_that_ends_a_task_locks_the_shared_manufacturer_last(
    database: Database, end: str
) -> None:
    """A caller locks the manufacturer last, so the caller that it waits for needs none of its locks."""
    with callers(database, 1) as (enrichment,), database.connect(autocommit=False) as holder:
        first, second = enrichment.saved("P1"), enrichment.saved("P2")
        enrichment.finish(first)
        holder.execute("select from manufacturers for no key update")
        enrichment.connection.execute("set lock_timeout = '50ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable) as waiting:
            enrichment.finish(second) if end == "finish" else enrichment.fail(second)
        assert "count_manufacturer" in (waiting.value.diag.context or "")
        holder.rollback()
        enrichment.connection.execute("reset lock_timeout")
        assert enrichment.finish(second) if end == "finish" else enrichment.fail(second)


def test_readers_of_a_product_s_manufacturer_do_not_wait_for_its_counts(database: Database) -> None:
    with callers(database, 1) as (enrichment,), database.connect(autocommit=False) as holder:
        written: Json = {"manufacturer": "TI"}
        enrichment.completed("P1", fields=written)
        manual = enrichment.person("P2", fields=written)
        holder.execute("update manufacturers set attempts = attempts + 1")
        enrichment.connection.execute("set lock_timeout = '50ms'")
        enrichment.take(manual)
        assert enrichment.complete(manual)["state"] == "completed"
        holder.rollback()
