"""Jobs as they stand in memory. The time is an argument, so that nothing here waits."""

from dataclasses import asdict, dataclass
from typing import Any

from laptop.google.common.times import span, timestamp
from laptop.google.scheduler.messages import ENABLED, Job, JobMessage, retry_policy
from laptop.google.scheduler.validation import schedule_of


@dataclass
class Run:
    """One execution with all its tries. `schedule_time` is what they all carry; `attempt_at` when the next one is due.

    A forced run stands beside the scheduled one.
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
    """`due` is when the next scheduled run begins. Never two outstanding executions, except one that is forced."""

    def __init__(self, message: JobMessage) -> None:
        self.runs: dict[int, Run] = {}
        self.due: float | None = None
        self.deleted = False
        self.configure(message)

    def configure(self, message: JobMessage) -> None:
        self.message = message
        self.schedule = schedule_of(message)
        self.policy = retry_policy(message.retry_config)
        self.deadline = span(message.attempt_deadline)

    @property
    def name(self) -> str:
        return str(self.message.name)

    @property
    def enabled(self) -> bool:
        return bool(self.message.state == ENABLED)

    def reschedule(self, now: float) -> None:
        """Forgets what was due."""
        self.due = self.schedule.next(now) if self.enabled else None

    @property
    def scheduled_run(self) -> Run | None:
        return next((run for run in self.runs.values() if not run.forced), None)

    def begins(self) -> float | None:
        """When the next scheduled run may begin; None while the one before is outstanding."""
        current = self.scheduled_run
        return None if current and current.outstanding else self.due

    def next_event(self) -> float | None:
        """When there is something to do for this job."""
        waiting = [run.attempt_at for run in self.runs.values() if not run.outstanding]
        begins = self.begins()
        return min([*waiting, *([] if begins is None else [begins])], default=None)

    def shown(self) -> JobMessage:
        """The Job as the API shows it: its next time may be that of a retry."""
        job = Job()
        job.CopyFrom(self.message)
        current = self.scheduled_run
        retry = current.attempt_at if current and not current.outstanding else None
        times = [at for at in (retry, self.due) if at is not None]
        if times:
            job.schedule_time.CopyFrom(timestamp(min(times)))
        return job
