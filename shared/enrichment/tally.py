from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Tally:
    """What one run of `orchestrate` has counted so far.

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
