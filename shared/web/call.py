import logging
import re
import unicodedata
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict
from werkzeug.datastructures import Headers

from shared.errors import NotFound

CORRELATION_HEADER = "X-Correlation-Id"
_CORRELATION = re.compile(r"[A-Za-z0-9_.:/-]{1,128}")


class RequestModel(BaseModel):
    """A request body or query. An unknown field is an error: a misspelt option must not pass for a default."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class NoInput(RequestModel):
    """The request of a call that takes neither body nor query."""


@dataclass(frozen=True)
class Call:
    """The parts of a request beside its body and query."""

    headers: Headers
    path: Mapping[str, str]
    correlation_id: str


@dataclass(frozen=True)
class Answer:
    """`body` is JSON-safe; `logged` is added to the request's log entry and must hold no personal data.

    `severity` is that of the log entry.
    """

    body: Mapping[str, Any]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    logged: Mapping[str, Any] = field(default_factory=dict)
    severity: int = logging.INFO


@dataclass(frozen=True)
class File:
    """An answer that is not JSON. The caller is asked to save it as `name`; nobody on the way keeps a copy."""

    content: bytes
    media_type: str
    name: str
    logged: Mapping[str, Any] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        """A client that does not know RFC 6266's `filename*` gets the name in ASCII, with _ for what it lacks."""
        letters = unicodedata.normalize("NFKD", self.name).encode("ascii", "ignore").decode()
        plain = re.sub(r'[^ -~]|["\\/%]', "_", letters)
        encoded = quote(self.name, safe="", errors="replace")
        return {
            "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }


Pdf = Annotated[File, "application/pdf"]
Csv = Annotated[File, "text/csv"]
Attachment = Annotated[File, "application/octet-stream"]
"""Return types of handlers, from which infra/openapi describes the interface."""


@dataclass(frozen=True)
class Page:
    """An answer for a browser. `logged` and `severity` are as in `Answer`."""

    content: str | bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "text/html; charset=utf-8"
    logged: Mapping[str, Any] = field(default_factory=dict)
    severity: int = logging.INFO


def uuid_in(call: Call, what: str) -> uuid.UUID:
    """The path's id. Raises NotFound for a text that is no UUID."""
    text = call.path["id"]
    try:
        return uuid.UUID(text)
    except ValueError:
        raise NotFound(f"no {what} {text[:100]}") from None


def correlation_of(headers: Headers) -> str:
    """Returns the caller's id if it is well formed, else the platform's trace id, else a new id."""
    trace_id = headers.get("X-Cloud-Trace-Context", "").partition("/")[0]
    for given in (headers.get(CORRELATION_HEADER, ""), trace_id):
        if _CORRELATION.fullmatch(given):
            return given
    return uuid.uuid4().hex
