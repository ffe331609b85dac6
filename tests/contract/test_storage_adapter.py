"""The label shelf of the deployed code, against the local Supabase Storage."""

import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from laptop.supabase.rest.tokens import api_key
from laptop.supabase.storage.folder import Folder
from shared.cloud.storage import SupabaseLabelShelf
from shared.cloud.supabase import RETRIES
from shared.errors import StoreRefused, StoreUnavailable
from shared.wiring import common, fulfillment
from tests.ports import free_port
from tests.processes import PROJECT
from tests.rest_support import SECRET, Rest, program, serving

PDF = b"%PDF-1.7 a label"
NO_DATABASE = "postgresql://127.0.0.1:1/none"
STORAGE = "/storage/v1"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Rest]:
    with serving(NO_DATABASE, folder=Folder(tmp_path / "storage", ["labels"])) as rest:
        yield rest


@contextmanager
def shelf_at(
    url: str, key: str, *, bucket: str = "labels", timeout: float = 20
) -> Iterator[SupabaseLabelShelf]:
    with closing(SupabaseLabelShelf(url, key, bucket=bucket, timeout=timeout)) as made:
        yield made


def inject(server: Rest, *faults: dict[str, object]) -> None:
    order = {"faults": [{"path": STORAGE} | fault for fault in faults]}
    httpx.put(f"{server.url}/_control/faults", json=order).raise_for_status()


@pytest.mark.parametrize(
    "path", ["", "/a.pdf", "../a.pdf", "a/../b.pdf", "a//b", "a/", "a b", "a%2e", ".x", "a" * 501]
)
def test_a_path_that_could_lead_elsewhere_is_never_sent(path: str) -> None:
    with shelf_at("http://127.0.0.1:1", "key") as shelf:
        for call in (lambda: shelf.put(path, PDF), lambda: shelf.get(path)):
            with pytest.raises(StoreRefused, match="cannot be the path"):
                call()


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "error_before", "status": 503},
        {"kind": "error_after", "status": 500},
        {"kind": "rate_limited"},
        {"kind": "lost_answer"},
        {"kind": "timeout", "seconds": 2},
        {"kind": "html"},
        {"kind": "malformed"},
    ],
    ids=lambda fault: fault["kind"],
)
def test_a_passing_fault_is_retried_and_the_label_is_stored_once(
    server: Rest, tmp_path: Path, fault: dict[str, object]
) -> None:
    inject(server, fault | {"times": 1})
    with shelf_at(server.url, server.service_key, timeout=1) as shelf:
        shelf.put("A-1.pdf", PDF)
        assert shelf.get("A-1.pdf") == PDF
    stored = [path for path in (tmp_path / "storage").rglob("*") if path.is_file()]
    assert [path.read_bytes() for path in stored] == [PDF]


@pytest.mark.parametrize("fault", [{"kind": "error_before", "status": 503}, {"kind": "lost_answer"}], ids=str)
def test_a_lasting_fault_is_an_outage_after_a_few_tries(server: Rest, fault: dict[str, object]) -> None:
    inject(server, fault)
    with shelf_at(server.url, server.service_key) as shelf, pytest.raises(StoreUnavailable):
        shelf.put("A-1.pdf", PDF)
    struck = httpx.get(f"{server.url}/_control/faults").json()["faults"][0]["struck"]
    assert struck == RETRIES.tries


def test_a_refused_connection_is_an_outage() -> None:
    with shelf_at(f"http://127.0.0.1:{free_port()}", "key") as shelf, pytest.raises(StoreUnavailable):
        shelf.get("A-1.pdf")


def test_a_missing_bucket_is_refused_and_not_a_missing_label(server: Rest) -> None:
    with shelf_at(server.url, server.service_key, bucket="pictures") as shelf:
        for call in (lambda: shelf.put("A-1.pdf", PDF), lambda: shelf.get("A-1.pdf")):
            with pytest.raises(StoreRefused, match="Bucket not found"):
                call()


def test_a_wrong_key_is_refused_and_not_shown(server: Rest) -> None:
    foreign = api_key("another secret of sufficient length!")
    with shelf_at(server.url, foreign) as shelf, pytest.raises(StoreRefused) as refused:
        shelf.put("A-1.pdf", PDF)
    assert foreign not in str(refused.value)


def test_a_status_that_is_no_number_is_refused_and_not_repeated() -> None:
    calls = []

    class Odd(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            calls.append(self.path)
            body = b'{"statusCode": "?", "error": "odd", "message": "strange"}'
            self.send_response(400)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Odd) as odd:
        thread = threading.Thread(target=odd.serve_forever, args=(0.02,))
        thread.start()
        url = f"http://127.0.0.1:{odd.server_address[1]}"
        with shelf_at(url, "key") as shelf, pytest.raises(StoreRefused, match="strange"):
            shelf.get("A-1.pdf")
        odd.shutdown()
        thread.join()
    assert len(calls) == 1


def test_the_client_is_not_imported_before_it_is_needed() -> None:
    program = (
        "import sys, shared.cloud.storage; sys.exit(any(m in sys.modules for m in ('storage3', 'httpx')))"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=PROJECT, check=False).returncode == 0


def test_the_functions_shelf_uses_the_tls_context_that_all_clients_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SUPABASE_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("SUPABASE_SERVICE_ROLE_KEY", "key")
    common.tls()
    monkeypatch.setattr(ssl, "create_default_context", lambda **_: pytest.fail("a second TLS context"))
    fulfillment.label_shelf.forget()
    with closing(fulfillment.label_shelf()) as shelf, pytest.raises(StoreUnavailable):
        shelf.get("A-1.pdf")
    fulfillment.label_shelf.forget()


def test_closing_an_unused_shelf_does_nothing() -> None:
    SupabaseLabelShelf("http://127.0.0.1:1", "key", bucket="labels", timeout=1).close()


@contextmanager
def process(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    arguments = ("--port=0", f"--database-url={NO_DATABASE}", f"--storage-dir={folder}")
    with program(*arguments) as server:
        assert server.stdout
        yield server, server.stdout.readline().split()[-1].removesuffix("/rest/v1")


def test_a_killed_server_keeps_every_acknowledged_label_whole_and_no_partial_one(tmp_path: Path) -> None:
    folder = tmp_path / "storage"
    acknowledged: list[int] = []
    enough = threading.Event()
    content: Callable[[int], bytes] = lambda number: b"%PDF-" + str(number).encode() * 50_000  # noqa: E731  # a table

    with process(folder) as (server, url), ThreadPoolExecutor(4) as pool:

        def store(first: int) -> None:
            with shelf_at(url, api_key(SECRET), timeout=5) as shelf:
                number = first
                while True:
                    try:
                        shelf.put(f"orders/{number}.pdf", content(number))
                    except StoreUnavailable:
                        return
                    acknowledged.append(number)
                    if len(acknowledged) >= 40:
                        enough.set()
                    number += 4

        writers = [pool.submit(store, first) for first in range(4)]
        try:
            assert enough.wait(60)
        finally:
            server.kill()  # also ends the writers
        for writer in writers:
            writer.result()

    with process(folder) as (_, url), shelf_at(url, api_key(SECRET)) as shelf:
        for number in acknowledged:
            assert shelf.get(f"orders/{number}.pdf") == content(number)
        for path in (folder / "labels" / "orders").iterdir():
            assert path.read_bytes() == content(int(path.stem))
        assert list((folder / ".drafts").iterdir()) == []
