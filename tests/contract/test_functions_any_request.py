"""Any request to any endpoint gets a proper answer, and a refused one changes nothing."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

import psycopg
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from tests.bigquery_support import Emulator
from tests.enrichment_support import part
from tests.functions_support import PROJECT, Deployment, contents, manual, opened
from tests.laptop.vendors.sandboxes import DigiKeySandbox
from tests.web_support import JSON, PROBLEM

quick = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "BREW"]
texts = st.text(max_size=20)
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    texts,
    st.sampled_from(["\x00", "\ud800", "x" * 5000, "A", "b", "high", "2026-11-22", "https://a/b"]),
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)
bodies = st.one_of(
    st.binary(max_size=60), values.map(lambda value: json.dumps(value).encode()), st.just(b"[" * 5000)
)
headers = st.fixed_dictionaries(
    {},
    optional={
        "Content-Type": st.sampled_from(
            ["application/json", "text/plain", "application/json; charset=x", ""]
        ),
        "X-Correlation-Id": st.text(
            st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=150
        ),
        "X-CloudTasks-TaskRetryCount": st.sampled_from(["0", "99", "-1", "x"]),
        "X-CloudScheduler-ScheduleTime": st.sampled_from(
            ["2026-11-22T12:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "noon"]
        ),
        "Accept": texts.map(
            lambda text: text.encode("ascii", "ignore").decode().replace("\n", "").replace("\r", "")
        ),
    },
)
paths = st.one_of(
    texts,
    st.lists(
        st.sampled_from(
            [
                "",
                "health",
                "batches",
                "manual-tasks",
                "claim",
                "config",
                "reconcile",
                "..",
                "%00",
                "%2F",
                "%ff",
            ]
        ),
        max_size=4,
    ).map("/".join),
).map(lambda path: "/" + path.lstrip("/"))
queries = st.sampled_from(
    [
        *[""] * 5,
        "?limit=1",
        "?limit=x",
        "?priority=high",
        "?day=2026-11-22",
        "?batch=b",
        "?x",
        "?limit=1&limit=2",
    ]
)


def judge(answer: TestResponse, *, down: bool = False) -> None:
    """503 is a proper answer only if a dependency is `down`."""
    assert answer.status_code < 500 or (answer.status_code == 503 and down), answer.data
    assert answer.headers["X-Correlation-Id"]
    assert answer.headers["Content-Type"] == (PROBLEM if answer.status_code >= 400 else JSON)
    if answer.data or answer.request.method != "HEAD":
        body = json.loads(answer.data)
        if answer.status_code >= 400:
            assert body["status"] == answer.status_code
            assert {"type", "title", "detail", "code"} <= body.keys()


class Endpoint:
    """Judges each answer, and checks that a refusal leaves the database as it was."""

    def __init__(self, function: FlaskClient, rows: psycopg.Connection) -> None:
        self._function = function
        self._rows = rows
        self._contents = contents(rows)

    def send(self, method: str, path: str, **request: Any) -> TestResponse:  # noqa: ANN401 - werkzeug's
        answer = self._function.open(path, method=method, **request)
        judge(answer)
        before, self._contents = self._contents, contents(self._rows)
        if answer.status_code >= 400:
            assert self._contents == before
        return answer


@pytest.fixture
def cloud(
    deployment: Deployment,
    queues: tuple[str, str],  # noqa: ARG001 - everything is there, so no 503 is right
    parts_emulator: Emulator,
    parts_vendor: DigiKeySandbox,
    tmp_path: Path,
) -> Deployment:
    table = f"{PROJECT}.parts.any_request_{uuid4().hex}"
    parts_emulator.fill(table, [part("A"), part("B", 0.6), part(None)], tmp_path)
    parts_vendor.calm()
    deployment.environment |= {
        "BIGQUERY_TABLE": table,
        "BIGQUERY_API_ENDPOINT": parts_emulator.endpoint,
        "BIGQUERY_TIMEOUT_SECONDS": "60",
        "SUPABASE_TIMEOUT_SECONDS": "30",
        "DIGIKEY_API_BASE": parts_vendor.url,
    }
    return deployment


@pytest.mark.parametrize("name", ["orchestrate", "automate", "fallback", "workflow"])
def test_any_method_path_header_and_body_gets_a_proper_answer(
    cloud: Deployment, rows: psycopg.Connection, name: str
) -> None:
    endpoint = Endpoint(cloud.function(name), rows)

    @quick
    @given(method=st.sampled_from(METHODS), path=paths, query=queries, sent=headers, body=bodies)
    def check(method: str, path: str, query: str, sent: dict[str, str], body: bytes) -> None:
        if "//" not in path:  # the framework redirects what has two slashes
            endpoint.send(method, path + query, headers=sent, data=body)

    check()


def near(known: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with the endpoint's fields: right, wrong or missing, sometimes with one more."""
    fields = {name: st.one_of(right, right, values) for name, right in known.items()}
    exact = st.fixed_dictionaries({}, optional=fields)
    surplus = st.dictionaries(texts, values, max_size=1)
    return st.one_of(exact, exact, st.builds(lambda one, more: more | one, exact, surplus))


people = st.sampled_from(["Ada", "Bob"])
notes = st.one_of(st.none(), texts)
edited = near(
    {
        "manufacturer": texts,
        "category": texts,
        "description": texts,
        "attributes": st.dictionaries(texts, texts, max_size=3),
        "docs": st.lists(st.sampled_from(["https://a/b.pdf", "http://c"]), max_size=3),
        "images": st.lists(st.just("https://a/b.jpg"), max_size=3),
    }
)


@pytest.fixture
def worked_on(cloud: Deployment, rows: psycopg.Connection) -> tuple[Endpoint, list[UUID]]:
    """`workflow` with six manual tasks."""
    workflow = cloud.function("workflow")
    tasks = [manual(f"M{number}") for number in range(6)]
    return Endpoint(workflow, rows), tasks


@pytest.mark.parametrize("action", ["claim", "release", "complete", "fail"])
def test_any_body_gets_a_proper_answer_from_a_manual_task(
    worked_on: tuple[Endpoint, list[UUID]], action: str
) -> None:
    endpoint, tasks = worked_on
    bodies = near({"assignee": people, "note": notes} | ({"fields": edited} if action == "complete" else {}))

    @quick
    @given(task=st.sampled_from(tasks), body=bodies, claim=st.booleans())
    def check(task: UUID, body: dict[str, Any], *, claim: bool) -> None:
        if claim:
            endpoint.send("POST", f"/manual-tasks/{task}/claim", json={"assignee": "Ada"})
        raw = json.dumps(body).encode()
        endpoint.send("POST", f"/manual-tasks/{task}/{action}", data=raw, content_type="application/json")

    check()


@quick
@example(path="/batches/b", query={"limit": "\ud800"})
@given(
    path=st.sampled_from(
        [
            *("/batches", "/batches/b", "/batches/b/products", "/manual-tasks", "/manual-tasks/groups"),
            *("/parts", "/config", "/reconcile"),
        ]
    ),
    query=near(
        {
            "limit": st.integers(-1, 1001).map(str),
            "priority": st.sampled_from(["high", "medium", "low"]),
            "batch": st.sampled_from(["b", "c", "b_fallback"]),
            "day": st.one_of(st.dates().map(str), st.integers().map(str), st.floats().map(str)),
            "state": st.sampled_from(["free", "held", "open", "completed", "failed", "finished", "any"]),
            "sort": st.sampled_from(["urgency", "due", "newest", "part"]),
            "search": st.text(),
            "named": st.text(),
            "pn": st.text(),
            "after": st.text(),
        }
    ),
)
def test_any_query_gets_a_proper_answer(
    worked_on: tuple[Endpoint, list[UUID]], path: str, query: dict[str, Any]
) -> None:
    endpoint, _ = worked_on
    given = {name: str(value) for name, value in query.items()}
    endpoint.send("GET", path, query_string=urlencode(given, errors="surrogatepass"))


def test_any_body_gets_a_proper_answer_from_a_redrive(worked_on: tuple[Endpoint, list[UUID]]) -> None:
    endpoint, _ = worked_on
    known = {
        "cause": st.sampled_from(["vendor_error", "not_found", "bad luck"]),
        "limit": st.integers(0, 1001),
        "batch_id": st.sampled_from(["b", "again", "a b"]),
    }

    @quick
    @given(batch=st.sampled_from(["b", "b_fallback", "none", "%00"]), body=near(known))
    def check(batch: str, body: dict[str, Any]) -> None:
        raw = json.dumps(body).encode()
        endpoint.send("POST", f"/batches/{batch}/redrive", data=raw, content_type="application/json")

    check()


def test_any_body_gets_a_proper_answer_from_orchestrate(cloud: Deployment, rows: psycopg.Connection) -> None:
    endpoint = Endpoint(cloud.function("orchestrate"), rows)
    known = {
        "limit": st.integers(0, 4),
        "priority_threshold": st.floats(-0.1, 1.1),
        "force": st.sampled_from(["manual", "automation", "both"]),
        "batch_id": st.sampled_from(["a", "b", "c", "a b"]),
        "policy": st.sampled_from(["flow", "score", "none"]),
        "dry_run": st.booleans(),
    }

    @quick
    @given(body=near(known), sent=headers)
    def check(body: dict[str, Any], sent: dict[str, str]) -> None:
        raw = json.dumps(body).encode()
        endpoint.send("POST", "/", data=raw, headers=sent | {"Content-Type": "application/json"})

    check()


@pytest.mark.parametrize("name", ["automate", "fallback"])
def test_any_body_gets_a_proper_answer_from_the_queues_functions(
    cloud: Deployment, rows: psycopg.Connection, name: str
) -> None:
    function = cloud.function(name)
    tasks = [str(opened(pn)) for pn in ("KNOWN-0", "B", "C")]
    endpoint = Endpoint(function, rows)
    known: dict[str, st.SearchStrategy[Any]] = {
        "automation_task_id": st.sampled_from(
            [*tasks, str(UUID(int=0)), tasks[0].upper(), "{" + tasks[0] + "}"]
        )
    }
    if name == "fallback":
        known["sweep"] = st.booleans()

    @quick
    @given(body=near(known), sent=headers)
    def check(body: dict[str, Any], sent: dict[str, str]) -> None:
        raw = json.dumps(body).encode()
        endpoint.send("POST", "/", data=raw, headers=sent | {"Content-Type": "application/json"})

    check()


@pytest.mark.parametrize("name", ["orchestrate", "automate", "fallback"])
def test_with_everything_away_any_body_gets_a_proper_answer(deployment: Deployment, name: str) -> None:
    function = deployment.function(name, SUPABASE_URL=deployment.environment["DIGIKEY_API_BASE"])
    known = {
        "automation_task_id": st.uuids().map(str),
        **({"sweep": st.just(value=True)} if name == "fallback" else {}),
        **({"dry_run": st.booleans(), "limit": st.just(3)} if name == "orchestrate" else {}),
    }

    @settings(quick, max_examples=8)
    @given(body=near(known))
    def check(body: dict[str, Any]) -> None:
        raw = json.dumps(body).encode()
        judge(function.post("/", data=raw, content_type="application/json"), down=True)

    check()
