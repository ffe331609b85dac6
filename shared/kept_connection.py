"""One HTTP/1.1 connection under an httpx client: sockets and h11, which httpx's own transport is built on too.

That transport costs 0.2 ms more of each call here. It manages a pool, locks, and sends head and body apart.
"""

import select
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.request import getproxies

import h11
import httpx

_PIECE = 65_536
_LONGEST_HEAD = 102_400
_PORTS = {"http": 80, "https": 443}
_PROXIED = frozenset({"http", "https", "all"})
_SWITCHING = 101
_BEFORE_SENDING = "http11.send_request_headers.started"
"""The one step of httpcore's trace extension that is told of here."""

Origin = tuple[str, str, int]


def kept_client(
    tls: ssl.SSLContext,
    *,
    idle: float = 5.0,
    trust_env: bool = True,
    **options: Any,  # noqa: ANN401  # httpx's own
) -> httpx.Client:
    """A client for one thread, which keeps one connection for `idle` seconds after a call.

    Where the environment names a proxy, it is httpx's own transport that keeps it.
    """
    if trust_env and is_by_proxy():
        limits = httpx.Limits(max_connections=1, keepalive_expiry=idle)
        return httpx.Client(verify=tls, limits=limits, **options)
    return httpx.Client(transport=KeptConnection(tls, idle), trust_env=False, **options)


def is_by_proxy() -> bool:
    """Whether the environment names a proxy. Which calls it is for, httpx decides."""
    return bool(getproxies().keys() & _PROXIED)


class KeptConnection(httpx.BaseTransport):
    """For one thread, which reads or closes an answer before its next call."""

    def __init__(self, tls: ssl.SSLContext, idle: float) -> None:
        self._tls = tls
        self._idle = idle
        self._wire: _Wire | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Raises the errors of httpx's own transport, each in the same case."""
        limits: Mapping[str, float | None] = request.extensions.get("timeout", {})
        wire = self._wire_to(_origin(request.url), limits.get("connect"))
        try:
            if trace := request.extensions.get("trace"):
                trace(_BEFORE_SENDING, {"request": request})
            wire.send(request, limits.get("write"))
            head = wire.head(limits.get("read"))
        except BaseException:
            self.close()
            raise
        return httpx.Response(
            head.status_code,
            headers=list(head.headers),
            stream=_Body(wire, limits.get("read")),
            extensions={"http_version": b"HTTP/" + head.http_version, "reason_phrase": head.reason},
        )

    def _wire_to(self, origin: Origin, timeout: float | None) -> "_Wire":
        wire = self._wire
        if wire is None or wire.origin != origin or not wire.is_fit(self._idle):
            self.close()
            wire = self._wire = _Wire(origin, self._tls, timeout)
        return wire

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()
            self._wire = None


class _Wire:
    """A connected socket with the state of the protocol on it."""

    def __init__(self, origin: Origin, tls: ssl.SSLContext, timeout: float | None) -> None:
        self.origin = origin
        self._socket = _connected(origin, tls, timeout)
        self._timeout = timeout
        self._state = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LONGEST_HEAD)
        self._used = time.monotonic()

    def is_fit(self, idle: float) -> bool:
        """Whether a call may go over it: the one before is over, not long ago, and the server has not hung up.

        What came after an answer would be read as the next one.
        """
        if self._state.our_state is not h11.IDLE or self._state.trailing_data != (b"", False):
            return False
        if time.monotonic() - self._used > idle:
            return False
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        self._socket.close()

    def send(self, request: httpx.Request, timeout: float | None) -> None:
        url, state = request.url, self._state
        assert isinstance(request.stream, httpx.SyncByteStream)
        try:
            head = h11.Request(
                method=request.method.encode("ascii"), target=url.raw_path, headers=request.headers.raw
            )
            content = bytearray(state.send(head) or b"")
            for piece in request.stream:
                content += state.send(h11.Data(data=piece)) or b""
            content += state.send(h11.EndOfMessage()) or b""
        except h11.LocalProtocolError as wrong:
            raise httpx.LocalProtocolError(str(wrong), request=request) from wrong
        self._limit(timeout)
        try:
            self._socket.sendall(content)
        except TimeoutError as late:
            raise httpx.WriteTimeout(str(late), request=request) from late
        except (
            OSError
        ):  # a server may refuse a call before it has read it all, and its answer is there to read
            pass

    def head(self, timeout: float | None) -> h11.Response:
        while True:
            event = self._next(timeout)
            if isinstance(event, h11.Response):
                return event
            if isinstance(event, h11.InformationalResponse) and event.status_code == _SWITCHING:
                raise httpx.RemoteProtocolError("the server changes to a protocol that nobody asked for")

    def body(self, timeout: float | None) -> Iterator[bytes]:
        while isinstance(event := self._next(timeout), h11.Data):
            yield bytes(event.data)

    def end(self) -> None:
        """Readies the connection for the next call, or closes it when this one has not been read to its end."""
        if self._state.our_state is h11.DONE and self._state.their_state is h11.DONE:
            self._state.start_next_cycle()
            self._used = time.monotonic()
        else:
            self.close()

    def _next(self, timeout: float | None) -> object:
        self._limit(timeout)
        try:
            while (event := self._state.next_event()) is h11.NEED_DATA:
                self._state.receive_data(self._socket.recv(_PIECE))
        except TimeoutError as late:
            raise httpx.ReadTimeout(str(late)) from late
        except OSError as broken:
            raise httpx.ReadError(str(broken)) from broken
        except h11.RemoteProtocolError as wrong:
            raise httpx.RemoteProtocolError(str(wrong)) from wrong
        return event

    def _limit(self, timeout: float | None) -> None:
        if timeout != self._timeout:  # each change is a system call
            self._socket.settimeout(timeout)
            self._timeout = timeout


class _Body(httpx.SyncByteStream):
    def __init__(self, wire: _Wire, timeout: float | None) -> None:
        self._wire = wire
        self._timeout = timeout
        self._open = True

    def __iter__(self) -> Iterator[bytes]:
        return self._wire.body(self._timeout)

    def close(self) -> None:
        if self._open:
            self._open = False
            self._wire.end()


def _origin(url: httpx.URL) -> Origin:
    scheme = url.scheme
    if scheme not in _PORTS:
        raise httpx.UnsupportedProtocol(f"not http:// or https://: {scheme}://")
    return scheme, url.raw_host.decode("ascii"), url.port or _PORTS[scheme]


def _connected(origin: Origin, tls: ssl.SSLContext, timeout: float | None) -> socket.socket:
    scheme, host, port = origin
    try:
        plain = socket.create_connection((host, port), timeout)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return plain if scheme == "http" else tls.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise
    except TimeoutError as late:
        raise httpx.ConnectTimeout(str(late)) from late
    except (OSError, ValueError) as unreached:  # ValueError: a host name that TLS or the resolver cannot take
        raise httpx.ConnectError(str(unreached)) from unreached
