"""The HTTP edge of every function: statuses, problems, correlation and the log entry."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.http import parse_options_header
from werkzeug.test import TestResponse

from shared.errors import SettingsInvalid
from shared.web.body import LIMIT, MOST_ERRORS
from tests import edge_function
from tests.edge_function import PAPER, PAPER_NAME, SECRET
from tests.web_support import JSON, PROBLEM, Log, logged, served

SOURCE = Path(edge_function.__file__)


@pytest.fixture
def log() -> Iterator[Log]:
    with logged() as log:
        yield log


@pytest.fixture
def client(log: Log) -> FlaskClient:  # noqa: ARG001 - must exist before the function starts its own log
    return served("edge", SOURCE)


def problem(answer: TestResponse, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, PROBLEM)
    body: dict[str, Any] = json.loads(answer.data)
    assert (body["type"], body["status"], body["code"]) == ("about:blank", status, code)
    assert body["title"]
    assert body["detail"]
    return body


def fields(answer: TestResponse) -> dict[str, str]:
    body = problem(answer, 422, "invalid_request")
    return {wrong["field"]: wrong["message"] for wrong in body["errors"]}


def test_a_good_request_is_answered_in_json(client: FlaskClient) -> None:
    answer = client.post("/", json={"name": "Ünï"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, JSON)
    assert "Ünï".encode() in answer.data
    assert answer.get_json()["count"] == 1


def test_a_handler_may_set_status_and_headers(client: FlaskClient) -> None:
    answer = client.get("/things/a b")
    assert (answer.status_code, answer.headers["X-Own"], answer.get_json()) == (201, "yes", {"id": "a b"})


def test_a_file_is_answered_as_it_is_to_be_saved_by_its_name_and_kept_by_nobody_on_the_way(
    client: FlaskClient, log: Log
) -> None:
    answer = client.get("/file")
    assert (answer.status_code, answer.data) == (200, PAPER)
    headers = {name: answer.headers[name] for name in ("Content-Type", "Content-Length", "Cache-Control")}
    assert headers == {
        "Content-Type": "application/pdf",
        "Content-Length": str(len(PAPER)),
        "Cache-Control": "no-store",
    }
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"] == (
        'attachment; filename="label _Ltee_  50___.pdf";'
        " filename*=UTF-8''label%20%22Lt%C3%A9e%22%20%EA%B9%80%2050%25%0D%0A.pdf"
    )
    assert log.entries[0]["pages"] == 1


def test_the_name_of_a_file_comes_back_whole(client: FlaskClient) -> None:
    _, options = parse_options_header(client.get("/file").headers["Content-Disposition"])
    assert options["filename"] == PAPER_NAME


def test_head_tells_of_a_file_without_sending_it(client: FlaskClient) -> None:
    answer = client.head("/file")
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Length"] == str(len(PAPER))


def test_every_function_answers_its_health(client: FlaskClient) -> None:
    healthy = {"status": "ok", "function": "edge", "version": "unpackaged"}
    assert client.get("/health?shallow=true").get_json() == healthy
    assert client.get("/health").get_json() == healthy | {"checks": {}}


@pytest.mark.parametrize("path", ["/things", "/things/"])
def test_a_slash_at_the_end_makes_no_difference(client: FlaskClient, path: str) -> None:
    assert client.get(path).get_json() == {"limit": 5}


@pytest.mark.parametrize(
    "path", ["/nothing", "/things/1/2", "/%00", "/%0D%0A", "/things%0A", "/" + "x" * 1000]
)
def test_an_unknown_path_is_not_found(client: FlaskClient, path: str) -> None:
    body = problem(client.get(path), 404, "not_found")
    assert len(body["detail"]) < 300


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/", "POST"),
        ("HEAD", "/", "POST"),
        ("PUT", "/", "POST"),
        ("DELETE", "/things", "GET, HEAD, POST"),
        ("PATCH", "/things/1", "GET, HEAD"),
        ("GET", "/things/again", "POST"),
        ("OPTIONS", "/", "POST"),
        ("POST", "/health", "GET, HEAD"),
        ("BREW", "/things", "GET, HEAD, POST"),
    ],
)
def test_a_wrong_method_is_answered_with_the_right_ones(
    client: FlaskClient, method: str, path: str, allowed: str
) -> None:
    answer = client.open(path, method=method)
    assert answer.status_code == 405
    if method != "HEAD":
        problem(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == allowed


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""]
)
def test_a_body_that_is_not_declared_json_is_refused(client: FlaskClient, media_type: str) -> None:
    answer = client.post("/", data=b'{"name": "a"}', content_type=media_type)
    assert "application/json" in problem(answer, 415, "unsupported_media_type")["detail"]


@pytest.mark.parametrize(
    "media_type", ["application/json", "APPLICATION/JSON; charset=utf-8", "application/merge-patch+json"]
)
def test_json_has_several_media_types(client: FlaskClient, media_type: str) -> None:
    assert client.post("/", data=b'{"name": "a"}', content_type=media_type).status_code == 200


DEEP = b'{"name":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
NESTED = b'{"name":' + b"[" * 500 + b"]" * 500 + b"}"


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nonsense",
        b'{"name": NaN}',
        b'{"name": Infinity}',
        b'{"name": -Infinity}',
        b'{"count": ' + b"9" * 5000 + b"}",
        b'{"name": "\\ud800"}',
        b'{"name": "\xff"}',
        b"\xef\xbb\xbf{}",
        b"[]",
        b'"text"',
        b"3",
        b"true",
        b"null",
        DEEP,
        NESTED,
        b'{"name": "' + b"x" * LIMIT + b'"}',
    ],
    ids=range(17),
)  # fmt: skip
def test_an_unreadable_body_is_a_bad_request(client: FlaskClient, body: bytes) -> None:
    answer = client.post("/", data=body, content_type="application/json")
    assert len(problem(answer, 400, "unreadable_body")["detail"]) < 400


def test_a_body_of_exactly_the_limit_is_read(client: FlaskClient) -> None:
    body = b'{"name": "a"}'
    answer = client.post("/", data=body + b" " * (LIMIT - len(body)), content_type="application/json")
    assert answer.status_code == 200


@pytest.mark.parametrize("body", [b"", b"  \n"])
def test_an_empty_body_is_an_empty_object_of_any_type(client: FlaskClient, body: bytes) -> None:
    assert fields(client.post("/", data=body, content_type="text/plain")) == {"name": "Field required"}


def test_each_wrong_field_is_named(client: FlaskClient) -> None:
    wrong = fields(
        client.post("/", json={"name": "too long", "count": 0, "inner": {"a": [1, "b"]}, "nmae": 1})
    )
    assert wrong.keys() == {"name", "count", "inner.a.1", "nmae"}
    assert wrong["nmae"] == "Extra inputs are not permitted"


@pytest.mark.parametrize("count", ["1", 1.5, True, None])
def test_a_value_of_another_type_is_not_converted(client: FlaskClient, count: object) -> None:
    assert fields(client.post("/", json={"name": "a", "count": count})).keys() == {"count"}


def test_the_number_and_length_of_the_named_errors_is_bounded(client: FlaskClient) -> None:
    wrong = fields(client.post("/", json={"x" * 1000 + str(number): 1 for number in range(500)}))
    assert len(wrong) <= MOST_ERRORS
    assert max(map(len, wrong)) <= 200


def test_a_query_is_validated_like_a_body(client: FlaskClient) -> None:
    assert client.get("/things?limit=9").get_json() == {"limit": 9}
    assert fields(client.get("/things?limit=10")).keys() == {"limit"}
    assert fields(client.get("/things?limit=many")).keys() == {"limit"}
    assert fields(client.get("/things?limti=1")).keys() == {"limti"}
    assert fields(client.get("/things?limit=1&limit=2")) == {"limit": "was given more than once"}


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("limit", "7", 7),
        ("whole", "true", True),
        ("whole", "false", False),
        ("share", "2", 2),
        ("share", "0.5", 0.5),
        ("day", "2026-11-27", "2026-11-27"),
        ("since", "2026-11-27T10:00:00Z", "2026-11-27T10:00:00Z"),
    ],
)
def test_a_value_in_a_query_is_written_as_in_json(
    client: FlaskClient, name: str, text: str, value: object
) -> None:
    assert client.get("/things", query_string={name: text}).get_json()[name] == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *[("limit", text) for text in ("07", "+7", " 7", "7.0", "1_0", "7" * 200, "\u0667", "true", "")],
        *[("whole", text) for text in ("True", "1", "yes", "on", "")],
        *[("share", text) for text in (".5", "5.", "half", "nan")],
        *[("day", text) for text in ("0", "86400", "20261127", "2026-11-27T00:00:00", "today", "")],
        *[("since", text) for text in ("0", "1795348800", "2026-11-27T10:00:00", "now")],
    ],
)
def test_a_value_in_a_query_that_is_written_otherwise_is_refused(
    client: FlaskClient, name: str, text: str
) -> None:
    assert fields(client.get("/things", query_string={name: text})).keys() == {name}


def test_a_day_in_a_body_is_no_number_of_seconds(client: FlaskClient) -> None:
    assert client.post("/", json={"name": "a", "day": "2026-11-27"}).status_code == 200
    assert fields(client.post("/", json={"name": "a", "day": "0"})).keys() == {"day"}


def test_a_whole_number_may_be_written_with_a_point(client: FlaskClient) -> None:
    body = b'{"name": "a", "count": 7.0}'
    assert client.post("/", data=body, content_type="application/json").get_json()["count"] == 7


def test_a_path_that_is_written_out_goes_before_one_with_a_parameter(client: FlaskClient) -> None:
    assert client.post("/things/again", json={"name": "a"}).get_json()["name"] == "a"


def test_an_option_in_the_address_of_a_post_is_refused(client: FlaskClient) -> None:
    assert fields(client.post("/?count=3", json={"name": "a"})) == {"count": "belongs in the body"}


@pytest.mark.parametrize(("kind", "status"), [("not_found", 404), ("conflict", 409)])
def test_a_refusal_says_what_is_wrong(client: FlaskClient, kind: str, status: int) -> None:
    body = problem(client.post(f"/fail/{kind}"), status, kind)
    assert body["detail"] == str(edge_function.RAISED[kind])


@pytest.mark.parametrize(("kind", "seconds"), [("store_unavailable", "3"), ("queue_unavailable", "1")])
def test_a_dependency_that_is_down_is_503_with_a_time_to_retry(
    client: FlaskClient, kind: str, seconds: str
) -> None:
    answer = client.post(f"/fail/{kind}")
    problem(answer, 503, kind)
    assert answer.headers["Retry-After"] == seconds


@pytest.mark.parametrize(
    ("kind", "code"),
    [("store_refused", "store_refused"), ("settings_invalid", "settings_invalid"), ("bug", "internal")],
)
def test_a_fault_of_ours_is_500_without_details_and_logged_with_them(
    client: FlaskClient, log: Log, kind: str, code: str
) -> None:
    answer = client.post(f"/fail/{kind}", headers={"X-Correlation-Id": "abc"})
    problem(answer, 500, code)
    assert SECRET.encode() not in answer.data
    assert b"Traceback" not in answer.data
    (entry,) = log.entries
    assert (entry["severity"], entry["status"], entry["correlation_id"]) == ("ERROR", 500, "abc")
    assert "edge_function.py" in entry["stack_trace"]
    assert SECRET in entry["stack_trace"]


def test_an_answer_that_refuses_is_a_problem_by_its_media_type(client: FlaskClient) -> None:
    answer = client.post("/refuse")
    assert (answer.status_code, answer.headers["Content-Type"]) == (409, PROBLEM)


@pytest.mark.parametrize("given", ["abc", "A.b:c/d-1_2", "x" * 128])
def test_a_callers_correlation_id_comes_back_and_is_logged(client: FlaskClient, log: Log, given: str) -> None:
    answer = client.post("/", json={"name": "a"}, headers={"X-Correlation-Id": given})
    assert (answer.headers["X-Correlation-Id"], answer.get_json()["id"]) == (given, given)
    assert log.entries[0]["correlation_id"] == given


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "ünï", '"; drop', "a\tb"])
def test_a_bad_correlation_id_is_replaced(client: FlaskClient, given: str) -> None:
    headers = {"X-Correlation-Id": given.encode().decode("latin-1")}
    first, second = (client.get("/nothing", headers=headers).headers["X-Correlation-Id"] for _ in range(2))
    assert first != second
    assert len(first) == 32


def test_without_one_the_platforms_trace_is_the_correlation_id(client: FlaskClient) -> None:
    trace = {"X-Cloud-Trace-Context": "105445aa7843bc8bf206b12000100000/1;o=1"}
    assert (
        client.get("/health", headers=trace).headers["X-Correlation-Id"] == "105445aa7843bc8bf206b12000100000"
    )
    both = trace | {"X-Correlation-Id": "mine"}
    assert client.get("/health", headers=both).headers["X-Correlation-Id"] == "mine"


def test_each_request_writes_one_log_entry(client: FlaskClient, log: Log) -> None:
    client.get("/things/7")
    client.get("/nothing")
    client.post("/", json={})
    good, lost, wrong = log.entries
    assert good.pop("duration_ms") >= 0
    assert good.pop("correlation_id")
    assert good == {
        "severity": "INFO",
        "message": "edge: GET /things/7 201",
        "function": "edge",
        "status": 201,
        "seen": "7",
    }
    assert (lost["severity"], lost["status"], lost["code"]) == ("WARNING", 404, "not_found")
    assert (wrong["status"], wrong["code"], wrong["detail"]) == (
        422,
        "invalid_request",
        "name: Field required",
    )


def test_the_log_does_not_hold_what_was_sent(client: FlaskClient, log: Log) -> None:
    client.post("/", json={"name": "Ada Lovelace"}, headers={"Authorization": "Bearer hunter2"})
    client.get("/things?limit=hunter2")
    client.post("/fail/conflict")
    assert len(log.entries) == 3
    for private in ("Ada", "Lovelace", "hunter2"):
        assert private not in log.text


def test_entries_below_the_level_are_not_logged(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "error")
    client = served("edge", SOURCE)
    client.get("/health")
    client.get("/nothing")
    assert log.entries == []
    client.post("/fail/bug")
    assert [entry["severity"] for entry in log.entries] == ["ERROR"]


def test_a_wrong_log_level_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "loud")
    with pytest.raises(SettingsInvalid, match="LOG_LEVEL is wrong"):
        served("edge", SOURCE)
