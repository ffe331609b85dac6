"""The rows of the in-memory record store."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from shared.enrichment.ports import ErrorCategory, JsonObject
from shared.enrichment.store import Due, Json


@dataclass
class Batch:
    run_id: UUID | None
    request: Json
    counts: Json = field(default_factory=dict)
    taken: int = 0
    closed: bool = False
    rejected: dict[str, str] = field(default_factory=dict)


@dataclass
class Record:
    open: bool


@dataclass
class Turn:
    """The verdict on one content of a source row, and from when on it may be taken again."""

    content_hash: str
    record_key: str | None
    verdict: str
    reprocess: timedelta
    next_turn: datetime
    changed: datetime
    by: str | None = None

    def change(self, now: datetime, **values: object) -> None:
        for name, value in values.items():
            setattr(self, name, value)
        self.changed = max(now, self.changed + timedelta(microseconds=1))


@dataclass
class Task:
    id: UUID
    batch_id: str
    item: Json
    created: datetime
    state: str = "initialized"
    attempts: int = 0
    deliveries: int = 0
    generation: int = 0
    enqueued: bool = False
    not_before: datetime | None = None
    owner: UUID | None = None
    released_by: UUID | None = None  # the last owner to give it back: repeating that call is no second one
    lease_until: datetime | None = None
    answer: JsonObject | None = None
    category: ErrorCategory | None = None
    message: str | None = None
    hand_over: str = "none"
    sweep_after: datetime | None = None
    finished: datetime | None = None

    @property
    def ended(self) -> bool:
        return self.state in ("completed", "failed")

    @property
    def due(self) -> Due:
        if self.ended:
            return Due.HAND_OVER
        return Due.SILENT if self.enqueued else Due.ENQUEUE

    def was_released_by(self, owner: UUID) -> bool:
        """The call is repeated, because its answer was lost."""
        return self.owner is None and self.released_by == owner and not self.ended


@dataclass
class Manual:
    id: UUID
    batch_id: str
    item: Json
    created: datetime
    cause: ErrorCategory | None = None
    automation: Task | None = None
    state: str = "initialized"
    assignee: str | None = None
    claimed_until: datetime | None = None
    edited: JsonObject | None = None
    note: str | None = None

    @property
    def ended(self) -> bool:
        return self.state in ("completed", "failed")
