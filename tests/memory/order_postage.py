"""The postage ledger of the in-memory order store. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta, timezone
from decimal import Decimal

from shared.fulfillment.orders import OrderState
from shared.fulfillment.store import Json
from tests.memory.order_rows import CarrierRow, Order, Shipment

CALENDAR = timezone(timedelta(hours=-5))
Listed = dict[tuple[str, str], CarrierRow]


@dataclass(frozen=True)
class Entry:
    day: date
    order_id: str
    request_id: str
    shipment_id: str
    kind: str
    cents: int
    ends: str

    def to_json(self) -> Json:
        return {
            "day": self.day.isoformat(),
            "order_id": self.order_id,
            "request_id": self.request_id,
            "shipment_id": self.shipment_id,
            "kind": self.kind,
            "cents": self.cents,
            "ends": self.ends,
        }


def entries_of(orders: Iterable[Order], carrier: Listed) -> Iterator[Entry]:
    for order in orders:
        for shipment in order.shipments:
            yield from _of_label(order, shipment, carrier)


def _of_label(order: Order, label: Shipment, carrier: Listed) -> Iterator[Entry]:
    if label.bought is None or label.bought_at is None:
        return
    further = [(ident, None, label.also_sold_outcome or "open") for ident in sorted(label.also_sold)]
    first = (label.bought.shipment_id, label.bought.price, _end(order, label))
    for ident, noted, ends in [first, *further]:
        listed = carrier.get((label.backend, ident))
        shown = listed.shown.price if listed and listed.shown else None
        cents = round(Decimal(shown if shown is not None else noted or 0) * 100)
        moment = label.bought_at if ident == first[0] else label.not_needed_since or label.bought_at
        day = listed.day if listed else moment.astimezone(CALENDAR).date()
        entry = Entry(day, order.order_id, label.request_id, ident, "purchase", cents, ends)
        yield entry
        if ends in ("voided", "refunded") and label.undone_at:
            kind = "void" if ends == "voided" else "refund"
            yield replace(entry, day=label.undone_at.astimezone(CALENDAR).date(), kind=kind, cents=-cents)


def _end(order: Order, label: Shipment) -> str:
    if label.state in ("voided", "refunded", "disputed"):
        return label.state
    used = label.state == "bought" and label.wanted and order.state is OrderState.SHIPPED
    return "shipped" if used else "open"


def ledger(entries: Iterable[Entry], first: date, last: date, by: str) -> Json:
    """`by` is day, month or label."""
    within = [entry for entry in entries if first <= entry.day <= last]
    within.sort(key=lambda entry: (entry.day, entry.request_id, entry.shipment_id, entry.kind))
    length = 7 if by == "month" else 10
    periods = sorted({entry.day.isoformat()[:length] for entry in within})
    rows = [
        {"period": period} | sums([entry for entry in within if entry.day.isoformat()[:length] == period])
        for period in periods
    ]
    ends = [entry.ends for entry in within if entry.kind == "purchase"]
    return {
        "first": first.isoformat(),
        "last": last.isoformat(),
        "by": by,
        "currency": "CAD",
        "rows": [entry.to_json() for entry in within] if by == "label" else rows,
        "totals": sums(within) | {"ends": {end: ends.count(end) for end in set(ends)}},
    }


def sums(entries: list[Entry]) -> Json:
    by_kind = {
        kind: sum(entry.cents for entry in entries if entry.kind == kind)
        for kind in ("purchase", "void", "refund")
    }
    return {
        "labels": sum(entry.kind == "purchase" for entry in entries),
        "purchases_cents": by_kind["purchase"],
        "voids_cents": by_kind["void"],
        "refunds_cents": by_kind["refund"],
        "total_cents": sum(by_kind.values()),
    }
