"""The limits, names and refusals of Cloud Scheduler, and requests turned into what is stored; PURE. Raises Refused.

The limits come from the docstrings of `google.cloud.scheduler_v1.types`; lengths are in seconds.
"""

import uuid
from dataclasses import dataclass
from enum import StrEnum

import grpc
from google.protobuf.field_mask_pb2 import FieldMask

from laptop.google.common.names import LOCATION
from laptop.google.common.retry import RetryConfigMessage
from laptop.google.common.rpc import Refused, invalid, not_imitated
from laptop.google.common.target import (
    MAX_URL,
    METHODS_WITH_BODY,
    TargetMessage,
    has_host_and_port,
    has_scheme,
)
from laptop.google.common.times import duration, span, timestamp
from laptop.google.scheduler.messages import ENABLED, RETRY, Job, JobMessage
from laptop.google.scheduler.schedule import NoSchedule, Schedule, read_schedule

PRODUCT = "Cloud Scheduler"
DEFAULT_DEADLINE = 180.0
MAX_DEADLINE = 1_800.0
MAX_RETRIES = 5
MAX_DESCRIPTION = 500
MAX_HEADERS = 80 * 1024
MAX_PAGE = 500

JOB = LOCATION.child("Job", r"[A-Za-z0-9_\-]{1,500}")
_OUTPUT_ONLY = ("user_update_time", "state", "status", "schedule_time", "last_attempt_time")
_HTTP_METHOD = (
    Job.DESCRIPTOR.fields_by_name["http_target"].message_type.fields_by_name["http_method"].enum_type
)
_POST = _HTTP_METHOD.values_by_name["POST"].number
_EXPLICIT_ZERO = "retry_config.max_doublings"


class ForcedTime(StrEnum):
    """X-CloudScheduler-ScheduleTime of a forced run. The documents allow either."""

    NEXT = "next"
    NONE = "none"


@dataclass(frozen=True)
class Settings:
    """`min_deadline` is a setting so that tests need not wait."""

    min_deadline: float = 15
    forced_time: ForcedTime = ForcedTime.NEXT


def job_exists(name: str) -> Refused:
    """The text is ours."""
    return Refused(grpc.StatusCode.ALREADY_EXISTS, f"Job {name} already exists.")


def no_such_job() -> Refused:
    """The text is ours."""
    return Refused(grpc.StatusCode.NOT_FOUND, "Job not found.")


def wrong_state(name: str, needed: str) -> Refused:
    """The text is ours. The docstrings of PauseJob and ResumeJob say that the state is required."""
    return Refused(grpc.StatusCode.FAILED_PRECONDITION, f"Job {name} is not in state {needed}.")


def new_job(parent: str, given: JobMessage, *, now: float, settings: Settings) -> JobMessage:
    """The Job to store."""
    LOCATION.check(parent)
    job = Job()
    job.CopyFrom(given)
    for field in _OUTPUT_ONLY:
        job.ClearField(field)
    job.name = given.name or f"{parent}/jobs/{uuid.uuid4().int >> 65}"
    JOB.check(job.name)
    if not job.name.startswith(f"{parent}/jobs/"):
        raise invalid(f"The job name '{job.name}' must be in the location '{parent}'.")
    job.state = ENABLED
    return _checked(job, now, settings)


def changed_job(
    current: JobMessage, given: JobMessage, mask: FieldMask, *, now: float, settings: Settings
) -> JobMessage:
    """`current` with the masked fields of `given`; without a mask, all fields that can be set."""
    known = set(Job.DESCRIPTOR.fields_by_name)
    for path in mask.paths:
        if path.partition(".")[0] not in known:
            raise invalid(f"Invalid mask for Job: {path}")
    merged = Job()
    if mask.paths:
        merged.CopyFrom(current)
        mask.MergeMessage(given, merged, True, True)
    else:
        merged.CopyFrom(given)
    merged.name = current.name
    for field in _OUTPUT_ONLY:
        merged.ClearField(field)
    output_only = Job()
    FieldMask(paths=_OUTPUT_ONLY).MergeMessage(current, output_only)
    merged.MergeFrom(output_only)
    return _checked(merged, now, settings, zero_doublings=_EXPLICIT_ZERO in mask.paths)


def schedule_of(job: JobMessage) -> Schedule:
    if job.schedule.strip().lower().startswith("every "):
        raise not_imitated("A schedule that is not in unix-cron format", PRODUCT)
    try:
        return read_schedule(job.schedule, job.time_zone)
    except NoSchedule as error:
        raise invalid("Schedule or time zone is invalid.") from error


def _checked(job: JobMessage, now: float, settings: Settings, *, zero_doublings: bool = False) -> JobMessage:
    if len(job.description) > MAX_DESCRIPTION:
        raise invalid(f"Job.description must be at most {MAX_DESCRIPTION} characters long.")
    job.time_zone = job.time_zone or "UTC"
    schedule_of(job)
    if job.WhichOneof("target") not in (None, "http_target"):
        raise not_imitated("A Pub/Sub or App Engine target", PRODUCT)
    _check_target(job.http_target)
    if not job.HasField("attempt_deadline"):
        job.attempt_deadline.CopyFrom(duration(DEFAULT_DEADLINE))
    if not settings.min_deadline <= span(job.attempt_deadline) <= MAX_DEADLINE:
        shortest, longest = settings.min_deadline, MAX_DEADLINE
        raise invalid(f"Job.attemptDeadline must be between {shortest:g}s and {longest:g}s.")
    _fill_retry_config(job.retry_config, zero_doublings=zero_doublings)
    job.user_update_time.CopyFrom(timestamp(now))
    return job


def _check_target(target: TargetMessage) -> None:
    if not target.uri:
        raise invalid("HttpTarget.uri is required.")
    if not has_scheme(target.uri):
        raise invalid("HttpTarget.uri must start with 'http://' or 'https://'.")
    if len(target.uri) > MAX_URL:
        raise invalid(f"HttpTarget.uri must be at most {MAX_URL} characters long.")
    if not has_host_and_port(target.uri):
        raise invalid("HttpTarget.uri must name a host and a port that can exist.")
    target.http_method = target.http_method or _POST
    if target.body and _HTTP_METHOD.values_by_number[target.http_method].name not in METHODS_WITH_BODY:
        raise invalid("HttpTarget.body is allowed only with the methods POST, PUT and PATCH.")
    if sum(len(name) + len(value) for name, value in target.headers.items()) >= MAX_HEADERS:
        raise invalid("HttpTarget.headers must be smaller than 80KB in all.")


def _fill_retry_config(config: RetryConfigMessage, *, zero_doublings: bool) -> None:
    if not 0 <= config.retry_count <= MAX_RETRIES:
        raise invalid(f"RetryConfig.retryCount must be between 0 and {MAX_RETRIES}.")
    RETRY.fill(config, zero_doublings=zero_doublings)
    if span(config.min_backoff_duration) > span(config.max_backoff_duration):
        raise invalid("RetryConfig.minBackoffDuration must not exceed RetryConfig.maxBackoffDuration.")
