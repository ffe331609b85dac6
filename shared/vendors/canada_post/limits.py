"""The carrier's documented limits, field by field, the same for both APIs; pure.

A complaint names the field and the limit, never the value: most values are personal.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain

from shared.fulfillment.carrier import LabelRequest, Parcel, Party

LONGEST_REQUEST_ID = 32  # creating takes 35, but the JSON API's look-up only 32
PROVINCES = frozenset({"AB", "BC", "MB", "NB", "NL", "NS", "NT", "NU", "ON", "PE", "QC", "SK", "YT"})
_MOST_OPTIONS = 20
_UNSENDABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class _Limit:
    field: str
    value: str | None
    most: int
    required: bool = True


def complaint(request: LabelRequest) -> str | None:
    """The first problem of a request; None if it can be sent."""
    return next(_complaints(request), None)


def sender_complaint(sender: Party) -> str | None:
    """The first problem of a sender. Unlike a destination it must have a company and a telephone."""
    required = (_Limit("sender.company", sender.company, 44), _Limit("sender.phone", sender.phone, 25))
    return next(chain(_exceeded(required), _address("sender", sender)), None)


def rates_complaint(to: Party, parcel: Parcel) -> str | None:
    """The first problem of a request for prices, which names no more of the destination than its postal code."""
    problems = (text for text in _address("destination", to) if ".postal_code" in text or ".country" in text)
    return next(chain(problems, _measures(parcel)), None)


def _exceeded(limits: Iterable[_Limit]) -> Iterator[str]:
    for limit in limits:
        value = limit.value or ""
        if not value.strip():
            if limit.required:
                yield f"{limit.field} is missing"
        elif len(value) > limit.most:
            yield f"{limit.field} has {len(value)} characters, at most {limit.most} are allowed"
        elif _UNSENDABLE.search(value):
            yield f"{limit.field} holds characters that cannot be sent"


def _complaints(request: LabelRequest) -> Iterator[str]:
    to = request.destination
    yield from _exceeded(
        (
            _Limit("request_id", request.request_id, LONGEST_REQUEST_ID),
            _Limit("reference", request.reference, 35),
            _Limit("service_code", request.service_code, 32),
            *(_Limit("options", option, 10) for option in request.options),
            _Limit("destination.name or company", to.name or to.company, 44),
        )
    )
    if not re.fullmatch(r"[\x21-\x7e]+", request.request_id):
        yield "request_id must be printable ASCII without spaces"
    if len(request.options) > _MOST_OPTIONS:
        yield f"options has {len(request.options)} entries, at most {_MOST_OPTIONS} are allowed"
    yield from _address("destination", to)
    yield from _measures(request.parcel)


def _address(role: str, party: Party) -> Iterator[str]:
    yield from _exceeded(
        (
            _Limit(f"{role}.name", party.name, 44, required=False),
            _Limit(f"{role}.company", party.company, 44, required=False),
            _Limit(f"{role}.phone", party.phone, 25, required=False),
            _Limit(f"{role}.additional_info", party.additional_info, 44, required=False),
            _Limit(f"{role}.line_1", party.line_1, 44),
            _Limit(f"{role}.line_2", party.line_2, 44, required=False),
            _Limit(f"{role}.city", party.city, 40),
        )
    )
    if party.country != "CA":
        yield f"{role}.country must be CA: other countries need customs data"
    if party.province not in PROVINCES:
        yield f"{role}.province must be one of {', '.join(sorted(PROVINCES))}"
    if not re.fullmatch(r"[A-Z][0-9][A-Z][0-9][A-Z][0-9]", party.postal_code):
        yield f"{role}.postal_code must have the shape A1A1A1"


def _measures(parcel: Parcel) -> Iterator[str]:
    yield from _measure("parcel.weight", parcel.weight, Decimal("999.999"), 3)
    for name in ("length", "width", "height"):
        yield from _measure(f"parcel.{name}", getattr(parcel, name), Decimal("999.9"), 1)


def _measure(field: str, value: Decimal, most: Decimal, places: int) -> Iterator[str]:
    if not value.is_finite() or not 0 < value <= most:
        yield f"{field} must be more than 0 and at most {most}"
    elif value != round(value, places):
        yield f"{field} has more than {places} decimals"
