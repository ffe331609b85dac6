"""The answers about bulk jobs: only the fields that summaries need."""

from datetime import datetime

from cli.answers import Answer


class Reason(Answer):
    why: str
    count: int
    examples: tuple[str, ...] = ()


class Preview(Answer):
    """`today` of `would` fit into the day's quota."""

    matched: int
    would: int
    today: int
    refused: list[Reason]


class Cause(Answer):
    cause: str
    count: int
    given_up: int


class Awaited(Answer):
    what: str
    count: int


class Cancelled(Answer):
    by: str
    note: str


class Job(Answer):
    """`total` is the sum of applied, refused, resolved, all of `came_back`, and waiting."""

    id: str
    kind: str
    assign_to: str | None = None
    priority: str | None = None
    by: str
    note: str
    at: datetime
    state: str
    total: int
    applied: int
    refused: int
    refusals: list[Reason]
    resolved: int
    resolved_by_people: int
    came_back: list[Cause]
    waiting: int
    waits_for: list[Awaited]
    cancelled: Cancelled | None = None
    worked: int = 0

    @property
    def returned(self) -> int:
        return sum(each.count for each in self.came_back)


class Jobs(Answer):
    total: int
    jobs: list[Job]


class Item(Answer):
    task_id: str
    pn: str
    stands: str
    why: str | None = None
    cause: str | None = None
    who: str | None = None
    manual_task_id: str | None = None


class Items(Answer):
    total: int
    items: list[Item]
