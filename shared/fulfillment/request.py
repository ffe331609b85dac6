"""The request to the carrier for one order, and its idempotency key. Pure."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from shared.fulfillment.carrier import LabelRequest, Parcel, Party
from shared.fulfillment.ports import JsonObject

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
