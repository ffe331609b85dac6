"""Reads the credentials of a 2-legged token request: a form, or HTTP Basic. JSON is refused, as by the vendor; pure."""

import base64
import binascii
from dataclasses import dataclass, field
from urllib.parse import parse_qs


@dataclass(frozen=True)
class Credentials:
    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True)
class Accounts:
    """Who may have a token: one named application, or, without any name, whoever says who they are."""

    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    lifetime: float = 599.0

    def admits(self, given: Credentials) -> bool:
        return (
            bool(given.client_id and given.client_secret)
            and self.client_id in (None, given.client_id)
            and self.client_secret in (None, given.client_secret)
        )


def read_credentials(content_type: str, authorization: str, body: bytes) -> Credentials | str:
    """The credentials, or the `error` code of the refusal."""
    if content_type.split(";", maxsplit=1)[0].strip().lower() != "application/x-www-form-urlencoded":
        return "invalid_request"
    form = parse_qs(body.decode("utf-8", "replace"))
    if form.get("grant_type") != ["client_credentials"]:
        return "unsupported_grant_type"
    if authorization.lower().startswith("basic "):
        return _basic(authorization[len("basic ") :])
    if "client_id" not in form or "client_secret" not in form:
        return "invalid_client"
    return Credentials(form["client_id"][0], form["client_secret"][0])


def _basic(encoded: str) -> Credentials | str:
    try:
        client_id, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "invalid_client"
    return Credentials(client_id, secret) if colon else "invalid_client"
