"""Calls a deployed function, tries again where that does no harm, and reads the reply."""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from http import HTTPStatus
from typing import Any, Self, TypeVar
from urllib.parse import unquote

import httpx

from cli.addresses import Address
from cli.failures import NoAnswer, NotReached, Refused, WrongUsage
from shared.retries import Again, RetryPolicy, retry_after

T = TypeVar("T")

_REDIRECTS = range(300, 400)
_SERVER_ERRORS = range(500, 600)
_FILE_NAME = re.compile(r"attachment;.*\bfilename\*=UTF-8''([^;\s]+)", re.IGNORECASE)
"""Every function sends the name in this form too (shared/web/call.py)."""
_IDENTITY = "give an identity that may call it: SWITCHYARD_TOKEN=$(gcloud auth print-identity-token)"


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    content: bytes

    @cached_property
    def json(self) -> dict[str, Any] | None:
        """None when the content is not a JSON object."""
        try:
            found = json.loads(self.content)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None

    @property
    def problem(self) -> dict[str, Any] | None:
        """The body when one of our functions refused the call, not a proxy or the platform."""
        return self.json if self.json and "detail" in self.json and "code" in self.json else None

    @property
    def summary(self) -> str:
        return str(self.problem["detail"]) if self.problem else f"{self.status} {_phrase(self.status)}"


@dataclass(frozen=True)
class FileReply:
    """`name` holds no folder and does not hide the file."""

    content: bytes
    name: str
    media_type: str


def read_answer(reply: Reply, address: Address) -> dict[str, Any]:
    """Raises Refused and NotReached."""
    if reply.status == HTTPStatus.OK and reply.json is not None:
        return reply.json
    raise _unusable(reply, address)


def read_file(reply: Reply, address: Address) -> FileReply:
    """Raises Refused and NotReached, also for an answer that is no file by its Content-Disposition."""
    given = _FILE_NAME.match(reply.headers.get("Content-Disposition", ""))
    if reply.status == HTTPStatus.OK and given:
        name = re.sub(r"[/\\\x00-\x1f\x7f]", "_", unquote(given[1])).lstrip(".")
        return FileReply(reply.content, name or "unnamed", reply.headers.get("Content-Type", ""))
    raise _unusable(reply, address)


def _unusable(reply: Reply, address: Address) -> Refused | NotReached:
    if reply.problem:
        return Refused(f"{address.function} refused: {_detail(reply, reply.problem)}")
    message = f"{address.function} at {address.url} answered {reply.status} {_phrase(reply.status)}"
    if reply.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return Refused(f"{message}; {_IDENTITY}")
    if reply.status in _SERVER_ERRORS:
        return Refused(f"{message}; its log says why")
    if reply.status in _REDIRECTS:
        message += f", pointing to {reply.headers.get('Location', 'nowhere')}"
    return NotReached(f"{message}: this is not the function; is the address right?")


def _detail(reply: Reply, problem: Mapping[str, Any]) -> str:
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


RETRIES = RetryPolicy(tries=3, first_pause=0.3, longest_pause=30.0, spread=(0.5, 1.5))
CONNECT_TIMEOUT = 10.0

NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
NOT_AVAILABLE = (429, 502, 503, 504)


@dataclass(frozen=True)
class Call:
    """`repeatable`: the call may be sent again when its answer was lost. `timeout`, in seconds, limits one try."""

    method: str
    path: str
    timeout: float
    repeatable: bool
    query: Mapping[str, str | int] | None = None
    body: Mapping[str, Any] | None = None


class Client:
    """Calls one function; use it in a `with`. `notify` gets a line for each failed try; the token is not logged."""

    def __init__(
        self,
        address: Address,
        token: str | None,
        *,
        notify: Callable[[str], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if token and not address.is_private:
            raise WrongUsage(f"{address.url}: a token is sent over https only, or to this machine")
        self.address = address
        self._notify = notify
        self._sleep = sleep
        # a proxy from the environment is only for other machines
        self._http = httpx.Client(
            headers={"Authorization": f"Bearer {token}"} if token else {},
            trust_env=not address.is_loopback,
            verify=address.url.startswith(
                "https"
            ),  # no redirects are followed, and loading the certificates takes 0.1 s
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def answer(self, call: Call) -> dict[str, Any]:
        """The JSON object that the function answers. Raises NotReached and Refused."""
        return self._answered(call, read_answer)

    def file(self, call: Call) -> FileReply:
        """The whole file that the function answers. Raises NotReached and Refused."""
        return self._answered(call, read_file)

    def _answered(self, call: Call, read: Callable[[Reply, Address], T]) -> T:
        answer = RETRIES.run(
            lambda: self._try(call, read),
            self._sleep,
            lambda failure, wait: self._notify(f"{failure}; trying again in {wait:.1f} s"),
        )
        if not isinstance(answer, Again):
            return answer
        if (answer.after or 0) > RETRIES.longest_pause:
            raise NoAnswer(f"{answer.reason}; it asks for a pause of {answer.after:.0f} s")
        raise answer.reason

    def _try(self, call: Call, read: Callable[[Reply, Address], T]) -> T | Again[NotReached]:
        try:
            reply = self._send(call)
        except httpx.RequestError as error:
            failure = self._failure(error, call.timeout)
            is_lost = call.repeatable and not isinstance(error, httpx.TimeoutException)
            if is_lost or isinstance(error, NEVER_SENT):
                return Again(failure)
            raise failure from error
        if reply.status not in NOT_AVAILABLE:
            return read(reply, self.address)
        place = f"{self.address.function} at {self.address.url}"
        failure = NoAnswer(f"{place} is not available now: {reply.summary}")
        if not call.repeatable:
            raise failure
        return Again(failure, retry_after(reply.headers, datetime.now(UTC)))

    def _send(self, call: Call) -> Reply:
        """The timeout limits each wait, the deadline limits an answer that comes byte by byte."""
        deadline = time.monotonic() + call.timeout
        timeout = httpx.Timeout(call.timeout, connect=min(call.timeout, CONNECT_TIMEOUT))
        url = self.address.url + call.path
        with self._http.stream(
            call.method, url, params=call.query, json=call.body, timeout=timeout
        ) as response:
            content = bytearray()
            for chunk in response.iter_bytes():
                content += chunk
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("the answer took too long", request=response.request)
            return Reply(response.status_code, response.headers, bytes(content))

    def _failure(self, error: httpx.RequestError, timeout: float) -> NotReached:
        function, url, advice = self.address.function, self.address.url, self.address.advice
        if isinstance(error, httpx.TimeoutException) and not isinstance(error, NEVER_SENT):
            return NoAnswer(f"{function} at {url} did not answer within {timeout:g} s (--timeout)")
        reason = str(error) or type(error).__name__
        if isinstance(error, NEVER_SENT):
            return NotReached(f"could not reach {function} at {url}: {reason}; {advice}")
        return NoAnswer(f"{function} at {url} broke off: {reason}; {advice}")
