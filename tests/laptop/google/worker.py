"""An HTTP worker that gives the scripted answers to each task and remembers every request."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.laptop.google.server import PATIENCE


@dataclass(frozen=True)
class Answer:
    """`until` holds the answer back until the test sets it."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    until: threading.Event | None = None


@dataclass
class Call:
    """`answered` is set when the handler has ended, even if the caller had hung up."""

    method: str
    headers: dict[str, str]
    body: bytes
    arrived: float
    at_once: int
    answered: threading.Event = field(default_factory=threading.Event)


class Worker:
    """The path of a request is its key. The last scripted answer repeats; the default is 200."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._changed = threading.Condition()
        self._calls: dict[str, list[Call]] = defaultdict(list)
        self._answers: dict[str, Sequence[Answer]] = {}
        self._at_work: dict[str, int] = defaultdict(int)

    def url(self, key: str) -> str:
        return f"http://127.0.0.1:{self._port}/{key}"

    def script(self, key: str, *answers: Answer) -> None:
        self._answers[key] = answers

    def calls(self, key: str, count: int = 0) -> list[Call]:
        """All calls so far, once there are at least `count`."""
        with self._changed:
            came = self._changed.wait_for(lambda: len(self._calls[key]) >= count, PATIENCE)
            assert came, f"only {len(self._calls[key])} of {count} deliveries came"
            return list(self._calls[key])

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        key = handler.path.lstrip("/")
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        with self._changed:
            self._at_work[key] += 1
            headers = dict(handler.headers.items())
            call = Call(handler.command, headers, body, time.time(), self._at_work[key])
            self._calls[key].append(call)
            answers = self._answers.get(key) or [Answer()]
            answer = answers[min(len(self._calls[key]), len(answers)) - 1]
            self._changed.notify_all()
        if answer.until:
            answer.until.wait(PATIENCE)
        with self._changed:
            self._at_work[key] -= 1
        with suppress(ConnectionError):
            handler.send_response(answer.status)
            for name, value in answer.headers.items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
        call.answered.set()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512


@contextmanager
def working() -> Iterator[Worker]:
    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            worker.handle(self)

        do_GET = do_POST = do_PUT = handle_any  # noqa: N815  # the names the base class looks for

        def log_message(self, *_: object) -> None:
            pass

    with _Server(("127.0.0.1", 0), Handler) as server:
        worker = Worker(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield worker
        finally:
            server.shutdown()
            thread.join()
