"""The store of fulfillment without a database: the promises of the SQL functions, for one caller at a time."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from shared.errors import Conflict, NotFound, StoreRefused
from shared.fulfillment.carrier import Bought, UndoCall
from shared.fulfillment.orders import Move, OrderState, ShipmentFacts
from shared.fulfillment.parcels import ParcelSize
from shared.fulfillment.ports import JsonObject, MarketplaceOrder, Message, Thread
from shared.fulfillment.sequence import Before, Beginning
from shared.fulfillment.store import KnownOrder, StoredMessageThread
from tests.memory.clock import SettableClock
from tests.memory.order_rows import Order, Run, Shipment

S = OrderState
ENDS = (S.SHIPPED, S.REFUSED, S.CANCELLED)
UNLABELLED = (S.ACCEPTED, S.LABEL_UNKNOWN)
RETRIES = {
    S.ACCEPTANCE_FAILED: S.PENDING_ACCEPTANCE,
    S.LABEL_FAILED: S.ACCEPTED,
    S.TRACKING_FAILED: S.LABEL_CREATED,
}
ARROWS = {
    S.PENDING_ACCEPTANCE: {S.ACCEPTED, S.ACCEPTANCE_FAILED, S.REFUSED, S.CANCELLED},
    S.ACCEPTANCE_FAILED: {S.PENDING_ACCEPTANCE, S.ACCEPTED, S.REFUSED, S.CANCELLED},
    S.ACCEPTED: {S.LABEL_CREATED, S.LABEL_UNKNOWN, S.LABEL_FAILED, S.SHIPPED, S.REFUSED, S.CANCELLED},
    S.LABEL_UNKNOWN: {S.LABEL_CREATED, S.LABEL_FAILED, S.SHIPPED, S.CANCELLED},
    S.LABEL_FAILED: {S.ACCEPTED, S.SHIPPED, S.CANCELLED},
    S.LABEL_CREATED: {S.SHIPPED, S.TRACKING_FAILED, S.CANCELLED},
    S.TRACKING_FAILED: {S.LABEL_CREATED, S.SHIPPED, S.CANCELLED},
}
STAGE, PERSON = "create-labels", "a person"


@dataclass
class InMemoryOrderStore:
    """Implements StageStore, LabelStore and MessageStore of `shared.fulfillment`."""

    clock: SettableClock = field(default_factory=SettableClock)
    sizes: dict[str, ParcelSize] = field(default_factory=dict)
    runs: dict[tuple[str, str], Run] = field(default_factory=dict)
    rows: dict[str, Order] = field(default_factory=dict)
    threads: dict[str, Thread] = field(default_factory=dict)
    messages: dict[str, tuple[Message, str]] = field(default_factory=dict)
    cursors: dict[str, datetime] = field(default_factory=dict)

    # --- stages

    def begin_stage(
        self,
        cycle: str,
        stage: str,
        owner: UUID,
        *,
        trigger: str,
        lease: timedelta,
        before: Before | None,
    ) -> Beginning:
        now = self.clock()
        own = self.runs.get((cycle, stage))
        if own and own.owner == owner:
            if own.state != "running":
                raise Conflict(f"this run of {stage} in cycle {cycle} has ended")
            own.lease_until = now + lease
            return Beginning("run", own.out_of_order)
        if own and own.state == "finished":
            return Beginning("ran", result=own.result)
        live = next(
            (run for run in self.runs.values() if run.stage == stage and run.state == "running"), None
        )
        if live and live.lease_until > now:
            return Beginning("busy", detail=f"cycle {live.cycle}, until {live.lease_until}")
        earlier = self.runs.get((cycle, before.stage)) if before else None
        if before and earlier and earlier.state == "running" and earlier.lease_until > now:
            return Beginning("wait", detail=before.stage)
        if before and before.due and not earlier:
            left = (before.due + timedelta(seconds=before.grace) - now).total_seconds()
            if left > 0:
                return Beginning("wait", retry_after=max(1, min(60, left)), detail=before.stage)
        if live:
            live.state, live.ended_at, live.result = "failed", now, {"error": "its lease ran out"}
        out_of_order = before is not None and (earlier is None or earlier.state != "finished")
        run = Run(cycle, stage, owner, trigger, now + lease, now, out_of_order)
        run.tries += own.tries if own else 0
        self.runs[cycle, stage] = run
        return Beginning("run", out_of_order)

    def renew_stage(self, cycle: str, stage: str, owner: UUID, lease: timedelta) -> bool:
        run = self.runs.get((cycle, stage))
        if run is None or run.owner != owner or run.state != "running":
            return False
        run.lease_until = self.clock() + lease
        return True

    def end_stage(
        self, cycle: str, stage: str, owner: UUID, *, finished: bool, result: dict[str, Any]
    ) -> bool:
        run = self.runs.get((cycle, stage))
        if run is None or run.owner != owner:
            return False
        if run.state != "running":
            return run.result == result
        run.state, run.result, run.ended_at = "finished" if finished else "failed", result, self.clock()
        return True

    # --- orders

    def _order(self, order_id: str) -> Order:
        if order_id not in self.rows:
            raise NotFound(f"no order {order_id}")
        return self.rows[order_id]

    def _move(
        self, order: Order, to_state: OrderState, reason: str | None, stage: str, *, attention: bool = False
    ) -> None:
        if to_state is not order.state:
            if to_state not in ARROWS.get(order.state, ()):
                raise StoreRefused(f"order {order.facts.order_id}: {order.state} -> {to_state} is no arrow")
            self._note(order, order.state, to_state, reason, stage)
        order.state, order.reason, order.stage = to_state, reason, stage
        order.attention = attention or order.money_is_open
        live = order.live
        if live and to_state in ENDS and (to_state is not S.SHIPPED or live.label_path is None):
            live.wanted, live.touched = False, self.clock()

    def _note(
        self, order: Order, before: OrderState | None, after: OrderState, reason: str | None, stage: str
    ) -> None:
        order.history.append(
            {"from_state": before, "to_state": after, "reason": reason, "stage": stage, "at": self.clock()}
        )

    def store_orders(self, orders: Sequence[MarketplaceOrder], stage: str) -> int:
        new = 0
        for facts in orders:
            order = self.rows.get(facts.order_id)
            if order is None:
                new += 1
                order = self.rows[facts.order_id] = Order(facts, self.clock(), stage=stage)
                self._note(order, None, order.state, None, stage)
            elif order.facts.updated_at <= facts.updated_at:
                lines = {line.line_id: line for line in (*order.facts.lines, *facts.lines)}
                order.facts = replace(
                    facts,
                    created_at=order.facts.created_at,
                    address=facts.address or order.facts.address,
                    lines=tuple(lines.values()),
                )
        return new

    def _in(self, states: Sequence[OrderState], limit: int, after: str | None) -> list[Order]:
        start = (self._order(after).facts.created_at, after) if after else None
        found = sorted(
            (o.facts.created_at, o.facts.order_id) for o in self.rows.values() if o.state in states
        )
        return [self.rows[key[1]] for key in found if start is None or key > start][:limit]

    def orders_in(
        self, states: Sequence[OrderState], limit: int, after: str | None = None
    ) -> Sequence[KnownOrder]:
        return [order.known(self.sizes) for order in self._in(states, limit, after)]

    def move_orders(self, moves: Sequence[Move], stage: str) -> Sequence[str]:
        moved = []
        for move in moves:
            order = self.rows.get(move.order_id)
            if order and order.state is move.from_state:
                self._move(order, move.to_state, move.reason, stage, attention=move.attention)
            if order and (order.state, order.reason, order.stage) == (move.to_state, move.reason, stage):
                moved.append(move.order_id)
        return sorted(moved)

    def ask_for_person(self, order_id: str, reason: str) -> None:
        if order_id in self.rows:
            self.rows[order_id].attention, self.rows[order_id].reason = True, reason

    # --- labels

    def open_shipment(
        self,
        order_id: str,
        request_id: str,
        sequence: int,
        *,
        request_hash: str,  # noqa: ARG002 - kept for people only
        request: JsonObject,
        backend: str,  # noqa: ARG002
    ) -> tuple[ShipmentFacts, bool]:
        order = self.rows.get(order_id)
        if order is None or order.state is not S.ACCEPTED:
            raise Conflict(f"order {order_id} is not accepted")
        if order.live:
            return order.live.facts(), False
        if any(sequence == shipment.sequence for shipment in order.shipments):
            raise Conflict(f"order {order_id} has had shipment {sequence} before")
        now = self.clock()
        shipment = Shipment(
            str(uuid.uuid4()), sequence, request_id, dict(request), str(uuid.uuid4()), now, now
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
        is_open = shipment.state in ("requested", "unknown") and shipment.call_id == facts.call_id
        return order, shipment if is_open else None

    def note_label_call(self, shipment: ShipmentFacts) -> ShipmentFacts | None:
        order, called = self._called(shipment)
        if called is None or order.state not in UNLABELLED:
            return None
        called.call_id, called.called_at, called.touched = str(uuid.uuid4()), self.clock(), self.clock()
        return called.facts()

    def note_label_not_sent(self, shipment: ShipmentFacts, message: str) -> None:  # noqa: ARG002 - for people
        _, called = self._called(shipment)
        if called and called.state == "requested":
            called.called_at = None

    def note_label_unknown(self, shipment_id: str, message: str, attention_after: int, cycle: str) -> int:
        order, shipment = self._shipment(shipment_id)
        if shipment.state not in ("requested", "unknown"):
            return 0
        shipment.unclear_cycles += shipment.unclear_in != cycle
        shipment.state, shipment.unclear_in, shipment.touched = "unknown", cycle, self.clock()
        too_long = shipment.unclear_cycles >= attention_after
        if order.state in UNLABELLED:
            attention = order.attention or too_long
            self._move(order, S.LABEL_UNKNOWN, message, STAGE, attention=attention)
        elif too_long:
            self.ask_for_person(order.facts.order_id, message)
        return shipment.unclear_cycles

    def note_label_bought(self, shipment_id: str, bought: Bought, undo: UndoCall) -> str:
        order, shipment = self._shipment(shipment_id)
        if shipment.state in ("requested", "unknown", "failed"):
            given_up = shipment.state == "failed" or not shipment.wanted
            shipment.state, shipment.bought = "undo_due" if given_up else "bought", bought
        elif shipment.state == "bought" and not shipment.wanted:
            shipment.state, shipment.undone = "undo_due", None
        shipment.undo = undo if shipment.state == "undo_due" else None
        first = shipment.bought.shipment_id if shipment.bought else None
        further = shipment.also_sold | {bought.shipment_id, *bought.also_sold} - {first}
        if further != shipment.also_sold:
            shipment.also_sold, shipment.undone = frozenset(further), None
        shipment.touched = self.clock()
        order.attention = order.attention or order.money_is_open
        return shipment.state

    def note_label_stored(self, shipment_id: str, path: str, sha256: str, size: int) -> bool:  # noqa: ARG002 - for people
        order, shipment = self._shipment(shipment_id)
        if shipment.state != "bought":
            return False
        shipment.label_path = path
        if order.state in UNLABELLED:
            self._move(order, S.LABEL_CREATED, None, STAGE)
        return shipment.wanted and order.state in (S.LABEL_CREATED, S.TRACKING_FAILED, S.SHIPPED)

    def note_label_refused(self, shipment: ShipmentFacts, message: str) -> None:
        order, called = self._called(shipment)
        if called is None:
            return
        called.state = "failed"
        if order.state in UNLABELLED:
            self._move(order, S.LABEL_FAILED, message, STAGE, attention=True)

    def _unwanted(self, limit: int, *states: str) -> list[tuple[Order, Shipment]]:
        pairs = [(order, shipment) for order in self.rows.values() for shipment in order.shipments]
        found = [pair for pair in pairs if not pair[1].wanted and pair[1].state in states]
        return sorted(found, key=lambda pair: (pair[1].touched, pair[1].id))[:limit]

    def shipments_to_settle(self, limit: int) -> Sequence[tuple[str, ShipmentFacts]]:
        found = self._unwanted(limit, "requested", "unknown")
        return [(order.facts.order_id, shipment.facts()) for order, shipment in found]

    def shipments_to_undo(self, limit: int) -> Sequence[tuple[str, Bought]]:
        found = self._unwanted(limit, "bought")
        return [(shipment.id, shipment.bought) for _, shipment in found if shipment.bought]

    def note_undo_due(self, shipment_id: str, undo: UndoCall) -> None:
        order, shipment = self._shipment(shipment_id)
        if shipment.state == "bought" and not shipment.wanted:
            shipment.state, shipment.undo, shipment.undone, order.attention = "undo_due", undo, None, True

    # --- messages

    def store_threads(self, threads: Sequence[StoredMessageThread]) -> tuple[int, int]:
        known = len(self.messages)
        for stored in threads:
            thread = stored.thread
            before = self.threads.get(thread.thread_id)
            if before is None or before.updated_at <= thread.updated_at:
                self.threads[thread.thread_id] = thread
            for message, text in zip(thread.messages, stored.texts, strict=True):
                self.messages.setdefault(message.message_id, (message, text))
        return len(threads), len(self.messages) - known

    def read_cursor(self, name: str) -> datetime | None:
        return self.cursors.get(name)

    def move_cursor(self, name: str, value: datetime) -> None:
        self.cursors[name] = max(value, self.cursors.get(name, value))
