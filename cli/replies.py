"""What an HTTP reply means: the answer, or why there is none. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Any

from cli.addresses import Address
from cli.failures import NotReached, Refused

_REDIRECTS = range(300, 400)
_SERVER_ERRORS = range(500, 600)
_IDENTITY = "give an identity that may call it: SWITCHYARD_TOKEN=$(gcloud auth print-identity-token)"


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    content: bytes

    @cached_property
    def json(self) -> dict[str, Any] | None:
        """None when it is no JSON object."""
        try:
            found = json.loads(self.content)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None

    @property
    def problem(self) -> dict[str, Any] | None:
        """The body of a refusal by one of our functions, of all that may stand between."""
        return self.json if self.json and "detail" in self.json and "code" in self.json else None

    @property
    def summary(self) -> str:
        return str(self.problem["detail"]) if self.problem else f"{self.status} {_phrase(self.status)}"


def read_answer(reply: Reply, address: Address) -> dict[str, Any]:
    """Raises Refused and NotReached."""
    if reply.status == HTTPStatus.OK and reply.json is not None:
        return reply.json
    if reply.problem:
        raise Refused(f"{address.function} refused: {_told(reply, reply.problem)}")
    said = f"{address.function} at {address.url} answered {reply.status} {_phrase(reply.status)}"
    if reply.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise Refused(f"{said}; {_IDENTITY}")
    if reply.status in _SERVER_ERRORS:
        raise Refused(f"{said}; its log says why")
    if reply.status in _REDIRECTS:
        said += f", pointing to {reply.headers.get('Location', 'nowhere')}"
    raise NotReached(f"{said}: this is not the function; is the address right?")


def _told(reply: Reply, problem: Mapping[str, Any]) -> str:
    errors = problem.get("errors")
    if isinstance(errors, list) and errors:
        lines = [
            f"\n  {item.get('field')}: {item.get('message')}" for item in errors if isinstance(item, dict)
        ]
        return f"{problem.get('title', 'invalid request')}{''.join(lines)}"
    if reply.status in _SERVER_ERRORS:
        return f"{problem['detail']} (correlation id {reply.headers.get('X-Correlation-Id', 'unknown')})"
    return f"{problem['detail']} ({problem['code']})"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "(no known status)"
