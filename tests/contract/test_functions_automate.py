"""The deployed `automate`, on the real database, a real queue and the vendor's sandbox."""

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.wiring import enrichment as wiring
from tests.functions_support import Deployment, opened, queued
from tests.laptop.google.tasks_support import TasksServer
from tests.laptop.vendors.sandboxes import MAKER, DigiKeySandbox
from tests.web_support import PROBLEM, Log

TI = {"manufacturer": MAKER, "manufacturer_key": MAKER.lower()}


@pytest.fixture
def vendor(parts_vendor: DigiKeySandbox, deployment: Deployment) -> Iterator[DigiKeySandbox]:
    deployment.environment["DIGIKEY_API_BASE"] = parts_vendor.url
    parts_vendor.calm()
    yield parts_vendor
    parts_vendor.calm()


@pytest.fixture
def automate(deployment: Deployment, vendor: DigiKeySandbox, queues: tuple[str, str]) -> FlaskClient:  # noqa: ARG001 - what it talks to
    return deployment.function("automate", QUEUE_MAX_ATTEMPTS="3")


def deliver(automate: FlaskClient, task: object, retries: int | None = None) -> TestResponse:
    headers = {} if retries is None else {"X-CloudTasks-TaskRetryCount": str(retries)}
    return automate.post("/", json={"automation_task_id": str(task)}, headers=headers)


def test_a_delivery_completes_a_record_and_a_second_one_changes_nothing(
    automate: FlaskClient, vendor: DigiKeySandbox, rows: psycopg.Connection, log: Log
) -> None:
    task = opened("KNOWN-0", **TI)
    asked = len(vendor.outcomes("KNOWN-0"))
    for retries in (0, 1):
        answer = deliver(automate, task, retries)
        assert (answer.status_code, answer.get_json()["outcome"]) == (200, "completed")
    assert len(vendor.outcomes("KNOWN-0")) == asked + 1
    assert rows.execute("select pn from products").fetchall() == [("KNOWN-0",)]
    assert [entry["delivery"] for entry in log.entries] == [1, 2]


def test_a_part_that_the_vendor_does_not_know_is_sent_to_the_dead_letter_queue(
    automate: FlaskClient, queues: tuple[str, str], tasks_server: TasksServer, deployment: Deployment
) -> None:
    task = opened("NOWHERE", **TI)
    assert deliver(automate, task).get_json()["outcome"] == "dead_lettered"
    (letter,) = queued(tasks_server, queues[1])
    assert letter["body"] == f'{{"automation_task_id": "{task}"}}'.encode()
    assert letter["url"] == deployment.environment["FALLBACK_URL"]
    assert deliver(automate, task).status_code == 200
    assert len(queued(tasks_server, queues[1])) == 1


def test_a_failing_vendor_is_503_until_the_last_delivery(
    automate: FlaskClient, vendor: DigiKeySandbox, rows: psycopg.Connection
) -> None:
    vendor.faults({"kind": "error_before", "status": 500, "path": "/products"})
    task = opened("KNOWN-1", **TI)
    refused = deliver(automate, task, 0)
    assert (refused.status_code, refused.headers["Content-Type"]) == (503, PROBLEM)
    body = refused.get_json()
    assert (body["code"], body["outcome"], body["status"]) == ("retry", "retry", 503)
    assert deliver(automate, task, 2).get_json()["outcome"] == "dead_lettered"
    assert rows.execute("select state::text, attempts from automation_tasks").fetchall() == [("failed", 2)]


def test_a_burst_limit_is_429_with_the_vendors_time_to_retry(
    automate: FlaskClient, vendor: DigiKeySandbox
) -> None:
    vendor.faults({"kind": "rate_limited", "limit": "burst", "seconds": 7, "path": "/products"})
    answer = deliver(automate, opened("KNOWN-2", **TI))
    assert (answer.status_code, answer.headers["Content-Type"]) == (429, PROBLEM)
    assert answer.headers["Retry-After"] == "7"


def test_a_daily_limit_postpones_the_record_in_the_queue(
    automate: FlaskClient, vendor: DigiKeySandbox, queues: tuple[str, str], tasks_server: TasksServer
) -> None:
    vendor.faults({"kind": "rate_limited", "limit": "daily", "seconds": 3600, "path": "/products"})
    task = opened("KNOWN-3", **TI)
    assert deliver(automate, task).get_json()["outcome"] == "postponed"
    (waiting,) = queued(tasks_server, queues[0])
    assert waiting["body"] == f'{{"automation_task_id": "{task}"}}'.encode()
    assert waiting["due"] is not None


def test_a_record_that_another_delivery_works_on_is_409(automate: FlaskClient) -> None:
    task = opened("KNOWN-4", **TI)
    wiring.record_store().claim_automation_task(task, uuid4())
    answer = deliver(automate, task, 1)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "leased")


def test_a_store_that_is_away_is_503_and_costs_the_vendor_nothing(
    deployment: Deployment, vendor: DigiKeySandbox
) -> None:
    asked = len(vendor.outcomes("KNOWN-5"))
    automate = deployment.function("automate", SUPABASE_URL=deployment.environment["BIGQUERY_API_ENDPOINT"])
    answer = deliver(automate, uuid4())
    assert (answer.status_code, answer.get_json()["code"]) == (503, "store_unavailable")
    assert len(vendor.outcomes("KNOWN-5")) == asked


def test_refused_credentials_fail_nothing_and_the_next_record_is_not_asked_for(
    automate: FlaskClient,
    vendor: DigiKeySandbox,
    rows: psycopg.Connection,
    queues: tuple[str, str],
    tasks_server: TasksServer,
) -> None:
    vendor.faults({"kind": "error_before", "status": 401, "path": "/products"})
    first, second = opened("KNOWN-6", **TI), opened("KNOWN-7", **TI)
    asked = len(vendor.outcomes("KNOWN-7"))
    assert [deliver(automate, task).get_json()["outcome"] for task in (first, second)] == ["postponed"] * 2
    assert len(vendor.outcomes("KNOWN-7")) == asked
    assert rows.execute(
        "select distinct state::text <> 'failed', attempts from automation_tasks"
    ).fetchall() == [(True, 0)]
    assert [task["due"] is not None for task in queued(tasks_server, queues[0])] == [True, True]
    assert queued(tasks_server, queues[1]) == []


def test_a_database_without_a_table_spends_no_attempt_and_no_second_look_up(
    automate: FlaskClient, vendor: DigiKeySandbox, rows: psycopg.Connection
) -> None:
    task = opened("KNOWN-8", **TI)
    asked = len(vendor.outcomes("KNOWN-8"))
    rows.execute("alter table products rename to gone")
    for _ in range(4):
        assert deliver(automate, task).get_json()["code"] == "store_refused"
        rows.execute("update automation_tasks set lease_until = now() - interval '1 second'")
    rows.execute("alter table gone rename to products")
    assert deliver(automate, task).get_json()["outcome"] == "completed"
    assert len(vendor.outcomes("KNOWN-8")) == asked + 1
    assert rows.execute("select attempts from automation_tasks").fetchall() == [(1,)]


def test_an_unknown_task_is_not_found(automate: FlaskClient) -> None:
    assert deliver(automate, uuid4()).status_code == 404


@pytest.mark.parametrize("task", ["", "1", None, 7, ["a"]])
def test_a_delivery_without_a_task_id_is_refused(automate: FlaskClient, task: object) -> None:
    assert automate.post("/", json={"automation_task_id": task}).status_code == 422
