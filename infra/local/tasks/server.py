"""The process: opens the data file, takes up its work, serves both faces, ends cleanly on a signal."""

import asyncio
import contextlib
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import uvicorn
from starlette.applications import Starlette

from infra.local.tasks.books import Books
from infra.local.tasks.control import control_app
from infra.local.tasks.delivery import Courier
from infra.local.tasks.dispatcher import Dispatcher
from infra.local.tasks.faults import Faults
from infra.local.tasks.journal import Journal
from infra.local.tasks.limits import Settings
from infra.local.tasks.registry import Registry
from infra.local.tasks.rpc import handlers
from infra.local.tasks.service import CloudTasksService

_GRACE = 1.0


class PortTaken(Exception):
    """A port that was asked for cannot be had."""


@dataclass(frozen=True)
class Options:
    """A port of 0 means any free one."""

    data_file: Path
    port: int
    control_port: int
    host: str = "127.0.0.1"
    settings: Settings = field(default_factory=Settings)


class _ControlServer(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves the signals to the process."""
        yield


async def serve(options: Options) -> None:
    """Runs until SIGTERM or SIGINT. Raises PortTaken and DataFileUnusable."""
    with _listen(options.host, options.control_port) as control_socket:
        journal = Journal(options.data_file)
        try:
            await _serve(options, journal, control_socket)
        finally:
            journal.close()


async def _serve(options: Options, journal: Journal, control_socket: socket.socket) -> None:
    registry, books, faults, courier = (
        Registry(journal, options.settings, time.time),
        Books(journal),
        Faults(),
        Courier(),
    )
    await registry.load()
    await books.open()
    dispatcher = Dispatcher(registry, books, courier, faults)
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((handlers(CloudTasksService(registry, dispatcher, faults)),))
    port = _bind(server, options)
    await server.start()
    control = _ControlServer(_config(control_app(registry, books, faults)))
    dispatching = asyncio.create_task(dispatcher.run())
    housekeeping = asyncio.create_task(dispatcher.keep_house())
    controlling = asyncio.create_task(control.serve([control_socket]))
    try:
        stopped = _on_signal()
        print(  # noqa: T201  # the line that says it is ready
            f"Cloud Tasks ready on {options.host}:{port}, control on http://{options.host}:{control_socket.getsockname()[1]}",
            flush=True,
        )
        await asyncio.wait(
            {dispatching, housekeeping, controlling, stopped}, return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        await server.stop(_GRACE)
        control.should_exit = True
        dispatching.cancel()
        housekeeping.cancel()
        ended = await asyncio.gather(dispatching, housekeeping, controlling, return_exceptions=True)
        await courier.close()
    for end in ended:
        if isinstance(end, Exception):
            raise end


def _on_signal() -> "asyncio.Future[None]":
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[None] = loop.create_future()

    def stop() -> None:
        if not stopped.done():
            stopped.set_result(None)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    return stopped


def _config(app: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        app, lifespan="off", ws="none", log_level="warning", access_log=False, timeout_graceful_shutdown=1
    )


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise PortTaken(f"The control port {port} cannot be used: {error.strerror}.") from error


def _bind(server: grpc.aio.Server, options: Options) -> int:
    try:
        return server.add_insecure_port(f"{options.host}:{options.port}")
    except RuntimeError as error:
        raise PortTaken(
            f"The port {options.port} cannot be used: is another server running on it?"
        ) from error
