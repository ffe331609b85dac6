"""`python -m infra.local.scheduler`: the local Cloud Scheduler server as a foreground process, and its jobs."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.local.google.journal import DataFileUnusable
from infra.local.google.serving import PortTaken
from infra.local.scheduler.limits import ForcedTime, Settings
from infra.local.scheduler.server import Options, serve


def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    if given.command == "provision":
        return _provision(given)
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
    top = argparse.ArgumentParser(prog="python -m infra.local.scheduler", description=__doc__)
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

    jobs = commands.add_parser(
        "provision", help="give a server the jobs of shared/pipeline.json, and no others"
    )
    jobs.add_argument("--endpoint", required=True, metavar="HOST:PORT", help="the server's gRPC API")
    jobs.add_argument("--project", required=True)
    jobs.add_argument("--location", required=True)
    jobs.add_argument(
        "--url",
        dest="urls",
        type=_named_url,
        action="append",
        default=[],
        metavar="NAME=URL",
        help="where a stage, fallback or orchestrate is; stages without one get no job; may be repeated",
    )
    jobs.add_argument("--orchestrate-schedule", metavar="CRON", help="fire orchestrate too (default: not)")
    jobs.add_argument("--service-account", metavar="EMAIL", help="whose identity token the firings carry")
    jobs.add_argument(
        "--paused",
        action="append",
        default=[],
        metavar="JOB",
        help="make this one paused when it is new; may be repeated",
    )
    return top


def _named_url(given: str) -> tuple[str, str]:
    name, _, url = given.partition("=")
    if not name or not url.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f"{given!r} is not of the form name=http://...")
    return name, url


def _provision(given: argparse.Namespace) -> int:
    from google.api_core.exceptions import GoogleAPIError  # noqa: PLC0415  # the server needs none of this

    from infra.local.scheduler.jobs import Place, job_definitions  # noqa: PLC0415
    from infra.local.scheduler.provision import provision  # noqa: PLC0415
    from shared.errors import SettingsInvalid  # noqa: PLC0415
    from shared.fulfillment.pipeline import load_pipeline  # noqa: PLC0415

    try:
        pipeline = load_pipeline()
        place = Place(given.project, given.location, dict(given.urls), given.service_account)
        jobs = job_definitions(pipeline, place, given.orchestrate_schedule)
        provision(given.endpoint, place.path, jobs, paused=given.paused)
    except (GoogleAPIError, SettingsInvalid) as error:
        print(error, file=sys.stderr)  # noqa: T201  # a program's last words
        return 1
    for job in jobs:
        print(job.name.rpartition("/")[2], job.schedule, job.time_zone)  # noqa: T201  # what it did
    return 0


if __name__ == "__main__":
    sys.exit(main())
