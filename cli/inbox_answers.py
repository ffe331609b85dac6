"""The answers about manual tasks, batches and parts: only the fields that summaries need."""

from datetime import datetime
from typing import Any

from pydantic import Field

from cli.answers import Answer, ManualTask, TaskCounts


class FlatProduct(Answer):
    """A price is there only with its currency."""

    pn: str | None = None
    manufacturer: str | None = None
    category: str | None = None
    description: str | None = None
    attributes: dict[str, str] = Field(default_factory=dict)
    docs: list[str] = Field(default_factory=list)
    images: list[str] = Field(default_factory=list)
    vendor_pn: str | None = None
    price: float | None = None
    currency: str | None = None

    @property
    def money(self) -> str | None:
        return None if self.price is None or self.currency is None else f"{self.price:g} {self.currency}"

    @property
    def fields(self) -> dict[str, str]:
        """The filled fields by name, links numbered."""
        plain = {
            "manufacturer": self.manufacturer,
            "category": self.category,
            "description": self.description,
        }
        links = {f"document {n}": each for n, each in enumerate(self.docs, 1)}
        pictures = {f"picture {n}": each for n, each in enumerate(self.images, 1)}
        named = {name: value for name, value in plain.items() if value} | self.attributes | links | pictures
        return named | ({"price": self.money} if self.money else {})


class TaskList(Answer):
    total: int
    manual_tasks: list[ManualTask]
    next: str | None = None


class TaskGroup(Answer):
    type: str
    rule: str | None
    cause: str | None
    tasks: int
    overdue: int
    oldest: datetime | None


class TaskGroups(Answer):
    total: int
    groups: list[TaskGroup]


class Event(Answer):
    at: datetime
    what: str
    by: str | None = None
    cause: str | None = None
    message: str | None = None


class Comparison(Answer):
    feature: str
    operator: str
    threshold: Any
    actual: Any
    outcome: bool


class Reasoning(Answer):
    rule: str
    reason: str
    comparisons: list[Comparison] = Field(default_factory=list)


class Draft(Answer):
    by: str
    saved_at: datetime
    fields: dict[str, Any] = Field(default_factory=dict)


class WholeTask(ManualTask):
    """`source` and `vendor` are the row and the vendor's last word as products."""

    rule: str | None = None
    assigned_to: str | None = None
    free: bool
    overdue: bool
    decision: Reasoning | None = None
    source: FlatProduct
    vendor: FlatProduct | None = None
    candidates: list[FlatProduct] = Field(default_factory=list)
    similar: list[FlatProduct] = Field(default_factory=list)
    timeline: list[Event] = Field(default_factory=list)
    draft: Draft | None = None


class BatchRow(Answer):
    batch_id: str
    state: str
    trigger: str | None
    created_at: datetime
    taken: int
    completed: int
    with_a_person: int
    in_flight: int
    failed: int
    rejected: int


class BatchList(Answer):
    total: int
    batches: list[BatchRow]
    next: str | None = None


class Automation(Answer):
    state: str
    attempts: int
    handed_over: bool


class Taken(Answer):
    """One time that a record was taken."""

    batch_id: str
    at: datetime
    decision: Reasoning | None = None
    automation: Automation | None = None
    manual: ManualTask | None = None
    events: list[Event] = Field(default_factory=list)


class PartRecord(Answer):
    record_key: str
    pn: str
    manufacturer: str | None
    open: bool
    openings: int
    product: FlatProduct | None = None
    history: list[Taken]


class PartHistory(Answer):
    part: str
    records: list[PartRecord]


Places = TaskCounts
