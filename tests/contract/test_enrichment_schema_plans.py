"""With a history of 100,000 records, no call reads a whole big table."""

import hashlib
from collections import Counter
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
    "record_layers",
    "person_fields",
    "manufacturers",
}


@pytest.fixture(scope="module")
def history(postgres_server: PostgresServer, migrated_template: str) -> Iterator[Database]:
    with postgres_server.database(migrated_template) as database:
        with database.connect() as owner:
            owner.execute(Path(__file__).with_name("enrichment_history.sql").read_bytes())
            parts = owner.execute(
                "select relname from pg_class where relispartition and relkind = 'r' and reltuples > 500"
            ).fetchall()
            assert len(parts) >= 4
            BIG.update(name for (name,) in parts)
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
    dead = enrichment.task(task(99002))["id"]
    enrichment.claim(dead)
    enrichment.fail(dead)
    kinds = [candidate["kind"] for candidate in enrichment.later(hours=1).candidates(50)]
    assert Counter(kinds) == {"hand_over": 1, "enqueue": 50, "silent": 50}
    enrichment.extend(*[task(99500 + n) for n in range(10, 15)])
    assert enrichment.renew(task(99021), 0) == 1
    assert enrichment.lose(task(99022), 0)


def opened(enrichment: Enrichment) -> None:
    enrichment.begin("now")
    answer = enrichment.open(known_items(), batch="now")
    assert (len(answer["automation"]), answer["manual"]) == (67, 33)


SKIPPED = [
    {"content_hash": f"other {n}", "record_key": f"P{n}|maker {n % 20000}"} for n in range(99001, 99050)
]


def progressed(enrichment: Enrichment) -> None:
    enrichment.begin("now")
    noted = enrichment.begin("next", ledger_limit=50)["noted"]
    enqueued = [task(n) for n in range(99100, 99200) if n % 10 < 7]
    enrichment.progress(
        *enqueued,
        batch="now",
        ledgered=noted,
        skipped=SKIPPED,
        closed=True,
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


def walked(enrichment: Enrichment) -> None:
    for walk in ("open_records", "open_automation", "open_manual", "products"):
        page = enrichment.call("audit_page", walk=walk, after=None, limit=200, now_=None)
        assert (page["seen"], page["lines"]) == (200, {})


CALLS: dict[str, tuple[Callable[[Enrichment], Any], set[str]]] = {
    "begin_batch": (lambda db: db.begin("now", ledger_limit=2000), {"turns_ledger_due"}),
    "read_known": (
        lambda db: db.known(*known_items(), rejected=["rejected 7"]),
        {
            "records_pkey",
            "automation_failures_by_record",
            "one_open_manual_task_per_record",
            "turns_pkey",
        },
    ),
    "open_tasks": (opened, {"records_pkey", "turns_pkey"}),
    "note_progress": (progressed, {"automation_tasks_pkey", "turns_pkey"}),
    "take_again": (
        lambda db: db.call("take_again", record_key="P500|maker 500", by="ana", note="again"),
        {"records_pkey", "turns_pkey"},
    ),
    "a worker's claim, save and finish": (
        worked,
        {
            "automation_tasks_pkey",
            "products_part_key_key",
            "record_layers_pkey",
            "record_layers_by_product",
            "one_person_field_in_force",
        },
    ),
    "a worker's failure and its hand-over": (dead_lettered, {"one_manual_task_per_automation_task"}),
    "a worker's release and postponement": (released, {"automation_tasks_pkey"}),
    "a vendor that is paused and resumed": (paused, {"automation_tasks_waiting"}),
    "the sweep": (
        swept,
        {"automation_tasks_to_hand_over", "automation_tasks_to_enqueue", "automation_tasks_silent"},
    ),
    "people's work": (reviewed, {"manual_tasks_pkey", "task_events_by_task", "one_person_field_in_force"}),
    "redrive_dead_letters": (redriven, {"manual_tasks_by_batch", "automation_tasks_pkey"}),
    "batch_status": (
        lambda db: db.status("b990"),
        {"automation_tasks_by_batch", "manual_tasks_by_batch", "decisions_by_batch", "batches_by_parent"},
    ),
    "reconcile of a batch": (
        lambda db: db.reconcile("b990"),
        {"automation_tasks_by_batch", "manual_tasks_by_batch", "manual_tasks_by_origin", "batch_counts_pkey"},
    ),
    "reconcile of a day": (
        lambda db: db.call(
            "reconcile", batch_id=None, day="2026-02-27"
        ),  # in its own time, not all of the walk
        {"batches_by_day", "batch_counts_by_day"},
    ),
    "the audit's walks": (
        walked,
        {
            "records_open",
            "one_open_automation_task_per_record",
            "one_open_manual_task_per_record",
            "products_pkey",
        },
    ),
    "product_report": (
        lambda db: db.call("product_report", record_key="P1001|maker 1001", now_=None),
        {
            "record_layers_pkey",
            "record_layers_by_product",
            "one_person_field_in_force",
            "replaced_person_fields",
        },
    ),
    "enrichment_figures": (
        lambda db: db.call("enrichment_figures"),
        {
            "one_open_automation_task_per_record",
            "automation_tasks_to_hand_over",
            "automation_tasks_to_enqueue",
        },
    ),
    "insight of days that are not summed up": (
        lambda db: [
            db.call("insight", series=series, first="2026-02-20", last="2026-02-21")
            for series in ("manufacturers", "decisions", "work")
        ],
        {"automation_tasks_by_end", "manual_tasks_by_end", "decisions_by_time"},
    ),
    "backlog": (
        lambda db: db.call("insight", series="backlog", first="2026-02-20", last="2026-02-21"),
        {"one_open_manual_task_per_record"},
    ),
    "a day that is summed up": (
        lambda db: db.call("sum_up_day", day="2026-02-20"),
        {"automation_tasks_by_end", "manual_tasks_by_end", "decisions_by_time"},
    ),
    "enrichment_now": (
        lambda db: db.call("enrichment_now", daily_limit=1000),
        {
            "one_open_automation_task_per_record",
            "one_open_manual_task_per_record",
            "automation_tasks_to_hand_over",
            "batches_by_day",
        },
    ),
    "recent_products": (
        lambda db: db.call("recent_products", batch_id="b980", limit=5, now_=None),
        {"automation_tasks_by_batch", "record_layers_pkey", "products_pkey"},
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


@pytest.mark.parametrize("mode", ["auto", "force_generic_plan"])
def test_a_page_of_the_sweep_costs_the_same_however_many_tasks_wait(history: Database, mode: str) -> None:
    """Half of all tasks are silent; they are read in the order of their index, and none is sorted before the limit."""
    with history.connect(autocommit=False) as connection:
        connection.execute(
            "update automation_tasks set enqueued_at = now(), sweep_after = '2026-03-01' where id < %s",
            (UUID(int=2**127),),
        )
        plans = Plans(connection, mode, BIG)
        late = Enrichment(connection).later(hours=1)
        first = late.candidates(64, ["silent"])
        place = {"after": first[-1]["sweep_after"], "after_id": UUID(first[-1]["id"])}
        second = late.call("sweep_candidates", kind="silent", limit=64, **place)
        connection.rollback()
    assert len({row["id"] for row in [*first, *second]}) == 128
    nodes = [node for node in plans.nodes() if str(node.get("Index Name")).startswith("automation_tasks_")]
    assert "automation_tasks_silent" in {node["Index Name"] for node in nodes}
    assert {node["Node Type"] for node in nodes} == {"Index Scan"}


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
        enrichment.call("audit_some", seconds=60)
        found = enrichment.reconcile(None, "2026-02-27")
        audit = found.pop("audit")
        assert found == {
            "taken": 1010,
            "completed": 1000,
            "with_a_person": 0,
            "in_flight": 0,
            "failed": 0,
            "rejected": 10,
            "lost": 0,
            "batches": 10,
            "adds_up": True,
            "balanced": True,
            "verdict": "balanced",
            "batch_id": None,
            "day": "2026-02-27",
        }
        assert (audit["state"], audit["batches"], audit["records"]) == ("whole", 10, 1010)
        assert enrichment.task(task(99001))["lease_owner"] != OWNER
