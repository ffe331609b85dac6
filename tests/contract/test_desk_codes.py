"""Codes by e-mail: Supabase's own client against a server that answers as Supabase Auth does."""

import json
import ssl
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from shared.cloud.mailed_codes import SupabaseCodes
from shared.errors import VendorUnavailable
from tests.desk_support import NO_SUCH_CODE, USER, Auth
from tests.ports import free_port
from tests.scripted_vendor import Script, respond, serving

ANA = "ana@example.com"
KEY = "the-anon-key"


def codes_at(url: str) -> SupabaseCodes:
    return SupabaseCodes(url, KEY, timeout=5, tls=ssl.create_default_context)


@pytest.fixture
def auth() -> Iterator[tuple[Auth, SupabaseCodes]]:
    state = Auth("")
    with serving(state.script) as (url, _asked):
        yield state, codes_at(url)


def test_a_code_that_was_sent_counts_once(auth: tuple[Auth, SupabaseCodes]) -> None:
    state, codes = auth
    codes.send(ANA)
    assert (state.asked[0]["email"], state.asked[0]["create_user"]) == (ANA, True)
    assert not codes.is_right(ANA, "999999")
    assert codes.is_right(ANA, "123456")
    assert not codes.is_right(ANA, "123456")
    assert {tried["type"] for tried in state.tried} == {"email"}
    assert state.keys == {KEY}


def test_a_code_is_right_for_its_own_address_alone(auth: tuple[Auth, SupabaseCodes]) -> None:
    _, codes = auth
    codes.send(ANA)
    assert not codes.is_right("bo@example.com", "123456")


def answering(status: int, body: object) -> Script:
    def script(handler: BaseHTTPRequestHandler) -> None:
        respond(handler, status, json.dumps(body).encode())

    return script


SESSION = {"access_token": "a", "refresh_token": "r", "token_type": "bearer", "expires_in": 3600}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, NO_SUCH_CODE),
        (400, {"code": 400, "error_code": "validation_failed", "msg": "x"}),
        (422, {"code": 422, "error_code": "validation_failed", "msg": "x"}),
        (200, USER),  # known, but without a session
        (200, SESSION | {"user": USER | {"email": "eve@example.com"}}),  # of somebody else
        (200, SESSION | {"user": {**USER, "email": None}}),
    ],
)
def test_any_other_answer_lets_nobody_in(status: int, body: object) -> None:
    with serving(answering(status, body)) as (url, _asked):
        assert not codes_at(url).is_right(ANA, "123456")


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_an_outage_and_a_rate_limit_are_no_wrong_code(status: int) -> None:
    body = {"code": status, "error_code": "over_request_rate_limit", "msg": "x"}
    with serving(answering(status, body)) as (url, _asked):
        codes = codes_at(url)
        with pytest.raises(VendorUnavailable):
            codes.is_right(ANA, "123456")
        with pytest.raises(VendorUnavailable):
            codes.send(ANA)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null"])
def test_an_answer_that_is_not_auths_is_an_outage(body: bytes) -> None:
    with serving(lambda handler: respond(handler, 200, body)) as (url, _asked):
        with pytest.raises(VendorUnavailable):
            codes_at(url).is_right(ANA, "123456")
        with pytest.raises(VendorUnavailable):
            codes_at(url).send(ANA)


def test_nobody_there_is_an_outage() -> None:
    with pytest.raises(VendorUnavailable):
        codes_at(f"http://127.0.0.1:{free_port()}").send(ANA)
