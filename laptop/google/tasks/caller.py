"""Calls the workers, over connections that are kept for a second.

A worker's server closes a connection that has been idle for longer: gunicorn after two seconds. A connection whose
other side has hung up is not used again, so that no delivery fails which no worker has seen.
"""

import asyncio
import ssl
import time
from dataclasses import dataclass
from functools import cached_property
from typing import cast
from urllib.parse import SplitResult, quote, urlsplit

import h11

from laptop.google.common.calls import DEADLINE_PASSED, UNREACHABLE, Call, Outcome, retry_after
from laptop.google.common.target import METHODS_WITH_BODY

KEPT = 1.0
_PORTS = {"http": 80, "https": 443}
_SAFE = "/%:@!$&'()*+,;=?~"


class _Unreached(Exception):
    """There is no whole answer."""


@dataclass(frozen=True)
class _Origin:
    scheme: str
    host: str
    port: int


class WorkerCaller:
    def __init__(self) -> None:
        self._idle: dict[_Origin, list[_Connection]] = {}

    async def make(self, call: Call, deadline: float) -> Outcome:
        """Takes at most `deadline` seconds in all. Follows no redirect."""
        try:
            async with asyncio.timeout(deadline):
                return await self._exchange(call)
        except TimeoutError:
            return DEADLINE_PASSED
        except _Unreached:
            return UNREACHABLE

    async def _exchange(self, call: Call) -> Outcome:
        try:
            url = urlsplit(call.url)
            origin = _Origin(url.scheme, url.hostname or "", url.port or _PORTS[url.scheme])
        except (ValueError, KeyError) as wrong:
            raise _Unreached(str(wrong)) from wrong
        connection = self._kept(origin) or await self._connect(origin)
        try:
            response = await connection.ask(call, url)
        except BaseException:
            connection.close()
            raise
        if connection.end():
            self._idle.setdefault(origin, []).append(connection)
        asked = next((value.decode() for name, value in response.headers if name == b"retry-after"), None)
        return Outcome(response.status_code, retry_after=retry_after(asked, time.time()))

    def _kept(self, origin: _Origin) -> "_Connection | None":
        """The connection that was used last; those before it may be too old, and are then closed."""
        idle = self._idle.get(origin, [])
        while idle:
            connection = idle.pop()
            if connection.is_fit():
                return connection
            connection.close()
        return None

    async def _connect(self, origin: _Origin) -> "_Connection":
        loop = asyncio.get_running_loop()
        tls = self._tls if origin.scheme == "https" else None
        try:
            _, connection = await loop.create_connection(_Connection, origin.host, origin.port, ssl=tls)
        except (OSError, ValueError) as unreached:  # ValueError: a host name that the resolver cannot take
            raise _Unreached(str(unreached)) from unreached
        return connection

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    async def close(self) -> None:
        for idle in self._idle.values():
            for connection in idle:
                connection.close()
        self._idle.clear()


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._state = h11.Connection(h11.CLIENT)
        self._answer: asyncio.Future[h11.Response] | None = None
        self._head: h11.Response | None = None
        self._loop = asyncio.get_running_loop()
        self._used = self._loop.time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._answer is None:  # nothing was asked
            self.close()
            return
        self._state.receive_data(data)
        self._read()

    def eof_received(self) -> None:
        """Lets the transport be closed: the end of an answer without a length, or that of the connection."""
        self.data_received(b"")

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(error or _Unreached("the connection was closed"))

    def ask(self, call: Call, url: SplitResult) -> "asyncio.Future[h11.Response]":
        """Sends the call at once; the answer's head is given when the whole answer is there."""
        self._answer = self._loop.create_future()
        self._head = None
        try:
            request = h11.Request(method=call.method, target=_target(url), headers=_headers(call, url))
            content = bytearray(self._state.send(request) or b"")
            if call.body:
                content += self._state.send(h11.Data(data=call.body)) or b""
            content += self._state.send(h11.EndOfMessage()) or b""
        except (h11.LocalProtocolError, UnicodeError) as wrong:
            self._fail(wrong)
        else:
            self._transport.write(bytes(content))
        return self._answer

    def end(self) -> bool:
        """Whether another call may follow."""
        whole = self._state.our_state is h11.DONE and self._state.their_state is h11.DONE
        if not whole or self._transport.is_closing():
            self.close()
            return False
        self._state.start_next_cycle()
        self._answer = None
        self._used = self._loop.time()
        return True

    def is_fit(self) -> bool:
        return not self._transport.is_closing() and self._loop.time() - self._used < KEPT

    def close(self) -> None:
        self._transport.close()

    def _read(self) -> None:
        try:
            while True:
                event = self._state.next_event()
                if isinstance(event, h11.Response):
                    self._head = event
                elif isinstance(event, h11.EndOfMessage):
                    break
                elif event in (h11.NEED_DATA, h11.PAUSED):
                    return
        except h11.RemoteProtocolError as wrong:
            self._fail(wrong)
            return
        assert self._head is not None
        assert self._answer is not None
        if not self._answer.done():
            self._answer.set_result(self._head)

    def _fail(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            failure = error if isinstance(error, _Unreached) else _Unreached(str(error))
            self._answer.set_exception(failure)


def _target(url: SplitResult) -> str:
    query = f"?{quote(url.query, safe=_SAFE)}" if url.query else ""
    return quote(url.path or "/", safe=_SAFE) + query


def _headers(call: Call, url: SplitResult) -> list[tuple[bytes, bytes]]:
    own = [("Host", url.netloc.rpartition("@")[2])]
    if call.body or call.method in METHODS_WITH_BODY:
        own.append(("Content-Length", str(len(call.body))))
    return [(name.encode(), value.encode()) for name, value in (*own, *call.headers)]
