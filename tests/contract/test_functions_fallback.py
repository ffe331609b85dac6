"""The deployed `fallback`: dead letters become manual tasks, and the sweep finds lost tasks."""

from uuid import UUID, uuid4

import psycopg
import pytest
from flask.testing import FlaskClient

from shared.enrichment.ports import ErrorCategory
from shared.wiring import enrichment as wiring
from tests.functions_support import Deployment, contents, opened, queued
from tests.laptop.google.tasks_support import TasksServer

NO_WAIT = {"SWEEP_GRACE_SECONDS": "0.001", "SWEEP_PATIENCE_SECONDS": "0.001"}


@pytest.fixture
def fallback(deployment: Deployment) -> FlaskClient:
    return deployment.function("fallback", **NO_WAIT)


def failed(pn: str) -> UUID:
    task, owner = opened(pn), uuid4()
    store = wiring.record_store()
    store.claim_automation_task(task, owner)
    assert store.fail_automation_task(
        task, owner, ErrorCategory.NOT_FOUND, "no such part", to_manual=True, answer={"status": 404}
    )
    return task


def test_a_dead_letter_becomes_one_manual_task_however_often_it_is_delivered(
    fallback: FlaskClient, rows: psycopg.Connection
) -> None:
    task = failed("A")
    first, second = (fallback.post("/", json={"automation_task_id": str(task)}).get_json() for _ in range(2))
    assert (first["outcome"], second["outcome"]) == ("created", "exists")
    assert first["manual_task_id"] == second["manual_task_id"]
    made = rows.execute(
        "select batch_id, type::text, cause::text, attempts, last_vendor_answer from manual_tasks"
    ).fetchall()
    assert made == [("batch-of-A_fallback", "automation_fallback", "not_found", 1, {"status": 404})]


def test_a_dead_letter_of_a_task_that_did_not_fail_changes_nothing(
    fallback: FlaskClient, rows: psycopg.Connection
) -> None:
    task = opened("A")
    before = contents(rows)
    answer = fallback.post("/", json={"automation_task_id": str(task)})
    assert (answer.status_code, answer.get_json()["outcome"]) == (200, "not_failed")
    assert contents(rows) == before


def test_a_sweep_enqueues_and_hands_over(
    deployment: Deployment, queues: tuple[str, str], tasks_server: TasksServer
) -> None:
    fallback = deployment.function("fallback", **NO_WAIT)
    waiting = opened("A")
    failed("B")
    swept = fallback.post("/", json={"sweep": True}).get_json()["swept"]
    assert swept == {
        "looked_at": 3, "enqueued": 1, "handed_over": 1, "still_queued": 1,  # after a patience of 1 ms
        "not_enqueued": 0, "unanswered": 0, "out_of_time": 0, "renewed": 0, "dead_lettered": 0, "moved_on": 0,
    }  # fmt: skip
    (task,) = queued(tasks_server, queues[0])
    assert task["body"] == f'{{"automation_task_id": "{waiting}"}}'.encode()
    assert task["url"] == deployment.environment["AUTOMATE_URL"]
    again = fallback.post("/", json={"sweep": True}).get_json()["swept"]
    assert (again["looked_at"], again["still_queued"]) == (1, 1)


def test_a_sweep_is_bounded_by_its_setting(deployment: Deployment, queues: tuple[str, str]) -> None:  # noqa: ARG001 - where they go
    fallback = deployment.function("fallback", **NO_WAIT, SWEEP_LIMIT="2")
    for pn in "ABC":
        opened(pn)
    assert fallback.post("/", json={"sweep": True}).get_json()["swept"]["enqueued"] == 2


def test_a_sweep_while_the_queue_is_away_is_503(fallback: FlaskClient) -> None:
    task = opened("A")
    wiring.record_store().note_enqueued({task: 0})
    answer = fallback.post("/", json={"sweep": True})
    assert (answer.status_code, answer.get_json()["code"]) == (503, "queue_unavailable")
    assert "Retry-After" in answer.headers


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"sweep": False},
        {"sweep": "true"},
        {"sweep": None, "automation_task_id": None},
        {"sweep": True, "automation_task_id": str(UUID(int=0))},
        {"automation_task_id": "nonsense"},
        {"automation_task_id": 5},
        {"automation_task_id": str(UUID(int=0)), "batch": "b"},
    ],
)
def test_a_call_is_for_one_task_or_for_a_sweep(fallback: FlaskClient, body: dict[str, object]) -> None:
    assert fallback.post("/", json=body).status_code == 422


def test_an_unknown_task_is_not_found(fallback: FlaskClient) -> None:
    assert fallback.post("/", json={"automation_task_id": str(uuid4())}).status_code == 404
