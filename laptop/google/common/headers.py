"""Headers of a request that both services make; PURE. What they ignore or replace: their types' docstrings."""

import base64
import json
from collections.abc import Mapping
from typing import Any

TargetMessage = Any
"""A `google.cloud.tasks.v2.HttpRequest` or a `google.cloud.scheduler.v1.HttpTarget`."""

_REPLACED = ("host", "content-length", "user-agent")
_RESERVED = ("x-google-", "x-appengine-")
_TOKEN_LIFE = 3600


def own_headers(given: Mapping[str, str], reserved: str) -> dict[str, str]:
    """The headers without those that the service computes or keeps for itself; `reserved` is its own prefix."""
    return {
        name: value
        for name, value in given.items()
        if name.lower() not in _REPLACED and not name.lower().startswith((*_RESERVED, reserved))
    }


def authorization(target: TargetMessage, url: str, now: float) -> list[tuple[str, str]]:
    """The header that the target's token asks for, if it has one. Nothing here is signed."""
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
    return (
        ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
        + "."
    )
