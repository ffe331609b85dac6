"""`python -m laptop.google.tasks`: the local Cloud Tasks server as a foreground process."""

import argparse
import asyncio
import sys
from pathlib import Path

from laptop.google.common.journal import DataFileUnusable
from laptop.google.common.serving import PortTaken
from laptop.google.tasks.limits import Settings
from laptop.google.tasks.server import Options, serve


def options(arguments: list[str] | None = None) -> Options:
    default = Settings()
    parser = argparse.ArgumentParser(prog="python -m laptop.google.tasks", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="for the gRPC API; 0: any free one")
    parser.add_argument(
        "--control-port", type=int, required=True, help="for health, books and faults; 0: any free one"
    )
    parser.add_argument("--data-file", type=Path, required=True, help="SQLite; made when missing")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument(
        "--task-tombstone",
        type=float,
        default=default.task_tombstone,
        metavar="SECONDS",
        help="how long the name of an ended task stays taken (default: %(default)g)",
    )
    parser.add_argument(
        "--queue-tombstone",
        type=float,
        default=default.queue_tombstone,
        metavar="SECONDS",
        help="how long the name of a deleted queue stays taken (default: %(default)g)",
    )
    parser.add_argument(
        "--min-dispatch-deadline",
        type=float,
        default=default.min_deadline,
        metavar="SECONDS",
        help="the shortest dispatch_deadline accepted (default: %(default)g)",
    )
    given = parser.parse_args(arguments)
    return Options(
        data_file=given.data_file,
        port=given.port,
        control_port=given.control_port,
        host=given.host,
        settings=Settings(given.task_tombstone, given.queue_tombstone, given.min_dispatch_deadline),
    )


def main() -> int:
    try:
        asyncio.run(serve(options()))
    except (PortTaken, DataFileUnusable) as error:
        print(error, file=sys.stderr)  # noqa: T201  # a program's last words
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
