"""A server that answers as a test scripts it, for answers that no faithful sandbox sends."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Script = Callable[[BaseHTTPRequestHandler], None]
TOKEN = b'{"access_token": "our-token", "expires_in": 599}'


class _Scripted(BaseHTTPRequestHandler):
    script: Script
    asked: list[str]
    sent: Any = None
    """The request's JSON."""

    def do_GET(self) -> None:
        self.asked.append(f"{self.command} {self.path}")
        type(self).script(self)

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        is_json = self.headers.get("content-type", "").startswith("application/json")
        self.sent = json.loads(body) if is_json else None
        if self.path.endswith("/oauth2/token"):
            respond(self, 200, TOKEN)
        else:
            self.do_GET()

    do_POST = do_PUT  # noqa: N815  # the base class's names

    def log_message(self, *_: object) -> None:
        """Logs nothing."""


def respond(handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    handler.send_response(status)
    sent = {"content-length": str(len(body)), "content-type": "application/json", **headers}
    for name, value in sent.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def trickling(ended: threading.Event) -> Script:
    """Sends one byte at a time until the test sets `ended` or the client hangs up."""

    def script(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", "1000000")
        handler.end_headers()
        try:
            while not ended.wait(0.02):
                handler.wfile.write(b" ")
        except OSError:
            pass  # the client has hung up

    return script


@contextmanager
def serving(script: Script) -> Iterator[tuple[str, list[str]]]:
    """The server's address, and the calls so far as `GET /path`. It answers token calls itself and leaves them out."""
    asked: list[str] = []
    handler = type("Scripted", (_Scripted,), {"script": staticmethod(script), "asked": asked})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()
