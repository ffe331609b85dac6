"""Starts one sandbox and serves it until a signal stops it."""

import argparse
import signal
import socket
import sqlite3
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import FrameType
from typing import NoReturn

import uvicorn
from starlette.types import ASGIApp

from laptop.faults import DroppableProtocol


class _Server(uvicorn.Server):
    """Prints one line as soon as it listens."""

    def __init__(self, config: uvicorn.Config, ready: str) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(self._ready, flush=True)  # noqa: T201  # its starter waits for this line


Opened = tuple[ASGIApp, str]
"""The app, and a few words on what it holds for the line that says it is ready."""


def sandbox_parser(folder: str, vendor: str) -> argparse.ArgumentParser:
    """The options that every sandbox takes."""
    parser = argparse.ArgumentParser(
        prog=f"python -m laptop.vendors.{folder}", description=f"A {vendor} sandbox."
    )
    parser.add_argument("--port", type=int, required=True, help="0 lets the system choose one")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument(
        "--data-dir", type=Path, required=True, metavar="DIR", help="folder of its SQLite file"
    )
    return parser


def run(
    name: str,
    given: argparse.Namespace,
    opened: Callable[[argparse.Namespace], AbstractContextManager[Opened]],
) -> int:
    """Serves until SIGTERM or SIGINT and returns 0; 1 if the port is taken, 2 if a file or folder cannot be used.

    The ready line is `<name> ready on http://<host>:<port> (<words>)`.
    """
    with ExitStack() as stack:
        try:
            app, words = stack.enter_context(opened(given))
        except (OSError, ValueError, sqlite3.Error) as unusable:
            complain(f"{name}: {unusable}")
            return 2
        try:
            listener = stack.enter_context(socket.create_server((given.host, given.port)))
        except OSError as taken:
            complain(f"{name}: cannot listen on {given.host}:{given.port}: {taken.strerror}")
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
        ready = f"{name} ready on http://{given.host}:{listener.getsockname()[1]} ({words})"
        _serve_until_signal(_Server(config, ready), listener)
    return 0


def _serve_until_signal(server: uvicorn.Server, listener: socket.socket) -> None:
    """A signal to stop is no failure: uvicorn stops in order, then raises it again, and `_leave` exits with 0."""
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, _leave)
    server.run(sockets=[listener])


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


def complain(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201  # a program reports errors so
