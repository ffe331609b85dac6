"""The deployed `workflow`, on the real database: people's work and reports."""

from uuid import UUID, uuid4

import psycopg
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from infra.function_settings import groups_of
from shared.enrichment.ports import ErrorCategory, PauseCause
from shared.wiring import enrichment as wiring
from tests.functions_support import Deployment, contents, manual, opened
from tests.web_support import PROBLEM, Log

ADA = {"assignee": "Ada Lovelace"}
BOB = {"assignee": "Bob"}


def act(workflow: FlaskClient, task: object, action: str, **body: object) -> TestResponse:
    return workflow.post(f"/manual-tasks/{task}/{action}", json=body)


def test_a_manual_task_is_claimed_completed_and_its_edits_are_in_the_product(
    workflow: FlaskClient, rows: psycopg.Connection
) -> None:
    task = manual("A")
    (pending,) = workflow.get("/manual-tasks?limit=5&priority=medium").get_json()["manual_tasks"]
    assert (pending["id"], pending["pn"], pending["assignee"]) == (str(task), "A", None)
    assert act(workflow, task, "claim", **ADA).get_json()["assignee"] == "ada lovelace"
    assert workflow.get("/manual-tasks").get_json() == {"manual_tasks": [], "total": 0, "next": None}
    fields = {"category": "Logic", "attributes": {"Voltage": "5 V"}, "docs": ["https://a/b.pdf"]}
    done = act(workflow, task, "complete", **ADA, fields=fields, note="from the data sheet")
    assert (done.status_code, done.get_json()["state"]) == (200, "completed")
    assert rows.execute("select pn, category from products").fetchall() == [("A", "Logic")]
    assert rows.execute("select name, value from product_attributes").fetchall() == [("Voltage", "5 V")]


def test_a_part_is_shown_with_who_said_what(workflow: FlaskClient) -> None:
    task = manual("A", manufacturer="Acme")
    act(workflow, task, "claim", **ADA)
    act(workflow, task, "complete", **ADA, fields={"category": "Logic"})
    shown = workflow.get("/products?pn=a&manufacturer=ACME").get_json()
    assert shown["product"]["category"] == "Logic"
    (category,) = [field for field in shown["fields"] if field["field"] == "category"]
    assert (category["value"], category["layer"], category["by"]) == ("Logic", "edited", "ada lovelace")
    unknown = workflow.get("/products?pn=B")
    assert (unknown.status_code, unknown.get_json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "fields",
    [
        {"attributes": {"n" * 201: "x"}},
        {"docs": ["https://a/" + "ä" * 1_100]},
        {"images": ["https://a/\u202eb"]},
        {"docs": ["javascript:alert(1)"]},
    ],
)
def test_what_cannot_be_stored_is_refused_and_never_dropped(
    workflow: FlaskClient, fields: dict[str, object]
) -> None:
    task = manual("A")
    act(workflow, task, "claim", **ADA)
    refused = act(workflow, task, "complete", **ADA, fields=fields)
    assert (refused.status_code, refused.get_json()["code"]) == (422, "invalid_request")


def test_one_of_two_people_gets_a_task_and_the_other_learns_who_holds_it(
    workflow: FlaskClient, log: Log
) -> None:
    task = manual("A")
    assert act(workflow, task, "claim", **ADA).status_code == 200
    for action, more in (("claim", {}), ("release", {}), ("complete", {}), ("fail", {"note": "n"})):
        refused = act(workflow, task, action, **BOB, **more)
        assert (refused.status_code, refused.headers["Content-Type"]) == (409, PROBLEM)
        assert "ada lovelace" in refused.get_json()["detail"]
    assert len(log.entries) == 5
    assert "lovelace" not in log.text.casefold()


def test_a_released_task_is_pending_again(workflow: FlaskClient) -> None:
    task = manual("A")
    act(workflow, task, "claim", **ADA)
    assert act(workflow, task, "release", **ADA, note="not mine").get_json()["state"] == "initialized"
    assert [each["note"] for each in workflow.get("/manual-tasks").get_json()["manual_tasks"]] == ["not mine"]


def test_a_failed_task_keeps_its_reason_and_ends(workflow: FlaskClient) -> None:
    task = manual("A")
    act(workflow, task, "claim", **ADA)
    assert act(workflow, task, "fail", **ADA, note="no data anywhere").get_json()["state"] == "failed"
    assert act(workflow, task, "claim", **BOB).status_code == 409


@pytest.mark.parametrize("action", ["claim", "release", "complete", "fail"])
@pytest.mark.parametrize("name", [str(UUID(int=1)), "nonsense", "%00", "1"])
def test_an_unknown_manual_task_is_not_found(workflow: FlaskClient, action: str, name: str) -> None:
    answer = act(workflow, name, action, **ADA, **({"note": "n"} if action == "fail" else {}))
    assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "assignee"),
        ({"assignee": ""}, "assignee"),
        ({"assignee": "  "}, "assignee"),
        ({"assignee": "a\x00"}, "assignee"),
        ({"assignee": "x" * 201}, "assignee"),
        ({"assignee": "a", "note": ""}, "note"),
        ({"assignee": "a", "fields": {"docs": ["ftp://a"]}}, "fields.docs.0"),
        ({"assignee": "a", "fields": {"images": ["https://a b"]}}, "fields.images.0"),
        ({"assignee": "a", "fields": {"attributes": {"": "x"}}}, "fields.attributes..[key]"),
        ({"assignee": "a", "fields": {"attributes": {"x": 5}}}, "fields.attributes.x"),
        ({"assignee": "a", "fields": {"pn": "B"}}, "fields.pn"),
        ({"assignee": "a", "fields": None}, "fields"),
    ],
)
def test_a_completion_is_validated(
    workflow: FlaskClient, rows: psycopg.Connection, body: dict[str, object], field: str
) -> None:
    task = manual("A")
    act(workflow, task, "claim", assignee="a")
    before = contents(rows)
    answer = act(workflow, task, "complete", **body)
    assert answer.status_code == 422
    assert [wrong["field"] for wrong in answer.get_json()["errors"]] == [field]
    assert contents(rows) == before


def test_a_paused_vendor_is_shown_and_resumed(workflow: FlaskClient) -> None:
    assert workflow.get("/vendors").get_json() == {"vendors": []}
    task, owner = opened("A"), uuid4()
    wiring.record_store().claim_automation_task(task, owner)
    refused = PauseCause.ACCOUNT, ErrorCategory.AUTH, "DigiKey gave no token"
    wiring.record_store().note_vendor_failure(task, owner, *refused)
    (shown,) = workflow.get("/vendors").get_json()["vendors"]
    assert (shown["vendor"], shown["state"], shown["cause"], shown["waiting"]) == (
        "digikey",
        "open",
        "account",
        1,
    )
    asked = {"by": "Ada Lovelace", "note": "new secret"}
    for _ in range(2):
        resumed = workflow.post("/vendors/digikey/resume", json=asked)
        assert (resumed.status_code, resumed.get_json()["state"]) == (200, "closed")
    assert workflow.post("/vendors/digikey/resume", json={"by": "Ada"}).status_code == 422


@pytest.mark.parametrize("name", ["nobody", "%00"])
def test_an_unknown_vendor_is_not_found(workflow: FlaskClient, name: str) -> None:
    asked = {"by": "Ada", "note": "new secret"}
    assert workflow.post(f"/vendors/{name}/resume", json=asked).status_code == 404


def test_a_batch_answers_its_state(workflow: FlaskClient) -> None:
    opened("A", batch="b:1")
    status = workflow.get("/batches/b:1").get_json()
    assert (status["state"], status["automation"], status["taken"]) == ("in_progress", {"initialized": 1}, 1)
    assert workflow.get("/batches/b%3A1").get_json() == status
    assert workflow.get("/batches/b:1/products?limit=1").get_json() == {"products": []}


@pytest.mark.parametrize("name", ["unknown", "%00", "b%252F1", "ü" * 200, "batch-of-A'--"])
def test_an_unknown_batch_is_not_found(workflow: FlaskClient, name: str) -> None:
    assert workflow.get(f"/batches/{name}").status_code == 404


def test_the_equation_balances(workflow: FlaskClient) -> None:
    opened("A")
    sides = workflow.get("/reconcile?batch=batch-of-A").get_json()
    assert sides["balanced"]
    assert sides["taken"] == 1
    assert workflow.get("/reconcile?day=2026-01-31").get_json()["taken"] == 0


@pytest.mark.parametrize(
    "query",
    [
        "",
        "batch=a&day=2026-01-01",
        "day=yesterday",
        "day=2026-02-30",
        "batch=",
        "batch=a/b",
        "batch=a&batch=b",
    ],
)
def test_a_reconciliation_is_of_either_a_batch_or_a_day(workflow: FlaskClient, query: str) -> None:
    assert workflow.get(f"/reconcile?{query}").status_code == 422


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "priority=urgent", "prioritty=high"])
def test_the_limit_of_a_list_of_tasks_is_bounded(workflow: FlaskClient, query: str) -> None:
    assert workflow.get(f"/manual-tasks?{query}").status_code == 422


def test_the_configuration_is_shown_without_its_secrets(deployment: Deployment) -> None:
    workflow = deployment.function("workflow", WORKFLOW_MAX_BATCH_SIZE="7")
    answer = workflow.get("/config")
    shown = answer.get_json()
    assert shown["workflow"]["max_batch_size"] == 7
    assert shown["settings"]["SUPABASE_SERVICE_ROLE_KEY"] == "********"
    read = {
        name
        for group in groups_of("workflow")
        for name in group.variables()
        if not name.startswith("WORKFLOW_")
    }
    assert shown["settings"].keys() == read
    assert deployment.environment["SUPABASE_SERVICE_ROLE_KEY"].encode() not in answer.data


def test_while_the_database_is_away_callers_get_a_time_to_retry(deployment: Deployment, log: Log) -> None:
    workflow = deployment.function("workflow", SUPABASE_URL=deployment.environment["DIGIKEY_API_BASE"])
    answer = workflow.get("/manual-tasks")
    assert (answer.status_code, answer.headers["Content-Type"]) == (503, PROBLEM)
    assert answer.get_json()["code"] == "store_unavailable"
    assert int(answer.headers["Retry-After"]) > 0
    assert log.entries[0]["severity"] == "WARNING"
    assert workflow.get("/health").status_code == 503
    assert workflow.get("/health?shallow=true").status_code == 200


def test_a_key_that_the_database_refuses_is_our_fault_and_only_in_the_log(
    deployment: Deployment, log: Log
) -> None:
    workflow = deployment.function("workflow", SUPABASE_SERVICE_ROLE_KEY="not-a-key")
    answer = workflow.get("/manual-tasks")
    assert (answer.status_code, answer.get_json()["code"]) == (500, "store_refused")
    assert "stack_trace" in log.entries[0]
    assert b"not-a-key" not in answer.data
    assert "not-a-key" not in log.text


def test_a_person_has_a_settled_record_taken_again(workflow: FlaskClient) -> None:
    asked = {"pn": "a", "manufacturer": "acme", "by": "Ada Lovelace", "note": "there is a data sheet now"}
    assert workflow.post("/records/again", json=asked).status_code == 404
    task = manual("A", manufacturer="Acme")
    assert workflow.post("/records/again", json=asked).status_code == 409
    act(workflow, task, "claim", **ADA)
    act(workflow, task, "fail", **ADA, note="no data sheet")
    for _ in range(2):
        answer = workflow.post("/records/again", json=asked)
        assert (answer.status_code, answer.get_json()) == (200, {"record_key": "A|acme", "contents": 1})
