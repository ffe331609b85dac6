"""Runs the local Cloud Tasks server in the foreground."""

import argparse
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from laptop.google.common.journal import Journal
from laptop.google.common.serving import Service, add_seconds, run, server_parser
from laptop.google.tasks.caller import WorkerCaller
from laptop.google.tasks.control import Faults, control, delivery_log
from laptop.google.tasks.dispatcher import TaskDispatcher
from laptop.google.tasks.registry import Registry
from laptop.google.tasks.service import CloudTasksService, handlers
from laptop.google.tasks.validation import PRODUCT, Settings

SCHEMA = Path(__file__).with_name("schema.sql").read_text()


def parser() -> argparse.ArgumentParser:
    default = Settings()
    parser = server_parser("laptop.google.tasks", __doc__)
    add_seconds(
        parser, "--task-tombstone", default.task_tombstone, "how long the name of an ended task stays taken"
    )
    add_seconds(
        parser,
        "--queue-tombstone",
        default.queue_tombstone,
        "how long the name of a deleted queue stays taken",
    )
    add_seconds(
        parser, "--min-dispatch-deadline", default.min_deadline, "the shortest dispatch_deadline accepted"
    )
    return parser


def settings(given: argparse.Namespace) -> Settings:
    return Settings(given.task_tombstone, given.queue_tombstone, given.min_dispatch_deadline)


@asynccontextmanager
async def build(journal: Journal, settings: Settings) -> AsyncIterator[Service]:
    registry = Registry(journal, settings, time.time)
    log, faults, caller = delivery_log(journal), Faults(), WorkerCaller()
    await registry.load()
    await log.open()
    dispatcher = TaskDispatcher(registry, log, caller, faults)
    service = CloudTasksService(registry, dispatcher, faults)
    try:
        yield Service(
            handlers(service), control(registry, log, faults), (dispatcher.run, registry.keep_expiring)
        )
    finally:
        await caller.close()


def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    return run(PRODUCT, given, SCHEMA, partial(build, settings=settings(given)))


if __name__ == "__main__":
    sys.exit(main())
