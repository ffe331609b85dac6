"""The deployed `workflow`, on the real database: next task, draft, skip, preview, undo, removal and origin."""

import psycopg
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.functions_support import Deployment, manual
from tests.web_support import PROBLEM

ADA = {"assignee": "Ada"}
BOB = {"assignee": "Bob"}
ROW = {"pn": "A", "category": "ICs", "specs": {"Voltage": "5 V"}, "docs": ["https://a/1.pdf"]}


def act(workflow: FlaskClient, task: object, action: str, **body: object) -> TestResponse:
    return workflow.post(f"/manual-tasks/{task}/{action}", json=body)


def held(workflow: FlaskClient, **changes: object) -> object:
    task = manual("A", **changes)  # type: ignore[arg-type]
    assert act(workflow, task, "claim", **ADA).status_code == 200
    return task


def test_one_person_in_any_spelling_is_one_person(workflow: FlaskClient) -> None:
    task = manual("A")
    act(workflow, task, "claim", assignee=" Jose\u0301  LIMA ")
    again = act(workflow, task, "claim", assignee="JOSÉ lima")
    assert (again.status_code, again.get_json()["assignee"]) == (200, "josé lima")
    assert act(workflow, task, "complete", assignee="josé\u00a0Lima").status_code == 200
    assert act(workflow, manual("B"), "claim", assignee="\u2003").status_code == 422


def test_a_maker_and_an_attribute_keep_their_spelling(workflow: FlaskClient) -> None:
    task = held(workflow)
    done = act(
        workflow,
        task,
        "complete",
        **ADA,
        fields={"manufacturer": "Texas INSTRUMENTS", "attributes": {"V Max": "5 V"}},
    )
    assert done.get_json()["product"]["manufacturer"] == "Texas INSTRUMENTS"
    assert done.get_json()["product"]["attributes"] == {"V Max": "5 V"}


def test_what_a_person_removes_is_gone_and_its_trail_shows_who_and_the_origin(
    workflow: FlaskClient, rows: psycopg.Connection
) -> None:
    task = held(workflow, source_record=ROW, manufacturer="Acme")
    body = {
        "fields": {"category": "Logic"},
        "removed": {"attributes": ["Voltage"], "docs": ["https://a/1.pdf"]},
        "origins": {"category": "vendor"},
    }
    seen = act(workflow, task, "preview", **ADA, **body).get_json()
    done = act(workflow, task, "complete", **ADA, **body).get_json()
    assert done["product"] == seen["after"]
    assert done["edited_fields"] == {
        "category": "Logic",
        "removed": body["removed"],
        "origins": body["origins"],
    }
    assert done["product"]["attributes"] == {}
    assert done["product"]["media"] == []
    assert rows.execute("select from product_attributes").fetchall() == []
    shown = workflow.get("/products?pn=A&manufacturer=Acme").get_json()
    said = {(each["field"], each["layer"]): each for each in shown["fields"]}
    removed = said["attribute:Voltage", "edited"]
    assert (removed["value"], removed["by"], removed["wins"]) == (None, "ada", True)
    assert said["attribute:Voltage", "source"]["wins"] is False
    assert said["category", "edited"]["origin"] == "vendor"
    repeated = act(workflow, task, "complete", **ADA, **body)
    assert (repeated.status_code, repeated.get_json()) == (200, done)


@pytest.mark.parametrize(
    "body",
    [
        {"fields": {"attributes": {"V": "1"}}, "removed": {"attributes": ["V"]}},
        {"fields": {"docs": ["https://a/1"]}, "removed": {"docs": ["https://a/1"]}},
        {"removed": {"attributes": ["n" * 201]}},
        {"removed": {"videos": ["https://a/1"]}},
        {"origins": {"category": "memory"}},
    ],
)
def test_what_contradicts_itself_or_is_unknown_is_refused(
    workflow: FlaskClient, body: dict[str, object]
) -> None:
    task = held(workflow)
    refused = act(workflow, task, "complete", **ADA, **body)
    assert (refused.status_code, refused.headers["Content-Type"]) == (422, PROBLEM)
    assert act(workflow, task, "complete", **ADA).status_code == 200


def test_a_completion_is_taken_back_and_what_was_typed_is_the_draft(
    workflow: FlaskClient, rows: psycopg.Connection
) -> None:
    task = held(workflow)
    act(workflow, task, "complete", **ADA, fields={"category": "Logic"})
    refused = act(workflow, task, "undo", **BOB)
    assert (refused.status_code, refused.get_json()["code"]) == (409, "conflict")
    assert "was ended by ada" in refused.get_json()["detail"]
    undone = act(workflow, task, "undo", **ADA, note="the wrong part")
    assert (undone.status_code, undone.get_json()["state"]) == (200, "processing")
    assert act(workflow, task, "undo", **ADA, note="the wrong part").get_json() == undone.get_json()
    assert rows.execute("select from products").fetchall() == []
    assert rows.execute("select fields from manual_drafts").fetchall() == [({"category": "Logic"},)]


def test_the_window_is_a_setting(deployment: Deployment) -> None:
    workflow = deployment.function("workflow", MANUAL_UNDO_SECONDS="0.000001")
    task = held(workflow)
    act(workflow, task, "fail", **ADA, note="n")
    assert "the time to take that back is over" in act(workflow, task, "undo", **ADA).get_json()["detail"]


def test_a_draft_may_hold_anything_and_outlasts_the_claim(workflow: FlaskClient) -> None:
    task = held(workflow)
    typed = {"category": "", "docs": ["htt", "javascript:x"], "attributes": {"": "x" * 20_000}}
    saved = act(workflow, task, "draft", **ADA, fields=typed, note="")
    assert (saved.status_code, saved.get_json()["draft"]["fields"]) == (200, typed)
    assert saved.get_json()["claim"]["held"] is True
    lost = act(workflow, task, "draft", **BOB, fields={"category": "mine"}).get_json()
    assert (lost["claim"]["held"], lost["claim"]["by"], lost["draft"]["by"]) == (False, "ada", "bob")
    assert act(workflow, task, "draft", **ADA, fields={"category": "\x00"}).status_code == 422


def test_the_next_task_is_one_that_the_person_has_not_skipped(workflow: FlaskClient) -> None:
    first, second = manual("A"), manual("B")
    taken = workflow.post("/manual-tasks/next", json=ADA | {"wanted": {"search": "a"}}).get_json()["task"]
    assert (taken["id"], taken["assignee"]) == (str(first), "ada")
    assert act(workflow, first, "skip", **ADA).get_json()["state"] == "initialized"
    assert workflow.post("/manual-tasks/next", json=ADA).get_json()["task"]["id"] == str(second)
    assert workflow.post("/manual-tasks/next", json=ADA).get_json() == {"task": None}
    assert workflow.post("/manual-tasks/next", json=BOB).get_json()["task"]["id"] == str(first)
