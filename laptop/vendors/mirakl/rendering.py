"""An order as OR11 shows it; pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from laptop.vendors.common.database import stamp
from laptop.vendors.mirakl.lifecycle import ENDED

_RULE = "PROPORTIONAL_TO_AMOUNT"
_SERVICES = {"STD": "Standard", "EXP": "Express"}


@dataclass(frozen=True)
class Order:
    """`details` is the order as it was created, `progress` holds later changes.

    Moments are texts of `stamp`. `overrides` changes the answer, so that a test can get any answer.
    """

    order_id: str
    commercial_id: str
    state: str
    since: str
    created_at: str
    updated_at: str
    details: Mapping[str, Any]
    progress: Mapping[str, Any]
    overrides: Mapping[str, Any]

    @property
    def line_ids(self) -> tuple[str, ...]:
        return tuple(f"{self.order_id}-{number}" for number in range(1, len(self.details["lines"]) + 1))

    @property
    def can_shop_ship(self) -> bool:
        """Whether OR24 is possible: in SHIPPING, unless a control said otherwise."""
        by_state = self.state == "SHIPPING"
        said = self.progress.get("can_shop_ship")
        return by_state if said is None else bool(said)

    @property
    def lines(self) -> Sequence[Mapping[str, Any]]:
        """The lines as they are now, each with id and state. Cancelled units are gone from its quantity."""
        changed = self.progress.get("lines", {})
        return [
            {
                **line,
                "state": self.state,
                **changed.get(line_id, {}),
                "line_id": line_id,
                "quantity": line["quantity"]
                - sum(each["quantity"] for each in changed.get(line_id, {}).get("cancelations", ())),
            }
            for line_id, line in zip(self.line_ids, self.details["lines"], strict=True)
        ]


def order_of(row: Mapping[str, Any]) -> Order:
    """Makes an order of a row of the store."""
    documents = {name: json.loads(row[name]) for name in ("details", "progress", "overrides")}
    plain = ("order_id", "commercial_id", "state", "since", "created_at", "updated_at")
    return Order(**{name: row[name] for name in plain}, **documents)


def shown(order: Order) -> dict[str, Any]:
    """The order's JSON. Addresses are null until the buyer is debited, as a platform can require."""
    details, progress = order.details, order.progress
    rows = [_line(order, number, line) for number, line in enumerate(order.lines, start=1)]
    price = sum(line["price"] * line["quantity"] for line in order.lines)
    commission = sum(_commission(line) for line in order.lines)
    service = details.get("shipping_type", "STD")
    address = details["shipping_address"] if progress.get("customer_debited_date") else None
    billing = address and {name: text for name, text in address.items() if name != "additional_info"}
    answer = {
        "order_id": order.order_id,
        "commercial_id": order.commercial_id,
        "order_state": order.state,
        "order_state_reason_code": progress.get("reason_code"),
        "order_state_reason_label": progress.get("reason_label"),
        "created_date": shown_date(order.created_at),
        "last_updated_date": shown_date(order.updated_at),
        "acceptance_decision_date": shown_date(progress.get("acceptance_decision_date")),
        "customer_debited_date": shown_date(progress.get("customer_debited_date")),
        "currency_iso_code": "CAD",
        "price": _money(price),
        "shipping_price": 0,
        "total_price": _money(price),
        "total_commission": _money(commission),
        "order_tax_mode": "TAX_EXCLUDED",
        "order_taxes": [],
        "paymentType": "CREDIT_CARD",
        "payment_type": "CREDIT_CARD",
        "payment_workflow": "PAY_ON_ACCEPTANCE",
        "payment_duration": 0,
        "transaction_date": None,
        "transaction_number": None,
        "shipping_zone_code": "CA",
        "shipping_zone_label": "Canada",
        "shipping_type_code": service,
        "shipping_type_label": _SERVICES.get(service, service),
        "shipping_type_standard_code": None,
        "shipping_company": progress.get("shipping_company"),
        "shipping_carrier_code": progress.get("shipping_carrier_code"),
        "shipping_carrier_standard_code": progress.get("shipping_carrier_standard_code"),
        "shipping_tracking": progress.get("shipping_tracking"),
        "shipping_tracking_url": progress.get("shipping_tracking_url"),
        "shipping_deadline": shown_date(details["shipping_deadline"]),
        "delivery_date": _delivery(details.get("deliver_by"), order.created_at),
        "shipping_pudo_id": None,
        "leadtime_to_ship": 2,
        "can_cancel": order.state not in ENDED,
        "can_shop_ship": order.can_shop_ship,
        "fully_refunded": bool(progress.get("fully_refunded")),
        "has_customer_message": False,
        "has_incident": False,
        "has_invoice": False,
        "customer_directly_pays_seller": False,
        "customer_notification_email": f"notification+{order.order_id.lower()}@notification.example",
        "channel": {"code": "BBY_CA", "label": "Best Buy Canada"},
        "references": {"order_reference_for_customer": None, "order_reference_for_seller": None},
        "fulfillment": {"center": {"code": "DEFAULT"}},
        "promotions": {"applied_promotions": [], "total_deduced_amount": 0},
        "order_additional_fields": [],
        "customer": {
            "customer_id": f"c-{order.commercial_id}",
            "civility": None,
            "firstname": details["firstname"],
            "lastname": details["lastname"],
            "locale": "en_CA",
            "billing_address": billing,
            "shipping_address": address,
        },
        "order_lines": rows,
    }
    read: dict[str, Any] = merged(answer, order.overrides)
    return read


def merged(below: Any, above: Any) -> Any:  # noqa: ANN401  # any JSON
    """Merges objects; any other value, null too, replaces the one below."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return {
        **below,
        **{name: merged(below[name], each) if name in below else each for name, each in above.items()},
    }


def _line(order: Order, number: int, line: Mapping[str, Any]) -> dict[str, Any]:
    price = line["price"] * line["quantity"]
    return {
        "order_line_id": line["line_id"],
        "order_line_index": number,
        "order_line_state": line["state"],
        "order_line_state_reason_code": order.progress.get("reason_code"),
        "order_line_state_reason_label": order.progress.get("reason_label"),
        "offer_id": 2_130_000 + number,
        "offer_sku": line["sku"],
        "offer_state_code": "11",
        "product_sku": f"17{abs(hash_of(line['sku'])) % 10**6:06}",
        "product_shop_sku": None,
        "product_title": line["title"],
        "category_code": "20361",
        "category_label": "Computer Parts",
        "description": None,
        "quantity": line["quantity"],
        "price_unit": _money(line["price"]),
        "origin_unit_price": _money(line["price"]),
        "price": _money(price),
        "price_additional_info": None,
        "shipping_price": 0,
        "total_price": _money(price),
        "commission_fee": _money(_commission(line)),
        "commission_rate_vat": 0,
        "commission_vat": 0,
        "commission_taxes": [{"amount": 0, "code": "TAXZERO", "rate": 0}],
        "total_commission": _money(_commission(line)),
        "taxes": [
            {"amount": _money(price * 13 // 100), "code": "HST", "rate": 13, "tax_calculation_rule": _RULE}
        ],
        "shipping_taxes": [],
        "cancelations": [_returned(line, each) for each in line.get("cancelations", ())],
        "refunds": [_refund(line, each) for each in line.get("refunds", ())],
        "promotions": [],
        "product_medias": [{"media_url": "/media/product/image/1", "mime_type": "JPEG", "type": "SMALL"}],
        "order_line_additional_fields": [],
        "can_refund": order.progress.get("customer_debited_date") is not None,
        "created_date": shown_date(order.created_at),
        "last_updated_date": shown_date(order.updated_at),
        "debited_date": shown_date(order.progress.get("customer_debited_date")),
        "shipped_date": shown_date(order.progress.get("shipped_date")),
        "received_date": shown_date(order.progress.get("received_date")),
        "shipping_from": {"address": {"city": "Toronto", "country_iso_code": "CAN", "state": "ON"}},
    }


_ENTRIES = {"CANCELED": "cancelations", "REFUNDED": "refunds"}


def line_changed(
    order: Order, line_id: str, state: str, quantity: int | None, now: str
) -> dict[str, Any] | None:
    """The progress of an order of which a line, or `quantity` of its units, has ended; None if it cannot."""
    [line] = [each for each in order.lines if each["line_id"] == line_id]
    left = line["quantity"] - sum(each["quantity"] for each in line.get("refunds", ()))
    kind = _ENTRIES.get(state)
    if left < (quantity or 1) if kind else quantity is not None:
        return None
    changes = order.progress.get("lines", {})
    changed = dict(changes.get(line_id, {}))
    if kind:
        entries = changed.get(kind, [])
        ident = f"{line_id}-{kind}-{len(entries) + 1}"
        entry = {"id": ident, "quantity": quantity or left, "reason_code": "OTHER", "at": now}
        changed[kind] = [*entries, entry]
    if quantity in {None, left}:
        changed["state"] = state
    return {"lines": {**changes, line_id: changed}}


def _returned(line: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that a cancellation and a refund share."""
    units = {"price": line["price"], "quantity": entry["quantity"]}
    return {
        "id": entry["id"],
        "quantity": entry["quantity"],
        "amount": _money(line["price"] * entry["quantity"]),
        "reason_code": entry["reason_code"],
        "created_date": shown_date(entry["at"]),
        "commission_amount": _money(_commission(units)),
        "commission_taxes": [],
        "commission_total_amount": _money(_commission(units)),
        "shipping_amount": 0,
        "shipping_taxes": [],
        "taxes": [],
    }


def _refund(line: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **_returned(line, entry),
        "commission_tax_amount": 0,
        "order_refund_id": entry["id"],
        "refund_state": "REFUNDED",
        "state": "REFUNDED",
    }


def _delivery(latest: str | None, created_at: str) -> dict[str, Any] | None:
    return {"earliest": shown_date(created_at), "latest": shown_date(latest)} if latest else None


def hash_of(text: str) -> int:
    """A hash that is the same in every process, unlike Python's."""
    return sum(ord(letter) * 31**place for place, letter in enumerate(text))


def _commission(line: Mapping[str, Any]) -> int:
    return int(line["price"]) * int(line["quantity"]) * 12 // 100


def _money(cents: int) -> float | int:
    """A JSON number, never a string; whole dollars have no fraction."""
    return cents // 100 if cents % 100 == 0 else cents / 100


def shown_date(stamped: str | None) -> str | None:
    """The date in the vendor's form: with milliseconds, unless they are zero."""
    if stamped is None:
        return None
    seconds, fraction = stamped.removesuffix("Z").split(".")
    return f"{seconds}Z" if fraction.startswith("000") else f"{seconds}.{fraction[:3]}Z"


def date_in(text: str) -> str | None:
    """The date as a text of `stamp`, in UTC if it names no zone; None for anything else."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return stamp(read if read.tzinfo else read.replace(tzinfo=UTC))
