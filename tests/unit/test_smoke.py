"""`make smoke` against functions whose answers are scripted; on the real ones: tests/e2e/test_cli_on_the_stack.py."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from infra import smoke
from infra.package.archive import functions
from tests.ports import free_port

NAMES = functions(Path(__file__).parents[2])
PAGE = b"<html>403 Forbidden</html>"
HEALTHY = {"status": "ok", "version": "1.2.3+abc", "checks": {"database": {"status": "ok"}}}
SICK = {
    "status": 503,
    "code": "degraded",
    "version": "1.2.3+abc",
    "checks": {"database": {"status": "failed", "code": "store_unavailable", "detail": "no answer"}},
}


@dataclass
class Functions:
    """`answers` beat the good ones; a path is `/name/health` or `/name/...`."""

    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    tokens: set[str | None] = field(default_factory=set)
    bodies: dict[str, Any] = field(default_factory=dict)
    url: str = ""

    def answer(self, path: str) -> tuple[int, bytes]:
        if path in self.answers:
            return self.answers[path]
        if path.endswith("/health"):
            return 200, json.dumps(HEALTHY).encode()
        asks_for_nobody = path.strip("/") in ("automate", "fallback")
        return (404 if asks_for_nobody else 200), b'{"code": "not_found", "detail": "no automation task"}'


@contextmanager
def scripted() -> Iterator[Functions]:
    state = Functions()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            state.tokens.add(self.headers.get("Authorization"))
            state.bodies[self.path] = json.loads(sent) if sent else None
            status, body = state.answer(self.path)
            self.send_response(status)
            if self.path.startswith("/desk/"):
                self.send_header("X-Correlation-Id", "c-1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _serve  # noqa: N815  # the server's names

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        state.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Functions]:
    for variable in (smoke.TOKEN_VARIABLE, "SWITCHYARD_URL"):
        monkeypatch.delenv(variable, raising=False)
    with scripted() as functions:
        yield functions


def test_each_function_gets_a_health_call_and_a_call_without_effect(
    deployed: Functions, capsys: pytest.CaptureFixture[str]
) -> None:
    assert smoke.main(["--url", deployed.url]) == 0

    assert {path for path in deployed.bodies if path.endswith("/health")} == {
        f"/{name}/health" for name in NAMES
    }
    sent = {path: body for path, body in deployed.bodies.items() if not path.endswith("/health")}
    assert (sent.pop("/automate/"), sent.pop("/fallback/")) == (smoke.NO_TASK, smoke.NO_TASK)
    assert sent.pop("/workflow/config") is None
    assert sent.pop("/desk/assets/icon.svg") is None
    assert all(body == {"dry_run": True, "limit": 1} for body in sent.values())
    assert len(sent) == len(NAMES) - 4
    assert capsys.readouterr().out.count(" ok ") == 2 * len(NAMES)


@pytest.mark.parametrize(
    ("path", "answer", "message"),
    [
        ("/workflow/health", (503, json.dumps(SICK).encode()), "database: store_unavailable no answer"),
        ("/workflow/health", (200, b'{"hello": "there"}'), "200, without checks"),
        ("/workflow/health", (403, PAGE), "403, and not from the function"),
        ("/workflow/config", (404, b'{"code": "not_found", "detail": "gone"}'), "404: not_found: gone"),
        ("/orchestrate/", (403, PAGE), "403, and not from the function"),
        ("/automate/", (200, b"{}"), "200"),
    ],
)
def test_one_bad_answer_fails_it_and_is_shown(
    deployed: Functions,
    capsys: pytest.CaptureFixture[str],
    path: str,
    answer: tuple[int, bytes],
    message: str,
) -> None:
    deployed.answers[path] = answer
    assert smoke.main(["--url", deployed.url]) == 1
    [line] = [line for line in capsys.readouterr().out.splitlines() if "FAILED" in line]
    assert line.startswith(path.split("/")[1])
    assert line.endswith(message)


def test_functions_that_do_not_answer_fail_it(
    deployed: Functions, capsys: pytest.CaptureFixture[str]
) -> None:
    assert smoke.main(["--url", f"http://127.0.0.1:{free_port()}"]) == 1
    assert capsys.readouterr().out.count("no answer: ConnectError") == 2 * len(NAMES)
    assert deployed.bodies == {}


def test_the_token_goes_into_every_call(deployed: Functions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(smoke.TOKEN_VARIABLE, " hunter2\n")
    assert smoke.main(["--url", deployed.url]) == 0
    assert deployed.tokens == {"Bearer hunter2"}


@pytest.mark.parametrize(
    ("url", "token", "complaint"),
    [
        ("http://functions.example", "hunter2", "over https only"),
        ("https://functions.example", "two words", "is not a token"),
        ("ftp://functions.example", "", "begins with https://"),
    ],
)
def test_a_wrong_token_is_refused_before_any_call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], url: str, token: str, complaint: str
) -> None:
    monkeypatch.setenv(smoke.TOKEN_VARIABLE, token)
    assert smoke.main(["--url", url]) == 2
    output = capsys.readouterr().err
    assert complaint in output
    assert not token or token not in output


def test_the_name_replaces_the_placeholder_in_the_address() -> None:
    found = smoke.located("https://{function}-1.here.run.app", ["automate", "create-labels"])
    assert found == {
        "automate": "https://automate-1.here.run.app",
        "create-labels": "https://create-labels-1.here.run.app",
    }


def test_without_an_address_or_a_laptop_cloud_it_shows_how_to_start_one(
    deployed: Functions, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOCAL_STATE_DIR", str(tmp_path))
    assert smoke.main([]) == 3
    assert "`make up` starts it" in capsys.readouterr().err
    assert deployed.bodies == {}
