"""A create request, checked by the carrier's schema and rules; pure.

Both APIs share one model. Its fields have the XML names with underscores; each API converts its requests first.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

PROVINCES = frozenset({"AB", "BC", "MB", "NB", "NL", "NS", "NT", "NU", "ON", "PE", "QC", "SK", "YT"})
SERVICES = frozenset({"DOM.RP", "DOM.EP", "DOM.XP", "DOM.XP.CERT", "DOM.PC", "DOM.LIB"})
OPTIONS = frozenset(
    {"SO", "COV", "COD", "DC", "D2PO", "HFP", "DNS", "LAD", "PA18", "PA19", "RASE", "RTS", "ABAN"}
)
METHODS = frozenset({"Account", "CreditCard", "SupplierAccount"})
HEAVIEST = 30  # kilograms
POSTAL_CODE = r"[A-Z]\d[A-Z]\d[A-Z]\d"


@dataclass(frozen=True)
class Problem:
    """`code` is None if the request does not fit the schema."""

    code: str | None
    text: str


def _text(most: int, least: int = 0) -> Any:  # noqa: ANN401  # an annotation's argument
    """A normalized string, as the schema calls it: no line breaks, no tabs."""
    return StringConstraints(min_length=least, max_length=most, pattern=r"^[^\t\r\n]*$")


def _only_true(value: bool) -> bool:  # noqa: FBT001  # a validator takes what it checks
    if not value:
        raise ValueError("may only be true")
    return value


Line = Annotated[str, _text(44, 1)]
Name = Annotated[str, _text(44)]
Phone = Annotated[str, _text(25)]
Digits = Annotated[str, Field(pattern=r"^\d{1,10}$")]
Yes = Annotated[bool, AfterValidator(_only_true)]
Length = Annotated[Decimal, Field(gt=0, le=Decimal("999.9"), decimal_places=1)]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Address(Part):
    address_line_1: Line
    address_line_2: Name | None = None
    city: Annotated[str, _text(40, 1)]
    prov_state: Annotated[str, _text(20, 1)]
    country_code: Annotated[str, Field(pattern=r"^[a-zA-Z]{2}$")]
    postal_zip_code: Annotated[str, _text(14, 1)] | None = None


class Sender(Part):
    name: Name | None = None
    company: Name
    contact_phone: Phone
    address_details: Address


class Destination(Part):
    name: Name | None = None
    company: Name | None = None
    additional_address_info: Name | None = None
    client_voice_number: Phone | None = None
    address_details: Address


class Option(Part):
    option_code: Annotated[str, _text(10, 1)]
    option_amount: Annotated[Decimal, Field(gt=0, decimal_places=2)] | None = None
    option_qualifier_1: bool | None = None
    option_qualifier_2: Annotated[str, _text(12)] | None = None


class Dimensions(Part):
    length: Length
    width: Length
    height: Length


class Parcel(Part):
    weight: Annotated[Decimal, Field(gt=0, le=Decimal("999.999"), decimal_places=3)]
    dimensions: Dimensions | None = None
    unpackaged: bool | None = None
    mailing_tube: bool | None = None
    oversized: bool | None = None


class Notification(Part):
    email: Annotated[str, _text(60, 3)]
    on_shipment: bool
    on_exception: bool
    on_delivery: bool


class PrintPreferences(Part):
    output_format: Literal["8.5x11", "4x6"] = "8.5x11"
    encoding: Literal["PDF", "ZPL"] = "PDF"


class Preferences(Part):
    show_packing_instructions: bool
    show_postage_rate: bool | None = None
    show_insured_value: bool | None = None


class References(Part):
    cost_centre: Annotated[str, _text(30)] | None = None
    customer_ref_1: Annotated[str, _text(35)] | None = None
    customer_ref_2: Annotated[str, _text(35)] | None = None


class Settlement(Part):
    paid_by_customer: Digits | None = None
    contract_id: Digits | None = None
    cif_shipment: Yes | None = None
    intended_method_of_payment: Annotated[str, _text(15)]
    promo_code: Annotated[str, _text(10)] | None = None


class Delivery(Part):
    service_code: Annotated[str, _text(32, 1)]
    sender: Sender
    destination: Destination
    options: Annotated[tuple[Option, ...], Field(max_length=20)] = ()
    parcel_characteristics: Parcel
    notification: Notification | None = None
    print_preferences: PrintPreferences = PrintPreferences()
    preferences: Preferences
    references: References = References()
    settlement_info: Settlement


class Order(Part):
    customer_request_id: Annotated[str, _text(35)] | None = None
    group_id: Annotated[str, _text(32, 1)] | None = None
    transmit_shipment: Yes | None = None
    quickship_label_requested: bool | None = None
    cpc_pickup_indicator: Yes | None = None
    requested_shipping_point: Annotated[str, Field(pattern=f"^{POSTAL_CODE}$")] | None = None
    shipping_point_id: Annotated[str, _text(4)] | None = None
    expected_mailing_date: date | None = None
    provide_pricing_info: Yes | None = None
    provide_receipt_info: Yes | None = None
    delivery_spec: Delivery

    @model_validator(mode="after")
    def _ends_in_one_way(self) -> Self:
        if (self.group_id is None) == (self.transmit_shipment is None):
            raise ValueError("exactly one of group-id and transmit-shipment is required")
        return self


def misfits(wrong: ValidationError, root: str) -> list[Problem]:
    return [
        Problem(None, f"{'.'.join(map(str, error['loc'])) or root}: {error['msg']}")
        for error in wrong.errors(include_url=False, include_input=False, include_context=False)
    ]


def read_order(fields: object, today: date) -> Order | list[Problem]:
    """The order, or all of its problems."""
    try:
        order = Order.model_validate(fields)
    except ValidationError as wrong:
        return misfits(wrong, "shipment")
    return [Problem(code, text) for is_broken, code, text in _rules(order, today) if is_broken] or order


def _rules(order: Order, today: date) -> Iterator[tuple[bool, str, str]]:
    """The carrier's rules: whether each is broken, its code and its message."""
    spec = order.delivery_spec
    destination, parcel, payment = spec.destination, spec.parcel_characteristics, spec.settlement_info
    to, method = destination.address_details, payment.intended_method_of_payment
    mailing_day = order.expected_mailing_date or today
    options = {option.option_code for option in spec.options}
    has_contract = payment.contract_id is not None  # without another payer the mailer pays
    postal_code = to.postal_zip_code or ""
    yield spec.service_code not in SERVICES, "10028", "The service code is invalid"
    yield to.country_code.upper() != "CA", "3000", "The service and the country do not fit"
    yield not (destination.name or destination.company), "1159", "A destination name or company is required"
    yield to.prov_state not in PROVINCES, "1156", "The destination province is invalid"
    yield not re.fullmatch(POSTAL_CODE, postal_code), "1157", "The destination postal code is invalid"
    yield mailing_day < today, "1622", "The mailing date is in the past"
    yield parcel.weight > HEAVIEST, "9111", "There is no service available for this weight"
    yield not options <= OPTIONS, "9109", "There is no service available with these options"
    yield method not in METHODS, "1711", "The method of payment is invalid"
    yield method == "Account" and not has_contract, "2506", "A contract is required to pay by account"
    yield spec.print_preferences.encoding == "ZPL", "9191", "The sandbox draws PDF only"
