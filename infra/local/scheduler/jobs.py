"""The jobs of Switchyard: each stage of the pipeline, the sweep, `orchestrate` where it has a schedule; PURE."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.cloud.scheduler_v1.types import HttpMethod, HttpTarget, Job, OidcToken, RetryConfig
from google.protobuf.duration_pb2 import Duration

from shared.errors import SettingsInvalid
from shared.fulfillment.pipeline import Pipeline, Stage

SWEEP = "sweep"
SWEEP_SCHEDULE = "*/5 * * * *"
SWEEP_FUNCTION = "fallback"
ORCHESTRATE = "orchestrate"

_STAGE_RETRIES = RetryConfig(
    retry_count=5,
    min_backoff_duration=Duration(seconds=15),
    max_backoff_duration=Duration(seconds=120),
    max_doublings=3,
)
"""15, 30, 60, 120 and 120 s: a stage that must wait for the one before it asks again for almost six minutes."""

_NO_RETRIES = RetryConfig(retry_count=0)
"""What these jobs do not reach, their next firing does."""

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
    """Stages without a url are left out: their functions do not exist."""
    jobs = [
        _stage_job(pipeline, stage, place, place.urls[stage.name])
        for stage in pipeline.stages
        if stage.name in place.urls
    ]
    if SWEEP_FUNCTION in place.urls:
        jobs.append(_job(place, SWEEP, SWEEP_SCHEDULE, place.urls[SWEEP_FUNCTION], {"sweep": True}))
    if orchestrate_schedule:
        if ORCHESTRATE not in place.urls:
            raise SettingsInvalid("orchestrate has a schedule and no url")
        jobs.append(_job(place, ORCHESTRATE, orchestrate_schedule, place.urls[ORCHESTRATE], {}))
    return jobs


def _stage_job(pipeline: Pipeline, stage: Stage, place: Place, url: str) -> Job:
    job = _job(place, stage.name, pipeline.cron(stage), url, {})
    job.time_zone = pipeline.time_zone
    job.retry_config = _STAGE_RETRIES
    job.attempt_deadline = Duration(seconds=stage.timeout_seconds)
    return job


def _job(place: Place, name: str, schedule: str, url: str, body: Mapping[str, Any]) -> Job:
    target = HttpTarget(
        uri=url,
        http_method=HttpMethod.POST,
        headers={"Content-Type": "application/json"},
        body=json.dumps(body).encode(),
    )
    if place.service_account:
        target.oidc_token = OidcToken(service_account_email=place.service_account, audience=url)
    return Job(
        name=f"{place.path}/jobs/{name}",
        http_target=target,
        schedule=schedule,
        time_zone="UTC",
        retry_config=_NO_RETRIES,
        attempt_deadline=_LONGEST_ATTEMPT,
    )
