"""Runs the emulator in this process until SIGTERM or SIGINT."""

import asyncio
import importlib
import os
import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from laptop.google.bigquery.emulator import correct_emulator

UPLOAD_LIMIT = 8 * 1024**3


class LaunchRefused(Exception):
    """The emulator cannot start with these options; the text says what to change."""


@dataclass(frozen=True)
class Launch:
    """Port 0 takes any free one; the ready line names it."""

    data_dir: Path
    rest_port: int = 0
    grpc_port: int = 0
    host: str = "127.0.0.1"


def serve(launch: Launch) -> None:
    """Prints one ready line, then serves until SIGTERM or SIGINT. Raises LaunchRefused, EmulatorChanged."""
    for name, port in (("--port", launch.rest_port), ("--grpc-port", launch.grpc_port)):
        _check_port(launch.host, name, port)
    asyncio.run(_serve(launch))


async def _serve(launch: Launch) -> None:
    server = _build(launch)
    stop = asyncio.Event()
    try:
        await _start(server, launch)
        # After the start, because the web server installs its own handlers during it.
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        print(f"bigquery: ready at {server.rest_url}, data in {launch.data_dir}", flush=True)  # noqa: T201 - the ready line
        await stop.wait()
    finally:
        await server.stop()


def _build(launch: Launch) -> Any:  # noqa: ANN401 - the emulator's server, imported only here
    # Before the first import, because the emulator configures logging and telemetry when its modules are loaded.
    os.environ["OTEL_SDK_DISABLED"] = "true"
    config = importlib.import_module("bqemulator.config")
    logging = importlib.import_module("bqemulator.observability.logging_")
    logging.configure_logging(level=config.LogLevel.ERROR, fmt=config.LogFormat.CONSOLE)
    correct_emulator()
    settings = config.Settings(
        rest_host=launch.host,
        rest_port=launch.rest_port,
        grpc_host=launch.host,
        grpc_port=launch.grpc_port,
        persistence_mode=config.PersistenceMode.PERSISTENT,
        data_dir=launch.data_dir,
        upload_staging_dir=_staging(launch.data_dir),
        upload_max_bytes=UPLOAD_LIMIT,
        # Days that a copy of the whole table is kept after each write. Nothing here uses time travel.
        time_travel_retention_days=0,
        enable_format_extensions=False,  # would be downloaded
        metrics_enabled=False,
        tracing_enabled=False,
        log_level=config.LogLevel.ERROR,
        log_format=config.LogFormat.CONSOLE,
    )
    return importlib.import_module("bqemulator.server").EmulatorServer(settings)


async def _start(server: Any, launch: Launch) -> None:  # noqa: ANN401 - see _build
    import duckdb  # noqa: PLC0415 - heavy

    try:
        await server.start()
    except duckdb.IOException as problem:
        raise LaunchRefused(f"{launch.data_dir} cannot be opened: {problem}") from problem


def _staging(data_dir: Path) -> Path:
    """The folder for uploads in progress. Removes the leftovers of a killed process."""
    folder = data_dir / "uploads"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.iterdir():
            leftover.unlink()
    except OSError as problem:
        raise LaunchRefused(f"--data-dir {data_dir} cannot be used: {problem}") from problem
    return folder


def _check_port(host: str, option: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            raise LaunchRefused(f"{option} {port} on {host} cannot be used: {problem.strerror}") from problem
