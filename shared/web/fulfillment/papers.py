"""The endpoints of `workflow` that answer with files: labels, packing slips, files of messages, the ledger as CSV."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints

from shared.clock import system_clock
from shared.errors import Conflict, FieldError, InvalidRequest, NotFound
from shared.fulfillment.carrier import LabelShelf, Party
from shared.fulfillment.orders import OrderState
from shared.fulfillment.papers import (
    MEDIA_TYPE,
    Item,
    SlipOrder,
    bookmark,
    joined,
    label_name,
    labels_name,
    packing_slip,
    picking_order,
    slip_name,
)
from shared.fulfillment.ports import ENDED_LINES, Address
from shared.fulfillment.shop import Shop
from shared.fulfillment.store import Json, OrderFilter, OrderReports
from shared.web.call import Answer, Call, Csv, File, NoInput, Pdf, RequestModel
from shared.web.fields import NO_NUL
from shared.web.fulfillment.desk import order_in
from shared.web.function import Route, Supply
from shared.web.table import csv_file

MOST_LABELS = 200
"""In one PDF: an answer of the platform is at most 32 MiB."""

LONGEST_LEDGER = 400  # days
NO_ADDRESS = dict.fromkeys(
    ("name", "company", "street_1", "street_2", "city", "state", "postal_code", "country", "phone"), ""
)


class LabelsRequest(RequestModel):
    """`orders` are ids, separated by commas, `day` the shop's day on which orders were first seen, shipped ones too.

    Without both, all that have a label and are not shipped yet.
    """

    orders: (
        Annotated[str, StringConstraints(strip_whitespace=True, max_length=20_000, pattern=NO_NUL)] | None
    ) = None
    day: date | None = None
    limit: int = Field(default=MOST_LABELS, ge=1, le=MOST_LABELS)

    def wanted(self, zone: str) -> OrderFilter:
        """Raises InvalidRequest for too many orders."""
        ids = [each.strip() for each in (self.orders or "").split(",") if each.strip()]
        if len(ids) > self.limit:
            detail = f"at most {self.limit} orders"
            raise InvalidRequest(detail, [FieldError("orders", detail)])
        if ids:
            return OrderFilter(order_ids=ids, day=self.day, zone=zone)
        shipped = [OrderState.SHIPPED] if self.day else []
        return OrderFilter(states=[OrderState.LABEL_CREATED, *shipped], day=self.day, zone=zone)


class PostageRequest(RequestModel):
    """Days of the carrier's calendar; `last` is by default today, `first` the first of that month."""

    first: date | None = None
    last: date | None = None
    by: Literal["day", "month", "label"] = "day"
    csv: bool = False


def order_papers(store: Supply, shelf: Supply, sender: Supply, shop: Supply) -> Sequence[Route]:
    """They return an OrderReports, a LabelShelf, a Party and a Shop."""
    return (
        Route("GET", "/labels", LabelsRequest, _labels, (store, shelf, sender, shop)),
        Route("GET", "/orders/{id}/label", NoInput, _label, (store, shelf)),
        Route("GET", "/orders/{id}/packing-slip", NoInput, _slip, (store, sender)),
        Route("GET", "/postage", PostageRequest, _postage, (store,)),
    )


def _labels(
    request: LabelsRequest, _call: Call, store: OrderReports, shelf: LabelShelf, sender: Party, shop: Shop
) -> Pdf:
    """Raises NotFound when no order has a label, and Conflict when an order that was named has none."""
    wanted = request.wanted(shop.time_zone)
    rows = store.list_orders(wanted, request.limit, None)["orders"]
    missing = set(wanted.order_ids) - {row["order_id"] for row in rows if _paths(row)}
    if missing:
        raise Conflict(f"no label of {', '.join(sorted(missing)[:10])}")
    paths = {row["order_id"]: _paths(row) for row in rows}
    orders = picking_order([_slip_order(row, sender) for row in rows if _paths(row)])
    if not orders:
        raise NotFound("no order waits with a label")
    whole = joined((bookmark(order), shelf.get(path)) for order in orders for path in paths[order.order_id])
    today = system_clock().astimezone(ZoneInfo(shop.time_zone)).date()
    name = labels_name(today, len(orders))
    return File(whole, MEDIA_TYPE, name, logged={"labels": len(orders)})


def _label(_request: NoInput, call: Call, store: OrderReports, shelf: LabelShelf) -> Pdf:
    row = store.order_status(order_in(call))
    paths = _paths(row)
    if not paths:
        raise NotFound(f"order {row['order_id']} has no label on the shelf")
    labels = [(f"{row['order_id']} {number}", shelf.get(path)) for number, path in enumerate(paths, 1)]
    content = labels[0][1] if len(labels) == 1 else joined(labels)
    return File(content, MEDIA_TYPE, label_name(row["order_id"]))


def _slip(_request: NoInput, call: Call, store: OrderReports, sender: Party) -> Pdf:
    row = store.order_status(order_in(call))
    if row["address"] is None and row["address_override"] is None:
        raise Conflict(f"order {row['order_id']} has no address yet")
    return File(packing_slip(_slip_order(row, sender)), MEDIA_TYPE, slip_name(row["order_id"]))


def _paths(row: Json) -> list[str]:
    """The labels that are to be used, by parcel; one that is given up must not go on a parcel."""
    return [label["label_path"] for label in row["labels"] if label["label_path"]]


def _slip_order(row: Json, sender: Party) -> SlipOrder:
    numbers = [label["tracking_number"] for label in row["labels"] if label["tracking_number"]]
    address = (row["address_override"] or {}).get("address") or row["address"]
    return SlipOrder(
        order_id=row["order_id"],
        commercial_id=row["commercial_id"],
        shop=sender.company or "",
        ordered_at=datetime.fromisoformat(row["ordered_at"]),
        ship_before=row["ship_before"] and datetime.fromisoformat(row["ship_before"]),
        ship_to=Address(**(NO_ADDRESS | (address or {}))),
        items=[
            Item(line["sku"], line["title"], line["quantity"])
            for line in row["lines"]
            if line["quantity"] > 0 and line["state"] not in ENDED_LINES
        ],
        tracking_number=", ".join(numbers) or None,
        parcels=row["parcels"],
    )


def _postage(request: PostageRequest, _call: Call, store: OrderReports) -> Answer | Csv:
    last = request.last or system_clock().date()
    first = request.first or last.replace(day=1)
    if not 0 <= (last - first).days <= LONGEST_LEDGER:
        detail = f"from first to last are 0 to {LONGEST_LEDGER} days"
        raise InvalidRequest(detail, [FieldError("first", detail)])
    ledger = store.postage(request.first, request.last, request.by)
    if not request.csv:
        return Answer(ledger)
    name = f"postage {ledger['first']} to {ledger['last']} by {request.by}.csv"
    return csv_file(name, ledger["rows"])
