"""The errors of PostgREST 14: one JSON shape, a code, and an HTTP status for each SQLSTATE.

Source: PostgREST's page "Errors" (docs.postgrest.org/en/v14/references/errors.html).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import psycopg

AMBIGUOUS = 300
BAD_REQUEST = 400
UNAUTHORIZED = 401
FORBIDDEN = 403
NOT_FOUND = 404
METHOD_NOT_ALLOWED = 405
NOT_ACCEPTABLE = 406
CONFLICT = 409
INTERNAL = 500
NOT_IMPLEMENTED = 501
UNAVAILABLE = 503
ACQUISITION_TIMEOUT = 504

_STATUS_OF_STATE = {
    "23503": CONFLICT,
    "23505": CONFLICT,
    "25006": METHOD_NOT_ALLOWED,
    "53400": INTERNAL,
    "57P01": UNAVAILABLE,
    "42883": NOT_FOUND,
    "42P01": NOT_FOUND,
    "42P17": INTERNAL,
    "P0001": BAD_REQUEST,
}
_STATUS_OF_CLASS = {
    "08": UNAVAILABLE,
    "0L": FORBIDDEN,
    "0P": FORBIDDEN,
    "28": FORBIDDEN,
    "53": UNAVAILABLE,
    **dict.fromkeys(("09", "25", "2D", "38", "39", "3B", "40", "54", "55", "57", "58"), INTERNAL),
    **dict.fromkeys(("F0", "HV", "P0", "XX"), INTERNAL),
}
_OWN_STATUS = "PT"
_RAISED_ANSWER = "PGRST"


@dataclass(eq=False)  # not frozen: contextlib sets a passing exception's traceback
class ApiError(Exception):
    """The answer to a refused request. `details` and `hint` can be null."""

    status: int
    code: str
    message: str
    details: str | None = None
    hint: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, str | None]:
        return {"code": self.code, "details": self.details, "hint": self.hint, "message": self.message}


def not_imitated(what: str) -> ApiError:
    """Refuses what only the real service can do."""
    details = f"{what}: the local server does not imitate this (docs/supabase-local.md)"
    return ApiError(NOT_IMPLEMENTED, "PGRST127", "Feature not implemented", details)


def connection_failed(problem: Exception) -> ApiError:
    message = "Database connection error. Retrying the connection."
    return ApiError(UNAVAILABLE, "PGRST000", message, str(problem).strip())


def connection_lost(problem: BaseException) -> ApiError:
    """The answer was lost with the connection: the request may have had its effect or not."""
    message = "Database client error. Retrying the connection."
    return ApiError(UNAVAILABLE, "PGRST001", message, str(problem).strip() or None)


def pool_exhausted() -> ApiError:
    message = "Timed out acquiring connection from connection pool."
    return ApiError(ACQUISITION_TIMEOUT, "PGRST003", message)


def from_database(problem: psycopg.Error, *, anonymous: bool) -> ApiError:
    state = problem.sqlstate
    if state is None:
        return connection_lost(problem)
    diagnosis = problem.diag
    message, detail = diagnosis.message_primary or "", diagnosis.message_detail
    if state == _RAISED_ANSWER:
        return _raised_answer(message, detail)
    status = status_of(state, message, anonymous=anonymous)
    headers = {"WWW-Authenticate": "Bearer"} if status == UNAUTHORIZED else {}
    return ApiError(status, state, message, detail, diagnosis.message_hint, headers)


def status_of(state: str, message: str = "", *, anonymous: bool = False) -> int:
    if state.startswith(_OWN_STATUS):
        own = state.removeprefix(_OWN_STATUS)
        return int(own) if own.isdecimal() else INTERNAL
    match state:
        case "42501":
            return UNAUTHORIZED if anonymous else FORBIDDEN
        case "21000":
            return BAD_REQUEST if message.endswith("requires a WHERE clause") else INTERNAL
        case "22023":
            unknown_role = message.startswith("role") and message.endswith("does not exist")
            return UNAUTHORIZED if unknown_role else BAD_REQUEST
    return _STATUS_OF_STATE.get(state) or _STATUS_OF_CLASS.get(state[:2], BAD_REQUEST)


def _raised_answer(message: str, detail: str | None) -> ApiError:
    """Reads the answer of a function that raises SQLSTATE `PGRST`: error in MESSAGE, status and headers in DETAIL."""
    try:
        error, answer = json.loads(message), json.loads(detail or "null")
        return ApiError(
            int(answer["status"]),
            str(error["code"]),
            str(error["message"]),
            error.get("details"),
            error.get("hint"),
            {str(name): str(value) for name, value in answer["headers"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        complaint = "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error"
        return ApiError(INTERNAL, "PGRST121", complaint, detail)
