"""The request to the carrier for one order, from the facts of the moment, and its idempotency key. Pure."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from shared.fulfillment.address import Unmappable, party_of
from shared.fulfillment.carrier import LabelRequest, Parcel, Party, Rate
from shared.fulfillment.parcels import ParcelSize, parcels_of
from shared.fulfillment.ports import JsonObject, MarketplaceOrder
from shared.fulfillment.store import KnownOrder

LONGEST_ID = 32
"""Canada Post takes 35 characters, its search for them only 32."""

LONGEST_REFERENCE = 35
_PLAIN = re.compile(r"[A-Za-z0-9-]+")


def request_id_of(order_id: str, sequence: int) -> str:
    """Always the same id for the same order and sequence, so that the carrier recognises a repeated call."""
    readable = f"{order_id}-{sequence}"
    if len(readable) <= LONGEST_ID and _PLAIN.fullmatch(readable):
        return readable
    digest = hashlib.sha256(order_id.encode()).hexdigest()
    ending = f"-{sequence}"
    return digest[: LONGEST_ID - len(ending)] + ending


@dataclass(frozen=True)
class LabelTerms:
    """The terms of a purchase: `services` has the carrier's service by the buyer's shipping type, else `service_code`.

    `default_size` is the size of a piece whose SKU has none in the table of sizes. With `candidates`, the cheapest of
    these services that keeps the promised delivery is bought. An order that one parcel cannot carry is distributed over
    up to `most_parcels`.
    """

    service_code: str
    options: Sequence[str]
    default_size: ParcelSize
    services: Mapping[str, str] = field(default_factory=dict)
    candidates: Sequence[str] = ()
    most_parcels: int = 1

    def service_for(self, shipping_type: str | None) -> str:
        return self.services.get(shipping_type or "", self.service_code)


def request_for(
    order: KnownOrder, shown: MarketplaceOrder, sequence: int, terms: LabelTerms
) -> LabelRequest | Unmappable:
    """The request for what the marketplace shows now: open lines only, and a person's address before the buyer's."""
    address = order.own_address or shown.address
    if address is None:
        return Unmappable("the marketplace gives no address yet")
    destination = party_of(address)
    if isinstance(destination, Unmappable):
        return destination
    parcels = parcels_of(pieces_of(order, shown), terms.default_size, order.parcels)
    if isinstance(parcels, str):
        return Unmappable(parcels)
    parcel = parcels[order.parcel - 1]
    if changed := _changed_parcel(order, parcels):
        return Unmappable(
            f"its pieces or their sizes changed after the label of parcel {changed}: relabel it"
        )
    service_code = terms.service_for(shown.shipping_type)
    return label_request(order.order_id, sequence, destination, parcel, service_code, terms.options)


def _changed_parcel(order: KnownOrder, parcels: Sequence[Parcel]) -> int | None:
    """Another parcel whose label was bought for other pieces: some would be in no parcel or in two."""
    for number, bought in order.label_parcels.items():
        now = parcels[number - 1]
        sides = (now.weight, now.length, now.width, now.height)
        asked = (Decimal(str(bought[side])) for side in ("weight", "length", "width", "height"))
        if number != order.parcel and sides != tuple(asked):
            return number
    return None


def pieces_of(order: KnownOrder, shown: MarketplaceOrder) -> list[tuple[ParcelSize | None, int]]:
    """The sizes and quantities of the lines that are to be sent."""
    sizes = {line.sku: line.size for line in order.lines}
    return [(sizes.get(line.sku), line.quantity) for line in shown.lines if line.is_open]


def cheapest(rates: Sequence[Rate], deliver_by: datetime | None) -> Rate | None:
    """The cheapest service that delivers in time, or None; the faster among equals. Without a promise, any."""
    in_time = [
        rate
        for rate in rates
        if deliver_by is None or (rate.delivers_on is not None and rate.delivers_on <= deliver_by.date())
    ]
    return min(
        in_time, key=lambda rate: (rate.price, rate.delivers_on or date.max, rate.service_code), default=None
    )


def label_request(
    order_id: str,
    sequence: int,
    destination: Party,
    parcel: Parcel,
    service_code: str,
    options: Sequence[str],
) -> LabelRequest:
    return LabelRequest(
        request_id=request_id_of(order_id, sequence),
        reference=order_id[:LONGEST_REFERENCE],
        service_code=service_code,
        destination=destination,
        parcel=parcel,
        options=tuple(options),
    )


def request_json(request: LabelRequest) -> dict[str, Any]:
    """The request as JSON, which is stored with the shipment."""
    document: dict[str, Any] = json.loads(json.dumps(asdict(request), default=str))
    return document


def request_hash(request: LabelRequest) -> str:
    return hashlib.sha256(json.dumps(request_json(request), sort_keys=True).encode()).hexdigest()


def request_from_json(document: JsonObject) -> LabelRequest:
    """The committed request, unchanged."""
    parcel = {
        side: Decimal(str(document["parcel"][side])) for side in ("weight", "length", "width", "height")
    }
    return LabelRequest(
        request_id=document["request_id"],
        reference=document["reference"],
        service_code=document["service_code"],
        destination=Party(**document["destination"]),
        parcel=Parcel(**parcel),
        options=tuple(document["options"]),
    )
