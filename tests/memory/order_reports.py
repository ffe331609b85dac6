"""The reports of the in-memory order store."""

from collections import Counter
from datetime import date

from shared.errors import Conflict
from shared.fulfillment.orders import OrderState
from shared.fulfillment.store import Json
from tests.memory.order_store import ENDS, PERSON, RETRIES, InMemoryOrderStore

IN_PROGRESS = ("pending_acceptance", "accepted", "label_unknown", "label_created")


class InMemoryOrderReports(InMemoryOrderStore):
    """The store with the calls of OrderReports."""

    def orders(self, state: OrderState | None, limit: int) -> list[Json]:
        states = list(OrderState) if state is None else [state]
        return [order.to_json() for order in self._in(states, limit, None)]

    def order_status(self, order_id: str) -> Json:
        order = self._order(order_id)
        return order.to_json() | {"history": order.history}

    def retry_order(self, order_id: str, note: str) -> Json:
        order = self._order(order_id)
        if order.state in RETRIES:
            self._move(order, RETRIES[order.state], note, PERSON)
        elif (order.stage, order.reason) != (PERSON, note):
            raise Conflict(f"order {order_id} is {order.state}: there is nothing to retry")
        return order.to_json()

    def note_undone(self, order_id: str, note: str) -> Json:
        order = self._order(order_id)
        if order.money_is_open:
            for shipment in order.shipments:
                shipment.undone = note if shipment.money_is_open else shipment.undone
            order.attention = order.state in RETRIES
        elif note not in [shipment.undone for shipment in order.shipments]:
            raise Conflict(f"order {order_id} has nothing to undo")
        return order.to_json()

    def reconcile_orders(self, day: date | None) -> Json:
        orders = [order for order in self.rows.values() if day in (None, order.first_seen.date())]
        places = Counter(
            "with_a_person"
            if order.state in RETRIES or (order.attention and order.state not in ENDS)
            else str(order.state)
            for order in orders
        )
        shipments = [shipment for order in orders for shipment in order.shipments]
        bought = sum(shipment.state in ("bought", "undo_due") for shipment in shipments)
        sides = {place: places[place] for place in ("shipped", "with_a_person", "cancelled", "refused")}
        in_progress = {state: places[state] for state in IN_PROGRESS}
        return {
            "seen": len(orders),
            "in_progress": in_progress,
            **sides,
            "labels": {
                "asked": len(shipments),
                "bought": bought,
                "sold": bought + sum(len(shipment.also_sold) for shipment in shipments),
                "undo_due": sum(s.state == "undo_due" and s.undone is None for s in shipments),
            },
            "balanced": sum(sides.values()) + sum(in_progress.values()) == len(orders),
        }

    def recent_stage_runs(self, limit: int) -> list[Json]:
        latest = sorted(self.runs.values(), key=lambda run: (-run.begun_at.timestamp(), run.stage))
        return [run.to_json() for run in latest[:limit]]
