"""Jobs in memory, the headers of an attempt and the time of the next one. Nothing waits: the time is an argument."""

from dataclasses import asdict, dataclass
from typing import Any

from laptop.google.common.names import short_id
from laptop.google.common.retry import RetryPolicy
from laptop.google.common.target import TargetMessage, authorization, caller_headers
from laptop.google.common.times import rfc3339, span, timestamp
from laptop.google.scheduler.messages import ENABLED, RETRY, Job, JobMessage
from laptop.google.scheduler.validation import schedule_of

USER_AGENT = "Google-Cloud-Scheduler"
_RESERVED = "x-cloudscheduler"
_DEFAULT_TYPE = "application/octet-stream"


@dataclass
class Run:
    """One execution with all its attempts, which carry the same `schedule_time`; the next is due `attempt_at`.

    A forced run may go on beside the scheduled one.
    """

    ident: int
    forced: bool
    schedule_time: float | None
    attempt_at: float
    failures: int = 0
    first_attempt: float | None = None
    outstanding: bool = False

    def row(self) -> dict[str, Any]:
        row = asdict(self)
        del row["ident"], row["outstanding"]
        return row


class LiveJob:
    """The next scheduled run begins at `due`. Two executions never overlap, unless one is forced."""

    def __init__(self, message: JobMessage) -> None:
        self.runs: dict[int, Run] = {}
        self.due: float | None = None
        self.deleted = False
        self.configure(message)

    def configure(self, message: JobMessage) -> None:
        self.message = message
        self.schedule = schedule_of(message)
        self.policy = RETRY.read(message.retry_config)
        self.deadline = span(message.attempt_deadline)

    @property
    def name(self) -> str:
        return str(self.message.name)

    @property
    def enabled(self) -> bool:
        return bool(self.message.state == ENABLED)

    def reschedule(self, now: float) -> None:
        """Replaces the due time by the next one after `now`."""
        self.due = self.schedule.next(now) if self.enabled else None

    @property
    def scheduled_run(self) -> Run | None:
        return next((run for run in self.runs.values() if not run.forced), None)

    def begins(self) -> float | None:
        """The time at which the next scheduled run may begin; None while the one before is outstanding."""
        current = self.scheduled_run
        return None if current and current.outstanding else self.due

    def next_event(self) -> float | None:
        """The time at which this job next has something due."""
        waiting = [run.attempt_at for run in self.runs.values() if not run.outstanding]
        begins = self.begins()
        return min([*waiting, *([] if begins is None else [begins])], default=None)

    def shown(self) -> JobMessage:
        """The Job in the API's answer; its next time may be that of a retry."""
        job = Job()
        job.CopyFrom(self.message)
        current = self.scheduled_run
        retry = current.attempt_at if current and not current.outstanding else None
        times = [at for at in (retry, self.due) if at is not None]
        if times:
            job.schedule_time.CopyFrom(timestamp(min(times)))
        return job


def attempt_headers(
    name: str, target: TargetMessage, schedule_time: float | None, now: float
) -> list[tuple[str, str]]:
    """Source: the docstring of `scheduler_v1.types.HttpTarget`. A forced run may have no `schedule_time`."""
    own = caller_headers(target.headers, _RESERVED)
    if target.body and "content-type" not in {header.lower() for header in own}:
        own["Content-Type"] = _DEFAULT_TYPE
    times = [] if schedule_time is None else [("X-CloudScheduler-ScheduleTime", rfc3339(schedule_time))]
    return [
        ("User-Agent", USER_AGENT),
        *own.items(),
        ("X-CloudScheduler", "true"),
        ("X-CloudScheduler-JobName", short_id(name)),
        *times,
        *authorization(target, target.uri, now),
    ]


def next_try(
    policy: RetryPolicy, *, failures: int, first_attempt: float, now: float, next_start: float | None
) -> float | None:
    """The time of the next attempt, or None. Source: RetryConfig in the client's `scheduler_v1.types`.

    There is none once both limits are reached, or when the next run begins before it.
    """
    if policy.limit == 0:
        return None
    if failures > policy.limit and now - first_attempt >= policy.max_retry_duration:
        return None
    at = now + policy.wait(failures)
    return None if next_start is not None and at >= next_start else at
