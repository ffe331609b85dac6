"""How far a batch is, and whether there is anything left to watch. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cli.answers import BatchStatus, TaskCounts

ABANDONED_AFTER = timedelta(minutes=15)
"""An `orchestrate` that died never closes its batch; the database gives up on it after the same time (batch_status)."""


@dataclass(frozen=True)
class Share:
    """Of `total` tasks, `ended` have: well or, `failed` of them, not."""

    total: int
    ended: int
    failed: int

    @property
    def in_words(self) -> str:
        failed = f" ({self.failed} failed)" if self.failed else ""
        return f"{self.ended} of {self.total}{failed}"


@dataclass(frozen=True)
class Progress:
    opening: bool
    ended: bool
    automation: Share
    people: Share

    @property
    def automation_ended(self) -> bool:
        return self.ended or (not self.opening and self.automation.ended == self.automation.total)

    @property
    def in_words(self) -> str:
        opening = ", more are being opened" if self.opening else ""
        return f"automation {self.automation.in_words}, people {self.people.in_words}{opening}"


def progress_of(batch: BatchStatus, now: datetime) -> Progress:
    ended = batch.state != "in_progress"
    abandoned = now - batch.created_at > ABANDONED_AFTER
    return Progress(
        opening=not ended and batch.closed_at is None and not abandoned,
        ended=ended,
        automation=_share(batch.automation),
        people=_share(batch.manual),
    )


def _share(counts: TaskCounts) -> Share:
    completed, failed = counts.get("completed", 0), counts.get("failed", 0)
    return Share(sum(counts.values()), completed + failed, failed)
