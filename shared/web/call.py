import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict
from werkzeug.datastructures import Headers

CORRELATION_HEADER = "X-Correlation-Id"
_CORRELATION = re.compile(r"[A-Za-z0-9_.:/-]{1,128}")


class RequestModel(BaseModel):
    """A request body or query. An unknown field is an error: a misspelt option must not pass for a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NoInput(RequestModel):
    """For calls that take neither body nor query."""


@dataclass(frozen=True)
class Call:
    """What surrounds a request."""

    headers: Headers
    path: Mapping[str, str]
    correlation_id: str


@dataclass(frozen=True)
class Answer:
    """`body` is JSON-safe; `logged` joins the request's log line and must hold no personal data."""

    body: Mapping[str, Any]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    logged: Mapping[str, Any] = field(default_factory=dict)


def correlation_of(headers: Headers) -> str:
    """The caller's id when it is well formed, else the platform's trace id, else a new one."""
    for name in (CORRELATION_HEADER, "X-Cloud-Trace-Context"):
        if found := _CORRELATION.match(headers.get(name, "")):
            return found.group() if name == CORRELATION_HEADER else found.group().partition("/")[0]
    return uuid.uuid4().hex
