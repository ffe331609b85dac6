"""The shapes of Canada Post's answers, with the fields that are used. Unknown fields are ignored.

The XML mapper converts an answer into the JSON API's shape before it is read here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

Shape = TypeVar("Shape", bound=BaseModel)

_DEAREST = Decimal(1_000_000)


@dataclass(frozen=True)
class Complaint:
    """One error in the carrier's answer."""

    code: str | None
    text: str


@dataclass(frozen=True)
class ErrorReport:
    """The errors in an answer. `is_gateways`: they come from the server before the API, which knows no shipments.

    `is_readable` is false for a page, an empty body and anything else without a known error shape.
    """

    complaints: Sequence[Complaint] = ()
    is_readable: bool = True
    is_gateways: bool = False


def storable(text: str) -> str:
    """One line of text without NUL and lone surrogates, which a database refuses."""
    return " ".join(text.replace("\0", "").encode("utf-8", "replace").decode().split())


def _text(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return storable(str(value))[:200] or None


def _money(value: object) -> Decimal | None:
    """Dollars and cents; None for anything that cannot be money."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    try:
        amount = Decimal(value)
    except ArithmeticError:
        return None
    return amount if amount.is_finite() and 0 <= amount < _DEAREST else None


def _object(value: object) -> object:
    return value if isinstance(value, dict) else {}


def _date(value: object) -> date | None:
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None


def _links(value: object) -> list[object]:
    """The links that can be read: one bad link must not spoil a shipment."""
    given = value if isinstance(value, list) else []
    return [link for link in given if isinstance(link, dict) and isinstance(link.get("href"), str)]


Text = Annotated[str | None, BeforeValidator(_text)]
Money = Annotated[Decimal | None, BeforeValidator(_money)]


class _Read(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)


class Link(_Read):
    href: str
    rel: Text = None


class Price(_Read):
    """`due_amount` is the price with taxes."""

    due_amount: Money = None


class Receipt(_Read):
    charge_amount: Money = None


class Receipts(_Read):
    cc_receipt_details: Annotated[Receipt, BeforeValidator(_object)] = Receipt()


class Shipment(_Read):
    """The answer to creating a shipment and to asking for one. Only the id is required."""

    shipment_id: Annotated[str, BeforeValidator(_text)]
    customer_request_id: Text = None
    shipment_status: Text = None
    tracking_pin: Text = None
    shipment_price: Annotated[Price, BeforeValidator(_object)] = Price()
    shipment_receipt: Annotated[Receipts, BeforeValidator(_object)] = Receipts()
    links: Annotated[tuple[Link, ...], BeforeValidator(_links)] = ()

    @property
    def status(self) -> str:
        return (self.shipment_status or "unknown").lower()

    @property
    def price(self) -> Decimal | None:
        due = self.shipment_price.due_amount
        return self.shipment_receipt.cc_receipt_details.charge_amount if due is None else due


@dataclass(frozen=True)
class SearchHits:
    """The answer to a look-up by request id: links to shipments, or the shipments themselves."""

    links: Sequence[Link] = ()
    shipments: Sequence[Shipment] = field(default=())


class _References(_Read):
    customer_ref_1: Text = None


class _DeliverySpec(_Read):
    references: Annotated[_References, BeforeValidator(_object)] = _References()


class _ShipmentDetail(_Read):
    delivery_spec: Annotated[_DeliverySpec, BeforeValidator(_object)] = _DeliverySpec()


class Details(_Read):
    """The request of a shipment, as the carrier kept it."""

    shipment_detail: Annotated[_ShipmentDetail, BeforeValidator(_object)] = _ShipmentDetail()

    @property
    def reference(self) -> str | None:
        return self.shipment_detail.delivery_spec.references.customer_ref_1


class _PriceDetails(_Read):
    due: Money = None


class _Standard(_Read):
    expected_delivery_date: Annotated[date | None, BeforeValidator(_date)] = None


class Quote(_Read):
    """A service's price. Code and price are required."""

    service_code: Annotated[str, BeforeValidator(_text)]
    price_details: _PriceDetails
    service_standard: Annotated[_Standard, BeforeValidator(_object)] = _Standard()


class TrackingSummary(_Read):
    """The last event of a parcel. `event_type` is in upper case."""

    pin: Text = None
    actual_delivery_date: Text = None
    event_type: Text = None
    event_description: Text = None


class TokenAnswer(_Read):
    """The token is required and checked. The lifetime is an hour in the vendor's example."""

    model_config = ConfigDict(alias_generator=None, hide_input_in_errors=True)

    access_token: Annotated[str, Field(pattern=r"^[\x21-\x7e]+$", max_length=8192, repr=False)]
    expires_in: Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)] = 3600


def quotes_of(given: object) -> tuple[Quote, ...] | None:
    """The quotes of a list; None if one has no code or no price that can be read."""
    if not isinstance(given, list):
        return None
    try:
        quotes = tuple(Quote.model_validate(one) for one in given)
    except ValidationError:
        return None
    return None if any(quote.price_details.due is None for quote in quotes) else quotes


def read_fields(shape: type[Shape], fields: object) -> Shape | None:
    try:
        return shape.model_validate(fields)
    except ValidationError:
        return None


def links_of(given: Sequence[Any]) -> tuple[Link, ...]:
    return tuple(Link.model_validate(link) for link in _links(list(given)))
