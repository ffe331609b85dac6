"""Errors as `application/problem+json` (RFC 9457): type, title, status, detail, code, and `errors` by field."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.errors import InvalidRequest, MethodNotAllowed, RetryLater, SwitchyardError

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Problem:
    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


INTERNAL_ERROR = 500
INSIDE = "something went wrong here; the log has the details under the correlation id"
"""A caller learns no details of our own faults."""


def problem_body(status: int, title: str, code: str, detail: str) -> dict[str, Any]:
    return {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code}


def problem_of(error: SwitchyardError) -> Problem:
    detail = INSIDE if error.status == INTERNAL_ERROR else error.detail
    body = problem_body(error.status, error.title, error.code, detail)
    headers: dict[str, str] = {}
    if isinstance(error, InvalidRequest):
        body["errors"] = [{"field": item.field, "message": item.message} for item in error.fields]
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = ", ".join(error.allowed)
    if isinstance(error, RetryLater):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    return Problem(error.status, body, headers)


def unexpected() -> Problem:
    return problem_of(SwitchyardError(INSIDE))
