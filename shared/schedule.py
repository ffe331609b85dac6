"""The jobs that fire the functions, for people: what is fired when, and who paused, resumed or fired a job and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

Change = Literal["run", "pause", "resume"]


@dataclass(frozen=True)
class ScheduledJob:
    """`state` is Cloud Scheduler's, such as ENABLED; `last_status` is OK, an error, or None before the first run."""

    name: str
    schedule: str
    time_zone: str
    state: str
    next_time: datetime | None
    last_attempt: datetime | None
    last_status: str | None
    url: str


class Jobs(Protocol):
    """All raise NotFound for an unknown job, RequestRefused, and RetryLater when the service does not answer."""

    def jobs(self) -> Sequence[ScheduledJob]:
        """Sorted by name."""
        ...

    def pause(self, name: str) -> ScheduledJob: ...

    def resume(self, name: str) -> ScheduledJob: ...

    def run(self, name: str) -> ScheduledJob:
        """Returns before the run has ended."""
        ...


class ScheduleLog(Protocol):
    """The record of what people did with the jobs. Both raise StoreUnavailable."""

    def note_schedule_change(self, job: str, change: Change, by: str, note: str) -> dict[str, Any]: ...

    def last_schedule_changes(self) -> dict[str, dict[str, Any]]:
        """By job: the last change, `{change, by, note, at}`."""
        ...
