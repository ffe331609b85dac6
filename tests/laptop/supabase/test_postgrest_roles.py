"""Access: the gateway's keys, the token's role, row level security, and what functions can read about the caller."""

import time
from collections.abc import Mapping
from typing import Any

import httpx
import jwt
import pytest
from postgrest import APIError, SyncPostgrestClient

from tests.laptop.supabase.postgrest_12 import Difference, expected
from tests.rest_support import Rest

HOUR = 3600


def token(rest: Rest, **claims: object) -> str:
    return jwt.encode(claims, rest.secret, algorithm="HS256")


def post(rest: Rest, path: str, headers: Mapping[str, str]) -> httpx.Response:
    return httpx.post(f"{rest.rest_url}{path}", json={}, headers=dict(headers), timeout=30)


def test_the_service_key_acts_as_the_service_role(sample_rest: Rest) -> None:
    facts = post(sample_rest, "/rpc/facts", sample_rest.headers()).json()
    assert facts["user"] == "service_role"
    assert facts["claims"]["role"] == "service_role"
    assert (facts["method"], facts["path"]) == ("POST", "/rpc/facts")
    assert facts["search_path"] == '"public", "extensions"'


def test_a_function_can_read_the_headers_of_the_request(sample_rest: Rest) -> None:
    with SyncPostgrestClient(sample_rest.rest_url, headers=sample_rest.headers()) as client:
        facts: Any = client.rpc("facts", {}).execute().data
    assert facts["agent"].startswith("supabase-py/postgrest-py")


def test_the_anonymous_key_is_refused_with_401_where_it_has_no_right(sample_rest: Rest) -> None:
    answer = post(sample_rest, "/rpc/for_service_only", sample_rest.headers(sample_rest.anon_key))
    assert (answer.status_code, answer.json()["code"]) == (401, "42501")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_known_user_is_refused_with_403_where_it_has_no_right(sample_rest: Rest) -> None:
    headers = sample_rest.headers(token(sample_rest, role="authenticated", sub="ann"))
    assert post(sample_rest, "/rpc/for_service_only", headers).status_code == 403


def test_the_service_key_may_call_what_others_may_not(sample_rest: Rest) -> None:
    assert post(sample_rest, "/rpc/for_service_only", sample_rest.headers()).json() == 1


def test_row_level_security_shows_each_user_its_own_rows_and_the_service_role_all(sample_rest: Rest) -> None:
    def owners(key: str) -> list[str]:
        with sample_rest.client(key) as client:
            return [row["owner"] for row in client.get("/secrets?order=owner").json()]

    assert owners(token(sample_rest, role="authenticated", sub="ann")) == ["ann"]
    assert owners(sample_rest.anon_key) == []
    assert owners(sample_rest.service_key) == ["ann", "bob"]


def test_a_request_does_not_keep_the_rights_of_the_one_before(sample_rest: Rest) -> None:
    for key, user in [(sample_rest.service_key, "service_role"), (sample_rest.anon_key, "anon")] * 3:
        assert post(sample_rest, "/rpc/facts", sample_rest.headers(key)).json()["user"] == user


def test_each_role_has_its_own_statement_timeout_as_on_supabase(sample_rest: Rest) -> None:
    def timeout(key: str) -> str:
        return str(post(sample_rest, "/rpc/facts", sample_rest.headers(key)).json()["statement_timeout"])

    assert timeout(sample_rest.anon_key) == "3s"
    assert timeout(sample_rest.service_key) == "8s"


def test_a_function_sets_its_own_statement_timeout_for_the_whole_transaction(sample_rest: Rest) -> None:
    assert post(sample_rest, "/rpc/patient_facts", sample_rest.headers()).json() == "77s"


def test_the_official_client_with_the_anonymous_key_gets_an_api_error(sample_rest: Rest) -> None:
    headers = sample_rest.headers(sample_rest.anon_key)
    with (
        SyncPostgrestClient(sample_rest.rest_url, headers=headers) as client,
        pytest.raises(APIError) as caught,
    ):
        client.rpc("for_service_only", {}).execute()
    assert caught.value.code == "42501"


def test_a_request_without_a_key_is_refused_by_the_gateway(stand_in: Rest) -> None:
    answer = post(stand_in, "/rpc/facts", {"Authorization": f"Bearer {stand_in.service_key}"})
    assert answer.status_code == 401
    assert answer.json()["message"] == "No API key found in request"


def test_a_wrong_key_is_refused_by_the_gateway(stand_in: Rest) -> None:
    answer = post(stand_in, "/rpc/facts", {"apikey": "wrong"})
    assert answer.status_code == 401
    assert answer.json()["message"] == "Invalid API key"


def test_without_a_token_the_key_identifies_the_caller(stand_in: Rest) -> None:
    answer = post(stand_in, "/rpc/facts", {"apikey": stand_in.anon_key})
    assert answer.json()["user"] == "anon"


def test_a_token_without_a_role_is_anonymous(sample_rest: Rest) -> None:
    headers = {"apikey": sample_rest.service_key, "Authorization": f"Bearer {token(sample_rest, sub='x')}"}
    assert post(sample_rest, "/rpc/facts", headers).json()["user"] == "anon"


@pytest.mark.parametrize(
    ("claims", "message", "in_12"),
    [
        ({"exp": time.time() - HOUR}, "JWT expired", "JWT expired"),
        ({"nbf": time.time() + HOUR}, "JWT not yet valid", "JWTNotYetValid"),
        ({"iat": time.time() + HOUR}, "JWT issued at future", "JWTIssuedAtFuture"),
        ({"exp": "soon"}, "The JWT 'exp' claim must be a number", "JWTClaimsSetDecodeError "),
    ],
)
def test_a_token_outside_its_time_is_refused(
    sample_rest: Rest, claims: dict[str, Any], message: str, in_12: str
) -> None:
    bearer = token(sample_rest, role="service_role", **claims)
    answer = post(sample_rest, "/rpc/facts", sample_rest.headers() | {"Authorization": f"Bearer {bearer}"})
    code, words = expected(sample_rest, Difference.TOKEN_TIME, ("PGRST303", message), ("PGRST301", in_12))
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer.json()["message"].startswith(words)
    assert words in answer.headers["www-authenticate"]


def test_clocks_may_differ_by_half_a_minute(sample_rest: Rest) -> None:
    now = time.time()
    claims = {"role": "service_role", "exp": now - 20, "nbf": now + 20, "iat": now + 20}
    assert (
        post(sample_rest, "/rpc/facts", sample_rest.headers(token(sample_rest, **claims))).status_code == 200
    )


@pytest.mark.parametrize(
    ("bearer", "message", "in_12"),
    [
        ("a.b", "Expected 3 parts in JWT; got 2", "JWSError (CompactDecodeError "),
        ("a.b.c", "No suitable key or wrong key type", "JWSError (JSONDecodeError "),
        (
            jwt.encode({"role": "anon"}, "x" * 40, algorithm="HS256"),
            "No suitable key or wrong key type",
            "JWSError JWSInvalidSignature",
        ),
        (
            jwt.encode({"role": "anon"}, "x" * 64, algorithm="HS512"),
            "Wrong or unsupported encoding algorithm",
            "JWSError JWSInvalidSignature",
        ),
    ],
)
def test_a_token_that_cannot_be_verified_is_refused(
    sample_rest: Rest, bearer: str, message: str, in_12: str
) -> None:
    headers = {"apikey": sample_rest.service_key, "Authorization": f"Bearer {bearer}"}
    answer = post(sample_rest, "/rpc/facts", headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "PGRST301")
    words = expected(sample_rest, Difference.TOKEN_WORDS, message, in_12)
    assert answer.json()["message"].startswith(words)


def test_an_empty_token_is_refused(sample_rest: Rest) -> None:
    headers = {"apikey": sample_rest.service_key, "Authorization": "Bearer"}
    answer = post(sample_rest, "/rpc/facts", headers)
    if expected(sample_rest, Difference.EMPTY_TOKEN, imitated=False, in_12=True):
        assert answer.json()["user"] == "anon"
    else:
        assert (answer.status_code, answer.json()["code"]) == (401, "PGRST301")
        assert answer.json()["message"] == "Empty JWT is sent in Authorization header"


def test_a_role_that_does_not_exist_is_refused(sample_rest: Rest) -> None:
    answer = post(sample_rest, "/rpc/facts", sample_rest.headers(token(sample_rest, role="nobody_here")))
    assert answer.status_code == expected(sample_rest, Difference.UNKNOWN_ROLE, 401, 400)
    assert answer.json()["code"] == "22023"


def test_a_role_that_the_api_may_not_take_is_refused(sample_rest: Rest) -> None:
    answer = post(sample_rest, "/rpc/facts", sample_rest.headers(token(sample_rest, role="postgres")))
    assert (answer.status_code, answer.json()["code"]) == (403, "42501")
