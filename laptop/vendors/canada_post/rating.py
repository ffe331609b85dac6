"""Prices and delivery days, made up from service, weight and province alone, so always the same; pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated

from pydantic import Field, ValidationError

from laptop.vendors.canada_post.orders import (
    HEAVIEST,
    POSTAL_CODE,
    SERVICES,
    Digits,
    Option,
    Parcel,
    Part,
    Problem,
    misfits,
)

_BASE = {"DOM.RP": "9.10", "DOM.EP": "11.40", "DOM.XP": "15.25", "DOM.XP.CERT": "17.80", "DOM.PC": "24.90"}
_PER_KILOGRAM = Decimal("1.35")
_ZONES = {
    **dict.fromkeys(("ON", "QC"), Decimal("1.00")),
    **dict.fromkeys(("NB", "NS", "PE", "MB", "SK"), Decimal("1.20")),
    **dict.fromkeys(("AB", "BC", "NL"), Decimal("1.35")),
    **dict.fromkeys(("NT", "NU", "YT"), Decimal("2.10")),
}
_FUEL = Decimal("0.115")
_HARMONIZED = {"ON": "0.13", "NB": "0.15", "NL": "0.15", "NS": "0.14", "PE": "0.15"}
_GOODS = Decimal("0.05")


@dataclass(frozen=True)
class Price:
    """Dollars; `due` is the amount to pay."""

    base: Decimal
    fuel: Decimal
    gst: Decimal
    hst: Decimal

    @property
    def before_tax(self) -> Decimal:
        return self.base + self.fuel

    @property
    def due(self) -> Decimal:
        return self.before_tax + self.gst + self.hst


def price(service: str, weight: Decimal, province: str) -> Price:
    base = _cents((Decimal(_BASE.get(service, "5.00")) + _PER_KILOGRAM * weight) * _ZONES[province])
    fuel = _cents(base * _FUEL)
    harmonized = province in _HARMONIZED
    hst = _cents((base + fuel) * Decimal(_HARMONIZED[province])) if harmonized else Decimal("0.00")
    gst = Decimal("0.00") if harmonized else _cents((base + fuel) * _GOODS)
    return Price(base, fuel, gst, hst)


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


# --- requests for prices ------------------------------------------------------------------------------------------

_PROVINCES = {
    **dict.fromkeys("KLMNP", "ON"),
    **dict.fromkeys("GHJ", "QC"),
    "A": "NL",
    "B": "NS",
    "C": "PE",
    "E": "NB",
    "R": "MB",
    "S": "SK",
    "T": "AB",
    "V": "BC",
    "X": "NT",
    "Y": "YT",
}
_DAYS = {"DOM.PC": 1, "DOM.XP": 2, "DOM.XP.CERT": 2, "DOM.EP": 3, "DOM.RP": 5, "DOM.LIB": 7}


class _Domestic(Part):
    postal_code: Annotated[str, Field(pattern=r"^[a-zA-Z\d ]{5,7}$")]


class _Destination(Part):
    domestic: _Domestic | None = None
    united_states: Mapping[str, str] | None = None
    international: Mapping[str, str] | None = None


class Scenario(Part):
    """A request for prices, in the model that both APIs share."""

    customer_number: Digits | None = None
    contract_id: Digits | None = None
    promo_code: str | None = None
    quote_type: str | None = None
    expected_mailing_date: date | None = None
    options: tuple[Option, ...] = ()
    parcel_characteristics: Parcel
    services: tuple[str, ...] = ()
    origin_postal_code: Annotated[str, Field(pattern=f"^{POSTAL_CODE}$")]
    destination: _Destination


@dataclass(frozen=True)
class Quote:
    """`days` from handing over to delivery."""

    service_code: str
    price: Price
    days: int
    delivery: date


def quotes(fields: object, today: date) -> list[Quote] | list[Problem]:
    """The prices of the services that are asked for, or of all; or the problems of the request."""
    try:
        scenario = Scenario.model_validate(fields)
    except ValidationError as wrong:
        return misfits(wrong, "mailing-scenario")
    domestic, weight = scenario.destination.domestic, scenario.parcel_characteristics.weight
    if domestic is None:
        return [Problem("9111", "The sandbox has prices for Canada only")]
    if not re.fullmatch(POSTAL_CODE, domestic.postal_code) or domestic.postal_code[0] not in _PROVINCES:
        return [Problem("1157", "The destination postal code is invalid")]
    asked = [service for service in scenario.services or sorted(SERVICES) if service in SERVICES]
    if not asked or weight > HEAVIEST:
        return [Problem("9111", "There is no service available for this input")]
    province = _PROVINCES[domestic.postal_code[0]]
    return [
        Quote(service, price(service, weight, province), _DAYS[service], today + timedelta(_DAYS[service]))
        for service in asked
    ]
