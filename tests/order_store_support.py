"""Orders, labels and threads for tests of fulfillment's store."""

from datetime import UTC, datetime
from decimal import Decimal

from shared.fulfillment.carrier import Bought, UndoCall
from shared.fulfillment.orders import Move, OrderState, ShipmentFacts
from shared.fulfillment.ports import Address, MarketplaceOrder, Message, OrderLine, Thread
from shared.fulfillment.store import LabelStore, OrderStore, StoredMessageThread

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
        Message(ident, "Customer", "CUSTOMER_USER", "<p>Hello</p>", NOON, [{"name": "a.jpg"}])
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


def opened(store: LabelStore, order_id: str = "A", sequence: int = 1) -> tuple[ShipmentFacts, bool]:
    return store.open_shipment(
        order_id,
        f"{order_id}-{sequence}",
        sequence,
        request_hash="hash",
        request={"request_id": f"{order_id}-{sequence}"},
        backend="json",
    )
