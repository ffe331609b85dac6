"""The desk in a test: its pages as a browser gets them, IAP's tokens, and Supabase Auth as its client expects it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.wiring import desk as parts
from tests.scripted_vendor import respond

AUDIENCE = "/projects/123456789012/locations/northamerica-northeast1/services/desk"
IAP_ISSUER = "https://cloud.google.com/iap"
USER = {
    "id": "5c2b3a0e-9df8-4b8e-8f6c-0d5f4f7f7a11",
    "aud": "authenticated",
    "role": "authenticated",
    "email": "ana@example.com",
    "app_metadata": {"provider": "email"},
    "user_metadata": {},
    "created_at": "2026-11-22T12:00:00Z",
}
NO_SUCH_CODE = {"code": 403, "error_code": "otp_expired", "msg": "Token has expired or is invalid"}


HTTPS = "https://localhost"
SAME_SITE = {"Origin": HTTPS, "Sec-Fetch-Site": "same-origin"}


def get(client: FlaskClient, path: str, **headers: str) -> TestResponse:
    return client.get(
        path, base_url=HTTPS, headers={name.replace("_", "-"): text for name, text in headers.items()}
    )


def post(client: FlaskClient, path: str, form: dict[str, str], **headers: str) -> TestResponse:
    given = {name.replace("_", "-"): text for name, text in headers.items()}
    return client.post(path, data=form, base_url=HTTPS, headers=given)


def form_token(person: str) -> str:
    """Each form of this person's pages carries it."""
    token: str = parts.sessions().token(person)
    return token


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def public_jwk(key: ec.EllipticCurvePrivateKey, name: str) -> dict[str, Any]:
    """As Google lists it."""
    jwk: dict[str, Any] = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))
    return {**jwk, "alg": "ES256", "use": "sig", "kid": name}


def iap_token(key: ec.EllipticCurvePrivateKey, now: int, *, kid: str = "one", **changes: object) -> str:
    """IAP's token for ana; a change to None leaves the claim out."""
    claims = {
        "iss": IAP_ISSUER,
        "aud": AUDIENCE,
        "sub": "accounts.google.com:1",
        "email": "Ana@Example.com",
        "iat": now,
        "exp": now + 600,
    } | changes
    given = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(given, key, "ES256", headers={"kid": kid})


@dataclass
class Auth:
    """Supabase Auth's two calls, before the REST server at `rest`. `codes` are those in people's mailboxes."""

    rest: str
    codes: dict[str, str] = field(default_factory=dict)
    asked: list[Mapping[str, Any]] = field(default_factory=list)
    tried: list[Mapping[str, Any]] = field(default_factory=list)
    keys: set[str | None] = field(default_factory=set)

    def script(self, handler: BaseHTTPRequestHandler) -> None:
        if handler.path.startswith("/auth/v1/"):
            self.keys.add(handler.headers.get("apikey"))
        match handler.path:
            case "/auth/v1/otp":
                self._otp(handler, handler.sent)  # type: ignore[attr-defined]  # of the scripted server
            case "/auth/v1/verify":
                self._verify(handler, handler.sent)  # type: ignore[attr-defined]
            case _:
                self._forward(handler)

    def _otp(self, handler: BaseHTTPRequestHandler, sent: Mapping[str, Any]) -> None:
        self.codes[sent["email"]] = "123456"
        self.asked.append(sent)
        respond(handler, 200, b"{}")

    def _verify(self, handler: BaseHTTPRequestHandler, sent: Mapping[str, Any]) -> None:
        self.tried.append(sent)
        if self.codes.get(sent["email"]) != sent["token"]:
            respond(handler, 403, json.dumps(NO_SUCH_CODE).encode())
            return
        del self.codes[sent["email"]]
        session = {"access_token": "a.b.c", "refresh_token": "r", "token_type": "bearer", "expires_in": 3600}
        user = USER | {"email": sent["email"]}
        respond(handler, 200, json.dumps(session | {"user": user}).encode())

    def _forward(self, handler: BaseHTTPRequestHandler) -> None:
        headers = {name: handler.headers[name] for name in ("apikey", "Authorization", "Content-Type")}
        sent = json.dumps(handler.sent)  # type: ignore[attr-defined]
        answer = httpx.request(
            handler.command, self.rest + handler.path, content=sent, headers=headers, timeout=20
        )
        respond(handler, answer.status_code, answer.content)


def token_of(page: TestResponse) -> str:
    """The token of the page's forms."""
    found = re.search(r'name="token" content="([0-9a-f]+)"', page.text)
    assert found, page.text
    return found[1]


def sign_in(client: FlaskClient, person: str) -> None:
    """At the laptop's door. A cookie with Secure is kept by the test's client only for https."""
    answer = client.post("/sign-in", data={"person": person}, base_url=HTTPS)
    assert answer.status_code == 303, answer.text
