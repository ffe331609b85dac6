"""The counts and the answer of one run of `orchestrate`."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from shared.enrichment.store import Skipped


@dataclass
class Tally:
    """The counts of one run of `orchestrate` so far.

    Every row read is opened, rejected or skipped for a reason: `read = automation + manual + rejected + sum(skipped)`.
    """

    read: int = 0
    automation: int = 0
    manual: int = 0
    rejected: int = 0
    not_enqueued: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    daily_limit_reached: bool = False
    source_exhausted: bool = False
    notes: list[str] = field(default_factory=list)
    to_note: list[Skipped] = field(default_factory=list)
    """Skipped rows that the source's ledger should know of; not yet stored."""

    @property
    def opened(self) -> int:
        return self.automation + self.manual

    def to_json(self) -> dict[str, Any]:
        return {
            "read": self.read,
            "opened": self.opened,
            "automation": self.automation,
            "manual": self.manual,
            "rejected": self.rejected,
            "skipped": dict(self.skipped),
            "not_enqueued": self.not_enqueued,
            "daily_limit_reached": self.daily_limit_reached,
            "source_exhausted": self.source_exhausted,
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Report:
    """`started` is false when the batch existed before, and `status` is then its state. Else `tally` is the run's."""

    batch_id: str
    started: bool
    tally: Tally | None = None
    status: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        answer: dict[str, Any] = {"batch_id": self.batch_id, "started": self.started}
        if self.tally:
            answer |= self.tally.to_json()
        if self.status:
            answer["status"] = self.status
        return answer
