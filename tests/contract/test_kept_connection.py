"""The connection under the clients of the database and the vendors, against a server that shows each connection."""

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shared.cloud.supabase import SupabaseRpc
from shared.kept_connection import kept_client
from shared.vendors.transport import CallBounds, Transport

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\ntrue"
LAST = OK.replace(b"Content-Type", b"Connection: close\r\nContent-Type")


@dataclass
class Server:
    """`answers` are given one by one; the last one repeats. `heads` holds the heads of the calls by connection."""

    answers: list[bytes]
    url: str = ""
    heads: list[list[str]] = field(default_factory=list)
    hang_up: bool = False
    ended: "list[threading.Event]" = field(default_factory=list)

    def serve(self, connection: socket.socket, number: int) -> None:
        with suppress(OSError), connection, connection.makefile("rb") as incoming:  # a client may hang up
            while head := _head(incoming):
                length = re.search(r"(?i)^content-length: (\d+)", head, re.MULTILINE)
                incoming.read(int(length[1]) if length else 0)
                self.heads[number].append(head)
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                connection.sendall(answer)
                if self.hang_up or b"Connection: close" in answer:
                    break
        self.ended[number].set()


def _head(incoming: BinaryIO) -> str:
    lines = []
    while (line := incoming.readline()) not in (b"\r\n", b""):
        lines.append(line.decode())
    return "".join(lines)


@contextmanager
def serving(*answers: bytes, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(list(answers or [OK]))
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
                connection = tls.wrap_socket(connection, server_side=True) if tls else connection
            except ssl.SSLError:
                continue
            except OSError:
                return
            server.heads.append([])
            server.ended.append(threading.Event())
            threads.append(threading.Thread(target=server.serve, args=(connection, len(server.heads) - 1)))
            threads[-1].start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    host = "localhost" if tls else "127.0.0.1"
    server.url = f"{'https' if tls else 'http'}://{host}:{listener.getsockname()[1]}"
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in (acceptor, *threads):
            thread.join()


@contextmanager
def client(tls: ssl.SSLContext | None = None, *, idle: float = 60) -> Iterator[httpx.Client]:
    with kept_client(tls or httpx.create_ssl_context(), idle=idle, timeout=10) as kept:
        yield kept


def test_the_calls_of_a_thread_go_over_one_connection() -> None:
    with serving() as server, client() as kept:
        assert [kept.post(server.url, json={}).json() for _ in range(3)] == [True] * 3
        assert [len(heads) for heads in server.heads] == [3]


def test_a_server_that_has_hung_up_is_connected_to_again() -> None:
    with serving() as server, client() as kept:
        server.hang_up = True
        for number in range(3):
            assert kept.post(server.url, json={}).json() is True
            assert server.ended[number].wait(10)
        assert [len(heads) for heads in server.heads] == [1, 1, 1]


def test_an_answer_that_ends_the_connection_is_read_whole() -> None:
    with serving(LAST) as server, client() as kept:
        assert [kept.get(server.url).json() for _ in range(2)] == [True, True]
        assert [len(heads) for heads in server.heads] == [1, 1]


def test_a_connection_is_not_kept_longer_than_is_allowed() -> None:
    with serving() as server, client(idle=0) as kept:
        assert [kept.get(server.url).json() for _ in range(2)] == [True, True]
        assert [len(heads) for heads in server.heads] == [1, 1]


def test_what_was_not_read_of_an_answer_cannot_become_the_next_one() -> None:
    with serving() as server, client() as kept:
        with kept.stream("GET", server.url) as answer:
            assert answer.status_code == 200
        assert kept.get(server.url).json() is True
        assert [len(heads) for heads in server.heads] == [1, 1]


def test_what_comes_after_an_answer_cannot_become_the_next_one() -> None:
    stray = OK.replace(b"true", b"null")
    with serving(OK + stray, OK) as server, client() as kept:
        assert [kept.get(server.url).json() for _ in range(2)] == [True, True]
        assert [len(heads) for heads in server.heads] == [1, 1]


def test_another_host_gets_another_connection() -> None:
    with serving() as one, serving() as other, client() as kept:
        for server in (one, other, one):
            assert kept.get(server.url).json() is True
        assert [len(one.heads), len(other.heads)] == [2, 1]


def test_a_hint_before_the_answer_is_passed_over() -> None:
    with serving(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK) as server, client() as kept:
        assert kept.get(server.url).json() is True


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"nothing of HTTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\ntrue",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 40_000 + b"\r\n",
    ],
    ids=["another protocol", "no HTTP", "two lengths", "endless head"],
)
def test_an_answer_that_is_not_one_is_an_error_and_ends_the_connection(answer: bytes) -> None:
    with serving(answer, OK) as server, client() as kept:
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            kept.get(server.url)
        assert kept.get(server.url).json() is True
        assert len(server.heads) == 2


def test_a_header_that_http_cannot_carry_is_not_sent() -> None:
    with serving() as server, client() as kept:
        with pytest.raises(httpx.LocalProtocolError):
            kept.get(server.url, headers={"x": "a\r\nb: c"})
        assert not any(server.heads)


def test_an_address_without_its_scheme_is_refused() -> None:
    with client() as kept, pytest.raises(httpx.UnsupportedProtocol):
        kept.get("ftp://127.0.0.1/")


# --- TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of `localhost`, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def server_side(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_over_tls_too_a_connection_is_kept(certificate: Path, server_side: ssl.SSLContext) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate))
    with serving(tls=server_side) as server, client(trusting) as kept:
        assert [kept.post(server.url, json={"a": "b" * 100_000}).json() for _ in range(3)] == [True] * 3
        assert [len(heads) for heads in server.heads] == [3]


def test_a_certificate_of_nobody_known_is_refused(server_side: ssl.SSLContext) -> None:
    with (
        serving(tls=server_side) as server,
        client() as kept,
        pytest.raises(httpx.ConnectError, match="verify"),
    ):
        kept.get(server.url)


def test_a_certificate_of_another_host_is_refused(certificate: Path, server_side: ssl.SSLContext) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate))
    with serving(tls=server_side) as server, client(trusting) as kept:
        elsewhere = server.url.replace("localhost", "127.0.0.1")
        with pytest.raises(httpx.ConnectError, match="mismatch"):
            kept.get(elsewhere)


# --- its users


def test_threads_that_call_the_database_have_a_connection_each() -> None:
    together = threading.Barrier(4)

    def work(rpc: SupabaseRpc) -> None:
        rpc.call("work", {})
        together.wait(10)
        rpc.call("work", {})

    with serving() as server:
        rpc = SupabaseRpc(server.url, "key", timeout=10)
        threads = [threading.Thread(target=work, args=(rpc,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [len(heads) for heads in server.heads] == [2, 2, 2, 2]
        assert all(ended.wait(10) for ended in server.ended)  # the threads' ends have closed them
        rpc.close()


def test_closing_the_client_of_the_database_ends_its_connections() -> None:
    with serving() as server:
        rpc = SupabaseRpc(server.url, "key", timeout=10)
        rpc.call("work", {})
        assert not server.ended[0].is_set()
        rpc.close()
        assert server.ended[0].wait(10)


def test_the_database_is_called_as_its_client_does_it() -> None:
    with serving() as server:
        rpc = SupabaseRpc(server.url, "our-key", timeout=10)
        rpc.call("work", {"a": 1})
        rpc.close()
        head = server.heads[0][0].lower()
    assert head.startswith("post /rest/v1/rpc/work http/1.1\r\n")
    for line in ("apikey: our-key", "authorization: bearer our-key", "content-type: application/json"):
        assert head.count(line) == 1
    assert head.count("\r\naccept-encoding: gzip, deflate") == head.count("\r\nuser-agent: ") == 1
    assert "x-client-info: supabase-py" in head


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_used(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with serving() as proxy:
        monkeypatch.setenv(variable, proxy.url)
        rpc = SupabaseRpc("http://database.example", "key", timeout=10)
        assert [rpc.call("work", {}) for _ in range(2)] == [True, True]
        rpc.close()
        assert [len(heads) for heads in proxy.heads] == [2]
        assert proxy.heads[0][0].startswith("POST http://database.example/rest/v1/rpc/work ")


def test_a_vendor_on_this_machine_is_reached_past_any_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with serving() as server:
        transport = Transport("Vendor", server.url, CallBounds(), lean=True)
        assert [transport.send("GET", "/a").body for _ in range(2)] == [b"true", b"true"]
        transport.close()
        assert [len(heads) for heads in server.heads] == [2]
