"""A job of 10,000 members beside a history of 100,000 records: no call reads a whole big table."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.contract.job_calls import Jobs
from tests.contract.schema_plans import Plans
from tests.postgres_support import Database, PostgresServer

BIG = {"automation_tasks", "manual_tasks", "job_items", "records", "turns", "decisions", "task_events"}
MEMBERS, LATE, DONE = 10_000, UUID(int=7), UUID(int=8)


@pytest.fixture(scope="module")
def history(postgres_server: PostgresServer, migrated_template: str) -> Iterator[Database]:
    with postgres_server.database(migrated_template) as database:
        with database.connect() as owner:
            for name in ("enrichment_history.sql", "job_history.sql"):
                owner.execute(Path(__file__).with_name(name).read_bytes())
        yield database


def worked(jobs: Jobs) -> None:
    assert jobs.work(LATE) == 100


def listed(jobs: Jobs) -> None:
    assert jobs.items(DONE, "came_back")["total"] == MEMBERS / 10


def followed(jobs: Jobs) -> None:
    view = jobs.job(DONE)
    assert (view["total"], view["resolved"], view["state"]) == (MEMBERS, 0.8 * MEMBERS, "following")
    assert sum(each["count"] for each in view["came_back"]) == 0.1 * MEMBERS


def shown(jobs: Jobs) -> None:
    page = jobs.call("list_jobs", limit=5, after=None, daily_limit=1)
    assert (page["total"], len(page["jobs"])) == (502, 5)


CALLS: dict[str, tuple[Callable[[Jobs], Any], set[str]]] = {
    "work_on_job": (worked, {"job_items_left", "manual_tasks_pkey", "one_redrive_per_letter"}),
    "job_status": (followed, {"automation_tasks_pkey", "one_redrive_per_letter"}),
    "list_job_items": (listed, {"one_manual_task_per_automation_task"}),
    "list_jobs": (shown, {"jobs_by_time"}),
    "preview_job": (
        lambda jobs: jobs.preview(wanted={"state": "free", "priority": "high"}),
        {"manual_tasks_pending"},
    ),
    "create_job": (
        lambda jobs: jobs.create(wanted={"state": "free", "priority": "high"}),
        {"manual_tasks_pending"},
    ),
    "jobs_to_work_on": (lambda jobs: jobs.due(), {"jobs_to_work_on"}),
}


@pytest.mark.parametrize("mode", ["auto", "force_generic_plan"])
@pytest.mark.parametrize("call", CALLS)
def test_a_call_about_a_job_reaches_big_tables_by_index_alone(
    history: Database, call: str, mode: str
) -> None:
    made, expected = CALLS[call]
    with history.connect(autocommit=False) as connection:
        plans = Plans(connection, mode, BIG)
        made(Jobs(connection))
        connection.rollback()
    assert plans.read_whole() == []
    assert plans.indexes() >= expected
