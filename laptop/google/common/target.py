"""The HTTP target of a task or job: which urls are refused, and which headers the service sets itself; PURE."""

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

TargetMessage = Any
"""A `google.cloud.tasks.v2.HttpRequest` or a `google.cloud.scheduler.v1.HttpTarget`."""

MAX_URL = 2_083
METHODS_WITH_BODY = ("POST", "PUT", "PATCH")
_REPLACED = ("host", "content-length", "user-agent")
_RESERVED = ("x-google-", "x-appengine-")
_TOKEN_LIFE = 3600


def has_scheme(url: str) -> bool:
    return url.startswith(("http://", "https://"))


def has_host_and_port(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port above 65535, or brackets around no address
        return False


def caller_headers(given: Mapping[str, str], reserved: str) -> dict[str, str]:
    """Leaves out the headers that the service replaces or ignores; `reserved` is the prefix of the service's headers.

    Source: the docstrings of the two target types.
    """
    return {
        name: value
        for name, value in given.items()
        if name.lower() not in _REPLACED and not name.lower().startswith((*_RESERVED, reserved))
    }


def authorization(target: TargetMessage, url: str, now: float) -> list[tuple[str, str]]:
    """The Authorization header for the target's token, if it has one. The tokens are not signed."""
    match target.WhichOneof("authorization_header"):
        case "oidc_token":
            account = target.oidc_token.service_account_email
            claims = {
                "iss": "https://accounts.google.com",
                "aud": target.oidc_token.audience or url,
                "email": account,
                "email_verified": True,
                "sub": account,
                "iat": int(now),
                "exp": int(now) + _TOKEN_LIFE,
            }
            return [("Authorization", f"Bearer {_unsigned_jwt(claims)}")]
        case "oauth_token":
            account = target.oauth_token.service_account_email
            return [("Authorization", f"Bearer local-oauth-token-of-{account}")]
        case _:
            return []


def _unsigned_jwt(claims: dict[str, Any]) -> str:
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
    return ".".join(encoded) + "."
