"""Bounded calls to one vendor's host.

A call returns a whole answer or raises. For a call that changes something, the error says whether it was sent:

    TransportFailure
    ├── NothingSent    no connection: the vendor never saw the call
    │   └── TooLate        the caller's time for it had passed before the first byte was sent
    └── AnswerLost     it was sent, at least in part; the vendor may have acted
        ├── AnswerTooLarge      there is an answer, longer than is allowed
        └── AnswerUnreadable    there is an answer that cannot be decompressed
"""

import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import httpx

from shared.connections import PerThread
from shared.errors import SettingsInvalid
from shared.kept_connection import kept_client
from shared.vendors.response import Response

_BEFORE_SENDING = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


@dataclass(frozen=True)
class CallBounds:
    """Seconds for one HTTP call (`total` is checked between pieces of an answer), bytes for its answer."""

    connect: float = 5.0
    read: float = 20.0
    total: float = 30.0
    largest_answer: int = 20_000_000


class TransportFailure(Exception):
    """There is no whole answer. The message names the kind of failure, without secrets and content.

    `late`: connecting or answering took too long.
    """

    def __init__(self, message: str, *, late: bool = False) -> None:
        super().__init__(message)
        self.late = late


class NothingSent(TransportFailure):
    pass


class TooLate(NothingSent):
    pass


class AnswerLost(TransportFailure):
    pass


class AnswerTooLarge(AnswerLost):
    pass


class AnswerUnreadable(AnswerLost):
    pass


class Transport:
    """Calls to one host, shared by threads, each with its own connection. It follows no redirect and repeats nothing.

    Raises SettingsInvalid for an address to which secrets would travel unencrypted. `tls` is a context to
    share: each costs 20 ms and more. `lean` is for a vendor of many calls: see `shared.kept_connection`.
    """

    def __init__(
        self,
        vendor: str,
        base_url: str,
        bounds: CallBounds,
        tls: ssl.SSLContext | None = None,
        *,
        lean: bool = False,
    ) -> None:
        self._lean = lean
        self._base_url, self._is_local = checked_address(vendor, base_url)
        self._vendor = vendor
        self._bounds = bounds
        self._tls = tls
        self._building = threading.Lock()
        self._clients = PerThread(self._new_client, httpx.Client.close)

    def close(self) -> None:
        self._clients.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        is_late: Callable[[], bool] | None = None,
        **content: Any,  # noqa: ANN401  # httpx's own
    ) -> Response:
        """Makes one call, returns the whole answer. `path` is quoted, with a leading slash. Raises TransportFailure.

        `is_late` is asked when the connection stands, immediately before the first byte is sent; if so: TooLate.
        """
        deadline = time.monotonic() + self._bounds.total
        if is_late is not None:
            content["extensions"] = {"trace": _checked_before_sending(self._vendor, is_late)}
        try:
            with self._clients.current().stream(method, f"{self._base_url}{path}", **content) as answer:
                body = self._bounded_body(answer, deadline)
                headers = {name.lower(): value for name, value in answer.headers.items()}
                return Response(answer.status_code, headers, body)
        except _BEFORE_SENDING as unreached:
            message = f"{self._vendor} cannot be reached ({type(unreached).__name__})"
            raise NothingSent(message, late=isinstance(unreached, httpx.TimeoutException)) from None
        except httpx.TimeoutException as late:
            message = f"{self._vendor} did not answer in time ({type(late).__name__})"
            raise AnswerLost(message, late=True) from None
        except httpx.DecodingError:
            raise AnswerUnreadable(f"{self._vendor}'s answer cannot be decompressed") from None
        except httpx.HTTPError as lost:
            raise AnswerLost(f"{self._vendor}'s answer was lost ({type(lost).__name__})") from None

    def _bounded_body(self, answer: httpx.Response, deadline: float) -> bytes:
        body = bytearray()
        for piece in answer.iter_bytes():
            body += piece
            if len(body) > self._bounds.largest_answer:
                most = self._bounds.largest_answer
                raise AnswerTooLarge(f"{self._vendor}'s answer is larger than {most} bytes")
            if time.monotonic() > deadline:
                raise httpx.ReadTimeout("the whole answer took too long")
        return bytes(body)

    def _new_client(self) -> httpx.Client:
        bounds = self._bounds
        options: dict[str, Any] = {
            "timeout": httpx.Timeout(
                min(bounds.read, bounds.total), connect=min(bounds.connect, bounds.total)
            ),
            "trust_env": not self._is_local,  # a proxy of the environment cannot reach this loopback
            "follow_redirects": False,
        }
        if self._lean:
            return kept_client(self._shared_context(), **options)
        return httpx.Client(verify=self._shared_context(), **options)

    def _shared_context(self) -> ssl.SSLContext:
        """Built at the first call, as it takes a tenth of a second, and one for all threads' clients."""
        with self._building:
            if self._tls is None:
                self._tls = httpx.create_ssl_context(trust_env=not self._is_local)
            return self._tls


def _checked_before_sending(
    vendor: str, is_late: Callable[[], bool]
) -> Callable[[str, Mapping[str, Any]], None]:
    """A trace for httpcore, which tells it of each step of a call and closes the connection if it raises."""

    def trace(step: str, _info: Mapping[str, Any]) -> None:
        if step.endswith("send_request_headers.started") and is_late():
            raise TooLate(f"it had become too late for the call to {vendor}, which was not sent", late=True)

    return trace


def checked_address(vendor: str, base_url: str) -> tuple[str, bool]:
    """Returns the address without a last slash, and whether it is this machine; only there is http allowed."""
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    is_local = _is_loopback(host)
    is_plain = not (parts.username or parts.password or parts.query or parts.fragment)
    if not host or not is_plain or not (parts.scheme == "https" or (parts.scheme == "http" and is_local)):
        raise SettingsInvalid(
            f"{vendor}'s address must be https://<host> (http only for this machine), nothing else"
        )
    return base_url.rstrip("/"), is_local


def checked_header_value(vendor: str, name: str, value: str) -> str:
    """Returns the value if a header can carry it, else raises SettingsInvalid, which never shows it."""
    if not value or not all("\x21" <= character <= "\x7e" for character in value):
        raise SettingsInvalid(f"{vendor}'s {name} must be printable ASCII without spaces, and not empty")
    return value


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False
