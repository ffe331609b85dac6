"""Rows of fulfillment's SQL functions, and the values that stand for them."""

import json
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal

from shared.fulfillment.carrier import Bought
from shared.fulfillment.orders import OrderState, ShipmentFacts
from shared.fulfillment.parcels import ParcelSize
from shared.fulfillment.ports import Address, MarketplaceOrder
from shared.fulfillment.sequence import Breaker
from shared.fulfillment.store import Json, KnownLine, KnownOrder, StoredMessageThread


def order_json(order: MarketplaceOrder) -> Json:
    return {
        "order_id": order.order_id,
        "commercial_id": order.commercial_id,
        "marketplace_state": order.state,
        "marketplace_reason": order.state_reason,
        "ordered_at": order.created_at.isoformat(),
        "marketplace_updated_at": order.updated_at.isoformat(),
        "ship_before": order.ship_before and order.ship_before.isoformat(),
        "can_ship": order.can_ship,
        "fully_refunded": order.fully_refunded,
        "shipping_type": order.shipping_type,
        "deliver_by": order.deliver_by and order.deliver_by.isoformat(),
        "currency": order.currency,
        "total": str(order.total),
        "address": order.address and asdict(order.address),
        "carrier_code": order.carrier_code,
        "carrier_name": order.carrier_name,
        "tracking_number": order.tracking_number,
        "lines": [asdict(line) | {"price": str(line.price)} for line in order.lines],
    }


def known_of(row: Json) -> KnownOrder:
    return KnownOrder(
        order_id=row["order_id"],
        state=OrderState(row["state"]),
        marketplace_state=row["marketplace_state"],
        address=row["address"] and Address(**row["address"]),
        lines=[line_of(line) for line in row["lines"]],
        carrier_code=row["carrier_code"],
        tracking_number=row["tracking_number"],
        shipment=row["shipment"] and shipment_of(row["shipment"]),
        ordered_at=datetime.fromisoformat(row["ordered_at"]),
        own_address=row["address_override"] and Address(**row["address_override"]["address"]),
        refused=row["refusal"] is not None,
        accept_anyway=row["accept_anyway"],
        parcels=row["parcels"],
        parcel=row["parcel"],
        next_sequence=row["next_sequence"],
        decisions=row["decision_count"],
        label_parcels={label["parcel"]: label["size"] for label in row["labels"] if label["size"]},
        tracking_numbers=[label["tracking_number"] for label in row["labels"] if label["tracking_number"]],
    )


def line_of(row: Json) -> KnownLine:
    size = row["size"] and ParcelSize.model_validate_json(json.dumps(row["size"]))
    return KnownLine(row["line_id"], row["sku"], row["quantity"], size, row["state"])


def breaker_of(row: Json | None) -> Breaker | None:
    if row is None:
        return None
    return Breaker(
        cause=row["cause"],
        reason=row["reason"],
        opened_at=datetime.fromisoformat(row["opened_at"]),
        tries=row["tries"],
        retry_at=datetime.fromisoformat(row["retry_at"]),
    )


def shipment_of(row: Json) -> ShipmentFacts:
    return ShipmentFacts(
        id=row["id"],
        sequence=row["sequence"],
        request_id=row["request_id"],
        state=row["state"],
        called_at=row["called_at"] and datetime.fromisoformat(row["called_at"]),
        shipment_id=row["shipment_id"],
        tracking_number=row["tracking_number"],
        label_link=row["label_link"],
        label_path=row["label_path"],
        request=row["request"],
        call_id=row["call_id"],
        backend=row["backend"],
        wanted=row["wanted"],
        scanned_at=row["scanned_at"] and datetime.fromisoformat(row["scanned_at"]),
    )


def bought_of(row: Json) -> Bought:
    return Bought(
        shipment_id=row["shipment_id"],
        tracking_number=row["tracking_number"],
        label_link=row["label_link"],
        price=None if row["price"] is None else Decimal(str(row["price"])),
        usable=True,
        status=row["carrier_status"] or "",
        links=row["links"],
    )


def thread_json(stored: StoredMessageThread) -> Json:
    thread = stored.thread
    return {
        "thread_id": thread.thread_id,
        "topic": thread.topic,
        "order_ids": list(thread.order_ids),
        "created_at": thread.created_at.isoformat(),
        "updated_at": thread.updated_at.isoformat(),
        "reply_needed_since": thread.reply_needed_since and thread.reply_needed_since.isoformat(),
        "messages": [
            {
                "message_id": message.message_id,
                "sender": message.sender,
                "sender_type": message.sender_type,
                "body_raw": message.body,
                "body_text": text,
                "attachments": [dict(attachment) for attachment in message.attachments],
                "sent_at": message.sent_at.isoformat(),
            }
            for message, text in zip(thread.messages, stored.texts, strict=True)
        ],
    }
