"""Requests that the server below a function handles, sent to its real process as it is deployed."""

import gc
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path

import flask
import gunicorn.util  # type: ignore[import-untyped]  # it has no types
import httpx
import pytest

from infra.package.archive import functions
from shared.web.server import prepare_server, write_problem
from tests.archive_support import started
from tests.settings_support import COMPLETE
from tests.web_support import ROOT

CLAIM = "POST /manual-tasks/8f14e45f-ceea-467f-a8d1-6b3e9cf0a3b1/claim"
CHUNKED = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"


@contextmanager
def process(name: str, folder: Path) -> Iterator[httpx.Client]:
    place = folder / name
    place.mkdir()
    source = ROOT / "functions" / f"{name}.py"
    command = [sys.executable, "-m", "functions_framework", "--source", str(source)]
    with started(command, place, name, COMPLETE | {"PYTHONPATH": str(ROOT)}) as client:
        yield client


@pytest.fixture(scope="module")
def workflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Its database is away."""
    with process("workflow", tmp_path_factory.mktemp("server")) as client:
        yield client


def send(function: httpx.Client, text: str) -> tuple[int, str, bytes]:
    """Sends the bytes as they are. Returns status, media type and body."""
    address = (function.base_url.host, function.base_url.port or 80)
    with socket.create_connection(address, timeout=60) as connection:
        connection.sendall(text.encode())
        answer = HTTPResponse(connection)
        answer.begin()
        return answer.status, (answer.headers["Content-Type"] or "").partition(";")[0], answer.read()


def request(first: str, headers: str = "", body: str = "") -> str:
    return f"{first} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n{headers}\r\n{body}"


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        (request(CLAIM, CHUNKED, "ZZ\r\n{}\r\n0\r\n\r\n"), 400, "unreadable_body"),
        (request(CLAIM, CHUNKED, "5\r\n{}\r\n0\r\n\r\n"), 400, "unreadable_body"),
        (request("GET /health", CHUNKED, "ZZ\r\n\r\n"), 400, "unreadable_body"),
        (request("GET /nothing", CHUNKED, "ZZ\r\n\r\n"), 400, "unreadable_body"),
        (request("GET /a%0D%0Ab"), 404, "not_found"),
        (request("GET /health%0A"), 404, "not_found"),
        (request("GET /robots.txt"), 404, "not_found"),
        (request("GET /health", "Expect: nonsense\r\n"), 417, "request_refused"),
        (request("GET /health", "Two words: a\r\n"), 400, "request_refused"),
        (request(CLAIM, "Transfer-Encoding: nonsense\r\n"), 501, "request_refused"),
        ("GET\r\n\r\n", 400, "request_refused"),
    ],
)  # fmt: skip
def test_malformed_http_is_answered_with_a_problem(
    workflow: httpx.Client, text: str, status: int, code: str
) -> None:
    answered, media_type, body = send(workflow, text)
    problem = json.loads(body)
    assert (answered, media_type) == (status, "application/problem+json")
    assert (problem["status"], problem["code"]) == (status, code)
    assert {"type", "title", "detail"} <= problem.keys()


def test_a_fault_of_the_server_is_not_called_a_refusal() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        write_problem(ours, 500, "Internal Server Error", "")
        answer = HTTPResponse(theirs)
        answer.begin()
        problem = json.loads(answer.read())
    assert (answer.status, problem["status"], problem["code"]) == (500, 500, "internal")
    assert problem["detail"]


def test_a_proper_chunked_body_is_read(workflow: httpx.Client) -> None:
    status, _, body = send(workflow, request(CLAIM, CHUNKED, "2\r\n{}\r\n0\r\n\r\n"))
    assert (status, json.loads(body)["detail"]) == (422, "assignee: Field required")


def test_the_server_goes_on_after_a_malformed_chunk(workflow: httpx.Client) -> None:
    send(workflow, request(CLAIM, CHUNKED, "ZZ\r\n"))
    assert workflow.get("/health?shallow=true").status_code == 200


@pytest.mark.parametrize("path", ["/health?shallow=true", "/config"])
def test_head_is_get_without_a_body(workflow: httpx.Client, path: str) -> None:
    head, get = workflow.head(path), workflow.get(path)
    assert (head.status_code, head.content) == (200, b"")
    for header in ("Content-Type", "Content-Length"):
        assert head.headers[header] == get.headers[header]


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"])
def test_a_firing_at_a_time_that_utc_has_not_is_a_call_by_hand(tmp_path: Path, time: str) -> None:
    """The call reaches the store, which is away."""
    with process("sync_messages", tmp_path) as stage:
        answer = stage.post("/", json={}, headers={"X-CloudScheduler-ScheduleTime": time})
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")


def test_what_a_function_imports_is_left_alone_by_the_collector_of_its_workers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gunicorn.util, "write_error", gunicorn.util.write_error)  # which it replaces
    gc.unfreeze()
    prepare_server(lambda _request: flask.Response())
    assert gc.get_freeze_count() > 0


ALL_STARTED = """
import gc, importlib, json, sys
from shared.web.call import RequestModel
for name in sys.argv[1:]:
    importlib.import_module(f"functions.{name}")
models = [RequestModel]
for model in models:
    models += model.__subclasses__()
built = [model.__name__ for model in models if model.__pydantic_complete__]
pages = ["now", "inbox", "jobs", "task", "orders", "papers", "messages", "insight"]
built += [page for page in pages if f"shared.web.desk.{page}" in sys.modules]
print(json.dumps([len(models), built, gc.isenabled()]))
"""


def test_a_start_builds_no_model_of_a_request_imports_no_page_and_leaves_the_collector_on() -> None:
    """One default value that is a model's instance cost every start 30 ms."""
    names = [name.replace("-", "_") for name in functions(ROOT)]
    ended = subprocess.run(
        [sys.executable, "-c", ALL_STARTED, *names],
        env=os.environ | COMPLETE | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    models, built, collecting = json.loads(ended.stdout.splitlines()[-1])
    assert models > 40
    assert (built, collecting) == ([], True)
