"""The process: reads its options, opens the data file, serves gRPC and the control address, ends on a signal."""

import argparse
import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import grpc
import uvicorn
from starlette.applications import Starlette
from uvicorn.loops.auto import auto_loop_factory

from laptop.google.common.journal import DataFileUnusable, Journal

_GRACE = 1.0


class PortTaken(Exception):
    """The port in question cannot be used."""


@dataclass(frozen=True)
class Service:
    """`work` runs beside the two servers until it is cancelled; a part of it that ends, ends the process."""

    handlers: grpc.GenericRpcHandler
    control: Starlette
    work: tuple[Callable[[], Coroutine[None, None, None]], ...]


Build = Callable[[Journal], AbstractAsyncContextManager[Service]]


def server_parser(module: str, description: str | None) -> argparse.ArgumentParser:
    """The options that both servers have."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("--port", type=int, required=True, help="for the gRPC API; 0: any free one")
    parser.add_argument(
        "--control-port", type=int, required=True, help="for health, log and faults; 0: any free one"
    )
    parser.add_argument("--data-file", type=Path, required=True, help="SQLite; created when missing")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    return parser


def add_seconds(parser: argparse.ArgumentParser, option: str, default: float, meaning: str) -> None:
    parser.add_argument(
        option, type=float, default=default, metavar="SECONDS", help=f"{meaning} (default: %(default)g)"
    )


def run(product: str, options: argparse.Namespace, schema: str, build: Build) -> int:
    """Serves until SIGTERM or SIGINT; returns the exit status."""
    try:
        with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
            runner.run(_open_and_serve(product, options, schema, build))
    except (PortTaken, DataFileUnusable) as error:
        print(error, file=sys.stderr)  # noqa: T201  # a program's last words
        return 1
    return 0


class _ControlServer(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves the signals to the process."""
        yield


async def _open_and_serve(product: str, options: argparse.Namespace, schema: str, build: Build) -> None:
    with _listen(options.host, options.control_port) as control_socket:
        journal = Journal(options.data_file, schema)
        try:
            async with build(journal) as service:
                await _serve(product, options, service, control_socket)
        finally:
            journal.close()


async def _serve(
    product: str, options: argparse.Namespace, service: Service, control_socket: socket.socket
) -> None:
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((service.handlers,))
    port = _bind(server, options)
    await server.start()
    control = _ControlServer(_config(service.control))
    controlling = asyncio.create_task(control.serve([control_socket]))
    working = [asyncio.create_task(work()) for work in service.work]
    try:
        stopped = _on_signal()
        print(  # noqa: T201  # the ready line
            f"{product} ready on {options.host}:{port}, "
            f"control on http://{options.host}:{control_socket.getsockname()[1]}",
            flush=True,
        )
        await asyncio.wait({*working, controlling, stopped}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await server.stop(_GRACE)
        control.should_exit = True
        for task in working:
            task.cancel()
        ended = await asyncio.gather(*working, controlling, return_exceptions=True)
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


def _bind(server: grpc.aio.Server, options: argparse.Namespace) -> int:
    try:
        return server.add_insecure_port(f"{options.host}:{options.port}")
    except RuntimeError as error:
        raise PortTaken(
            f"The port {options.port} cannot be used: is another server running on it?"
        ) from error
