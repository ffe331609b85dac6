"""The database as fulfillment uses it: each method is one call, one transaction, safe to repeat.

All raise StoreUnavailable when the database cannot be reached or is too slow, and StoreRefused when it refuses a call
that should be legal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

from shared.fulfillment.carrier import Bought, Listed, UndoCall
from shared.fulfillment.findings import Finding, Kind
from shared.fulfillment.orders import Move, OrderState, ShipmentFacts
from shared.fulfillment.parcels import ParcelSize
from shared.fulfillment.ports import ENDED_LINES, Address, JsonObject, MarketplaceOrder, Thread

Json = dict[str, Any]


@dataclass(frozen=True)
class KnownOrder:
    """A stored order: our state, the marketplace's facts of the last reading, the last shipment.

    `shipment` is that of `parcel`, the first of its `parcels` without a label on the shelf; `next_sequence` is the
    number of the order's next request. `tracking_numbers` are those of its labels, by parcel.
    `own_address` is a person's, used instead of the marketplace's. `refused` and `accept_anyway` are a person's
    decisions about an order that waits for acceptance.
    """

    order_id: str
    state: OrderState
    marketplace_state: str
    address: Address | None
    lines: Sequence["KnownLine"]
    carrier_code: str | None
    tracking_number: str | None
    shipment: ShipmentFacts | None
    ordered_at: datetime
    own_address: Address | None = None
    refused: bool = False
    accept_anyway: bool = False
    parcels: int = 1
    parcel: int = 1
    next_sequence: int = 1
    decisions: int = 0
    label_parcels: Mapping[int, JsonObject] = field(default_factory=dict)
    tracking_numbers: Sequence[str] = ()


@dataclass(frozen=True)
class KnownLine:
    """`size` is the size of one piece; None when the table of sizes does not have the SKU."""

    line_id: str
    sku: str
    quantity: int
    size: ParcelSize | None
    state: str = ""

    @property
    def open_quantity(self) -> int:
        """How many are to be sent: none of a refused or cancelled line."""
        return 0 if self.state in ENDED_LINES else self.quantity


@dataclass(frozen=True)
class StoredMessageThread:
    """A thread, and the plain text of each message."""

    thread: Thread
    texts: Sequence[str]


class FindingStore(Protocol):
    def add_findings(self, findings: Sequence[Finding], stage: str) -> None:
        """Notes each once while it is open. One that a person has closed stays closed for the same reason."""
        ...

    def end_findings(self, kind: Kind, subjects: Sequence[str]) -> None:
        """They no longer hold."""
        ...


class OrderStore(FindingStore, Protocol):
    def set_parcels(
        self, order_id: str, parcels: int, by: str, note: str, decisions: int | None = None
    ) -> Json:
        """So many parcels, each with a label of its own. Raises Conflict once a label is asked for."""
        ...

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


class LabelStore(OrderStore, Protocol):
    def orders_by_id(self, order_ids: Sequence[str]) -> Sequence[KnownOrder]:
        """Unknown ids are left out."""
        ...

    def open_shipment(  # noqa: PLR0913 - the columns of the shipment's row
        self,
        order_id: str,
        request_id: str,
        sequence: int,
        *,
        request_hash: str,
        request: JsonObject,
        backend: str,
        parcel: int = 1,
        decisions: int | None = None,
    ) -> tuple[ShipmentFacts, bool]:
        """Commits the intent before the carrier is called. The flag is true when this caller may call it.

        Raises Conflict when the order is not accepted, had a shipment of this sequence before, or a person has decided
        about its parcels or address since `decisions` were counted.
        """
        ...

    def note_label_call(
        self,
        shipment: ShipmentFacts,
        request: JsonObject | None = None,
        request_hash: str | None = None,
        decisions: int | None = None,
    ) -> ShipmentFacts | None:
        """Needed before a repeated call. None: do not call.

        Then the shipment, its order or a person's decisions (see open_shipment) changed meanwhile.
        A request that was certainly never sent is replaced by `request`.
        """
        ...

    def note_label_not_sent(self, shipment: ShipmentFacts, message: str) -> None:
        """The call that `shipment` names was not made. Changes nothing when a later call was allowed."""
        ...

    def note_label_unknown(self, shipment_id: str, message: str) -> bool:
        """False: the outcome is known by now."""
        ...

    def note_label_bought(
        self, shipment_id: str, bought: Bought, undo: UndoCall, backend: str | None = None
    ) -> str:
        """Returns the shipment's state: bought, or undo_due when its order no longer needs it.

        `backend` is the API that sold it, if that is not the one that was asked for. A label that is known already
        gets its new link, as of a suspended one that can be used now.
        """
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

    def shipments_to_undo(self, limit: int) -> Sequence[tuple[ShipmentFacts, Bought]]:
        """Labels that are paid for and no longer needed."""
        ...

    def note_undo_due(self, shipment_id: str, undo: UndoCall) -> None: ...

    def undos_to_send(self, limit: int) -> Sequence[tuple[ShipmentFacts, UndoCall]]:
        """Undo calls that a person has asked for."""
        ...

    def note_undo_sent(self, shipment_id: str, ticket: str | None, *, is_void: bool) -> None:
        """The carrier took the call. A void is done with that; a refund is decided later."""
        ...

    def note_undo_refused(self, shipment_id: str, message: str) -> None: ...


@dataclass(frozen=True)
class Reply:
    """A reply, or a message to an order's buyer, known by our own id.

    A reply has the thread that it belongs to. A message to a buyer has `order_id` and `topic`; its thread is None while
    we know none. `to` has kinds of participants: CUSTOMER, OPERATOR. `called_at` is the last call whose answer is not
    known.
    """

    reply_id: str
    thread_id: str | None
    body: str
    to: Sequence[str]
    called_at: datetime | None = None
    order_id: str | None = None
    topic: str | None = None


class MessageStore(FindingStore, Protocol):
    def store_threads(self, threads: Sequence[StoredMessageThread]) -> tuple[int, int]:
        """Returns the number of threads and the number of new messages."""
        ...

    def read_cursor(self, name: str) -> datetime | None: ...

    def move_cursor(self, name: str, value: datetime) -> None:
        """A cursor never goes back, and never into the future: what is dated there must not hide the rest."""
        ...

    def files_to_fetch(self, limit: int) -> Sequence[str]:
        """The ids of messages' files that are not stored yet."""
        ...

    def note_file_stored(self, attachment_id: str, path: str, media_type: str, size: int) -> None: ...

    def note_file_gone(self, attachment_id: str, message: str) -> None: ...

    def replies_to_send(self, limit: int) -> Sequence[Reply]:
        """Replies that are not known to be sent, the oldest first."""
        ...

    def note_reply_call(self, reply_id: str) -> bool:
        """Commits the intent before the call. False: it was sent meanwhile."""
        ...

    def note_reply_not_sent(self, reply_id: str) -> None: ...

    def note_reply_sent(self, reply_id: str, message_id: str) -> bool:
        """False: that message stands for another reply, or was there before the call."""
        ...

    def note_reply_refused(self, reply_id: str, message: str) -> None: ...

    def write_to_buyer(self, reply_id: str, order_id: str, topic: str, body: str, by: str) -> Json:
        """A message to the order's buyer, in a new thread if there is none. Repeats and errors as of `write_reply`."""
        ...


class ShippingStore(OrderStore, Protocol):
    def write_to_buyer(self, reply_id: str, order_id: str, topic: str, body: str, by: str) -> Json:
        """As MessageStore's: sync-messages sends it."""
        ...


class InboxReports(Protocol):
    def threads(self, order_id: str | None, limit: int, *, unanswered: bool) -> list[Json]:
        """With messages, files and replies, the latest change first."""
        ...

    def write_reply(self, reply_id: str, thread_id: str, body: str, to: Sequence[str], by: str) -> Json:
        """The same id again adds nothing. Raises NotFound, and Conflict for another reply of that id."""
        ...

    def write_to_buyer(self, reply_id: str, order_id: str, topic: str, body: str, by: str) -> Json:
        """The same id again adds nothing. Raises NotFound, and Conflict for another reply of that id."""
        ...

    def message_file(self, attachment_id: str) -> Json:
        """{name, path, problem}. Raises NotFound."""
        ...


class OutsideStore(OrderStore, Protocol):
    """`source` is marketplace or carrier."""

    def orders_by_id(self, order_ids: Sequence[str]) -> Sequence[KnownOrder]:
        """Unknown ids are left out."""
        ...

    def read_cursor(self, name: str) -> datetime | None: ...

    def move_cursor(self, name: str, value: datetime) -> None: ...

    def note_outside_check(
        self, source: str, began_at: datetime, *, complete: bool, result: Json
    ) -> None: ...

    def last_complete_look(self, source: str) -> datetime | None:
        """Its beginning."""
        ...

    def oldest_unconfirmed_sale(self) -> datetime | None:
        """The oldest label that we have bought and that the carrier's lists have not shown yet."""
        ...

    def backends_of_sales(self) -> Sequence[str]:
        """The carrier's APIs with labels that its lists have not shown yet."""
        ...

    def store_carrier_day(self, backend: str, day: date, listed: Sequence[Listed]) -> Sequence[Listed]:
        """Stores one day of the carrier's list; returns those that were not read yet."""
        ...

    def store_carrier_shipment(self, backend: str, bought: Bought) -> None: ...

    def shipments_to_scan(self, limit: int, after: str | None = None) -> Sequence[ShipmentFacts]:
        """Labels of orders that wait to be shipped, and that the carrier was not seen to have; those after `after`."""
        ...

    def note_scanned(self, shipment_id: str) -> None: ...

    def data_to_forget(self, before: datetime, limit: int) -> tuple[Sequence[str], Sequence[str]]:
        """The ids of orders that ended before, and the paths of their files, which go first."""
        ...

    def forget_personal_data(self, order_ids: Sequence[str]) -> None: ...

    def forget_old_answers(self, before: datetime) -> None:
        """Answers that could not be read, of findings that ended before."""
        ...

    def match_carrier(self, backends: Sequence[str], first: date, last: date, stage: str) -> Json:
        """Matches the lists with our labels and notes what does not match. {listed, unread, unmatched: {kind: n}}."""
        ...


@dataclass(frozen=True)
class OrderFilter:
    """None and empty leave nothing out. `day`, of `zone`, is the day on which an order was first seen."""

    states: Sequence[OrderState] = ()
    attention: bool | None = None
    day: date | None = None
    ship_before: datetime | None = None
    order_ids: Sequence[str] = ()
    zone: str = "UTC"

    def to_json(self) -> Json:
        return {
            "states": [str(state) for state in self.states] or None,
            "attention": self.attention,
            "day": self.day and self.day.isoformat(),
            "zone": self.zone,
            "ship_before": self.ship_before and self.ship_before.isoformat(),
            "order_ids": list(self.order_ids) or None,
        }


class OrderReports(Protocol):
    """Reports and people's decisions. A decision has the person's name (`by`) and a note, and may be repeated.

    All that name an order raise NotFound, and decisions Conflict when they do not fit the order's state.
    """

    def list_orders(self, wanted: OrderFilter, limit: int, after: Json | None) -> Json:
        """{total, orders, next}: the oldest deadline first. `next` is the `after` of the next page, or None."""
        ...

    def order_status(self, order_id: str) -> Json:
        """All that an order's page shows: labels, path, decisions, findings, messages, actions, the system's turn."""
        ...

    def retry_order(self, order_id: str, by: str, note: str, *, anyway: bool = False) -> Json:
        """Raises Conflict for what would certainly fail again by the stored facts, unless `anyway`."""
        ...

    def retry_orders(
        self,
        wanted: OrderFilter,
        limit: int,
        by: str,
        note: str,
        *,
        dry_run: bool,
        anyway: bool = False,
    ) -> Json:
        """{retried, left, dry_run}: `left` are those that could not be retried, with the reason."""
        ...

    def override_address(self, order_id: str, address: Address | None, by: str, note: str) -> Json:
        """None takes the marketplace's address again."""
        ...

    def refuse_order(self, order_id: str, by: str, note: str) -> Json: ...

    def set_parcels(self, order_id: str, parcels: int, by: str, note: str) -> Json:
        """So many parcels, each with a label of its own."""
        ...

    def relabel_order(self, order_id: str, by: str, note: str) -> Json:
        """Another label; the one that is paid for is to be undone."""
        ...

    def note_not_sold(self, order_id: str, by: str, note: str) -> Json:
        """A person has seen at the carrier that an unclear call bought nothing."""
        ...

    def ask_undo(self, order_id: str, by: str, note: str, approval_cents: int | None = None) -> Json:
        """The prepared void and refund calls of the order are to be sent.

        From `approval_cents` on, or with an unknown price, another person must approve it first (OrderBoard).
        """
        ...

    def note_undone(self, order_id: str, outcome: str, by: str, note: str) -> Json:
        """How the order's needless labels ended: voided, refunded, or disputed."""
        ...

    def findings(self, kind: Kind | None, limit: int, after: int) -> Json:
        """{total, findings}: the open ones, the oldest first."""
        ...

    def close_finding(self, finding: int, by: str, note: str) -> Json: ...

    def guessed_skus(self, limit: int) -> list[Json]:
        """SKUs of unshipped orders whose size is the default, the most frequent first."""
        ...

    def reconcile_orders(self, day: date | None, zone: str = "UTC") -> Json:
        """`day`, of `zone`, chooses the orders first seen on it."""
        ...

    def postage(self, first: date | None, last: date | None, by: str) -> Json:
        """The ledger of these days of the carrier's calendar, by day, month or label; amounts in cents.

        Without `last` until today, without `first` from the first of that month.
        """
        ...

    def recent_stage_runs(self, limit: int) -> list[Json]: ...

    def open_breakers(self) -> list[Json]: ...
