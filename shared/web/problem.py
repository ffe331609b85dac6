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


def problem_of(error: SwitchyardError) -> Problem:
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
    }
    headers: dict[str, str] = {}
    if isinstance(error, InvalidRequest):
        body["errors"] = [{"field": item.field, "message": item.message} for item in error.fields]
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = ", ".join(error.allowed)
    if isinstance(error, RetryLater):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    return Problem(error.status, body, headers)


def unexpected() -> Problem:
    """What a caller learns of a fault of ours: nothing of its inside."""
    return problem_of(
        SwitchyardError("something went wrong here; the log holds the details under the correlation id")
    )
