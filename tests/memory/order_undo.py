"""Undo calls of the in-memory order store, and the second person's word about them."""

from shared.errors import Conflict
from shared.fulfillment.store import Json
from tests.memory.order_people import InMemoryDecisions
from tests.memory.order_rows import Order, Shipment, UndoRequest


class InMemoryUndos(InMemoryDecisions):
    """The calls about undoing of OrderReports and OrderBoard."""

    def ask_undo(self, order_id: str, by: str, note: str, approval_cents: int | None = None) -> Json:
        order = self._order(order_id)
        due = [each for each in order.shipments if each.state == "undo_due"]
        if not due:
            if not any(each.state == "undo_asked" for each in order.shipments):
                raise Conflict(f"order {order_id} has no label to undo")
            return self._report(order)
        cents = _price(due)
        waits = approval_cents is not None and (cents is None or cents >= approval_cents)
        last = order.undo_requests[-1] if order.undo_requests else None
        ids = sorted(each.id for each in due)
        if last and last.shipments == ids and last.outcome != "settled":
            if (last.asked_by, last.note) == (by, note):
                return self._report(order)
            if last.outcome is None and waits:
                why = f"{last.asked_by} has asked for it already: another person must approve or decline it"
                raise Conflict(f"order {order_id}: {why}")
        if last and last.outcome is None:
            last.outcome, last.ended_by, last.end_note = "replaced", by, note
        if waits:
            order.undo_requests.append(UndoRequest(ids, cents, by, note, self.clock()))
        else:
            self._ask(due, by, note)
        self._decided(order_id, "undo", by, note)
        return self._report(order)

    def _ask(self, labels: list[Shipment], by: str, note: str) -> None:
        for label in labels:
            label.state, label.undo_by, label.message = "undo_asked", by, note
            label.undo_asked_at = self.clock()

    def approve_undo(self, order_id: str, by: str, note: str) -> Json:
        order, asked = self._request(order_id, "approved", by, note)
        if _one_person(by, asked.asked_by):
            why = f"{asked.asked_by} has asked for it: another person must approve it"
            raise Conflict(f"order {order_id}: {why}")
        if asked.outcome is None:
            asked.outcome, asked.ended_by, asked.end_note = "approved", by, note
            due = [each for each in order.shipments if each.id in asked.shipments]
            self._ask([each for each in due if each.state == "undo_due"], asked.asked_by, asked.note)
            self._decided(order_id, "approve", by, note)
        return self._report(order)

    def decline_undo(self, order_id: str, by: str, note: str) -> Json:
        order, asked = self._request(order_id, "declined", by, note)
        if asked.outcome is None:
            asked.outcome, asked.ended_by, asked.end_note = "declined", by, note
            self._decided(order_id, "decline", by, note)
        return self._report(order)

    def _request(self, order_id: str, outcome: str, by: str, note: str) -> tuple[Order, UndoRequest]:
        """The one that waits; for a repeated call the one that it has ended."""
        order = self._order(order_id)
        last = order.undo_requests[-1] if order.undo_requests else None
        if last is None or (
            last.outcome is not None and (last.outcome, last.ended_by, last.end_note) != (outcome, by, note)
        ):
            raise Conflict(f"order {order_id}: no undo waits for approval")
        return order, last


def _price(labels: list[Shipment]) -> int | None:
    prices = [each.bought.price if each.bought else None for each in labels]
    return None if None in prices else round(sum(price * 100 for price in prices if price is not None))


def _one_person(one: str, other: str) -> bool:
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()
