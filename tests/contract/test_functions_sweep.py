"""A sweep of the deployed `fallback` among thousands of tasks that wait in a paused queue."""

from uuid import UUID, uuid4

import psycopg
import pytest
from flask.testing import FlaskClient
from google.cloud.tasks_v2 import CloudTasksClient

from shared.enrichment.naming import automation_task_name
from shared.enrichment.ports import ErrorCategory, QueueTask
from shared.wiring import enrichment as wiring
from tests.functions_support import LOCATION, PROJECT, Deployment, opened_in, queued
from tests.laptop.google.tasks_support import TasksServer

WAITING = 2_000
SILENT = "update automation_tasks set enqueued_at = created_at, sweep_after = now() - interval '1 hour'"
LATE = "update automation_tasks set sweep_after = now() - interval '1 second' where id = %s"


@pytest.fixture
def fallback(deployment: Deployment, queues: tuple[str, str]) -> FlaskClient:  # noqa: ARG001 - what it asks
    return deployment.function("fallback")


@pytest.fixture
def waiting(fallback: FlaskClient, rows: psycopg.Connection) -> list[UUID]:  # noqa: ARG001 - its settings are needed
    """They are in the paused queue, and silent for an hour."""
    tasks = opened_in("b", [f"P{number:05}" for number in range(WAITING)])
    queue = wiring.automation_queue()
    assert queue.enqueue([QueueTask(automation_task_name(task, 0), {}) for task in tasks]) == []
    rows.execute(SILENT)
    return tasks


@pytest.fixture
def letter(waiting: list[UUID], rows: psycopg.Connection) -> UUID:  # noqa: ARG001 - it is behind them
    """The youngest of all tasks has failed, and its dead letter got lost."""
    (task,), owner, store = opened_in("c", ["LOST"]), uuid4(), wiring.record_store()
    store.claim_automation_task(task, owner)
    assert store.fail_automation_task(task, owner, ErrorCategory.NOT_FOUND, "no such part", to_manual=True)
    rows.execute(LATE, (task,))
    return task


def test_a_lost_dead_letter_behind_thousands_of_waiting_tasks_is_with_a_person_after_one_sweep(
    fallback: FlaskClient, letter: UUID, rows: psycopg.Connection
) -> None:
    swept = fallback.post("/", json={"sweep": True}).get_json()["swept"]
    assert (swept["handed_over"], swept["still_queued"], swept["unanswered"]) == (1, WAITING, 0)
    assert rows.execute("select automation_task_id from manual_tasks").fetchall() == [(letter,)]
    assert fallback.post("/", json={"sweep": True}).get_json()["swept"]["looked_at"] == 0


def test_tasks_that_a_full_queue_lost_come_back_though_every_fifth_question_fails(
    fallback: FlaskClient, waiting: list[UUID], queues: tuple[str, str], tasks_server: TasksServer
) -> None:
    path = CloudTasksClient.task_path
    lost = waiting[:: WAITING // 10]
    for task in lost:
        tasks_server.client.delete_task(
            name=path(PROJECT, LOCATION, queues[0], automation_task_name(task, 0))
        )
    tasks_server.inject({"kind": "look_refused", "queue": queues[0], "probability": 0.2})
    try:
        swept = fallback.post("/", json={"sweep": True}).get_json()["swept"]
    finally:
        tasks_server.control("DELETE", "/faults")
    assert swept["still_queued"] + swept["renewed"] + swept["unanswered"] == WAITING
    assert swept["unanswered"] < WAITING / 20, "each is asked three times"
    in_queue = {task["name"] for task in queued(tasks_server, queues[0])}
    assert len(in_queue & {automation_task_name(task, 1) for task in lost}) == swept["renewed"] >= 7
