"""The functions' answers: only the fields that summaries need. Other fields are ignored; a missing one is an error."""

from datetime import date, datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cli.failures import NotReached

TaskCounts = dict[str, int]


class Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


A = TypeVar("A", bound=Answer)


def parsed(model: type[A], answer: dict[str, Any]) -> A:
    """Raises NotReached when a field is missing: another version answered, or another program."""
    try:
        return model.model_validate(answer)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise NotReached(
            f"the answer cannot be understood ({place}: {first['msg']}); is the function of the same version?"
        ) from None


class RuleCount(Answer):
    rule: str
    route: str
    records: int


class BatchStatus(Answer):
    """`automation` and `manual` count tasks by state, `handed_over` those of its dead letters, `places` its records.

    `closed_at` is empty while more may be opened.
    """

    batch_id: str
    state: str
    automation: TaskCounts
    manual: TaskCounts
    handed_over: TaskCounts = Field(default_factory=dict)
    places: TaskCounts = Field(default_factory=dict)
    taken: int
    policy: str | None
    trigger: str | None
    decisions: list[RuleCount]
    fallback_batches: list[str]
    parent_batch_id: str | None = None
    created_at: datetime
    closed_at: datetime | None
    finished_at: datetime | None


class RunReport(Answer):
    """`started` is false when the batch was there before: then there is `status` and no count."""

    batch_id: str
    started: bool
    read: int = 0
    opened: int = 0
    automation: int = 0
    manual: int = 0
    rejected: int = 0
    skipped: TaskCounts = Field(default_factory=dict)
    not_enqueued: int = 0
    daily_limit_reached: bool = False
    source_exhausted: bool = False
    notes: list[str] = Field(default_factory=list)
    status: BatchStatus | None = None


class ShownDecision(Answer):
    pn: str | None
    manufacturer: str | None
    route: str
    priority: str
    rule: str
    reason: str
    confidence: float


class DryRun(Answer):
    decisions: list[ShownDecision]


class ManualTask(Answer):
    id: str
    batch_id: str
    pn: str | None
    manufacturer: str | None
    type: str
    priority: str
    state: str
    reason: str | None
    cause: str | None = None
    attempts: int | None = None
    assignee: str | None = None
    claimed_until: datetime | None = None
    due_at: datetime | None = None
    note: str | None = None
    created_at: datetime
    edited_fields: dict[str, Any] | None = None
    product: dict[str, Any] | None = None
    undo_until: datetime | None = None


class Change(Answer):
    """`field` is such as `category` or `attribute:Voltage`."""

    field: str
    before: Any
    after: Any


class Preview(Answer):
    changes: list[Change]


class TaskClaim(Answer):
    """`by` holds the task, or has ended it."""

    held: bool
    by: str | None
    until: datetime | None
    state: str


class SavedDraft(Answer):
    claim: TaskClaim


class SaidField(Answer):
    """`layer` is edited, approved, vendor or source."""

    field: str
    value: str | None  # None: the person removed it
    layer: str
    by: str | None = None
    at: datetime
    wins: bool


class Suggestion(Answer):
    field: str
    kept: str
    by: str | None = None
    offered: str
    source: str = Field(alias="from")


class KnownPart(Answer):
    part_key: str
    fields: list[SaidField]
    suggestions: list[Suggestion]


class Redriven(Answer):
    batch_id: str
    redriven: int
    left: int
    daily_limit_reached: bool


class Again(Answer):
    record_key: str
    contents: int


class Vendor(Answer):
    vendor: str
    state: str
    cause: str | None = None
    reason: str | None = None
    opened_at: datetime | None = None
    until: datetime | None = None
    closed_at: datetime | None = None
    closed_by: str | None = None
    note: str | None = None
    waiting: int


class Vendors(Answer):
    vendors: list[Vendor]


class Configuration(Answer):
    workflow: dict[str, Any]
    settings: dict[str, Any]


class AuditLine(Answer):
    """A rule of the audit, with the number of rows that break it."""

    count: int
    examples: list[str | None] = Field(default_factory=list)


class Audit(Answer):
    """`state` is whole, partial or archived; `pending` batches were not looked at yet."""

    state: str
    batches: int = 0
    pending: int = 0
    as_of: datetime | None = None
    lines: dict[str, AuditLine] = Field(default_factory=dict)

    @property
    def faults(self) -> dict[str, AuditLine]:
        return {name: line for name, line in self.lines.items() if line.count}


class Equation(Answer):
    """Accounts for all records taken; it balances when none is missing and the audit found nothing.

    `lost` records were decided and are in no state at all. `verdict` is balanced, unbalanced, nothing_ran or
    unverified.
    """

    taken: int
    completed: int
    with_a_person: int
    in_flight: int
    failed: int
    rejected: int
    lost: int = 0
    balanced: bool
    verdict: str | None = None
    audit: Audit | None = None
    batch_id: str | None = None
    day: date | None = None

    @property
    def accounted_for(self) -> int:
        return self.completed + self.with_a_person + self.in_flight + self.failed + self.rejected

    @property
    def holds(self) -> bool:
        return self.balanced and self.taken == self.accounted_for and self.lost == 0
