"""The answers about orders: only the fields that summaries need, as in cli/answers.py."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from cli.answers import Answer


class Reason(Answer):
    """Why a person must look. `finding` is its number if it is a finding; `what` the limit's name or its kind."""

    kind: str
    what: str = ""
    finding: int | None
    reason: str
    since: datetime


class Override(Answer):
    """A person's own address."""

    address: dict[str, str | None]
    by: str
    note: str
    at: datetime


class Order(Answer):
    """An order in the work list, and after a decision. `limit` is when a person must look if nothing happens."""

    order_id: str
    state: str
    state_since: datetime
    reason: str | None
    marketplace_state: str
    ship_before: datetime | None
    currency: str
    total: Decimal
    attention: bool
    attention_reason: str | None
    attention_since: datetime | None
    reasons: list[Reason]
    limit: datetime | None
    address: dict[str, str | None] | None
    address_override: Override | None


class Turn(Answer):
    """The next act of the system itself, and when its schedule fires it."""

    stage: str
    does: str
    at: datetime


class BoardOrder(Answer):
    order_id: str
    state: str
    ship_before: datetime | None
    total: Decimal
    currency: str
    reasons: list[Reason]
    actions: list[str]
    turn: Turn | None


class Today(Answer):
    day: date
    shipped: int
    cancelled: int
    refused: int
    open: int
    orders: int


class PostageToday(Answer):
    currency: str
    labels: int
    bought_cents: int
    undone_cents: int


class StateCount(Answer):
    total: int
    need_person: int


class OrderPage(Answer):
    total: int
    orders: list[Order]
    next: str | None


class OrderedItem(Answer):
    sku: str
    title: str
    quantity: int
    price: Decimal
    state: str


class Shipment(Answer):
    """One label. `wanted` is false when it is not to be used; `label_path` is null until its PDF is stored."""

    sequence: int
    state: str
    request_id: str
    price: Decimal | None
    tracking_number: str | None
    currency: str
    wanted: bool
    undo_state: str | None
    label_path: str | None
    message: str | None


class OrderStep(Answer):
    """A move, or a person's decision."""

    at: datetime
    what: str
    by: str | None
    person: bool
    note: str | None


class OrderStatus(Order):
    lines: list[OrderedItem]
    shipments: list[Shipment]
    path: list[OrderStep]
    actions: list[str]
    turn: Turn | None
    unmended: str | None
    postage: PostageToday


class NotRetried(Answer):
    order_id: str
    reason: str


class Retried(Answer):
    retried: list[str]
    left: list[NotRetried]
    dry_run: bool


class ShownFinding(Answer):
    id: int
    kind: str
    subject: str
    order_id: str | None
    reason: str
    since: datetime


class Findings(Answer):
    total: int
    findings: list[ShownFinding]


class MessageFile(Answer):
    """`path` is null until it is fetched; `problem` says why it never will be."""

    attachment_id: str
    name: str
    path: str | None
    problem: str | None


class Message(Answer):
    sender: str
    sender_type: str
    body_text: str
    sent_at: datetime
    files: list[MessageFile]


class WrittenReply(Answer):
    """`message_id` is the marketplace's once it is sent; `problem` says why it is refused."""

    reply_id: str
    body: str
    written_by: str
    created_at: datetime
    message_id: str | None
    problem: str | None


class MessageThread(Answer):
    thread_id: str
    topic: str
    order_ids: list[str]
    reply_needed_since: datetime | None
    messages: list[Message]
    replies: list[WrittenReply]


class Threads(Answer):
    threads: list[MessageThread]


class ShownRun(Answer):
    cycle: str
    stage: str
    state: str
    begun_at: datetime
    ended_at: datetime | None
    result: dict[str, Any] | None


class OpenBreaker(Answer):
    stage: str
    cause: str
    reason: str
    opened_at: datetime
    tries: int
    retry_at: datetime


class Stages(Answer):
    stage_runs: list[ShownRun]
    breakers: list[OpenBreaker]


class Look(Answer):
    """The last complete look at marketplace or carrier. An old one verifies nothing."""

    checked_at: datetime | None
    age_seconds: int | None
    fresh: bool
    fresh_for_seconds: int


class Outside(Answer):
    marketplace: Look
    carrier: Look
    unmatched: int


class BoardOutside(Outside):
    """`verdict` is confirmed, contradicted, or unverified without a fresh look."""

    verdict: str


class Board(Answer):
    today: Today
    need_person: int
    states: dict[str, StateCount]
    postage: PostageToday
    outside: BoardOutside
    unanswered: int
    breakers: list[OpenBreaker]
    total: int
    orders: list[BoardOrder]
    next: str | None


class Account(Answer):
    """The place of every order. `verdict` is balanced, unbalanced, or unverified without a fresh look."""

    day: date | None
    seen: int
    shipped: int
    in_progress: dict[str, int]
    with_a_person: int
    cancelled: int
    refused: int
    lost: int
    labels: dict[str, int]
    outside: Outside
    adds_up: bool
    verdict: str


class CarrierSide(Answer):
    listed_cents: int
    ours_cents: int
    agrees: bool
    look: datetime | None


class Totals(Answer):
    labels: int
    purchases_cents: int
    voids_cents: int
    refunds_cents: int
    total_cents: int
    ends: dict[str, int]


class Ledger(Answer):
    """The rows' fields depend on `by`; those that end in `cents` are money."""

    first: date
    last: date
    by: str
    currency: str
    rows: list[dict[str, Any]]
    totals: Totals
    carrier: CarrierSide


class GuessedSku(Answer):
    sku: str
    title: str
    orders: int


class GuessedSkus(Answer):
    skus: list[GuessedSku]


class DeskPerson(Answer):
    person: str
    role: str
    by: str
    at: datetime


class DeskAction(Answer):
    at: datetime
    person: str
    action: str
    subject: str
    note: str | None


class DeskPeople(Answer):
    """`actions` has the latest first."""

    people: list[DeskPerson]
    actions: list[DeskAction]
