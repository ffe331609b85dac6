"""The papers of an order's parcel: labels in picking order as one PDF, packing slips, the files' names. Pure."""

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from io import BytesIO
from typing import Protocol, TypeVar

from shared.errors import Conflict
from shared.fulfillment.ports import Address

MEDIA_TYPE = "application/pdf"
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Item:
    """An open line of an order: a number of pieces to put into the parcel."""

    sku: str
    title: str
    quantity: int


@dataclass(frozen=True)
class SlipOrder:
    """The content of a packing slip. `shop` is the sender's company.

    Times are printed in the zone that they carry. `items` are the open lines alone, in the order's own sequence.
    """

    order_id: str
    commercial_id: str
    shop: str
    ordered_at: datetime
    ship_before: datetime | None
    ship_to: Address
    items: Sequence[Item]
    tracking_number: str | None
    parcels: int = 1


class Pickable(Protocol):
    """An order as picking sees it, such as a SlipOrder."""

    @property
    def order_id(self) -> str: ...
    @property
    def ship_before(self) -> datetime | None: ...
    @property
    def items(self) -> Sequence[Item]: ...


P = TypeVar("P", bound=Pickable)


def picking_order(orders: Iterable[P]) -> list[P]:
    """Orders whose first item is the same follow each other, so that a shelf is visited once.

    Among them the one that must ship first is first, and one without such a time is last; then the id decides.
    """
    return sorted(orders, key=_place)


def _place(order: Pickable) -> tuple[str, datetime, str]:
    first = order.items[0].sku if order.items else ""
    return first, order.ship_before or _NEVER, order.order_id


def bookmark(order: Pickable) -> str:
    """The name of an order's label in the list of contents beside the pages: order id · first SKU x quantity."""
    first, *more = [f"{item.sku} x {item.quantity}" for item in order.items] or [""]
    return " · ".join(filter(None, [order.order_id, first])) + (f" + {len(more)} more" if more else "")


def joined(labels: Iterable[tuple[str, bytes]]) -> bytes:
    """One PDF of labels (bookmark, PDF), in the given order, every page as it is.

    Raises Conflict for a label that cannot be read, by its bookmark.
    """
    from pypdf import PdfReader, PdfWriter

    # of a damaged label pypdf logs what it repairs, which may be an address
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    whole = PdfWriter()
    for name, content in labels:
        try:
            label = PdfReader(BytesIO(content))
            label.pages[0]  # a label has one
            whole.append(label, outline_item=name, import_outline=False)
        except Exception as error:  # damage makes pypdf stumble over anything, its own assertions too
            raise Conflict(f"the label of {name} is not a PDF that can be read: fetch it again") from error
    whole.page_mode = "/UseOutlines"
    written = BytesIO()
    whole.write(written)
    return written.getvalue()


def packing_slip(order: SlipOrder) -> bytes:
    """A PDF of one or more letter pages, the same bytes for the same order.

    A character that the font lacks, such as Chinese, Japanese and Korean ones, is printed as a question mark.
    Hebrew and Arabic letters are printed one by one from the left.
    """
    from shared.fulfillment.slip import drawn

    return drawn(order)


def labels_name(day: date, orders: int) -> str:
    return f"labels {day} ({orders} order{'' if orders == 1 else 's'}).pdf"


def label_name(order_id: str) -> str:
    return f"label {_safe(order_id)}.pdf"


def slip_name(order_id: str) -> str:
    return f"packing slip {_safe(order_id)}.pdf"


def _safe(order_id: str) -> str:
    """Keeps what every file system and printer's list takes."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", order_id)[:100]
