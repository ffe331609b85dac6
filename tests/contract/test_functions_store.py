"""The functions' calls of the database: some failures are retried, the others are raised at once."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from shared.cloud import supabase
from shared.cloud.supabase import RETRIES, SupabaseRpc
from shared.errors import Conflict, NotFound, StoreMisconfigured, StoreRefused, StoreUnavailable
from tests.ports import free_port
from tests.rest_support import Rest


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between tries, which nobody waits for."""
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    return waited


@contextmanager
def calling(url: str, *, key: str = "key", timeout: float = 5) -> Iterator[SupabaseRpc]:
    rpc = SupabaseRpc(url, key, timeout=timeout)
    try:
        yield rpc
    finally:
        rpc.close()


@dataclass
class Gateway:
    """Answers each call with the next of `answers` (status, content type, body); the last one repeats."""

    answers: list[tuple[int, str, bytes]]
    calls: list[bytes] = field(default_factory=list)
    url: str = ""


@contextmanager
def gateway(*answers: tuple[int, str, bytes]) -> Iterator[Gateway]:
    state = Gateway(list(answers))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            state.calls.append(self.rfile.read(int(self.headers["Content-Length"])))
            status, media_type, body = state.answers[min(len(state.calls), len(state.answers)) - 1]
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()


JSON, HTML = "application/json", "text/html"
DOWN = [
    (502, JSON, b'{"message": "An invalid response was received from the upstream server"}'),
    (503, HTML, b"<html>Service Unavailable"),
    (503, JSON, b'{"code": "PGRST002", "message": "Could not query the database for the schema cache"}'),
    (504, JSON, b'{"code": "PGRST003", "message": "Timed out acquiring connection from connection pool."}'),
    (520, HTML, b"<html>Web server is returning an unknown error"),
    (522, HTML, b"error code: 522"),
    (429, JSON, b'{"message": "API rate limit exceeded"}'),
    (500, JSON, b'{"code": "57014", "message": "canceling statement due to statement timeout"}'),
    (500, JSON, b'{"code": "55P03", "message": "canceling statement due to lock timeout"}'),
    (500, JSON, b'{"code": "40P01", "message": "deadlock detected"}'),
    (
        500,
        JSON,
        b'{"code": "57P02", "message": "terminating connection because of crash of another server process"}',
    ),
    (503, JSON, b'{"code": "53100", "message": "could not extend file: No space left on device"}'),
    (405, JSON, b'{"code": "25006", "message": "cannot execute UPDATE in a read-only transaction"}'),
    (500, JSON, b'{"code": "XX000", "message": "internal error"}'),
    (200, JSON, b'{"cut off'),
    (200, HTML, b"<html>a captive portal"),
]
REFUSALS = [
    (400, JSON, b'{"code": "22P02", "message": "invalid input syntax"}'),
    (409, JSON, b'{"code": "23505", "message": "duplicate key value"}'),
    (302, HTML, b""),
]
MISCONFIGURED = [
    (403, JSON, b'{"code": "42501", "message": "permission denied for table products"}'),
    (404, JSON, b'{"code": "42P01", "message": "relation products does not exist"}'),
    (400, JSON, b'{"code": "42703", "message": "column l.settled does not exist"}'),
    (404, JSON, b'{"code": "42883", "message": "function weight_left does not exist"}'),
    (404, JSON, b'{"code": "PGRST202", "message": "Could not find the function"}'),
    (401, JSON, b'{"message": "Invalid API key"}'),
    (401, JSON, b'{"code": "PGRST301", "message": "JWT expired"}'),
    (403, HTML, b"<html>Forbidden"),
    (400, JSON, b"{}"),
]


@pytest.mark.parametrize("answer", DOWN, ids=[f"{status}-{index}" for index, (status, *_) in enumerate(DOWN)])
def test_an_outage_is_tried_again_with_growing_pauses_and_then_raised(
    answer: tuple[int, str, bytes], pauses: list[float]
) -> None:
    with gateway(answer) as server, calling(server.url) as rpc:
        with pytest.raises(StoreUnavailable, match="the database did not answer work: "):
            rpc.call("work", {"a": 1})
        assert server.calls == [b'{"a":1}'] * RETRIES.tries
    assert [0.05 <= pauses[0] <= 0.15, 0.1 <= pauses[1] <= 0.3, len(pauses)] == [True, True, 2]


@pytest.mark.parametrize("answer", DOWN, ids=[f"{status}-{index}" for index, (status, *_) in enumerate(DOWN)])
def test_an_outage_that_passes_is_not_noticed(answer: tuple[int, str, bytes]) -> None:
    with gateway(answer, (200, JSON, b'{"done": true}')) as server, calling(server.url) as rpc:
        assert rpc.call("work", {}) == {"done": True}
        assert len(server.calls) == 2


@pytest.mark.parametrize(
    "answer", REFUSALS, ids=[f"{status}-{index}" for index, (status, *_) in enumerate(REFUSALS)]
)
def test_a_refusal_is_raised_at_once(answer: tuple[int, str, bytes]) -> None:
    with gateway(answer) as server, calling(server.url) as rpc:
        with pytest.raises(StoreRefused, match=r"^work: ") as refused:
            rpc.call("work", {})
        assert type(refused.value) is StoreRefused
        assert len(server.calls) == 1


@pytest.mark.parametrize(
    "answer", MISCONFIGURED, ids=[f"{status}-{index}" for index, (status, *_) in enumerate(MISCONFIGURED)]
)
def test_what_spoils_every_call_alike_is_told_from_a_refusal_of_one(answer: tuple[int, str, bytes]) -> None:
    with gateway(answer) as server, calling(server.url) as rpc:
        with pytest.raises(StoreMisconfigured, match=r"^work: "):
            rpc.call("work", {})
        assert len(server.calls) == 1


@pytest.mark.parametrize(("code", "error"), [("PT404", NotFound), ("PT409", Conflict)])
def test_an_error_of_a_sql_function_is_passed_on(code: str, error: type[Exception]) -> None:
    body = f'{{"code": "{code}", "message": "claimed by Ada"}}'.encode()
    with (
        gateway((int(code[2:]), JSON, body)) as server,
        calling(server.url) as rpc,
        pytest.raises(error, match=r"^claimed by Ada$"),
    ):
        rpc.call("work", {})


@pytest.mark.parametrize(
    ("body", "value"),
    [(b"null", None), (b"[]", []), (b"3", 3), (b"false", False), (b"0", 0), (b'{"a": "b"}', {"a": "b"})],
)
def test_an_answer_is_given_as_it_is(body: bytes, value: object) -> None:
    with gateway((200, JSON, body)) as server, calling(server.url + "/") as rpc:
        assert rpc.call("work", {}) == value


@pytest.mark.parametrize("argument", [float("nan"), float("inf"), "\ud800"])
def test_arguments_that_json_cannot_hold_are_refused_unsent(argument: object) -> None:
    with gateway((200, JSON, b"1")) as server, calling(server.url) as rpc:
        with pytest.raises(StoreRefused, match="cannot be sent"):
            rpc.call("work", {"a": argument})
        assert server.calls == []


def test_an_address_without_a_server_is_an_outage() -> None:
    with (
        calling(f"http://127.0.0.1:{free_port()}") as rpc,
        pytest.raises(StoreUnavailable, match="ConnectError"),
    ):
        rpc.call("work", {})


def test_a_malformed_address_is_refused() -> None:
    with calling("http://a:b") as rpc, pytest.raises(StoreRefused, match="address"):
        rpc.call("work", {})


def test_a_silent_database_is_given_up_on_after_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supabase, "RETRIES", replace(RETRIES, tries=2))
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with calling(url, timeout=0.05) as rpc, pytest.raises(StoreUnavailable, match="ReadTimeout"):
            rpc.call("work", {})


def test_a_client_that_was_never_used_can_be_closed() -> None:
    SupabaseRpc("http://a", "key", timeout=1).close()


def test_lost_answers_are_tried_again_until_one_arrives(rest_server: Rest) -> None:
    faults = {"seed": 1, "faults": [{"kind": "lost_answer", "path": "/rest"}]}
    httpx.put(f"{rest_server.url}/_control/faults", json=faults).raise_for_status()
    with (
        calling(rest_server.url, key=rest_server.service_key) as rpc,
        pytest.raises(StoreUnavailable, match=r"RemoteProtocolError|ReadError"),
    ):
        rpc.call("batch_status", {"p_batch_id": "b"})
    report = httpx.get(f"{rest_server.url}/_control/faults").raise_for_status().json()
    assert [fault["struck"] for fault in report["faults"]] == [RETRIES.tries]
