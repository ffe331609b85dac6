"""Labels of the in-memory order store."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.errors import Conflict, NotFound
from shared.fulfillment.carrier import Bought, UndoCall
from shared.fulfillment.findings import Kind
from shared.fulfillment.orders import OrderState, ShipmentFacts
from shared.fulfillment.ports import JsonObject
from tests.memory.order_rows import UNSETTLED, Order, Shipment
from tests.memory.order_states import InMemoryOrders

S = OrderState
UNLABELLED = (S.ACCEPTED, S.LABEL_UNKNOWN)
STAGE = "create-labels"


@dataclass
class InMemoryLabels(InMemoryOrders):
    """Implements LabelStore."""

    def open_shipment(
        self,
        order_id: str,
        request_id: str,
        sequence: int,
        *,
        request_hash: str,  # noqa: ARG002 - kept for people only
        request: JsonObject,
        backend: str,
        parcel: int = 1,
        decisions: int | None = None,
    ) -> tuple[ShipmentFacts, bool]:
        order = self.rows.get(order_id)
        if order is None or order.state is not S.ACCEPTED or decisions not in (None, order.decisions):
            raise Conflict(f"order {order_id} is not accepted")
        if live := order.live(parcel):
            return live.facts(), False
        if any(sequence == shipment.sequence for shipment in order.shipments):
            raise Conflict(f"order {order_id} has had shipment {sequence} before")
        now = self.clock()
        ident, call = str(uuid.uuid4()), str(uuid.uuid4())
        shipment = Shipment(
            ident, sequence, request_id, dict(request), backend, call, now, now, now, parcel=parcel
        )
        order.shipments.append(shipment)
        return shipment.facts(), True

    def _shipment(self, shipment_id: str) -> tuple[Order, Shipment]:
        for order in self.rows.values():
            for shipment in order.shipments:
                if shipment.id == shipment_id:
                    return order, shipment
        raise NotFound(f"no shipment {shipment_id}")

    def _called(self, facts: ShipmentFacts) -> tuple[Order, Shipment | None]:
        """The shipment if its last call is that of `facts` and its outcome is open."""
        order, shipment = self._shipment(facts.id)
        is_open = shipment.state in UNSETTLED and shipment.call_id == facts.call_id
        return order, shipment if is_open else None

    def note_label_call(
        self,
        shipment: ShipmentFacts,
        request: JsonObject | None = None,
        request_hash: str | None = None,  # noqa: ARG002 - kept for people only
        decisions: int | None = None,
    ) -> ShipmentFacts | None:
        order, called = self._called(shipment)
        if called is None or order.state not in UNLABELLED or decisions not in (None, order.decisions):
            return None
        if called.called_at is None and called.state == "requested" and request is not None:
            called.request = dict(request)
        called.call_id, called.called_at, called.touched = str(uuid.uuid4()), self.clock(), self.clock()
        return called.facts()

    def note_label_not_sent(self, shipment: ShipmentFacts, message: str) -> None:
        _, called = self._called(shipment)
        if called:
            called.message, called.touched = message, self.clock()
            called.called_at = called.called_at if called.state == "unknown" else None

    def note_label_unknown(self, shipment_id: str, message: str) -> bool:
        order, shipment = self._shipment(shipment_id)
        if shipment.state not in UNSETTLED:
            return False
        shipment.state, shipment.message, shipment.touched = "unknown", message, self.clock()
        shipment.unclear_since = shipment.unclear_since or self.clock()
        if order.state in UNLABELLED:
            self._move(order, S.LABEL_UNKNOWN, message, STAGE)
        return True

    def note_label_bought(
        self, shipment_id: str, bought: Bought, undo: UndoCall, backend: str | None = None
    ) -> str:
        order, shipment = self._shipment(shipment_id)
        live = order.live(shipment.parcel)
        other = live is not None and live is not shipment
        is_needed = order.state in (*UNLABELLED, S.LABEL_FAILED) and not other
        now = self.clock()
        if shipment.state in (*UNSETTLED, "failed"):
            shipment.wanted = shipment.wanted and (shipment.state != "failed" or is_needed)
            shipment.state, shipment.bought, shipment.bought_at, shipment.message = (
                "bought",
                bought,
                now,
                None,
            )
            shipment.backend = backend or shipment.backend
        elif shipment.state == "bought" and shipment.bought and _is_printable_now(shipment, bought):
            price = shipment.bought.price if bought.price is None else bought.price
            shipment.bought = replace(bought, price=price)
        first = {shipment.bought.shipment_id} if shipment.bought else set()
        further = shipment.also_sold | {bought.shipment_id, *bought.also_sold} - first
        if further != shipment.also_sold:
            shipment.also_sold = further
            shipment.not_needed_since = shipment.not_needed_since or now
        shipment.touched = now
        self._undo_due(shipment, undo)
        if order.state is S.LABEL_FAILED and shipment.state == "bought" and shipment.wanted:
            self._move(order, S.ACCEPTED, "the label was sold nevertheless", STAGE)
        return shipment.state

    def _undo_due(self, shipment: Shipment, undo: UndoCall) -> None:
        if shipment.state == "bought" and not shipment.wanted:
            shipment.state, shipment.undo, shipment.touched = "undo_due", undo, self.clock()
            shipment.not_needed_since = shipment.not_needed_since or self.clock()

    def note_label_stored(self, shipment_id: str, path: str, sha256: str, size: int) -> bool:  # noqa: ARG002 - for people
        order, shipment = self._shipment(shipment_id)
        if shipment.state != "bought":
            return False
        shipment.label_path = path
        if shipment.wanted and order.state in UNLABELLED:
            is_done = order.current is not None and order.current.label_path is not None
            self._move(order, S.LABEL_CREATED if is_done else S.ACCEPTED, None, STAGE)
        return shipment.wanted and order.state in (S.ACCEPTED, S.LABEL_CREATED, S.TRACKING_FAILED, S.SHIPPED)

    def note_label_refused(self, shipment: ShipmentFacts, message: str) -> None:
        order, called = self._called(shipment)
        if called is None:
            return
        called.state, called.message, called.touched = "failed", message, self.clock()
        if order.state in UNLABELLED:
            self._move(order, S.LABEL_FAILED, message, STAGE)
            order.failed_facts = None if called.called_at else self._facts(order)

    def _all(self) -> list[tuple[Order, Shipment]]:
        return [(order, shipment) for order in self.rows.values() for shipment in order.shipments]

    def _unwanted(self, limit: int, *states: str) -> list[tuple[Order, Shipment]]:
        found = [pair for pair in self._all() if not pair[1].wanted and pair[1].state in states]
        return sorted(found, key=lambda pair: (pair[1].touched, pair[1].id))[:limit]

    def shipments_to_settle(self, limit: int) -> Sequence[tuple[str, ShipmentFacts]]:
        found = self._unwanted(limit, *UNSETTLED)
        return [(order.order_id, shipment.facts()) for order, shipment in found]

    def shipments_to_undo(self, limit: int) -> Sequence[tuple[ShipmentFacts, Bought]]:
        found = self._unwanted(limit, "bought")
        return [(shipment.facts(), shipment.bought) for _, shipment in found if shipment.bought]

    def note_undo_due(self, shipment_id: str, undo: UndoCall) -> None:
        _, shipment = self._shipment(shipment_id)
        self._undo_due(shipment, undo)

    def undos_to_send(self, limit: int) -> Sequence[tuple[ShipmentFacts, UndoCall]]:
        asked = [
            (shipment.undo_asked_at, shipment.id, shipment, shipment.undo)
            for _, shipment in self._all()
            if shipment.state == "undo_asked" and shipment.undo_sent_at is None
        ]
        found = sorted(asked, key=lambda each: each[:2])[:limit]
        return [(shipment.facts(), undo) for _, _, shipment, undo in found if undo]

    def _to_send(self, shipment_id: str) -> tuple[Order, Shipment | None]:
        order, shipment = self._shipment(shipment_id)
        is_open = shipment.state == "undo_asked" and shipment.undo_sent_at is None
        return order, shipment if is_open else None

    def note_undo_sent(self, shipment_id: str, ticket: str | None, *, is_void: bool) -> None:
        _, shipment = self._to_send(shipment_id)
        if shipment:
            shipment.undo_sent_at, shipment.undo_ticket, shipment.message = self.clock(), ticket, None
            if is_void:
                shipment.state, shipment.undone_at = "voided", self.clock()
                shipment.undone_by = shipment.undo_by

    def note_undo_refused(self, shipment_id: str, message: str) -> None:
        order, shipment = self._to_send(shipment_id)
        if shipment:
            shipment.state, shipment.message, shipment.undone_at = "disputed", message, self.clock()
            reason = f"the carrier refused to undo label {shipment.request_id}: {message}"
            self._add(Kind.UNDO_REFUSED, order.order_id, order.order_id, reason)


def _is_printable_now(shipment: Shipment, news: Bought) -> bool:
    known = shipment.bought
    return (
        known is not None
        and known.shipment_id == news.shipment_id
        and shipment.label_path is None
        and news.label_link not in (None, known.label_link)
    )
