"""The interfaces that fulfillment needs. The adapters are in `shared/vendors` and `shared/cloud`.

A vendor's refusal is data. Calls that change something answer with one of

- Done       the vendor did it
- Refused    the vendor will not; nothing was done, and repeating cannot help
- Unclear    no answer, or none that can be read: it may have been done; ask before repeating it
- NotSent    nothing was sent, or the vendor did not process it (429): it was not done; try later

while calls that only read raise VendorUnavailable when they cannot.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

JsonObject = Mapping[str, Any]


@dataclass(frozen=True)
class Done:
    """The vendor did it."""


@dataclass(frozen=True)
class Refused:
    """`code` is the vendor's, if it gives one."""

    message: str
    code: str | None = None


@dataclass(frozen=True)
class Unclear:
    """It may or may not have been done."""

    message: str


@dataclass(frozen=True)
class NotSent:
    """`retry_after` in seconds, if the vendor gives it."""

    message: str
    retry_after: float | None = None


# --- the marketplace ------------------------------------------------------------------------------------------


class MarketplaceState(StrEnum):
    """The order states of Mirakl that are used here, in their order. Any other text is possible and kept unchanged."""

    STAGING = "STAGING"
    WAITING_ACCEPTANCE = "WAITING_ACCEPTANCE"
    WAITING_DEBIT = "WAITING_DEBIT"
    WAITING_DEBIT_PAYMENT = "WAITING_DEBIT_PAYMENT"
    SHIPPING = "SHIPPING"
    SHIPPED = "SHIPPED"
    TO_COLLECT = "TO_COLLECT"
    RECEIVED = "RECEIVED"
    CLOSED = "CLOSED"
    REFUSED = "REFUSED"
    CANCELED = "CANCELED"


@dataclass(frozen=True)
class Address:
    """The marketplace's address, not shortened and not mapped. `country` is ISO 3166 alpha-3."""

    name: str
    company: str | None
    street_1: str
    street_2: str | None
    city: str
    state: str | None
    postal_code: str | None
    country: str
    phone: str | None
    additional_info: str | None = None


@dataclass(frozen=True)
class OrderLine:
    line_id: str
    sku: str
    quantity: int
    title: str
    price: Decimal


@dataclass(frozen=True)
class MarketplaceOrder:
    """`state` is the marketplace's text, see MarketplaceState. The address is None until the order ships."""

    order_id: str
    commercial_id: str
    state: str
    created_at: datetime
    updated_at: datetime
    currency: str
    total: Decimal
    lines: Sequence[OrderLine]
    address: Address | None
    ship_before: datetime | None = None
    can_ship: bool = False
    carrier_code: str | None = None
    carrier_name: str | None = None
    tracking_number: str | None = None


@dataclass(frozen=True)
class Tracking:
    """`carrier_code` is a carrier that the marketplace knows; else `carrier_name` and `url` describe it."""

    number: str
    carrier_code: str | None
    carrier_name: str | None = None
    url: str | None = None


@dataclass(frozen=True)
class Message:
    message_id: str
    sender: str
    sender_type: str
    body: str
    sent_at: datetime
    attachments: Sequence[JsonObject] = ()


@dataclass(frozen=True)
class Thread:
    """`order_ids` are the orders that it concerns; `messages` the last ones, at most 100 (M11)."""

    thread_id: str
    topic: str
    created_at: datetime
    updated_at: datetime
    order_ids: Sequence[str]
    messages: Sequence[Message]
    reply_needed_since: datetime | None = None


@dataclass(frozen=True)
class Malformed:
    """An order or a thread that cannot be read; `ident` is its id if that can be read.

    `problem` names fields, never their content, so it holds no personal data.
    """

    ident: str | None
    problem: str


@dataclass(frozen=True)
class OrderPage:
    """The orders, and the problems of those that could not be read: a malformed order never hides the others."""

    orders: Sequence[MarketplaceOrder]
    problems: Sequence[Malformed] = ()


@dataclass(frozen=True)
class ThreadPage:
    """A thread with a malformed message is in both: with its other messages, and as a problem."""

    threads: Sequence[Thread]
    problems: Sequence[Malformed] = ()


class Marketplace(Protocol):
    def waiting_orders(self) -> Iterator[OrderPage]:
        """Orders that wait for acceptance, oldest first, in pages of up to 100. Raises VendorUnavailable.

        Read all pages before accepting: the marketplace pages over the orders that wait at that moment.
        """
        ...

    def orders(self, order_ids: Sequence[str]) -> OrderPage:
        """The current state of these orders, read in groups of up to 100; unknown ones are left out.

        Raises VendorUnavailable.
        """
        ...

    def accept(self, order_id: str, line_ids: Sequence[str]) -> Done | Refused | Unclear | NotSent:
        """Accepts all lines of an order (OR21)."""
        ...

    def set_tracking(self, order_id: str, tracking: Tracking) -> Done | Refused | Unclear | NotSent:
        """OR23; a repeat replaces."""
        ...

    def ship(self, order_id: str) -> Done | Refused | Unclear | NotSent:
        """OR24; refused unless the order is in SHIPPING."""
        ...

    def threads(self, updated_since: datetime) -> Iterator[ThreadPage]:
        """Threads modified at or after a moment, with their messages, page by page. Raises VendorUnavailable.

        The order is arbitrary: only the last page completes the reading.
        """
        ...


# --- the carrier ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Party:
    """An address in the carrier's form: every line within its limits, `country` alpha-2, `postal_code` A1A1A1."""

    name: str | None
    company: str | None
    phone: str | None
    line_1: str
    line_2: str | None
    city: str
    province: str
    postal_code: str
    country: str = "CA"
    additional_info: str | None = None


@dataclass(frozen=True)
class Parcel:
    """Kilograms with up to 3 decimals; centimetres with up to 1."""

    weight: Decimal
    length: Decimal
    width: Decimal
    height: Decimal


@dataclass(frozen=True)
class LabelRequest:
    """`request_id` is the idempotency key, at most 32 characters; `reference` is printed on the label (35)."""

    request_id: str
    reference: str
    service_code: str
    destination: Party
    parcel: Parcel
    options: Sequence[str] = ()


@dataclass(frozen=True)
class Bought:
    """A label that exists at the carrier and costs `price`. `usable` is false for one that the carrier suspended.

    `also_sold` are the shipment ids of further live labels of the same request: paid twice, a person voids them.
    """

    shipment_id: str
    tracking_number: str | None
    label_link: str | None
    price: Decimal | None
    usable: bool
    status: str
    links: Mapping[str, str] = field(default_factory=dict)
    also_sold: Sequence[str] = ()


@dataclass(frozen=True)
class Unknown:
    """The carrier has no shipment of that request id."""


@dataclass(frozen=True)
class Pdf:
    content: bytes


@dataclass(frozen=True)
class NotReady:
    """The carrier still makes the label: ask again."""

    message: str = "the label is not made yet"


@dataclass(frozen=True)
class UndoCall:
    """The call by which a person gets the money back. Stages prepare it and never send it."""

    method: str
    url: str
    body: str | None
    note: str


class Carrier(Protocol):
    name: str

    def buy(self, request: LabelRequest) -> Bought | Refused | Unclear | NotSent:
        """Buys one label. Never repeats by itself. After Unclear only `find` may follow."""
        ...

    def find(self, request_id: str) -> Bought | Unknown | Unclear:
        """Asks for the outcome of a request. `Unknown` can still change: the carrier may be working on it."""
        ...

    def fetch_label(self, link: str) -> Pdf | NotReady | Refused | Unclear:
        """The label's PDF; the same one each time."""
        ...

    def undo(self, bought: Bought) -> UndoCall:
        """The void or refund call of a shipment; pure."""
        ...


# --- the shelf for labels -----------------------------------------------------------------------------------------


class LabelShelf(Protocol):
    def put(self, path: str, content: bytes) -> None:
        """Stores a PDF; the same path again replaces it. Raises StoreUnavailable."""
        ...

    def get(self, path: str) -> bytes:
        """Raises NotFound and StoreUnavailable."""
        ...
