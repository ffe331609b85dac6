"""Identifies the caller by a JSON web token. A Supabase project's keys are tokens signed with its secret (HS256)."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jwt
import jwt.types

from laptop.supabase.rest.errors import UNAUTHORIZED, ApiError

ANONYMOUS = "anon"
SERVICE = "service_role"
SKEW_S = 30
"""Clocks may differ by this much, as in PostgREST."""

SHORTEST_SECRET = 32
_PARTS = 3
_SIGNATURE_ONLY: jwt.types.Options = {
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_sub": False,
}
"""`_check_times` checks these claims at each use, with PostgREST's messages."""


@dataclass(frozen=True)
class Caller:
    role: str
    claims: Mapping[str, Any]

    @property
    def anonymous(self) -> bool:
        return self.role == ANONYMOUS


def api_key(secret: str, role: str = SERVICE, *, lifetime_s: float = 10 * 365 * 86_400) -> str:
    """Makes a key of a Supabase project, for `anon` or `service_role`; valid for ten years."""
    now = int(time.time())
    claims = {"iss": "supabase", "ref": "local", "role": role, "iat": now, "exp": now + int(lifetime_s)}
    return jwt.encode(claims, secret, algorithm="HS256")


def caller(token: str, secret: str, now: float) -> Caller:
    claims = _verified(token, secret)
    _check_times(claims, now)
    role = claims.get("role", ANONYMOUS)
    return Caller(str(role), {**claims, "role": role})


@lru_cache(maxsize=256)
def _verified(token: str, secret: str) -> Mapping[str, Any]:
    """Returns the claims of a token with a good signature. Its times are checked at each use."""
    parts = len(token.split("."))
    if not token:
        raise _refused("PGRST301", "Empty JWT is sent in Authorization header")
    if parts != _PARTS:
        raise _refused("PGRST301", f"Expected 3 parts in JWT; got {parts}")
    try:
        return jwt.decode(token, secret, algorithms=["HS256"], options=_SIGNATURE_ONLY)
    except jwt.InvalidAlgorithmError as problem:
        raise _refused("PGRST301", "Wrong or unsupported encoding algorithm", str(problem)) from problem
    except jwt.InvalidTokenError as problem:
        details = "None of the keys was able to decode the JWT"
        raise _refused("PGRST301", "No suitable key or wrong key type", details) from problem


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    for name in ("exp", "nbf", "iat"):
        if name in claims and not isinstance(claims[name], int | float):
            raise _refused("PGRST303", f"The JWT '{name}' claim must be a number")
    if claims.get("exp", now) < now - SKEW_S:
        raise _refused("PGRST303", "JWT expired")
    if claims.get("nbf", now) > now + SKEW_S:
        raise _refused("PGRST303", "JWT not yet valid")
    if claims.get("iat", now) > now + SKEW_S:
        raise _refused("PGRST303", "JWT issued at future")


def _refused(code: str, message: str, details: str | None = None) -> ApiError:
    header = f'Bearer error="invalid_token", error_description="{message}"'
    return ApiError(UNAUTHORIZED, code, message, details, headers={"WWW-Authenticate": header})
