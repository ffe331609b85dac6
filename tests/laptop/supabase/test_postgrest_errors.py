"""Every error has PostgREST's shape, code and status."""

import json
from typing import Any

import pytest

from laptop.supabase.rest.errors import status_of
from tests.laptop.supabase.postgrest_12 import Difference, expected
from tests.rest_support import Rest

STATUS_OF_STATE = [
    ("08006", 503),
    ("09000", 500),
    ("0L000", 403),
    ("0P000", 403),
    ("21000", 500),
    ("22023", 400),
    ("22P02", 400),
    ("23502", 400),
    ("23503", 409),
    ("23505", 409),
    ("23514", 400),
    ("25006", 405),
    ("25P02", 500),
    ("28000", 403),
    ("2D000", 500),
    ("38000", 500),
    ("39000", 500),
    ("3B000", 500),
    ("40001", 500),
    ("40P01", 500),
    ("42501", 403),
    ("42601", 400),
    ("42703", 400),
    ("42883", 404),
    ("42P01", 404),
    ("42P17", 500),
    ("53100", 503),
    ("53400", 500),
    ("54000", 500),
    ("55P03", 500),
    ("57014", 500),
    ("57P01", 503),
    ("58000", 500),
    ("F0000", 500),
    ("HV000", 500),
    ("P0001", 400),
    ("P0002", 500),
    ("XX000", 500),
    ("PT402", 402),
    ("PT404", 404),
    ("PT409", 409),
    ("PT503", 503),
    ("PTABC", 500),
    ("ZZ999", 400),
]
STATUS_IN_12 = {"21000": 400, "42P17": 400, "53400": 503, "54000": 413}


@pytest.mark.parametrize(("state", "status"), STATUS_OF_STATE)
def test_a_state_raised_by_a_function_has_its_status(sample_rest: Rest, state: str, status: int) -> None:
    if state == "40001" and sample_rest.version == 12:
        pytest.skip(f"differs: {Difference.SERIALIZATION}")
    with sample_rest.client() as client:
        answer = client.post("/rpc/refuse", json={"state": state, "message": "why"})
    in_12 = STATUS_IN_12.get(state, status)
    assert answer.status_code == expected(sample_rest, Difference.STATUSES, status, in_12)
    assert answer.json() == {"code": state, "message": "why", "details": "the detail", "hint": "the hint"}
    proxy_status = f"PostgREST; error={state}"
    assert answer.headers.get("proxy-status") == expected(
        sample_rest, Difference.PROXY_STATUS, proxy_status, None
    )


def test_an_unsafe_update_is_400() -> None:
    assert status_of("21000", "UPDATE requires a WHERE clause") == 400


def test_a_function_can_set_the_whole_error_answer(sample_rest: Rest) -> None:
    message = json.dumps({"code": "X1", "message": "too early", "hint": "wait"})
    detail = json.dumps({"status": 425, "headers": {"Retry-After": "7"}})
    with sample_rest.client() as client:
        answer = client.post("/rpc/answer", json={"message": message, "detail": detail})
    assert answer.status_code == 425
    assert answer.headers["retry-after"] == "7"
    assert answer.json() == {"code": "X1", "message": "too early", "details": None, "hint": "wait"}


@pytest.mark.parametrize(
    ("message", "detail"),
    [
        ("not json", '{"status": 400, "headers": {}}'),
        ('{"code": "X1", "message": "m"}', "not json"),
        ('{"code": "X1"}', '{"status": 400, "headers": {}}'),
        ("[]", '{"status": 400, "headers": {}}'),
        ('{"code": "X1", "message": "m"}', '{"status": 400, "headers": []}'),
    ],
)
def test_a_malformed_error_answer_of_a_function_is_reported(
    sample_rest: Rest, message: str, detail: str
) -> None:
    with sample_rest.client() as client:
        answer = client.post("/rpc/answer", json={"message": message, "detail": detail})
    assert (answer.status_code, answer.json()["code"]) == (500, "PGRST121")


@pytest.mark.parametrize(
    ("function", "arguments", "hint"),
    [
        ("ad", {"a": 1}, "Perhaps you meant to call the function public.add"),
        ("no_such_thing_at_all", {}, None),
        (
            "store",
            {"p_id": 1, "p_nam": "x"},
            "Perhaps you meant to call the function public.store(p_id, p_name)",
        ),
        ("store", {"p_id": 1}, "Perhaps you meant to call the function public.store(p_id, p_name)"),
        ("nothing", {"x": 1}, None),
    ],
)
def test_an_unknown_function_is_404_with_the_nearest_as_hint(
    sample_rest: Rest, function: str, arguments: dict[str, Any], hint: str | None
) -> None:
    with sample_rest.client() as client:
        answer = client.post(f"/rpc/{function}", json=arguments)
    assert (answer.status_code, answer.json()["code"]) == (404, "PGRST202")
    by_12 = "Perhaps you meant to call the function public.nothing"
    in_12 = by_12 if function == "no_such_thing_at_all" else hint
    assert answer.json()["hint"] == expected(sample_rest, Difference.HINT, hint, in_12)
    assert f"public.{function}" in answer.json()["message"]


def test_functions_that_differ_in_types_alone_are_ambiguous(sample_rest: Rest) -> None:
    with sample_rest.client() as client:
        answer = client.post("/rpc/twice", json={"value": 1})
    assert (answer.status_code, answer.json()["code"]) == (300, "PGRST203")


def test_an_unknown_relation_is_404_with_the_nearest_as_hint(sample_rest: Rest) -> None:
    with sample_rest.client() as client:
        answer = client.get("/partz")
    found = (answer.status_code, answer.json()["code"], answer.json()["hint"])
    imitated = (404, "PGRST205", "Perhaps you meant the table 'public.parts'")
    assert found == expected(sample_rest, Difference.UNKNOWN_RELATION, imitated, (404, "42P01", None))


@pytest.mark.parametrize("body", ["{", "nonsense", '{"a": 1} x'])
def test_an_unreadable_body_is_400(sample_rest: Rest, body: str) -> None:
    with sample_rest.client() as client:
        answer = client.post("/rpc/add", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "PGRST102")


def test_an_unreadable_body_in_a_wrong_encoding_is_400(sample_rest: Rest) -> None:
    with sample_rest.client() as client:
        answer = client.post(
            "/rpc/add", content=b'{"a": "\xff"}', headers={"Content-Type": "application/json"}
        )
    assert (answer.status_code, answer.json()["code"]) == (400, "PGRST102")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [({"a": "one"}, "22P02"), ({"a": 3_000_000_000}, "22003"), ({"a": [1]}, "22P02")],
)
def test_a_value_that_does_not_fit_its_type_is_400(
    sample_rest: Rest, arguments: dict[str, Any], code: str
) -> None:
    with sample_rest.client() as client:
        answer = client.post("/rpc/add", json=arguments)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_a_character_that_the_database_cannot_store_is_400(sample_rest: Rest) -> None:
    with sample_rest.client() as client:
        answer = client.post("/rpc/store", json={"p_id": 8, "p_name": "a\0b"})
    assert (answer.status_code, answer.json()["code"]) == (400, "22P05")


def test_a_function_declared_as_stable_cannot_write(sample_rest: Rest) -> None:
    with sample_rest.client() as client:
        answer = client.post("/rpc/writes_though_stable")
    assert (answer.status_code, answer.json()["code"]) in {(405, "25006"), (400, "0A000")}


def test_a_statement_beyond_its_timeout_is_cancelled(sample_rest: Rest) -> None:
    with sample_rest.client() as client:
        answer = client.post("/rpc/hurried_wait", json={"seconds": 30})
    assert (answer.status_code, answer.json()["code"]) == (500, "57014")
    assert answer.elapsed.total_seconds() < 8  # the role's timeout, which the function's own replaces


def test_another_schema_than_the_exposed_one_is_406(sample_rest: Rest) -> None:
    with sample_rest.client() as client:
        answer = client.get("/parts", headers={"Accept-Profile": "private"})
        called = client.post("/rpc/nothing", headers={"Content-Profile": "private"})
    assert (answer.status_code, answer.json()["code"]) == (406, "PGRST106")
    assert called.status_code == 406


@pytest.mark.parametrize(
    ("method", "path", "headers", "named"),
    [
        ("POST", "/parts", {}, "POST"),
        ("PATCH", "/parts", {}, "PATCH"),
        ("DELETE", "/parts?id=eq.1", {}, "DELETE"),
        ("OPTIONS", "/parts", {}, "OPTIONS"),
        ("GET", "/rpc/bounds", {}, "GET"),
        ("POST", "/rpc/unnamed", {}, "unnamed parameter"),
        ("POST", "/rpc/numbers?limit=1", {}, "shaping"),
        ("POST", "/rpc/bounds", {"Prefer": "return=minimal"}, "Prefer"),
        ("GET", "/parts", {"Prefer": "count=exact"}, "count=exact"),
        ("GET", "/parts", {"Prefer": "no-such-preference"}, "no-such-preference"),
        ("POST", "/rpc/nothing", {"Prefer": "handling=lenient"}, "handling=lenient"),
        ("POST", "/rpc/set_status", {}, "response.status"),
        ("POST", "/rpc/set_headers", {}, "response.headers"),
        ("GET", "/parts", {"Range": "0-1"}, "Range"),
        ("GET", "/parts", {"Accept": "text/csv"}, "text/csv"),
        ("GET", "/parts", {"Accept": "application/vnd.pgrst.object+json;nulls=stripped"}, "nulls"),
        ("POST", "/rpc/bounds", {"Content-Type": "text/plain"}, "text/plain"),
        ("GET", "/parts?or=(id.eq.1,id.eq.2)", {}, "or"),
        ("GET", "/parts?name=like.b*", {}, "like"),
        ("GET", "/parts?name=nonsense", {}, "nonsense"),
        ("GET", "/parts?select=prices(*)", {}, "prices(*)"),
        ("GET", "/parts?select=name::text", {}, "name::text"),
        ("GET", "/parts/more", {}, "more"),
    ],
)
def test_what_is_not_imitated_is_refused_with_501(
    stand_in: Rest, method: str, path: str, headers: dict[str, str], named: str
) -> None:
    with stand_in.client() as client:
        answer = client.request(method, path, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (501, "PGRST127")
    assert named in answer.json()["details"]


@pytest.mark.parametrize("setting", ["status", "headers"])
def test_a_call_that_sets_its_own_answer_is_rolled_back(stand_in: Rest, setting: str) -> None:
    with stand_in.client() as client:
        assert client.post(f"/rpc/set_{setting}").status_code == 501
        assert client.get("/parts?id=eq.100").json() == []


def test_a_body_that_is_no_object_is_not_imitated(stand_in: Rest) -> None:
    with stand_in.client() as client:
        assert client.post("/rpc/add", json=[{"a": 1}]).status_code == 501


def test_a_path_outside_the_api_is_404(stand_in: Rest) -> None:
    with stand_in.client() as client:
        answer = client.get(f"{stand_in.url}/auth/v1/user")
    assert (answer.status_code, answer.json()["code"]) == (404, "PGRST125")
