"""`python -m infra.local.provision`: gives a Cloud Scheduler the jobs of shared/pipeline.json, and no others."""

import argparse
import sys
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import grpc
from google.api_core.exceptions import AlreadyExists, GoogleAPIError
from google.cloud.scheduler_v1 import CloudSchedulerClient
from google.cloud.scheduler_v1.services.cloud_scheduler.transports import CloudSchedulerGrpcTransport

from infra.local.jobs import Place, job_definitions
from shared.errors import SettingsInvalid
from shared.fulfillment.pipeline import load_pipeline

if TYPE_CHECKING:
    from google.cloud.scheduler_v1.services.cloud_scheduler.transports import CloudSchedulerTransport
    from google.cloud.scheduler_v1.types import Job

_CALL_SECONDS = 10.0


def ensure_jobs(
    client: CloudSchedulerClient, parent: str, jobs: "Sequence[Job]", *, paused: Collection[str] = ()
) -> None:
    """Creates each job, or brings an existing one to its definition; removes those of `parent` that are not wanted.

    A job whose short name is in `paused` is made so. One that exists keeps its state, which may be a person's choice.
    """
    wanted = {job.name for job in jobs}
    for job in jobs:
        try:
            client.create_job(parent=parent, job=job, timeout=_CALL_SECONDS)
        except AlreadyExists:
            client.update_job(job=job, timeout=_CALL_SECONDS)
        else:
            if job.name.rpartition("/")[2] in paused:
                client.pause_job(name=job.name, timeout=_CALL_SECONDS)
    for existing in client.list_jobs(parent=parent, timeout=_CALL_SECONDS):
        if existing.name not in wanted:
            client.delete_job(name=existing.name, timeout=_CALL_SECONDS)


def provision(endpoint: str, parent: str, jobs: "Sequence[Job]", *, paused: Collection[str] = ()) -> None:
    """`endpoint` (host:port) is that of the local server."""
    with grpc.insecure_channel(endpoint) as channel:
        transport: CloudSchedulerTransport = CloudSchedulerGrpcTransport(channel=channel)
        ensure_jobs(CloudSchedulerClient(transport=transport), parent, jobs, paused=paused)


def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    try:
        place = Place(given.project, given.location, dict(given.urls), given.service_account)
        jobs = job_definitions(load_pipeline(), place, given.orchestrate_schedule)
        provision(given.endpoint, place.path, jobs, paused=given.paused)
    except (GoogleAPIError, SettingsInvalid) as error:
        print(error, file=sys.stderr)  # noqa: T201  # a program's last words
        return 1
    for job in jobs:
        print(job.name.rpartition("/")[2], job.schedule, job.time_zone)  # noqa: T201  # what it did
    return 0


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m infra.local.provision", description=__doc__)
    options.add_argument("--endpoint", required=True, metavar="HOST:PORT", help="the server's gRPC API")
    options.add_argument("--project", required=True)
    options.add_argument("--location", required=True)
    options.add_argument(
        "--url",
        dest="urls",
        type=_named_url,
        action="append",
        default=[],
        metavar="NAME=URL",
        help="where a stage, fallback or orchestrate is; stages without one get no job; may be repeated",
    )
    options.add_argument("--orchestrate-schedule", metavar="CRON", help="fire orchestrate too (default: not)")
    options.add_argument("--service-account", metavar="EMAIL", help="whose identity token the firings carry")
    options.add_argument(
        "--paused",
        action="append",
        default=[],
        metavar="JOB",
        help="make this one paused when it is new; may be repeated",
    )
    return options


def _named_url(given: str) -> tuple[str, str]:
    name, _, url = given.partition("=")
    if not name or not url.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f"{given!r} is not of the form name=http://...")
    return name, url


if __name__ == "__main__":
    sys.exit(main())
