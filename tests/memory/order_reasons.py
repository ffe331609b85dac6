"""Why a person must look at which order, and since when. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.fulfillment.store import Json
from tests.memory.order_rows import UNSETTLED, FindingRow, Order, Shipment
from tests.memory.order_states import LIMITS, limit_of

HOURS_2 = timedelta(hours=2)


@dataclass(frozen=True)
class Reason:
    order_id: str
    kind: str
    reason: str
    since: datetime
    finding: int | None = None
    what: str = ""

    def to_json(self) -> Json:
        return {
            "kind": self.kind,
            "what": self.what,
            "finding": self.finding,
            "reason": self.reason,
            "since": self.since.isoformat(),
        }


def reasons_of(orders: Iterable[Order], findings: Sequence[FindingRow], now: datetime) -> list[Reason]:
    """Those that hold at `now`, the oldest first; `findings` are the open ones."""
    reasons = [reason for order in orders for reason in _of_order(order) if reason.since <= now]
    reasons += [
        Reason(row.order_id, row.kind, row.reason, row.since, row.id, row.kind)
        for row in findings
        if row.order_id
    ]
    return sorted(reasons, key=lambda reason: (reason.since, reason.reason))


def _of_order(order: Order) -> Iterator[Reason]:
    limit = limit_of(order)
    if limit:
        within, _, why = LIMITS[order.state]
        yield Reason(order.order_id, "time", why if within else order.reason or why, limit, what=order.state)
    waiting = order.open_undo.shipments if order.open_undo else []
    for shipment in order.shipments:
        for kind, why, since, what in _of_label(shipment, waiting):
            yield Reason(order.order_id, kind, why, since, what=what)
    if asked := order.open_undo:
        price = "an unknown price" if asked.cents is None else f"{asked.cents / 100:.2f} CAD"
        why = (
            f"a second person must approve the undoing of its labels: {asked.asked_by} has asked for {price}"
        )
        yield Reason(order.order_id, "money", why, asked.asked_at, what="undo not approved")


def _of_label(label: Shipment, asked: Sequence[str]) -> Iterator[tuple[str, str, datetime, str]]:
    said = f": {label.message}" if label.message else ""
    if label.wanted and label.state == "requested" and label.called_at is None:
        why = f"its label could not be asked for at the carrier{said}"
        yield "time", why, label.created_at + HOURS_2, "label not asked for"
    if label.wanted and label.state == "bought" and label.label_path is None and label.bought_at:
        why = f"its label is bought, but no PDF of it can be fetched{said}"
        yield "time", why, label.bought_at + HOURS_2, "label without PDF"
    unclear = label.unclear_since or label.called_at
    if not label.wanted and label.state in UNSETTLED and unclear:
        why = f"it has ended, and the carrier does not say whether it sold the label{said}"
        yield "time", why, unclear + HOURS_2, "unclear label of an ended order"
    if label.state == "undo_due" and label.not_needed_since and label.id not in asked:
        yield "money", "a label is paid for and not needed", label.not_needed_since, "label not needed"
    if label.sold_again and label.not_needed_since:
        yield "money", "a label was sold twice", label.not_needed_since, "label sold twice"
    if label.state == "undo_asked" and label.undo_asked_at and label.undo_sent_at is None:
        why = "the carrier has not taken the undo call of a needless label"
        yield "money", why, label.undo_asked_at + HOURS_2, "undo not sent"
    if label.state == "undo_asked" and label.undo_asked_at:
        yield (
            "money",
            "the carrier has not decided about the refund",
            label.undo_asked_at + timedelta(days=30),
            "refund asked for",
        )
