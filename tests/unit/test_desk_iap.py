"""A person who comes through Google's Identity-Aware Proxy, and one who only says so."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any, cast
from zoneinfo import ZoneInfo

import flask
import jwt
import pytest

from shared.errors import Forbidden, NotFound
from shared.web.desk.iap import HEADER, LONGEST_TOKEN, IapDoor
from shared.web.desk.rendering import Renderer
from tests.desk_support import AUDIENCE, iap_token, new_key, public_jwk

KEY, OTHER_KEY = new_key(), new_key()


def now() -> int:
    """The tests may run minutes after they are collected."""
    return int(time.time())


class Keys:
    """In memory, SigningKeys with one key."""

    def key(self, name: str) -> dict[str, object] | None:
        return public_jwk(KEY, "one") if name == "one" else None


def person(token: str | None) -> str | None:
    door = IapDoor(Keys(), AUDIENCE, Renderer(ZoneInfo("UTC")))
    headers = {} if token is None else {HEADER: token}
    with flask.Flask("desk").test_request_context(headers=headers):
        return door.person(flask.request)


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def changed_after_signing() -> str:
    head, body, signature = iap_token(KEY, now()).split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    return f"{head}.{part(claims | {'email': 'boss@example.com'})}.{signature}"


def signed_with_the_public_key_as_a_secret() -> str:
    """The old confusion of algorithms: HS256 with what everybody knows."""
    secret = json.dumps(public_jwk(KEY, "one")) * 2
    claims = jwt.decode(iap_token(KEY, now()), options={"verify_signature": False})
    return jwt.encode(claims, secret, "HS256", headers={"kid": "one"})


def unsigned() -> str:
    claims = jwt.decode(iap_token(KEY, now()), options={"verify_signature": False})
    return f"{part({'alg': 'none', 'kid': 'one'})}.{part(claims)}."


def test_the_person_is_the_address_that_iap_has_verified_in_one_spelling() -> None:
    assert person(iap_token(KEY, now())) == "ana@example.com"


def test_clocks_may_differ_by_half_a_minute() -> None:
    assert person(iap_token(KEY, now() + 25)) == "ana@example.com"
    assert person(iap_token(KEY, now() - 615)) == "ana@example.com"


def test_a_request_that_did_not_pass_iap_comes_from_nobody() -> None:
    assert person(None) is None


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param(lambda: iap_token(OTHER_KEY, now()), id="signed by another key"),
        pytest.param(lambda: iap_token(KEY, now(), kid="two"), id="by a key that Google does not list"),
        pytest.param(changed_after_signing, id="changed after signing"),
        pytest.param(unsigned, id="alg none"),
        pytest.param(signed_with_the_public_key_as_a_secret, id="HS256 with the public key"),
        pytest.param(lambda: iap_token(KEY, now() - 700), id="expired"),
        pytest.param(lambda: iap_token(KEY, now() + 90), id="issued in the future"),
        pytest.param(lambda: iap_token(KEY, now(), exp=now() + 86_400), id="lives longer than IAP's do"),
        pytest.param(lambda: iap_token(KEY, now(), aud=AUDIENCE + "-of-others"), id="for another service"),
        pytest.param(lambda: iap_token(KEY, now(), aud=[AUDIENCE, "x"]), id="for several services"),
        pytest.param(
            lambda: iap_token(KEY, now(), iss="https://accounts.google.com"), id="from another issuer"
        ),
        *(
            pytest.param(
                lambda claim=claim: iap_token(KEY, now(), **cast("dict[str, Any]", {claim: None})),
                id=f"without {claim}",
            )
            for claim in ("exp", "iat", "aud", "iss", "email")
        ),
        pytest.param(lambda: iap_token(KEY, now(), exp="soon"), id="exp is no number"),
        pytest.param(lambda: iap_token(KEY, now(), email="ana"), id="no address"),
        pytest.param(
            lambda: iap_token(KEY, now(), email="an\u212aa@example.com"), id="a letter that only looks like K"
        ),
        pytest.param(lambda: "", id="empty"),
        pytest.param(lambda: "a.b.c", id="no token"),
        pytest.param(lambda: iap_token(KEY, now(), hd="x" * LONGEST_TOKEN), id="endless"),
    ],
)
def test_a_token_that_is_not_iaps_for_this_desk_is_refused(forged: Callable[[], str]) -> None:
    with pytest.raises(Forbidden):
        person(forged())


def test_people_sign_in_and_out_at_iap() -> None:
    door = IapDoor(Keys(), AUDIENCE, Renderer(ZoneInfo("UTC")))
    with flask.Flask("desk").test_request_context():
        assert door.welcome(flask.request).status == 401
        assert door.let_out(flask.request).headers["Location"] == "/?gcp-iap-mode=CLEAR_LOGIN_COOKIE"
        with pytest.raises(NotFound):
            door.let_in(flask.request)
