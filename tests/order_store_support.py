"""Orders, labels and threads for tests of fulfillment's store."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Protocol

from shared.fulfillment.carrier import Bought, Listed, UndoCall
from shared.fulfillment.findings import Kind
from shared.fulfillment.orders import Move, OrderState, ShipmentFacts
from shared.fulfillment.ports import Address, MarketplaceOrder, Message, OrderLine, Thread
from shared.fulfillment.sequence import StageStore
from shared.fulfillment.store import (
    InboxReports,
    LabelStore,
    MessageStore,
    OrderReports,
    OrderStore,
    OutsideStore,
    StoredMessageThread,
)


class Store(StageStore, LabelStore, MessageStore, InboxReports, OutsideStore, OrderReports, Protocol):
    """All that fulfillment and its functions ask of the database."""


NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ADDRESS = Address("Ana Roy", None, "1 Main St", None, "Ottawa", "ON", "K1A 0B1", "CAN", None)
UNDO = UndoCall("POST", "https://carrier.example/refund", None, "ask for a refund")


def order(order_id: str = "A", state: str = "WAITING_ACCEPTANCE", **changes: object) -> MarketplaceOrder:
    fields: dict[str, object] = {
        "order_id": order_id,
        "commercial_id": f"commercial {order_id}",
        "state": state,
        "created_at": NOON,
        "updated_at": NOON,
        "currency": "CAD",
        "total": Decimal("19.98"),
        "lines": (OrderLine(f"{order_id}-1", "SKU-1", 2, "Cable", Decimal("9.99")),),
        "address": ADDRESS if state == "SHIPPING" else None,
    }
    return MarketplaceOrder(**(fields | changes))  # type: ignore[arg-type]  # the fields of an order, by name


def bought(shipment_id: str = "S1", **changes: object) -> Bought:
    fields: dict[str, object] = {
        "shipment_id": shipment_id,
        "tracking_number": "123456789012",
        "label_link": "https://carrier.example/label",
        "price": Decimal("12.34"),
        "usable": True,
        "status": "created",
        "links": {"self": "https://carrier.example/s1"},
    }
    return Bought(**(fields | changes))  # type: ignore[arg-type]  # the fields of a label, by name


def conversation(
    thread_id: str = "T", *message_ids: str, updated_at: datetime = NOON, topic: str = "Where is it?"
) -> StoredMessageThread:
    messages = [
        Message(
            ident,
            "Customer",
            "CUSTOMER_USER",
            "<p>Hello</p>",
            NOON,
            [{"id": f"file {ident}", "name": "a.jpg"}],
        )
        for ident in message_ids
    ]
    thread = Thread(thread_id, topic, NOON, updated_at, ["A"], messages)
    return StoredMessageThread(thread, ["Hello"] * len(messages))


def moving(store: OrderStore, from_state: OrderState, to_state: OrderState, order_id: str = "A") -> bool:
    """True when the order moved."""
    move = Move(order_id, from_state, to_state, f"to {to_state}")
    return list(store.move_orders([move], "a stage")) == [order_id]


def accepted(store: OrderStore, order_id: str = "A") -> str:
    store.store_orders([order(order_id, "SHIPPING")], "accept-orders")
    assert moving(store, OrderState.PENDING_ACCEPTANCE, OrderState.ACCEPTED, order_id)
    return order_id


def opened(
    store: LabelStore, order_id: str = "A", sequence: int = 1, parcel: int = 1
) -> tuple[ShipmentFacts, bool]:
    return store.open_shipment(
        order_id,
        f"{order_id}-{sequence}",
        sequence,
        request_hash="hash",
        request={"request_id": f"{order_id}-{sequence}"},
        backend="json",
        parcel=parcel,
    )


def labelled(store: LabelStore, order_id: str = "A", **changes: object) -> ShipmentFacts:
    """An order with the label S-<order> on the shelf."""
    shipment, _ = opened(store, accepted(store, order_id))
    store.note_label_bought(shipment.id, bought(f"S-{order_id}", **changes), UNDO)
    assert store.note_label_stored(shipment.id, f"{order_id}.pdf", "00", 9)
    return shipment


def state_of(store: OrderReports, order_id: str = "A") -> tuple[str, bool]:
    """The order's state and `attention`."""
    status = store.order_status(order_id)
    return status["state"], status["attention"]


def shipment_of(store: OrderStore, order_id: str = "A") -> ShipmentFacts:
    """The order's last shipment."""
    (known,) = [known for known in store.orders_in(list(OrderState), 1000) if known.order_id == order_id]
    assert known.shipment is not None
    return known.shipment


def open_findings(store: OrderReports) -> list[tuple[str, str]]:
    """Kind and subject of each, in the order of their beginnings."""
    return [(each["kind"], each["subject"]) for each in store.findings(None, 1000, 0)["findings"]]


def close(store: OrderReports, kind: Kind, note: str = "seen") -> None:
    """A person closes the only open finding of a kind."""
    (finding,) = store.findings(kind, 10, 0)["findings"]
    store.close_finding(finding["id"], "kim", note)


def listed(*shipment_ids: str) -> list[Listed]:
    return [Listed(each, f"https://carrier.example/{each}") for each in shipment_ids]
