"""The jobs of Switchyard: each stage of the pipeline, the sweep, `orchestrate` where it has a schedule; PURE."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.cloud.scheduler_v1.types import HttpMethod, HttpTarget, Job, OidcToken, RetryConfig
from google.protobuf.duration_pb2 import Duration

from shared.errors import SettingsInvalid
from shared.fulfillment.pipeline import Pipeline

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
"""30, 60, 120, 120 and 120 s, as in Terraform: a stage asks that long whether the one before it is through."""

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
    """Where the jobs are, and what they call: `urls` by function name, stages by their own."""

    project: str
    location: str
    urls: Mapping[str, str]
    service_account: str | None = None

    @property
    def path(self) -> str:
        return f"projects/{self.project}/locations/{self.location}"


def job_definitions(pipeline: Pipeline, place: Place, orchestrate_schedule: str | None = None) -> list[Job]:
    """As `infra/terraform/scheduler.tf` has them. Stages without a url are left out: their functions do not exist."""
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
