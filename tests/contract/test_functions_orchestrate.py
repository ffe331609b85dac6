"""The deployed `orchestrate`, on a real source, database and queue."""

import itertools
import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask.testing import FlaskClient

from tests.bigquery_support import Emulator
from tests.enrichment_support import part
from tests.functions_support import PROJECT, Deployment, contents, queued
from tests.laptop.google.tasks_support import TasksServer
from tests.web_support import Log

NUMBERS = itertools.count()
DUE = {"X-CloudScheduler-ScheduleTime": "2026-11-22T12:00:00Z"}


@pytest.fixture
def source(deployment: Deployment, parts_emulator: Emulator, tmp_path: Path) -> str:
    """A new table with eight parts, one row without a part number and one part twice."""
    table = f"{PROJECT}.parts.functions_{next(NUMBERS)}"
    rows: list[dict[str, Any]] = [
        *(part(f"P{number}", 0.9) for number in range(8)),
        part(None),
        part("p0", 0.6),
    ]
    parts_emulator.fill(table, rows, tmp_path)
    deployment.environment |= {"BIGQUERY_TABLE": table, "BIGQUERY_API_ENDPOINT": parts_emulator.endpoint}
    deployment.environment["BIGQUERY_TIMEOUT_SECONDS"] = "30"
    return table


@pytest.fixture
def orchestrate(deployment: Deployment, source: str, queues: tuple[str, str]) -> FlaskClient:  # noqa: ARG001 - what it talks to
    return deployment.function("orchestrate")


def test_a_run_opens_enqueues_and_accounts_for_every_row(
    orchestrate: FlaskClient,
    rows: psycopg.Connection,
    queues: tuple[str, str],
    tasks_server: TasksServer,
    log: Log,
) -> None:
    report = orchestrate.post("/", json={"batch_id": "b"}).get_json()
    assert (report["batch_id"], report["started"], report["read"]) == ("b", True, 10)
    assert (report["automation"], report["manual"], report["rejected"]) == (8, 0, 1)
    assert report["skipped"]["repeated"] == 1
    tasks = {str(task) for (task,) in rows.execute("select id from automation_tasks").fetchall()}
    in_queue = queued(tasks_server, queues[0])
    assert {json.loads(task["body"])["automation_task_id"] for task in in_queue} == tasks
    assert rows.execute("select count(*) from automation_tasks where enqueued_at is not null").fetchone() == (
        8,
    )
    (entry,) = log.entries
    assert (entry["read"], entry["batch_id"], entry["status"]) == (10, "b", 200)


def test_the_same_batch_twice_starts_nothing(orchestrate: FlaskClient, rows: psycopg.Connection) -> None:
    orchestrate.post("/", json={"batch_id": "b", "limit": 2})
    before = contents(rows)
    again = orchestrate.post("/", json={"batch_id": "b", "limit": 5}).get_json()
    assert (again["started"], again["status"]["taken"], again["status"]["state"]) == (False, 3, "in_progress")
    assert contents(rows) == before


def test_a_firing_of_the_scheduler_is_one_batch_however_often_it_comes(orchestrate: FlaskClient) -> None:
    first, second = (orchestrate.post("/", headers=DUE).get_json() for _ in range(2))
    assert first["batch_id"] == second["batch_id"]
    assert first["batch_id"].startswith("batch_1795348800_")
    assert (first["started"], second["started"]) == (True, False)
    assert second["status"]["trigger"] == "scheduler"


def test_each_call_by_hand_is_a_new_batch(orchestrate: FlaskClient) -> None:
    first, second = (orchestrate.post("/", json={"limit": 1}).get_json() for _ in range(2))
    assert first["batch_id"] != second["batch_id"]
    assert (first["opened"], second["opened"]) == (1, 1)


def test_a_dry_run_shows_the_decisions_and_changes_nothing(
    orchestrate: FlaskClient, rows: psycopg.Connection, queues: tuple[str, str], tasks_server: TasksServer
) -> None:
    before = contents(rows)
    answer = orchestrate.post("/", json={"dry_run": True, "limit": 3, "policy": "score"}).get_json()
    assert answer["dry_run"] is True
    assert [decision["pn"] for decision in answer["decisions"]] == ["P0", "P1", "P2"]
    assert answer["decisions"][0].keys() >= {
        "pn", "manufacturer", "route", "priority", "rule", "reason", "confidence", "features", "comparisons",
        "policy", "policy_version",
    }  # fmt: skip
    assert (contents(rows), queued(tasks_server, queues[0])) == (before, [])


@pytest.mark.parametrize("route", ["manual", "automation"])
def test_a_route_can_be_forced(orchestrate: FlaskClient, route: str) -> None:
    assert orchestrate.post("/", json={"force": route}).get_json()[route] == 8


def test_a_threshold_chooses_the_records(orchestrate: FlaskClient) -> None:
    assert orchestrate.post("/", json={"priority_threshold": 0.95}).get_json()["read"] == 0


def test_the_settings_bound_a_run(deployment: Deployment, source: str, queues: tuple[str, str]) -> None:  # noqa: ARG001 - what it talks to
    orchestrate = deployment.function("orchestrate", WORKFLOW_MAX_DAILY_TASKS="3")
    report = orchestrate.post("/").get_json()
    assert (report["opened"], report["daily_limit_reached"]) == (3, True)


def test_a_source_that_is_away_is_503_and_leaves_the_batch_name_free(
    deployment: Deployment, rows: psycopg.Connection
) -> None:
    orchestrate = deployment.function("orchestrate")
    before = contents(rows)
    answer = orchestrate.post("/", json={"batch_id": "b"})
    assert (answer.status_code, answer.get_json()["code"]) == (503, "source_unavailable")
    assert "Retry-After" in answer.headers
    assert contents(rows) == before


def test_a_queue_that_is_away_leaves_the_tasks_to_the_sweep(deployment: Deployment, source: str) -> None:  # noqa: ARG001 - what it talks to
    answer = deployment.function("orchestrate").post("/", json={"limit": 2})
    report = answer.get_json()
    assert (answer.status_code, report["opened"], report["not_enqueued"]) == (200, 2, 2)


def test_a_queue_that_refuses_creates_leaves_the_tasks_to_the_sweep_and_is_named(
    orchestrate: FlaskClient, queues: tuple[str, str], tasks_server: TasksServer
) -> None:
    tasks_server.inject({"kind": "call_exhausted", "queue": queues[0]})
    try:
        report = orchestrate.post("/", json={}).get_json()
    finally:
        tasks_server.control("DELETE", "/faults")
    assert (report["opened"], report["not_enqueued"]) == (8, 8)
    assert "RESOURCE_EXHAUSTED" in report["notes"][0]
    assert queued(tasks_server, queues[0]) == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 100_001}, "limit"),
        ({"limit": "5"}, "limit"),
        ({"priority_threshold": 1.1}, "priority_threshold"),
        ({"priority_threshold": -0.1}, "priority_threshold"),
        ({"force": "both"}, "force"),
        ({"batch_id": "a b"}, "batch_id"),
        ({"batch_id": ""}, "batch_id"),
        ({"batch_id": "x" * 101}, "batch_id"),
        ({"policy": "none"}, "policy"),
        ({"policy": "../flow"}, "policy"),
        ({"dry_run": "yes"}, "dry_run"),
        ({"dryrun": True}, "dryrun"),
    ],
)
def test_a_call_is_validated_before_anything_happens(
    deployment: Deployment, body: dict[str, object], field: str
) -> None:
    answer = deployment.function("orchestrate").post("/", json=body)
    assert answer.status_code == 422
    assert [wrong["field"] for wrong in answer.get_json()["errors"]] == [field]
