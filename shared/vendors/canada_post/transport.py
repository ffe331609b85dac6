import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx

from shared.fulfillment.ports import NotSent, Unclear
from shared.vendors.canada_post.account import CallBounds
from shared.vendors.canada_post.answers import Answer

Pause = Callable[[float], None]
"""Waits for that many seconds."""

_NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


@dataclass(frozen=True)
class Call:
    """`patience` is how long the carrier may be silent, in seconds; `most` bytes of an answer are read."""

    method: str
    url: str
    headers: Mapping[str, str]
    patience: float
    most: int
    content: bytes | None = None


class Transport:
    """One HTTP call at a time, never repeated, never redirected, bounded in time and size.

    Threads share its connections. `tls` is a context to share: each costs 20 ms and more.
    """

    def __init__(
        self,
        bounds: CallBounds,
        *,
        is_local: bool,
        tls: ssl.SSLContext | None = None,
        pause: Pause = time.sleep,
    ) -> None:
        self._bounds = bounds
        self._is_local = is_local
        self._tls = tls
        self._pause = pause
        self._http: httpx.Client | None = None
        self._http_lock = threading.Lock()
        self._pace_lock = threading.Lock()
        self._last_call = float("-inf")

    def close(self) -> None:
        with self._http_lock:
            if self._http is not None:
                self._http.close()
                self._http = None

    def send(self, call: Call) -> Answer | NotSent | Unclear:
        """NotSent only where no byte of the call can have reached the carrier."""
        self._keep_apart()
        timeout = httpx.Timeout(call.patience, connect=min(self._bounds.connect, call.patience))
        deadline = time.monotonic() + call.patience + self._bounds.connect
        try:
            with self._client().stream(
                call.method, call.url, headers=dict(call.headers), content=call.content, timeout=timeout
            ) as answer:
                body, is_cut = _bounded_body(answer, call.most, deadline)
                headers = {name.lower(): value for name, value in answer.headers.items()}
                return Answer(answer.status_code, headers, body, is_cut)
        except _NOTHING_SENT as failed:
            return NotSent(f"Canada Post cannot be reached ({type(failed).__name__})")
        except httpx.TimeoutException as late:
            return Unclear(f"Canada Post did not answer in time ({type(late).__name__})")
        except httpx.DecodingError:
            return Unclear("Canada Post's answer cannot be decompressed")
        except httpx.HTTPError as failed:
            return Unclear(f"the connection to Canada Post was lost ({type(failed).__name__})")

    def _keep_apart(self) -> None:
        """Waits until the last call is long enough ago."""
        with self._pace_lock:
            early = self._last_call + self._bounds.apart - time.monotonic()
            if early > 0:
                self._pause(early)
            self._last_call = time.monotonic()

    def _client(self) -> httpx.Client:
        """Built once and late: its TLS context alone costs a tenth of a second."""
        with self._http_lock:
            if self._http is None:
                self._http = httpx.Client(
                    follow_redirects=False,
                    verify=True if self._tls is None else self._tls,
                    trust_env=not self._is_local,  # a proxy of the environment cannot reach this loopback
                )
            return self._http


def _bounded_body(answer: httpx.Response, most: int, deadline: float) -> tuple[bytes, bool]:
    """The body, and whether it was cut at the limit. Raises httpx.ReadTimeout when late."""
    body = bytearray()
    for piece in answer.iter_bytes():
        body += piece
        if len(body) > most:
            return bytes(body[:most]), True
        if time.monotonic() > deadline:
            raise httpx.ReadTimeout("the whole answer took too long")
    return bytes(body), False
