"""The deployed `fallback`: dead letters become manual tasks, and the sweep finds lost tasks."""

import json
from uuid import UUID, uuid4

import psycopg
import pytest
from flask.testing import FlaskClient

from shared.enrichment.ports import ErrorCategory
from shared.wiring import enrichment as wiring
from tests.functions_support import Deployment, contents, opened, queued
from tests.laptop.google.tasks_support import TasksServer
from tests.waiting import wait_until
from tests.web_support import logged

TASKS = "select id, state, generation, enqueued_at from automation_tasks where id <> %s order by id"
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


def silent(pn: str) -> UUID:
    """A task that is noted as enqueued, and is in no queue."""
    task = opened(pn)
    wiring.record_store().note_enqueued({task: 0})
    return task


def test_a_sweep_while_the_queue_is_away_is_503_and_logs_all_that_alerts_need(fallback: FlaskClient) -> None:
    silent("A")
    failed("B")
    with logged() as log:
        answer = fallback.post("/", json={"sweep": True})
    assert (answer.status_code, answer.get_json()["code"]) == (503, "queue_unavailable")
    assert "Retry-After" in answer.headers
    assert answer.get_json()["swept"]["handed_over"] == 1
    (entry,) = log.entries
    assert (entry["severity"], entry["code"], entry["status"]) == ("WARNING", "queue_unavailable", 503)
    assert "could not say which tasks exist" in entry["detail"]
    assert (entry["in_flight"], entry["hand_over_overdue"], entry["orders_for_person"]) == (1, 0, 0)
    assert (entry["handed_over"], entry["unanswered"]) == (1, 1)


def test_every_fifth_question_failing_stops_neither_creates_nor_figures(
    deployment: Deployment, queues: tuple[str, str], tasks_server: TasksServer
) -> None:
    fallback = deployment.function("fallback", SWEEP_GRACE_SECONDS="0.001", SWEEP_PATIENCE_SECONDS="0.1")
    waiting = {opened(f"N{number}") for number in range(20)}
    tasks_server.inject({"kind": "look_refused", "queue": queues[0], "probability": 0.2})
    try:
        with logged() as log:
            assert fallback.post("/", json={"sweep": True}).get_json()["swept"]["enqueued"] == 20
            wait_until(lambda: fallback.post("/", json={"sweep": True}).get_json()["swept"]["still_queued"])
    finally:
        tasks_server.control("DELETE", "/faults")
    assert {str(task) for task in waiting} == {
        json.loads(task["body"])["automation_task_id"] for task in queued(tasks_server, queues[0])
    }
    assert all(entry["status"] == 200 and "in_flight" in entry for entry in log.entries)


def test_a_missing_queue_is_a_fault_of_ours_and_changes_no_task(
    deployment: Deployment,
    queues: tuple[str, str],  # noqa: ARG001 - the server that they are at
    rows: psycopg.Connection,
) -> None:
    deployment.environment["AUTOMATION_QUEUE"] = "no-such-queue"
    fallback = deployment.function("fallback", **NO_WAIT)
    silent("A")
    worked = silent("B")
    wiring.record_store().claim_automation_task(worked, uuid4())
    rows.execute("update automation_tasks set sweep_after = now() - interval '1 hour'")
    letter = failed("C")
    before = rows.execute(TASKS, (letter,)).fetchall()
    with logged() as log:
        answer = fallback.post("/", json={"sweep": True})
    assert (answer.status_code, answer.get_json()["code"]) == (500, "settings_invalid")
    assert rows.execute(TASKS, (letter,)).fetchall() == before
    assert rows.execute("select automation_task_id from manual_tasks").fetchall() == [(letter,)]
    (entry,) = log.entries
    assert (entry["severity"], entry["in_flight"]) == ("ERROR", 2)
    assert "no-such-queue does not exist" in entry["detail"]


def test_what_the_queue_refuses_waits_and_is_counted(
    deployment: Deployment, queues: tuple[str, str], tasks_server: TasksServer
) -> None:
    fallback = deployment.function("fallback", **NO_WAIT)
    for number in range(3):
        opened(f"N{number}")
    tasks_server.inject({"kind": "call_exhausted", "queue": queues[0]})
    try:
        with logged() as log:
            answer = fallback.post("/", json={"sweep": True})
    finally:
        tasks_server.control("DELETE", "/faults")
    assert (answer.status_code, answer.get_json()["swept"]["not_enqueued"]) == (503, 3)
    assert (log.entries[0]["never_enqueued_overdue"], log.entries[0]["not_enqueued"]) == (3, 3)
    assert "RESOURCE_EXHAUSTED" in log.entries[0]["detail"]
    assert fallback.post("/", json={"sweep": True}).get_json()["swept"]["enqueued"] == 3


def test_the_figures_of_one_half_are_logged_when_those_of_the_other_fail(
    fallback: FlaskClient, rows: psycopg.Connection
) -> None:
    opened("A")
    rows.execute("alter function fulfillment_figures(timestamptz) rename to figures_that_are_away")
    with logged() as log:
        answer = fallback.post("/", json={"sweep": True})
    assert answer.status_code in {500, 503}
    assert log.entries[0]["in_flight"] == 1


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
