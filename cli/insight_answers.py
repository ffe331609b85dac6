"""The answers of `GET /now` and `GET /insight/...`."""

from datetime import date, datetime
from typing import Any

from cli.answers import Answer, Equation, TaskCounts, Vendor


class Oldest(Answer):
    pn: str
    since: datetime


class Queue(Answer):
    in_flight: int
    working: int
    queued: int
    not_enqueued: int
    waiting_for_vendor: int
    dead_letters: int
    oldest: Oldest | None


class ManualTasks(Answer):
    open: int
    free: int
    held: int
    overdue: int
    oldest: Oldest | None


class Quota(Answer):
    used: int
    limit: int
    left: int
    renewed_at: datetime


class RecordsNow(Answer):
    account: Equation
    queue: Queue
    manual_tasks: ManualTasks
    quota: Quota
    vendors: list[Vendor]


class OrdersAccount(Answer):
    seen: int
    shipped: int
    in_progress: TaskCounts
    with_a_person: int
    cancelled: int
    refused: int
    lost: int
    adds_up: bool
    verdict: str


class Look(Answer):
    checked_at: datetime | None
    fresh: bool


class Outside(Answer):
    marketplace: Look
    carrier: Look
    unmatched: int


class People(Answer):
    orders: int
    since: datetime | None


class Soonest(Answer):
    order_id: str
    state: str
    ship_before: datetime | None


class PostageNow(Answer):
    labels: int
    bought_cents: int
    undone_cents: int
    currency: str


class LastRun(Answer):
    cycle: str
    state: str
    begun_at: datetime
    ended_at: datetime | None
    seconds: float | None
    result: dict[str, Any] | None
    errors: int


class Held(Answer):
    cause: str
    reason: str
    retry_at: datetime


class StageNow(Answer):
    stage: str
    breaker: Held | None
    last_run: LastRun | None


class OrdersNow(Answer):
    account: OrdersAccount
    outside: Outside
    open: TaskCounts
    with_a_person: People
    soonest: Soonest | None
    late: int
    postage: PostageNow
    stages: list[StageNow]


class Now(Answer):
    records: RecordsNow
    orders: OrdersNow

    @property
    def is_well(self) -> bool:
        """No account is unbalanced, no breaker is open, nothing is late."""
        return (
            "unbalanced" not in {self.records.account.verdict, self.orders.account.verdict}
            and all(vendor.state == "closed" for vendor in self.records.vendors)
            and all(stage.breaker is None for stage in self.orders.stages)
            and not self.orders.late
        )


class Insight(Answer):
    series: str
    first: date
    last: date
    rows: list[dict[str, Any]]
    currency: str | None = None
