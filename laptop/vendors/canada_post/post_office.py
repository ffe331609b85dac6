"""Sells, looks up, draws labels and takes back, for both APIs."""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from laptop.clock import Clock
from laptop.vendors.canada_post.books import Books, Scan, Shipment
from laptop.vendors.canada_post.drawing import label_pdf
from laptop.vendors.canada_post.orders import Order, Problem, read_order
from laptop.vendors.canada_post.rating import Price, Quote, price, quotes
from laptop.vendors.common.database import moment, stamp

_KEPT = timedelta(days=90)
_FIRST_SHIPMENT = 545_021_584_000_000_000
_FIRST_ARTIFACT = 10_001_782_000
_MINUTE = timedelta(minutes=1)
_CALENDAR = ZoneInfo("America/Toronto")
_CENTS = Decimal("0.01")

Api = Literal["json", "xml"]


class Behaviour(BaseModel):
    """Settings for cases in which the real carrier is slow, untidy or undocumented.

    `visibility_delay`: seconds until a look-up finds a new sale; `hidden_as`: its answer until then (`working`, a
    202, only in the JSON API). `pending_labels`: how often a label is not ready yet. `duplicates`: whether a second
    request with the same id is sold (the worst case, and the default) or refused. `suspend`: how many of the next
    shipments are suspended. `not_found`: whether a 404 has an error code. `calls_per_minute`: above it a key is
    throttled until the minute is over. `link_style`: the form of the links. `ledgers`: whether an API knows what the
    other one sold.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    visibility_delay: Annotated[float, Field(ge=0, le=86_400)] = 0
    hidden_as: Literal["none", "not_found", "working"] = "none"
    pending_labels: Annotated[int, Field(ge=0, le=1000)] = 1
    duplicates: Literal["sell", "refuse"] = "sell"
    suspend: Annotated[int, Field(ge=0)] = 0
    not_found: Literal["coded", "uncoded"] = "coded"
    calls_per_minute: Annotated[int, Field(ge=0)] | None = None
    link_style: Literal["plain", "quoted", "relative"] = "plain"
    ledgers: Literal["shared", "apart"] = "apart"


@dataclass(frozen=True)
class Mailer:
    """The caller: `customer` is mailed by / mailed on behalf of."""

    api: Api
    customer: str


@dataclass(frozen=True)
class Sold:
    """A sale with its order, its price and what is charged for it, which is another only by a control."""

    shipment: Shipment
    order: Order
    price: Price

    @property
    def due(self) -> Decimal:
        return Decimal(self.shipment.due)

    @property
    def is_charged_to_card(self) -> bool:
        return self.order.delivery_spec.settlement_info.intended_method_of_payment == "CreditCard"

    @property
    def status(self) -> str:
        """The status as the carrier shows it, with nothing of a refund before it is granted."""
        return "transmitted" if self.shipment.status == "refund_asked" else self.shipment.status

    @property
    def is_refund_asked(self) -> bool:
        return self.shipment.status in {"refund_asked", "refunded"}

    @property
    def artifact(self) -> int:
        return _FIRST_ARTIFACT + self.shipment.number


class PostOffice:
    def __init__(self, books: Books, clock: Clock, seed: int = 0) -> None:
        self.books = books
        self.clock = clock
        self._seed = seed
        kept = books.database.kept("behaviour")
        self._behaviour = Behaviour() if kept is None else Behaviour.model_validate(kept)

    @property
    def behaviour(self) -> Behaviour:
        return self._behaviour

    def behave(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self.books.database.keep("behaviour", behaviour.model_dump())

    def missing(self) -> list[Problem]:
        """The errors of a 404. The carrier's code for it is not known; the sandbox's is 404."""
        return [Problem("404", "Not found")] if self._behaviour.not_found == "coded" else []

    def is_throttling(self) -> bool:
        """Whether the calls of the last minute reach the limit."""
        most = self._behaviour.calls_per_minute
        return most is not None and self.books.calls_since(self.clock() - _MINUTE) >= most

    # --- selling --------------------------------------------------------------------------------------------

    def sell(self, fields: object, mailer: Mailer) -> Sold | list[Problem]:
        """Sells one more label, even for a request id that was served, unless duplicates are to be refused."""
        order = read_order(fields, self.clock().date())
        if isinstance(order, list):
            return order
        with self.books.database.transaction():
            if self._behaviour.duplicates == "refuse" and self._was_served(mailer, order.customer_request_id):
                return [Problem("9199", "The customer request id was already used")]
            return self.enter(order, mailer, self._status(order))

    def enter(self, order: Order, mailer: Mailer, status: str, due: Decimal | None = None) -> Sold:
        """Enters a sale into the books; `due` if it is not the usual price."""
        number = self.books.next_number()
        shipment = Shipment(
            number=number,
            shipment_id=str(_FIRST_SHIPMENT + number),
            tracking_pin=self._pin(number),
            customer=mailer.customer,
            request_id=order.customer_request_id,
            reference=order.delivery_spec.references.customer_ref_1,
            api=mailer.api,
            status=status,
            sold_at=stamp(self.clock()),
            due=str(_price(order).due if due is None else due.quantize(_CENTS)),
            order_json=order.model_dump_json(),
        )
        self.books.sell(shipment)
        return _sold(shipment)

    def _was_served(self, mailer: Mailer, request_id: str | None) -> bool:
        return request_id is not None and bool(self._of_request(mailer, request_id))

    def _status(self, order: Order) -> str:
        if self._behaviour.suspend:
            self.behave(self._behaviour.model_copy(update={"suspend": self._behaviour.suspend - 1}))
            return "suspended"
        return "transmitted" if order.transmit_shipment else "created"

    def _pin(self, number: int) -> str:
        """16 digits; the last six count, so that no two are the same."""
        digest = hashlib.blake2b(f"{self._seed}\n{number}".encode(), digest_size=8).digest()
        return f"{int.from_bytes(digest, 'big') % 10**10:010d}{number % 10**6:06d}"

    # --- asking ---------------------------------------------------------------------------------------------

    def _is_known(self, shipment: Shipment, api: Api) -> bool:
        return shipment.status != "void" and (self._behaviour.ledgers == "shared" or shipment.api == api)

    def _of_request(self, mailer: Mailer, request_id: str) -> list[Shipment]:
        found = self.books.of_request(mailer.customer, request_id)
        return [one for one in found if self._is_known(one, mailer.api)]

    def _is_visible(self, shipment: Shipment) -> bool:
        return moment(shipment.sold_at) <= self.clock() - timedelta(seconds=self._behaviour.visibility_delay)

    def find(self, mailer: Mailer, request_id: str) -> list[Sold] | Literal["not_found", "working"]:
        """The result of a look-up. It leaves out void shipments, and new ones until they are visible."""
        sold = self._of_request(mailer, request_id)
        visible = [one for one in sold if self._is_visible(one)]
        if not visible and sold and self._behaviour.hidden_as != "none":
            return self._behaviour.hidden_as
        return [_sold(one) for one in visible]

    def find_by_pin(self, mailer: Mailer, pin: str) -> list[Sold]:
        found = self.books.of_pin(pin)
        return [
            _sold(one) for one in found if one.customer == mailer.customer and self._is_known(one, mailer.api)
        ]

    def list_day(self, mailer: Mailer, day: date, limit: int) -> list[Sold]:
        """The first ones of a day of the carrier's calendar, without void ones and those not visible yet."""
        begin = datetime.combine(day, time.min, _CALENDAR)
        end = datetime.combine(day + timedelta(days=1), time.min, _CALENDAR)
        sold = self.books.sold_between(mailer.customer, begin, end)
        return [_sold(one) for one in sold if self._is_known(one, mailer.api) and self._is_visible(one)][
            :limit
        ]

    def shipment(self, mailer: Mailer, shipment_id: str) -> Sold | None:
        found = self.books.shipment(shipment_id)
        is_theirs = found is not None and found.customer == mailer.customer
        return _sold(found) if found and is_theirs and self._is_known(found, mailer.api) else None

    def label(self, api: Api, artifact: int) -> bytes | Literal["pending"] | None:
        """The PDF; `pending` the first few times; None if there is no such label or it is over 90 days old."""
        found = self.books.numbered(artifact - _FIRST_ARTIFACT)
        if found is None or not self._is_known(found, api) or self.clock() > moment(found.sold_at) + _KEPT:
            return None
        if found.label_asked < self._behaviour.pending_labels:
            self.books.count_label(found.number)
            return "pending"
        return _drawn(_sold(found))

    def scan(self, pin: str) -> tuple[Sold, Scan] | None:
        """The last scan of a parcel, to whoever asks; None until it was handed over."""
        found = next(iter(self.books.of_pin(pin)), None)
        scan = self.books.scan(found.number) if found else None
        return (_sold(found), scan) if found and scan else None

    def quotes(self, fields: object) -> list[Quote] | list[Problem]:
        return quotes(fields, self.clock().astimezone(_CALENDAR).date())

    # --- taking back ----------------------------------------------------------------------------------------

    def void(self, mailer: Mailer, shipment_id: str) -> Problem | None:
        """Returns None when done. Only a shipment that is not transmitted can be void."""
        found = self.shipment(mailer, shipment_id)
        if found is None:
            return Problem(None, "unknown or already void")
        if found.shipment.status != "created":
            text = "A shipment can only be void if it is in a PROCESSED or PRINTED state"
            return Problem("8064", text)
        self.books.set_status(shipment_id, "void")
        return None

    def refund(self, mailer: Mailer, shipment_id: str) -> str | None:
        """Returns the service ticket, the same one for a repeat; None for an unknown shipment.

        The refund is only asked for: a control grants or refuses it.
        """
        found = self.shipment(mailer, shipment_id)
        if found is None:
            return None
        if found.shipment.status != "refunded":
            self.books.set_status(shipment_id, "refund_asked")
        return ticket(found)


def ticket(sold: Sold) -> str:
    return f"GT{sold.shipment.number:012d}"


def _price(order: Order) -> Price:
    spec = order.delivery_spec
    to = spec.destination.address_details
    return price(spec.service_code, spec.parcel_characteristics.weight, to.prov_state)


def _sold(shipment: Shipment) -> Sold:
    order = Order.model_validate_json(shipment.order_json)
    return Sold(shipment, order, _price(order))


def _drawn(sold: Sold) -> bytes:
    spec = sold.order.delivery_spec
    to = spec.destination
    address = to.address_details
    lines = (
        f"{spec.service_code}   CAD {sold.due}",
        f"From: {spec.sender.company}",
        *(line for line in (to.name, to.company, to.additional_address_info) if line),
        *(line for line in (address.address_line_1, address.address_line_2) if line),
        f"{address.city} {address.prov_state} {address.postal_zip_code}",
        f"Tracking {sold.shipment.tracking_pin}",
        f"Ref {sold.shipment.reference or '-'}",
    )
    return label_pdf(spec.print_preferences.output_format, lines, sold.shipment.tracking_pin)
