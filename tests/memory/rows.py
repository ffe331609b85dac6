"""The rows of the in-memory record store."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from shared.enrichment.ports import ErrorCategory, JsonObject
from shared.enrichment.store import Json


@dataclass
class Batch:
    run_id: UUID | None
    request: Json
    counts: Json = field(default_factory=dict)
    taken: int = 0
    closed: bool = False
    rejected: dict[str, Json] = field(default_factory=dict)


@dataclass
class Record:
    open: bool
    completed_hash: str | None = None
    completed_at: datetime | None = None
    ledger_due: bool = False


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
