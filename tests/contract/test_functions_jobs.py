"""Bulk jobs through the deployed `workflow`, and the sweep of `fallback` that goes on with them."""

from uuid import UUID, uuid4

import psycopg
import pytest
from flask.testing import FlaskClient

from shared.enrichment.jobs import CHUNK
from shared.enrichment.ports import ErrorCategory
from shared.enrichment.store import BulkAction
from shared.wiring import enrichment as wiring
from tests.functions_support import Deployment, contents, manual, opened_in
from tests.web_support import Log

OLGA = {"by": "olga", "note": "the account is paid"}
REDRIVE = {"kind": "redrive", "wanted": {"state": "open"}}


def letters(count: int, batch: str = "b") -> None:
    """Manual tasks of dead letters."""
    store, owner = wiring.record_store(), uuid4()
    for task in opened_in(batch, [f"{batch}-{number}" for number in range(count)]):
        store.claim_automation_task(task, owner)
        store.fail_automation_task(task, owner, ErrorCategory.NOT_FOUND, "no such part", to_manual=True)
        store.create_fallback_task(task)


def test_a_dry_run_counts_and_the_job_does_as_much_in_its_first_chunk(
    workflow: FlaskClient, rows: psycopg.Connection
) -> None:
    letters(3)
    manual("OWN")
    before = contents(rows)
    dry = workflow.post("/jobs", json=REDRIVE | {"by": "olga", "dry_run": True}).get_json()
    assert dry == {
        "matched": 4,
        "would": 3,
        "today": 3,
        "refused": [{"why": "no dead letter", "count": 1, "examples": ["OWN"]}],
    }
    assert contents(rows) == before

    job = workflow.post("/jobs", json=REDRIVE | OLGA).get_json()

    assert (job["total"], job["worked"], job["refused"], job["waiting"], job["state"]) == (
        4,
        4,
        1,
        3,
        "following",
    )
    assert workflow.get(f"/jobs/{job['id']}").get_json() | {"worked": 4} == job
    (listed,) = workflow.get("/jobs").get_json()["jobs"]
    assert listed | {"worked": 4} == job
    items = workflow.get(f"/jobs/{job['id']}/items?stands=refused").get_json()
    assert (items["total"], items["items"][0]["pn"], items["items"][0]["why"]) == (1, "OWN", "no dead letter")


def test_the_same_job_sent_twice_is_one(workflow: FlaskClient) -> None:
    letters(2)
    body = REDRIVE | OLGA | {"job_id": str(uuid4())}
    first, second = (workflow.post("/jobs", json=body).get_json() for _ in range(2))
    assert (first["total"], first["worked"], second["worked"]) == (2, 2, 0)
    assert second | {"worked": 2} == first
    other = workflow.post("/jobs", json=body | {"note": "another reason"})
    assert (other.status_code, other.get_json()["code"]) == (409, "conflict")
    assert workflow.get("/jobs").get_json()["total"] == 1


def test_a_job_without_a_state_has_the_tasks_that_nobody_holds_as_the_list_does(
    workflow: FlaskClient,
) -> None:
    manual("FREE")
    workflow.post(f"/manual-tasks/{manual('HELD')}/claim", json={"assignee": "ana"})
    job = workflow.post("/jobs", json={"kind": "reprioritise", "priority": "high"} | OLGA).get_json()
    assert (job["total"], job["applied"], job["wanted"]) == (1, 1, {"state": "free"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "assign"},
        {"kind": "redrive", "assign_to": "ben"},
        {"kind": "reprioritise"},
        {"kind": "assign", "assign_to": "ben", "priority": "high"},
        {"kind": "redrive", "note": None},
        {"kind": "delete"},
        {"kind": "redrive", "wanted": {"colour": "red"}},
    ],
)
def test_a_wrong_request_is_refused_and_creates_nothing(
    workflow: FlaskClient, wrong: dict[str, object]
) -> None:
    manual("A")
    answer = workflow.post("/jobs", json=OLGA | wrong)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_request")
    assert workflow.get("/jobs").get_json() == {"total": 0, "jobs": [], "next": None}


def test_tasks_are_assigned_and_given_to_nobody_again(
    workflow: FlaskClient, rows: psycopg.Connection
) -> None:
    manual("A")
    for person in ("ben", None):
        job = workflow.post("/jobs", json={"kind": "assign", "assign_to": person} | OLGA).get_json()
        assert (job["applied"], job["state"]) == (1, "finished")
        assert rows.execute("select assigned_to from manual_tasks").fetchall() == [(person,)]


def test_a_page_drives_a_job_chunk_by_chunk_or_cancels_what_is_left(workflow: FlaskClient) -> None:
    letters(CHUNK + 5)
    job = workflow.post("/jobs", json=REDRIVE | OLGA).get_json()
    assert (job["worked"], job["state"]) == (CHUNK, "working")
    gone_on = workflow.post(f"/jobs/{job['id']}/go-on", json={}).get_json()
    assert (gone_on["worked"], gone_on["state"], gone_on["waiting"]) == (5, "following", CHUNK + 5)
    late = workflow.post(f"/jobs/{job['id']}/cancel", json=OLGA)
    assert (late.status_code, late.get_json()["code"]) == (409, "conflict")


def test_a_job_whose_browser_was_closed_is_finished_by_the_sweep_and_stopped_by_no_other(
    deployment: Deployment, rows: psycopg.Connection, log: Log
) -> None:
    deployment.function("workflow")
    letters(3)
    store = wiring.job_store()
    stuck, free = (UUID(int=number) for number in (1, 2))
    workflow = deployment.function("workflow")
    for job in (stuck, free):
        store.create_job(job, BulkAction("redrive", {"state": "open"}), "olga", "why")
    # somebody has taken the name of the first one's batch
    rows.execute(
        "insert into batches (id, trigger, created_at) values (%s, 'manual', now())", (f"redrive-{stuck}-1",)
    )
    swept = deployment.function("fallback").post("/", json={"sweep": True})
    assert swept.status_code == 500
    assert log.entries[-1]["job_items"] == 3
    assert workflow.get(f"/jobs/{free}").get_json()["waits_for"] == [{"what": "automation", "count": 3}]


@pytest.mark.parametrize("path", ["/jobs/none", f"/jobs/{UUID(int=9)}", f"/jobs/{UUID(int=9)}/items"])
def test_an_unknown_job_is_not_found(workflow: FlaskClient, path: str) -> None:
    answer = workflow.get(path)
    assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found")


def test_jobs_are_listed_page_by_page(workflow: FlaskClient) -> None:
    made = [workflow.post("/jobs", json=REDRIVE | OLGA).get_json()["id"] for _ in range(3)]
    first = workflow.get("/jobs?limit=2").get_json()
    query = {"limit": 2, "after": first["next"]["at"], "after_id": first["next"]["id"]}
    second = workflow.get("/jobs", query_string=query).get_json()
    assert [job["id"] for job in first["jobs"] + second["jobs"]] == made[::-1]
    assert (first["total"], second["next"]) == (3, None)
    assert workflow.get(f"/jobs?after_id={made[0]}").status_code == 422
