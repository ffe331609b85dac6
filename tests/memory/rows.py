"""The rows of the in-memory record store."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from shared.enrichment.ports import Blame, ErrorCategory, JsonObject, PauseCause
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
    content: str


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
    attempt_counted: bool = False  # by the current lease
    deliveries: int = 0
    generation: int = 0
    renewed: int = 0
    enqueued: bool = False
    not_before: datetime | None = None
    owner: UUID | None = None
    released_by: UUID | None = None  # the last owner to give it back: repeating that call is no second one
    lease_until: datetime | None = None
    answer: JsonObject | None = None
    category: ErrorCategory | None = None
    message: str | None = None
    asks: str = ""  # the vendor of its last claim
    outages: int = 0  # in which a failure was given back
    outage_at: datetime | None = None
    blame: Blame | None = None
    redrives: UUID | None = None
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
    product: Json | None = None  # as the person left it

    @property
    def ended(self) -> bool:
        return self.state in ("completed", "failed")


@dataclass
class Breaker:
    """One vendor's. `failing` holds the owners of failed deliveries, `owed` attempts, both by task."""

    vendor: str
    cause: PauseCause | None = None
    reason: str | None = None
    opened_at: datetime | None = None
    until: datetime | None = None
    backoff: float = 0
    probe_owner: UUID | None = None
    probe_until: datetime | None = None
    failing: dict[UUID, set[UUID]] = field(default_factory=dict)
    owed: dict[UUID, int] = field(default_factory=dict)
    closed_at: datetime | None = None
    closed_by: str | None = None
    note: str | None = None

    def close(self, now: datetime, by: str, note: str | None = None) -> None:
        self.cause, self.until, self.backoff, self.failing = None, None, 0, {}
        self.probe_owner, self.probe_until = None, None
        self.closed_at, self.closed_by, self.note = now, by, note


@dataclass
class Counts:
    """The finished tasks of a manufacturer, as of `at`."""

    attempts: float = 0
    successes: float = 0
    at: datetime | None = None
