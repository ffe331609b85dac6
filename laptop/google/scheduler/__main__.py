"""Runs the local Cloud Scheduler server in the foreground."""

import argparse
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from laptop.google.common.journal import Journal
from laptop.google.common.serving import Service, add_seconds, run, server_parser
from laptop.google.scheduler.caller import TargetCaller
from laptop.google.scheduler.clock import Clock, Timekeeper
from laptop.google.scheduler.control import Faults, control, firing_log
from laptop.google.scheduler.dispatcher import JobDispatcher
from laptop.google.scheduler.registry import Registry
from laptop.google.scheduler.service import CloudSchedulerService, handlers
from laptop.google.scheduler.validation import PRODUCT, ForcedTime, Settings

SCHEMA = Path(__file__).with_name("schema.sql").read_text()
_ANSWER_BYTES = 4_096
"""The log keeps so much of each answer."""


def parser() -> argparse.ArgumentParser:
    default = Settings()
    parser = server_parser("laptop.google.scheduler", __doc__)
    add_seconds(
        parser, "--min-attempt-deadline", default.min_deadline, "the shortest attempt_deadline accepted"
    )
    parser.add_argument(
        "--forced-schedule-time",
        choices=[str(choice) for choice in ForcedTime],
        default=str(default.forced_time),
        help="X-CloudScheduler-ScheduleTime of a forced run: that of the next run, or none (default: %(default)s)",
    )
    return parser


def settings(given: argparse.Namespace) -> Settings:
    return Settings(given.min_attempt_deadline, ForcedTime(given.forced_schedule_time))


@asynccontextmanager
async def build(journal: Journal, settings: Settings) -> AsyncIterator[Service]:
    registry = Registry(journal, settings, Clock())
    log, faults = firing_log(journal), Faults()
    caller = TargetCaller(keep=_ANSWER_BYTES)
    await registry.load()
    await log.open()
    dispatcher = JobDispatcher(registry, log, caller, faults)
    timekeeper = Timekeeper(registry, dispatcher)
    service = CloudSchedulerService(registry, dispatcher)
    try:
        yield Service(handlers(service), control(registry, log, faults, timekeeper), (dispatcher.run,))
    finally:
        await caller.close()


def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    return run(PRODUCT, given, SCHEMA, partial(build, settings=settings(given)))


if __name__ == "__main__":
    sys.exit(main())
