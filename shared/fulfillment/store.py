"""The database as fulfillment uses it: each method is one call, one transaction, safe to repeat.

All raise StoreUnavailable when the database cannot be reached or is too slow, and StoreRefused when it refuses a call
that should be legal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from shared.fulfillment.carrier import Bought, UndoCall
from shared.fulfillment.orders import Move, OrderState, ShipmentFacts
from shared.fulfillment.parcels import ParcelSize
from shared.fulfillment.ports import Address, JsonObject, MarketplaceOrder, Thread

Json = dict[str, Any]


@dataclass(frozen=True)
class KnownOrder:
    """A stored order: our state, the marketplace's facts of the last reading, the last shipment."""

    order_id: str
    state: OrderState
    marketplace_state: str
    address: Address | None
    lines: Sequence["KnownLine"]
    carrier_code: str | None
    tracking_number: str | None
    shipment: ShipmentFacts | None
    ordered_at: datetime


@dataclass(frozen=True)
class KnownLine:
    """`size` is the size of one piece; None when the table of sizes does not have the SKU."""

    line_id: str
    sku: str
    quantity: int
    size: ParcelSize | None


@dataclass(frozen=True)
class StoredMessageThread:
    """A thread, and the plain text of each message."""

    thread: Thread
    texts: Sequence[str]


class OrderStore(Protocol):
    def store_orders(self, orders: Sequence[MarketplaceOrder], stage: str) -> int:
        """Stores the marketplace's facts; returns the number of new orders."""
        ...

    def orders_in(
        self, states: Sequence[OrderState], limit: int, after: str | None = None
    ) -> Sequence[KnownOrder]:
        """The oldest first; `after` is the last order of the page before."""
        ...

    def move_orders(self, moves: Sequence[Move], stage: str) -> Sequence[str]:
        """At most one move for each order. Returns the ids that moved; an order in another state stays as it is."""
        ...

    def ask_for_person(self, order_id: str, reason: str) -> None:
        """Keeps the order's state and asks for a person."""
        ...


class LabelStore(OrderStore, Protocol):
    def open_shipment(
        self,
        order_id: str,
        request_id: str,
        sequence: int,
        *,
        request_hash: str,
        request: JsonObject,
        backend: str,
    ) -> tuple[ShipmentFacts, bool]:
        """Commits the intent before the carrier is called. The flag is true when this caller may call it.

        Raises Conflict when the order is not accepted, or had a shipment of this sequence before.
        """
        ...

    def note_label_call(self, shipment: ShipmentFacts) -> ShipmentFacts | None:
        """Needed before a repeated call. None: the shipment or its order changed meanwhile; do not call."""
        ...

    def note_label_not_sent(self, shipment: ShipmentFacts, message: str) -> None:
        """The call that `shipment` names was not made. Changes nothing when a later call was allowed."""
        ...

    def note_label_unknown(self, shipment_id: str, message: str, attention_after: int, cycle: str) -> int:
        """Returns the number of cycles with an unknown outcome; 0 when it is known by now."""
        ...

    def note_label_bought(self, shipment_id: str, bought: Bought, undo: UndoCall) -> str:
        """Returns the shipment's state: bought, or undo_due when its order no longer needs it."""
        ...

    def note_label_stored(self, shipment_id: str, path: str, sha256: str, size: int) -> bool:
        """False: the order has changed its state meanwhile."""
        ...

    def note_label_refused(self, shipment: ShipmentFacts, message: str) -> None:
        """The call that `shipment` names bought nothing. Changes nothing when a later call was allowed."""
        ...

    def shipments_to_settle(self, limit: int) -> Sequence[tuple[str, ShipmentFacts]]:
        """Shipments of unknown outcome whose orders have ended, with the order's id; the longest untouched first."""
        ...

    def shipments_to_undo(self, limit: int) -> Sequence[tuple[str, Bought]]:
        """Labels that are paid for and no longer needed, with our shipment's id."""
        ...

    def note_undo_due(self, shipment_id: str, undo: UndoCall) -> None: ...


class MessageStore(Protocol):
    def store_threads(self, threads: Sequence[StoredMessageThread]) -> tuple[int, int]:
        """Returns the number of threads and the number of new messages."""
        ...

    def read_cursor(self, name: str) -> datetime | None: ...

    def move_cursor(self, name: str, value: datetime) -> None:
        """A cursor never goes back."""
        ...


class OrderReports(Protocol):
    def orders(self, state: OrderState | None, limit: int) -> list[Json]: ...

    def order_status(self, order_id: str) -> Json:
        """Raises NotFound."""
        ...

    def retry_order(self, order_id: str, note: str) -> Json:
        """A person lets the stages try again. Raises NotFound, and Conflict when there is nothing to retry."""
        ...

    def note_undone(self, order_id: str, note: str) -> Json:
        """A person has undone needless purchases. Raises NotFound, and Conflict when there are none."""
        ...

    def reconcile_orders(self, day: date | None) -> Json: ...

    def recent_stage_runs(self, limit: int) -> list[Json]: ...
