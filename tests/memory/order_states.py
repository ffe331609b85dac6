"""Orders of the in-memory order store, and what their moves bring with them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared.errors import NotFound, StoreRefused
from shared.fulfillment.findings import Kind
from shared.fulfillment.orders import Move, OrderState
from shared.fulfillment.parcels import ParcelSize
from shared.fulfillment.ports import MarketplaceOrder
from shared.fulfillment.store import KnownOrder
from tests.memory.order_rows import LIVE, Order, Shipment
from tests.memory.order_stages import InMemoryStages

S = OrderState
ENDS = (S.SHIPPED, S.REFUSED, S.CANCELLED)
FAILURES = (S.ACCEPTANCE_FAILED, S.LABEL_FAILED, S.TRACKING_FAILED)
ARROWS = {
    S.PENDING_ACCEPTANCE: {S.ACCEPTED, S.ACCEPTANCE_FAILED, S.REFUSED, S.CANCELLED},
    S.ACCEPTANCE_FAILED: {S.PENDING_ACCEPTANCE, S.ACCEPTED, S.REFUSED, S.CANCELLED},
    S.ACCEPTED: {S.LABEL_CREATED, S.LABEL_UNKNOWN, S.LABEL_FAILED, S.SHIPPED, S.REFUSED, S.CANCELLED},
    S.LABEL_UNKNOWN: {S.LABEL_CREATED, S.ACCEPTED, S.LABEL_FAILED, S.SHIPPED, S.CANCELLED},
    S.LABEL_FAILED: {S.ACCEPTED, S.SHIPPED, S.CANCELLED},
    S.LABEL_CREATED: {S.SHIPPED, S.TRACKING_FAILED, S.ACCEPTED, S.CANCELLED},
    S.TRACKING_FAILED: {S.LABEL_CREATED, S.ACCEPTED, S.SHIPPED, S.CANCELLED},
}
HOURS_2, HOURS_12, HOURS_24 = timedelta(hours=2), timedelta(hours=12), timedelta(hours=24)
LIMITS: dict[str, tuple[timedelta, timedelta | None, str]] = {
    "pending_acceptance": (
        HOURS_2,
        None,
        "it is not accepted yet; the marketplace cancels it after 24 hours",
    ),
    "acceptance_failed": (timedelta(0), None, "the marketplace refused its acceptance"),
    "accepted": (HOURS_24, HOURS_12, "it has no label yet"),
    "label_unknown": (HOURS_2, HOURS_12, "the carrier does not say whether it sold the label"),
    "label_failed": (timedelta(0), None, "its label cannot be bought"),
    "label_created": (HOURS_2, HOURS_12, "the marketplace does not confirm that it ships"),
    "tracking_failed": (timedelta(0), None, "the marketplace refused its tracking number or its shipping"),
}


def limit_of(order: Order) -> datetime | None:
    """The moment from which it has waited too long in its state; None for one that has ended."""
    if order.state not in LIMITS:
        return None
    within, before_shipping, _ = LIMITS[order.state]
    begins = order.facts.created_at if order.state is S.PENDING_ACCEPTANCE else order.state_since
    limits = [begins + within]
    if before_shipping is not None and order.facts.ship_before:
        limits.append(max(order.facts.ship_before - before_shipping, order.state_since))
    return min(limits)


def same_number(one: str | None, other: str | None) -> bool:
    return "".join((one or "").split()).upper() == "".join((other or "").split()).upper()


@dataclass
class InMemoryOrders(InMemoryStages):
    """Implements OrderStore."""

    sizes: dict[str, ParcelSize] = field(default_factory=dict)
    rows: dict[str, Order] = field(default_factory=dict)

    def _order(self, order_id: str) -> Order:
        if order_id not in self.rows:
            raise NotFound(f"no order {order_id}")
        return self.rows[order_id]

    def store_orders(self, orders: Sequence[MarketplaceOrder], stage: str) -> int:
        self.end_findings(Kind.UNREADABLE, [facts.order_id for facts in orders])
        new, now = 0, self.clock()
        for facts in orders:
            order = self.rows.get(facts.order_id)
            if order is None:
                new += 1
                order = self.rows[facts.order_id] = Order(facts, now, now, stage=stage)
                self._note(order, None, order.state, None, stage)
            elif order.facts.updated_at <= facts.updated_at and not order.forgotten_at:
                self._update(order, facts)
        return new

    def _update(self, order: Order, facts: MarketplaceOrder) -> None:
        lines = {line.line_id: line for line in (*order.facts.lines, *facts.lines)}
        before = order.facts.address
        order.facts = replace(
            facts,
            created_at=order.facts.created_at,
            address=facts.address or before,
            lines=tuple(lines.values()),
        )
        if before is None or order.facts.address == before or order.state in ENDS:
            return
        moment = facts.updated_at.strftime(" (%Y-%m-%d %H:%M:%S UTC)")
        if any(each.live and each.called_at for each in order.shipments):
            why = f"the address was changed after its label was asked for{moment}"
        elif order.own_address:
            why = f"the marketplace's address changed; a person's own address is used{moment}"
        else:
            return
        self._add(Kind.ADDRESS_CHANGED, order.order_id, order.order_id, why)

    def _in(self, states: Sequence[OrderState], limit: int, after: str | None) -> list[Order]:
        start = (self._order(after).facts.created_at, after) if after else None
        found = sorted((o.facts.created_at, o.order_id) for o in self.rows.values() if o.state in states)
        return [self.rows[key[1]] for key in found if start is None or key > start][:limit]

    def orders_in(
        self, states: Sequence[OrderState], limit: int, after: str | None = None
    ) -> Sequence[KnownOrder]:
        return [order.known(self.sizes) for order in self._in(states, limit, after)]

    def orders_by_id(self, order_ids: Sequence[str]) -> Sequence[KnownOrder]:
        return [self.rows[each].known(self.sizes) for each in sorted(set(order_ids)) if each in self.rows]

    def move_orders(self, moves: Sequence[Move], stage: str) -> Sequence[str]:
        moved = []
        for move in moves:
            order = self.rows.get(move.order_id)
            if order and order.state is move.from_state:
                self._move(order, move.to_state, move.reason, stage)
                order.failed_facts = self._facts(order) if order.state is S.LABEL_FAILED else None
            if order and (order.state, order.reason, order.stage) == (move.to_state, move.reason, stage):
                moved.append(move.order_id)
        return sorted(moved)

    def _facts(self, order: Order) -> object:
        """The facts that a label's request is made of."""
        own = order.own_address and order.own_address["address"]
        lines = [(x.line_id, x.sku, x.quantity, x.state, self.sizes.get(x.sku)) for x in order.facts.lines]
        return (order.facts.address, own, order.parcels, sorted(lines, key=lambda line: line[0]))

    def _why_unmended(self, order: Order) -> str | None:
        """Why a retry would certainly fail again."""
        if order.state is not S.LABEL_FAILED or order.failed_facts != self._facts(order):
            return None
        mend = "Mend its address, parcels or sizes first, or retry it anyway"
        return f"it would fail again, for nothing has changed since: {order.reason}. {mend}"

    def _move(self, order: Order, to_state: OrderState, reason: str | None, stage: str) -> None:
        before, why_before = order.state, order.reason
        if to_state is before:
            order.reason, order.stage = reason, stage
            return
        if to_state not in ARROWS.get(before, ()):
            raise StoreRefused(f"order {order.order_id}: {before} -> {to_state} is no arrow")
        ended = self._end(order, to_state, why_before) if to_state in ENDS else None
        self._note(order, before, to_state, reason, stage)
        order.state, order.reason, order.stage, order.state_since = to_state, reason, stage, self.clock()
        if ended:
            self._add(Kind.ENDED_WITHOUT_US, order.order_id, order.order_id, ended)
        for row in self._of_order(order.order_id, Kind.NO_PARCEL, Kind.OTHER_API, Kind.LABEL_UNUSABLE):
            if row.kind != Kind.NO_PARCEL or to_state is not S.ACCEPTANCE_FAILED:
                row.closed_at = self.clock()

    def _note(
        self, order: Order, before: OrderState | None, after: OrderState, reason: str | None, stage: str
    ) -> None:
        order.history.append(
            {"from_state": before, "to_state": after, "reason": reason, "stage": stage, "at": self.clock()}
        )

    def _end(self, order: Order, end: OrderState, reason: str | None) -> str | None:
        """Gives up the label that has no use now. Returns why the end is a person's business."""
        live = [each for each in order.shipments if each.live]
        is_ours = any(_is_ours(each, order.facts.tracking_number) for each in live)
        for each in live:
            if end is not S.SHIPPED or not is_ours or each.label_path is None:
                each.wanted, each.touched = False, self.clock()
        if end is S.SHIPPED:
            if order.state in (S.LABEL_CREATED, S.TRACKING_FAILED):
                unused = bool(live) and not is_ours
                return "it was shipped under another number, our label is not used" if unused else None
            return "the marketplace shipped or closed it without our label"
        return self._cancelled(order, reason) if end is S.CANCELLED else None

    def _cancelled(self, order: Order, reason: str | None) -> str | None:
        if order.state in FAILURES:
            return f"it ended at the marketplace after our failure: {reason or order.state}"
        if self._of_order(order.order_id, Kind.NO_PARCEL, Kind.UNREADABLE):
            return "it was cancelled while it waited for a person"
        limit = limit_of(order)
        if limit is not None and limit <= self.clock():
            return f"it was cancelled at the marketplace after our time had passed: {LIMITS[order.state][2]}"
        return None


def _is_ours(live: Shipment, number: str | None) -> bool:
    if live.state not in LIVE or live.label_path is None or live.bought is None:
        return False
    return number is None or same_number(live.bought.tracking_number, number)
