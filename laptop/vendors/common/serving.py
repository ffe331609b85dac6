"""Runs one sandbox until it is told to stop."""

import signal
import socket
import sys
from types import FrameType
from typing import NoReturn

import uvicorn
from starlette.types import ASGIApp

from laptop.faults import DroppableProtocol


class _Server(uvicorn.Server):
    """Says once, in one line, that it listens."""

    def __init__(self, config: uvicorn.Config, ready: str) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(self._ready, flush=True)  # noqa: T201  # the line that whoever started it waits for


def serve(name: str, app: ASGIApp, host: str, port: int, facts: str) -> int:
    """Serves until SIGTERM or SIGINT and returns 0; 1 where the port is taken. Port 0 lets the system choose.

    The ready line is `<name> ready on http://<host>:<port> (<facts>)`.
    """
    try:
        listener = socket.create_server((host, port))
    except OSError as taken:
        complain(f"{name}: cannot listen on {host}:{port}: {taken.strerror}")
        return 1
    config = uvicorn.Config(
        app,
        http=DroppableProtocol,
        ws="none",
        lifespan="off",
        log_level="critical",
        access_log=False,
        timeout_graceful_shutdown=2,
        timeout_keep_alive=60,
    )
    ready = f"{name} ready on http://{host}:{listener.getsockname()[1]} ({facts})"
    with listener:
        _until_told_to_stop(_Server(config, ready), listener)
    return 0


def _until_told_to_stop(server: uvicorn.Server, listener: socket.socket) -> None:
    """Being told to is no failure: uvicorn stops in order, then raises the signal again, which ends here."""
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, _leave)
    server.run(sockets=[listener])


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


def complain(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201  # a program's own error line
