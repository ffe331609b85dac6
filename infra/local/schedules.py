"""`python -m infra.local.schedules`: gives a Cloud Scheduler the jobs of shared/pipeline.json, and no others."""

import argparse
import json
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
from google.api_core.exceptions import AlreadyExists, GoogleAPIError
from google.cloud.scheduler_v1 import CloudSchedulerClient
from google.cloud.scheduler_v1.services.cloud_scheduler.transports import CloudSchedulerGrpcTransport
from google.cloud.scheduler_v1.types import HttpMethod, HttpTarget, Job, OidcToken, RetryConfig
from google.protobuf.duration_pb2 import Duration

from shared.errors import SettingsInvalid
from shared.fulfillment.pipeline import Pipeline, load_pipeline

if TYPE_CHECKING:
    from google.cloud.scheduler_v1.services.cloud_scheduler.transports import CloudSchedulerTransport


SWEEP = "sweep"
SWEEP_SCHEDULE = "*/5 * * * *"
SWEEP_FUNCTION = "fallback"
ORCHESTRATE = "orchestrate"

_STAGE_RETRIES = RetryConfig(
    retry_count=5,
    min_backoff_duration=Duration(seconds=30),
    max_backoff_duration=Duration(seconds=120),
    max_doublings=2,
)
"""30, 60, 120, 120 and 120 s, as in Terraform: so long a stage tries again until the stage before it has ended."""

_SWEEP_RETRIES = RetryConfig(
    retry_count=1, min_backoff_duration=Duration(seconds=20), max_backoff_duration=Duration(seconds=20)
)
_ORCHESTRATE_RETRIES = RetryConfig(
    retry_count=3,
    min_backoff_duration=Duration(seconds=30),
    max_backoff_duration=Duration(seconds=300),
    max_doublings=3,
)

_LONGEST_ATTEMPT = Duration(seconds=540)


@dataclass(frozen=True)
class Place:
    """The jobs' project and location, and the `urls` that they call, by function or stage name."""

    project: str
    location: str
    urls: Mapping[str, str]
    service_account: str | None = None

    @property
    def path(self) -> str:
        return f"projects/{self.project}/locations/{self.location}"


def job_definitions(pipeline: Pipeline, place: Place, orchestrate_schedule: str | None = None) -> list[Job]:
    """The jobs of `infra/terraform/scheduler.tf`. A stage without a url gets none: its function does not exist."""
    zone, urls = pipeline.time_zone, place.urls
    jobs = []
    for stage in pipeline.stages:
        if stage.name in urls:
            deadline = Duration(seconds=stage.timeout_seconds)
            job = _job(
                place, stage.name, (pipeline.cron(stage), zone), _target(place, stage.name), _STAGE_RETRIES
            )
            jobs.append(Job(job, attempt_deadline=deadline))
    if SWEEP_FUNCTION in urls:
        target = _target(place, SWEEP_FUNCTION, {"sweep": True})
        jobs.append(_job(place, SWEEP, (SWEEP_SCHEDULE, zone), target, _SWEEP_RETRIES))
    if orchestrate_schedule:
        if ORCHESTRATE not in urls:
            raise SettingsInvalid("orchestrate has a schedule and no url")
        target = _target(place, ORCHESTRATE)
        jobs.append(_job(place, ORCHESTRATE, (orchestrate_schedule, zone), target, _ORCHESTRATE_RETRIES))
    return jobs


def _job(place: Place, name: str, times: tuple[str, str], target: HttpTarget, retries: RetryConfig) -> Job:
    """`times`: cron and time zone."""
    return Job(
        name=f"{place.path}/jobs/{name}",
        http_target=target,
        schedule=times[0],
        time_zone=times[1],
        retry_config=retries,
        attempt_deadline=_LONGEST_ATTEMPT,
    )


def _target(place: Place, function: str, body: Mapping[str, Any] | None = None) -> HttpTarget:
    url = place.urls[function]
    target = HttpTarget(
        uri=url,
        http_method=HttpMethod.POST,
        headers={"Content-Type": "application/json"},
        body=json.dumps(body or {}).encode(),
    )
    if place.service_account:
        target.oidc_token = OidcToken(service_account_email=place.service_account, audience=url)
    return target


_CALL_SECONDS = 10.0


def ensure_jobs(
    client: CloudSchedulerClient, parent: str, jobs: Sequence[Job], *, paused: Collection[str] = ()
) -> None:
    """Creates each job, or updates an existing one; removes the others of `parent`.

    A new job whose short name is in `paused` is paused. An existing job keeps its state: a person may have chosen it.
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


def provision(endpoint: str, parent: str, jobs: Sequence[Job], *, paused: Collection[str] = ()) -> None:
    """`endpoint` is the local server's host:port."""
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
        print(error, file=sys.stderr)  # noqa: T201 - the program's error message
        return 1
    for job in jobs:
        print(job.name.rpartition("/")[2], job.schedule, job.time_zone)  # noqa: T201 - the program's output
    return 0


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m infra.local.schedules", description=__doc__)
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
        help="address of a stage, fallback or orchestrate; a stage without one gets no job; may be repeated",
    )
    options.add_argument("--orchestrate-schedule", metavar="CRON", help="fire orchestrate too (default: not)")
    options.add_argument(
        "--service-account", metavar="EMAIL", help="account of the identity token that the calls carry"
    )
    options.add_argument(
        "--paused",
        action="append",
        default=[],
        metavar="JOB",
        help="pause this job when it is new; may be repeated",
    )
    return options


def _named_url(given: str) -> tuple[str, str]:
    name, _, url = given.partition("=")
    if not name or not url.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f"{given!r} is not of the form name=http://...")
    return name, url


if __name__ == "__main__":
    sys.exit(main())
