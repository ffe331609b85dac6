"""The interface of a carrier, and the shelf for its labels. The outcomes of calls are those of `ports`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from shared.fulfillment.ports import NotSent, Refused, Unclear


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
    `request_id` and `reference` are what the carrier has of the request, if it tells.
    """

    shipment_id: str
    tracking_number: str | None
    label_link: str | None
    price: Decimal | None
    usable: bool
    status: str
    links: Mapping[str, str] = field(default_factory=dict)
    also_sold: Sequence[str] = ()
    request_id: str | None = None
    reference: str | None = None


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
    """The call that gets the money back: a void or a refund request. It is sent only on a person's word."""

    method: str
    url: str
    body: str | None
    note: str


@dataclass(frozen=True)
class Undone:
    """The carrier took the void, or the request for a refund; `ticket` is its number for the latter."""

    ticket: str | None = None


@dataclass(frozen=True)
class Listed:
    """One shipment in the carrier's list of a day. `link` leads to it."""

    shipment_id: str
    link: str


@dataclass(frozen=True)
class Rate:
    """A service's price with taxes, and when it delivers if posted today."""

    service_code: str
    price: Decimal
    delivers_on: date | None


@dataclass(frozen=True)
class Progress:
    """The carrier's scans of a parcel."""

    handed_over: bool
    delivered: bool = False


class Carrier(Protocol):
    name: str

    def close(self) -> None: ...

    def buy(self, request: LabelRequest, not_after: datetime) -> Bought | Refused | Unclear | NotSent:
        """Buys one label. Never repeats by itself. After Unclear only `find` may follow.

        `not_after` is checked immediately before the first byte of the purchase is sent; after it: NotSent, LATE.
        """
        ...

    def find(self, request_id: str) -> Bought | Unknown | Unclear | NotSent:
        """Asks for the outcome of a request. `Unknown` can still change: the carrier may be working on it."""
        ...

    def listed(self, day: date) -> Sequence[Listed] | Unclear | NotSent:
        """The shipments that the carrier sold on a day of its calendar, void ones left out."""
        ...

    def read(self, link: str) -> Bought | Unknown | Unclear | NotSent:
        """The shipment behind a link, with its price, request id and status."""
        ...

    def rates(
        self, destination: Party, parcel: Parcel, service_codes: Sequence[str]
    ) -> Sequence[Rate] | Refused | Unclear | NotSent:
        """The prices of these services for a parcel; a service that is not offered there is left out."""
        ...

    def progress(self, tracking_number: str) -> Progress | Unclear | NotSent:
        """The scans of a parcel. A number that the carrier does not show yet is not handed over."""
        ...

    def fetch_label(self, link: str) -> Pdf | NotReady | Refused | Unclear | NotSent:
        """The label's PDF; the same one each time."""
        ...

    def undo(self, bought: Bought) -> UndoCall:
        """The void or refund call of a shipment; pure."""
        ...

    def send_undo(self, call: UndoCall) -> Undone | Refused | Unclear | NotSent:
        """Sends a prepared call. A repeat does no harm."""
        ...


@dataclass(frozen=True)
class Carriers:
    """The carrier's APIs that we have credentials for. New labels are bought at `current`."""

    current: Carrier
    others: Sequence[Carrier] = ()

    def all(self) -> Sequence[Carrier]:
        return (self.current, *self.others)

    def close(self) -> None:
        for each in self.all():
            each.close()

    def of(self, backend: str) -> Carrier | None:
        """The API that a shipment names; None without credentials for it."""
        return next((each for each in self.all() if each.name == backend), None)


# --- the shelf for labels -----------------------------------------------------------------------------------------


class LabelShelf(Protocol):
    def put(self, path: str, content: bytes, media_type: str = "application/pdf") -> None:
        """Stores a file; the same path again replaces it. Raises StoreUnavailable."""
        ...

    def get(self, path: str) -> bytes:
        """Raises NotFound and StoreUnavailable."""
        ...

    def remove(self, paths: Sequence[str]) -> None:
        """Those that are not there are left out. Raises StoreUnavailable."""
        ...
