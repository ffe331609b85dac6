"""With a history of 100,000 records, no call reads a whole big table."""

import hashlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.contract.enrichment_calls import Enrichment
from tests.contract.schema_plans import Plans
from tests.contract.schema_rows import NOW, OTHER, OWNER, Json, item
from tests.postgres_support import Database, PostgresServer

BIG = {
    "records",
    "decisions",
    "automation_tasks",
    "manual_tasks",
    "task_events",
    "products",
    "product_attributes",
    "document_media",
    "product_extras",
    "manufacturers",
}


@pytest.fixture(scope="module")
def history(postgres_server: PostgresServer, migrated_template: str) -> Iterator[Database]:
    with postgres_server.database(migrated_template) as database:
        with database.connect() as owner:
            owner.execute(Path(__file__).with_name("enrichment_history.sql").read_bytes())
        yield database


def task(number: int) -> UUID:
    """The automation task of record `number`; those above 99000 are open."""
    return named(f"task {number}")


def named(name: str) -> UUID:
    return UUID(hashlib.md5(name.encode(), usedforsecurity=False).hexdigest())


def known_items(count: int = 100) -> list[Json]:
    """Records: half finished long ago, half never seen."""
    old = [
        item(f"P{n}", manufacturer=f"Maker {n % 20000}", content_hash="new")
        for n in range(1000, 1000 + count // 2)
    ]
    new = [item(f"N{n}", "manual" if n % 3 else "automation") for n in range(count // 2)]
    return old + new


def worked(enrichment: Enrichment) -> None:
    enrichment.claim(task(99001))
    enrichment.save(task(99001))
    enrichment.finish(task(99001))


def dead_lettered(enrichment: Enrichment) -> None:
    enrichment.claim(task(99002))
    enrichment.fail(task(99002))
    enrichment.fall_back(task(99002))


def released(enrichment: Enrichment) -> None:
    enrichment.claim(task(99003))
    enrichment.release(task(99003))
    enrichment.claim(task(99003), OTHER)
    enrichment.postpone(task(99003), NOW, OTHER)
    enrichment.note_many({task(99003): 1})


def paused(enrichment: Enrichment) -> None:
    enrichment.claim(task(99003))
    enrichment.postpone(task(99003), enrichment.now + timedelta(hours=1))
    assert enrichment.claim(task(99013), OTHER)["outcome"] == "postponed"
    assert enrichment.breaker()["waiting"] == 2
    assert enrichment.resume()["waiting"] == 0


def swept(enrichment: Enrichment) -> None:
    assert len(enrichment.candidates(50)) == 50
    enrichment.extend(*[task(99000 + n) for n in range(10, 15)])
    assert enrichment.renew(task(99021), 0) == 1
    assert enrichment.lose(task(99022), 0)


def opened(enrichment: Enrichment) -> None:
    enrichment.begin("now")
    answer = enrichment.open(known_items(), batch="now")
    assert (len(answer["automation"]), answer["manual"]) == (67, 33)


def progressed(enrichment: Enrichment) -> None:
    enrichment.begin("now")
    enqueued = [task(n) for n in range(99100, 99200) if n % 10 < 7]
    enrichment.progress(
        *enqueued, batch="now", ledgered=[f"hash {n}" for n in range(97001, 97050)], closed=True
    )


def reviewed(enrichment: Enrichment) -> None:
    enrichment.take(named("manual 99007"))
    enrichment.give_back(named("manual 99007"))
    enrichment.give_back(named("manual 99007"))
    enrichment.take(named("manual 99007"))
    enrichment.complete(named("manual 99007"), fields={"category": "ICs"})
    enrichment.take(named("manual 99008"))
    enrichment.give_up(named("manual 99008"))


def redriven(enrichment: Enrichment) -> None:
    dead_lettered(enrichment)
    batch = enrichment.task(task(99002))["batch_id"]
    assert enrichment.redrive(batch)["redriven"] > 0


def listed(enrichment: Enrichment) -> None:
    assert len(enrichment.pending(50)) == 50
    assert len(enrichment.pending(50, "low")) == 50


CALLS: dict[str, tuple[Callable[[Enrichment], Any], set[str]]] = {
    "begin_batch": (lambda db: db.begin("now", ledger_limit=2000), {"records_ledger_due"}),
    "read_known": (
        lambda db: db.known(*known_items(), rejected=["rejected 7"]),
        {
            "records_pkey",
            "automation_failures_by_record",
            "one_open_manual_task_per_record",
            "rejections_by_row",
        },
    ),
    "open_tasks": (opened, {"records_pkey", "one_decision_per_record_and_batch"}),
    "note_progress": (progressed, {"automation_tasks_pkey", "records_ledger_due_by_hash"}),
    "a worker's claim, save and finish": (worked, {"automation_tasks_pkey", "products_record_key_key"}),
    "a worker's failure and its hand-over": (dead_lettered, {"one_manual_task_per_automation_task"}),
    "a worker's release and postponement": (released, {"automation_tasks_pkey"}),
    "a vendor that is paused and resumed": (paused, {"automation_tasks_waiting"}),
    "the sweep": (swept, {"automation_tasks_to_sweep"}),
    "people's work": (reviewed, {"manual_tasks_pkey", "task_events_by_task"}),
    "redrive_dead_letters": (redriven, {"manual_tasks_by_batch", "automation_tasks_pkey"}),
    "pending_manual_tasks": (listed, {"manual_tasks_pending", "decisions_pkey"}),
    "batch_status": (
        lambda db: db.status("b990"),
        {"automation_tasks_by_batch", "manual_tasks_by_batch", "decisions_by_batch", "batches_by_parent"},
    ),
    "reconcile of a batch": (
        lambda db: db.reconcile("b990"),
        {"one_manual_task_per_automation_task", "one_own_manual_task_per_decision"},
    ),
    "reconcile of a day": (lambda db: db.reconcile(None, "2026-02-27"), {"batches_by_day"}),
    "enrichment_figures": (lambda db: db.call("enrichment_figures"), {"one_open_automation_task_per_record"}),
    "recent_products": (
        lambda db: db.call("recent_products", batch_id="b980", limit=5, now_=None),
        {"automation_tasks_by_batch", "products_record_key_key"},
    ),
}


@pytest.mark.parametrize("mode", ["auto", "force_generic_plan"])
@pytest.mark.parametrize("call", CALLS)
def test_a_call_reaches_big_tables_by_index_alone(history: Database, call: str, mode: str) -> None:
    made, expected = CALLS[call]
    with history.connect(autocommit=False) as connection:
        plans = Plans(connection, mode, BIG)
        made(Enrichment(connection))
        connection.rollback()
    assert plans.read_whole() == []
    assert plans.indexes() >= expected


def test_a_plan_that_reads_a_whole_table_is_noticed(history: Database) -> None:
    with history.connect(autocommit=False) as connection:
        plans = Plans(connection, "auto", BIG)
        connection.execute("select count(*) from automation_tasks where error_message = 'x'")
        connection.rollback()
    assert [relation for relation, _ in plans.read_whole()] == ["automation_tasks"]


def test_the_history_is_as_the_real_functions_see_one(history: Database) -> None:
    with history.connect(role="service_role") as connection:
        enrichment = Enrichment(connection)
        assert enrichment.reconcile("b990")["balanced"]
        assert enrichment.reconcile(None, "2026-02-27") == {
            "taken": 1010,
            "completed": 1000,
            "with_a_person": 0,
            "in_flight": 0,
            "failed": 0,
            "rejected": 10,
            "lost": 0,
            "balanced": True,
            "batch_id": None,
            "day": "2026-02-27",
        }
        assert enrichment.task(task(99001))["lease_owner"] != OWNER
