"""With 10,000 open and 100,000 finished manual tasks, no list, count or page reads the whole table."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.types.json import Jsonb

from tests.contract.enrichment_calls import Enrichment
from tests.contract.schema_plans import Plans
from tests.contract.schema_rows import Json
from tests.postgres_support import Database, PostgresServer

BIG = {"manual_tasks", "automation_tasks", "records", "products", "record_layers", "turns", "batches"}
SORTS = ("urgency", "due", "newest", "part")
NEWEST, BY_PART = {"manual_tasks_newest"}, {"manual_tasks_by_part"}
OF_SORT = {
    "urgency": {"manual_tasks_pending"},
    "due": {"manual_tasks_open_by_due"},
    "newest": NEWEST,
    "part": {"manual_tasks_open_by_part"},
}


@pytest.fixture(scope="module")
def backlog(postgres_server: PostgresServer, migrated_template: str) -> Iterator[Database]:
    with postgres_server.database(migrated_template) as database:
        with database.connect() as owner:
            for script in ("enrichment_history.sql", "inbox_backlog.sql"):
                owner.execute(Path(__file__).with_name(script).read_bytes())
            owner.execute("vacuum analyze manual_tasks, products, batches")
            counted = owner.execute(
                "select count(*) filter (where finished_at is null), count(finished_at) from manual_tasks"
            ).fetchone()
            assert counted is not None
            assert (counted[0], counted[1] >= 100_000) == (10_000, True)
        yield database


def plans_of(database: Database, function: str, **arguments: object) -> tuple[Json, Plans]:
    with database.connect(autocommit=False) as connection:
        plans = Plans(connection, "auto", BIG)
        answer: Json = Enrichment(connection).call(function, **arguments)
        connection.rollback()
    return answer, plans


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("state", ["free", "held", "open", "completed", "failed", "finished", None])
def test_a_page_of_each_state_and_sort_reaches_the_table_by_index(
    backlog: Database, state: str | None, sort: str
) -> None:
    wanted = Jsonb({"state": state} if state else {})
    first, plans = plans_of(backlog, "list_manual_tasks", wanted=wanted, sort=sort)
    assert len(first["manual_tasks"]) == 50
    assert plans.read_whole() == []
    second, beyond = plans_of(
        backlog, "list_manual_tasks", wanted=wanted, sort=sort, after=Jsonb(first["next"])
    )
    assert beyond.read_whole() == []
    assert not {row["id"] for row in first["manual_tasks"]} & {row["id"] for row in second["manual_tasks"]}
    if state == "open":
        assert plans.indexes() >= OF_SORT[sort]


FILTERS: dict[str, tuple[Json, set[str]]] = {
    "priority": ({"priority": "high"}, set()),
    "type": ({"type": "automation_fallback"}, set()),
    "rule": ({"rule": "sparse"}, set()),
    "cause": ({"cause": "lost"}, set()),
    "manufacturer": ({"manufacturer": "maker 77"}, set()),
    "batch": ({"batch": "b77"}, {"manual_tasks_by_batch", "manual_tasks_by_origin"}),
    "overdue": ({"overdue": True}, set()),
    "not overdue": ({"overdue": False}, set()),
    "search": ({"search": "731"}, {"manual_tasks_part_within"}),
    "search for a beginning": ({"search": "Q7"}, set()),
    "part": ({"named": {"part": "Q731"}}, BY_PART),
    "id": (
        {
            "named": {
                "part": "0ABCDEF0",
                "from": "0abcdef0-0000-0000-0000-000000000000",
                "to": "0abcdef0-ffff-ffff-ffff-ffffffffffff",
            }
        },
        BY_PART | {"manual_tasks_pkey"},
    ),
}


@pytest.mark.parametrize("state", ["free", "finished"])
@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_and_its_groups_reach_the_table_by_index(backlog: Database, name: str, state: str) -> None:
    wanted, expected = FILTERS[name]
    for function in ("list_manual_tasks", "manual_task_groups"):
        _, plans = plans_of(backlog, function, wanted=Jsonb(wanted | {"state": state}))
        assert plans.read_whole() == []
        if state == "finished" and function == "manual_task_groups":
            assert plans.indexes() >= expected


@pytest.mark.parametrize(
    ("state", "index"),
    [("open", "manual_tasks_claimed_by"), ("completed", "manual_tasks_ended_by")],
)
def test_the_tasks_of_a_person_are_found_by_name(backlog: Database, state: str, index: str) -> None:
    found, plans = plans_of(backlog, "list_manual_tasks", wanted=Jsonb({"state": state, "assignee": "ana3"}))
    assert found["total"] > 0
    assert plans.read_whole() == []
    assert index in plans.indexes()


def test_one_task_whole_costs_the_same_however_many_there_are(backlog: Database) -> None:
    page, _ = plans_of(backlog, "list_manual_tasks", wanted=Jsonb({"state": "open", "rule": "sparse"}))
    _, plans = plans_of(backlog, "manual_task", task_id=page["manual_tasks"][0]["id"], assignee="ana")
    assert plans.read_whole() == []
    assert plans.indexes() >= {"manual_tasks_pkey", "products_by_manufacturer", "task_events_by_task"}


def test_similar_products_are_six_neighbours_of_a_maker_with_many(backlog: Database) -> None:
    found, plans = plans_of(
        backlog, "similar_products", pn="S5000X", manufacturer_key="big maker", product_id=None, now_=None
    )
    assert len(found) == 3
    looked = [node for node in plans.nodes() if node.get("Index Name") == "products_by_manufacturer"]
    assert looked
    assert {node["Plan Rows"] <= 3 or node["Node Type"] == "Index Scan" for node in looked} == {True}
    assert plans.read_whole() == []


def test_batches_and_the_history_of_a_part_are_read_by_index(backlog: Database) -> None:
    _, plans = plans_of(backlog, "list_batches", limit=50)
    assert plans.read_whole() == []
    assert plans.indexes() >= {"batches_newest", "batch_counts_pkey"}
    _, plans = plans_of(backlog, "part_history", part="P500")
    assert plans.read_whole() == []
    assert plans.indexes() >= {"records_by_part", "automation_tasks_by_record", "turns_pkey"}
