"""`python -m laptop.google.scheduler`: the local Cloud Scheduler server as a foreground process."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from laptop.google.common.journal import DataFileUnusable
from laptop.google.common.serving import PortTaken
from laptop.google.scheduler.limits import ForcedTime, Settings
from laptop.google.scheduler.server import Options, serve


def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    try:
        asyncio.run(serve(options(given)))
    except (PortTaken, DataFileUnusable) as error:
        print(error, file=sys.stderr)  # noqa: T201  # a program's last words
        return 1
    return 0


def options(given: argparse.Namespace) -> Options:
    return Options(
        data_file=given.data_file,
        port=given.port,
        control_port=given.control_port,
        host=given.host,
        settings=Settings(given.min_attempt_deadline, ForcedTime(given.forced_schedule_time)),
    )


def parser() -> argparse.ArgumentParser:
    default = Settings()
    top = argparse.ArgumentParser(prog="python -m laptop.google.scheduler", description=__doc__)
    commands = top.add_subparsers(required=True, dest="command", metavar="COMMAND")

    server = commands.add_parser("serve", help="run the server until SIGTERM or Ctrl+C")
    server.add_argument("--port", type=int, required=True, help="for the gRPC API; 0: any free one")
    server.add_argument(
        "--control-port", type=int, required=True, help="for health, books, faults and clock; 0: any free one"
    )
    server.add_argument("--data-file", type=Path, required=True, help="SQLite; made when missing")
    server.add_argument("--host", default="127.0.0.1")
    server.add_argument(
        "--min-attempt-deadline",
        type=float,
        default=default.min_deadline,
        metavar="SECONDS",
        help="the shortest attempt_deadline accepted (default: %(default)g)",
    )
    server.add_argument(
        "--forced-schedule-time",
        choices=[str(choice) for choice in ForcedTime],
        default=str(default.forced_time),
        help="what a forced run has in X-CloudScheduler-ScheduleTime (default: %(default)s)",
    )
    return top


if __name__ == "__main__":
    sys.exit(main())
