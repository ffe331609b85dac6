"""People's decisions about orders of the in-memory order store."""

from dataclasses import asdict
from datetime import timedelta

from shared.errors import Conflict
from shared.fulfillment.findings import Kind
from shared.fulfillment.orders import OrderState
from shared.fulfillment.ports import Address
from shared.fulfillment.store import Json
from tests.memory.order_reasons import reasons_of
from tests.memory.order_rows import UNSETTLED, Order, Shipment
from tests.memory.order_states import ENDS, limit_of
from tests.memory.order_store import InMemoryOrderStore

S = OrderState
RETRIES = {
    S.ACCEPTANCE_FAILED: S.PENDING_ACCEPTANCE,
    S.LABEL_FAILED: S.ACCEPTED,
    S.TRACKING_FAILED: S.LABEL_CREATED,
}


class InMemoryDecisions(InMemoryOrderStore):
    """The decisions of OrderReports."""

    def _report(self, order: Order) -> Json:
        limit = limit_of(order)
        reasons = reasons_of([order], self._of_order(order.order_id), self.clock())
        return order.to_json() | {
            "attention": bool(reasons),
            "attention_reason": reasons[0].reason if reasons else None,
            "attention_since": reasons[0].since.isoformat() if reasons else None,
            "reasons": [reason.to_json() for reason in reasons],
            "limit": limit.isoformat() if limit else None,
        }

    def retry_order(self, order_id: str, by: str, note: str, *, anyway: bool = False) -> Json:
        order = self._order(order_id)
        if (unmended := self._why_unmended(order)) and not anyway:
            raise Conflict(f"order {order_id}: {unmended}")
        no_parcel = self._close_by(order_id, [Kind.NO_PARCEL], by, note)
        closed = self._close_by(order_id, [Kind.OTHER_API], by, note, tried_again=True) or no_parcel
        if no_parcel and order.state in (S.PENDING_ACCEPTANCE, S.ACCEPTANCE_FAILED):
            order.accept_anyway = True
        if order.state in RETRIES:
            self._move(order, RETRIES[order.state], note, by)
        elif closed:
            order.reason, order.stage = note, by
        else:
            self._repeated(order, by, note, f"order {order_id} is {order.state}: there is nothing to retry")
            return self._report(order)
        self._decided(order_id, "retry", by, note)
        return self._report(order)

    def _repeated(self, order: Order, by: str, note: str, otherwise: str) -> None:
        if (order.stage, order.reason) != (by, note):
            raise Conflict(otherwise)

    def override_address(self, order_id: str, address: Address | None, by: str, note: str) -> Json:
        order = self._order(order_id)
        if order.state in ENDS:
            raise Conflict(f"order {order_id} is {order.state}: it needs no address")
        own = address and {"address": asdict(address)} | self._word(by, note)
        is_repeated = own and order.own_address and {**order.own_address, "at": ""} == {**own, "at": ""}
        if is_repeated and order.state is not S.LABEL_FAILED:
            return self._report(order)
        self._close_by(order_id, [Kind.ADDRESS_CHANGED], by, note)
        self._decided(order_id, "address", by, note)
        order.own_address = own or None
        order.decisions += 1
        if order.state is S.LABEL_FAILED:
            self._move(order, S.ACCEPTED, note, by)
        if any(_is_asked_for(each) for each in order.shipments):
            at = self.clock().strftime("%Y-%m-%d %H:%M:%S UTC")
            late = f"a person's own address was given after a label was asked for: relabel it ({at})"
            self._add(Kind.ADDRESS_CHANGED, order_id, order_id, late)
        return self._report(order)

    def _word(self, by: str, note: str) -> Json:
        return {"by": by, "note": note, "at": self.clock().isoformat()}

    def refuse_order(self, order_id: str, by: str, note: str) -> Json:
        order = self._order(order_id)
        if order.state not in (S.PENDING_ACCEPTANCE, S.ACCEPTANCE_FAILED):
            why = "only an order that is not accepted can be refused"
            raise Conflict(f"order {order_id} is {order.state}: {why}")
        if order.refusal is None:
            self._decided(order_id, "refuse", by, note)
        order.refusal = order.refusal or self._word(by, note)
        self._move(order, S.PENDING_ACCEPTANCE, note, by)
        return self._report(order)

    def set_parcels(
        self, order_id: str, parcels: int, by: str, note: str, decisions: int | None = None
    ) -> Json:
        order = self._order(order_id)
        if decisions not in (None, order.decisions):
            raise Conflict(f"a person has decided about order {order_id} meanwhile")
        if order.parcels == parcels and order.state is not S.LABEL_FAILED:
            return self._report(order)
        if order.state not in (S.PENDING_ACCEPTANCE, S.ACCEPTANCE_FAILED, S.ACCEPTED, S.LABEL_FAILED):
            raise Conflict(f"order {order_id} is {order.state}: its parcels are settled")
        if any(_is_asked_for(each) for each in order.shipments):
            raise Conflict(f"order {order_id} has a label: relabel it first")
        self._close_by(order_id, [Kind.NO_PARCEL], by, note, tried_again=True)
        if decisions is None:
            self._decided(order_id, "parcels", by, note)
        order.parcels, order.decisions = parcels, order.decisions + 1
        if order.state is S.LABEL_FAILED:
            self._move(order, S.ACCEPTED, note, by)
        return self._report(order)

    def relabel_order(self, order_id: str, by: str, note: str) -> Json:
        order = self._order(order_id)
        if order.state not in (
            S.ACCEPTED,
            S.LABEL_UNKNOWN,
            S.LABEL_FAILED,
            S.LABEL_CREATED,
            S.TRACKING_FAILED,
        ):
            raise Conflict(f"order {order_id} is {order.state}: it gets no other label")
        since = self.clock() - timedelta(hours=1)
        if any(
            not each.wanted
            and each.message == note
            and each.not_needed_since
            and each.not_needed_since > since
            for each in order.shipments
        ):
            return self._report(order)
        if any(_is_asked_for(each) and each.state != "bought" for each in order.shipments):
            raise Conflict(f"order {order_id} has a label of unknown outcome: wait for it, or say not-sold")
        bought = [each for each in order.shipments if each.live and each.state == "bought"]
        for each in bought:
            each.wanted, each.message, each.not_needed_since = False, note, self.clock()
            each.touched = self.clock()
        if not bought:
            raise Conflict(f"order {order_id} has no label that could be replaced")
        self._decided(order_id, "relabel", by, note)
        self._close_by(order_id, [Kind.ADDRESS_CHANGED], by, note)
        if order.state is S.LABEL_UNKNOWN:
            self._move(order, S.LABEL_FAILED, note, by)
        self._move(order, S.ACCEPTED, note, by)
        return self._report(order)

    def note_not_sold(self, order_id: str, by: str, note: str) -> Json:
        order = self._order(order_id)
        unclear = [each for each in order.shipments if each.state in UNSETTLED]
        for shipment in unclear:
            shipment.state, shipment.message = "failed", note
        if unclear:
            self._decided(order_id, "not_sold", by, note)
            self._close_by(order_id, [Kind.OTHER_API], by, note)
            if order.state in (S.ACCEPTED, S.LABEL_UNKNOWN):
                self._move(order, S.LABEL_FAILED, note, by)
                self._move(order, S.ACCEPTED, note, by)
        elif not any(each.state == "failed" and each.message == note for each in order.shipments):
            raise Conflict(f"order {order_id} has no label of unknown outcome")
        return self._report(order)

    def note_undone(self, order_id: str, outcome: str, by: str, note: str) -> Json:
        order = self._order(order_id)
        for_others = any(
            each.state in ("undo_due", "undo_asked")
            or (each.undone_by, each.message, each.state) == (by, note, outcome)
            for each in order.shipments
        )
        open_ones = [
            each
            for each in order.shipments
            if _is_open(each, outcome)
            and not (each.state == "disputed" and for_others and not each.sold_again)
        ]
        for shipment in open_ones:
            self._undone(shipment, outcome, by, note)
        if not open_ones and not any(each.undone_at and each.message == note for each in order.shipments):
            raise Conflict(f"order {order_id} has nothing to undo")
        if open_ones:
            self._decided(order_id, "undone", by, note)
            if request := order.open_undo:
                request.outcome, request.ended_by, request.end_note = "settled", by, note
        self._close_by(order_id, [Kind.SOLD_TWICE, Kind.SOLD_UNKNOWN], by, note)
        if not any(each.state == "disputed" and each.undone_by is None for each in order.shipments):
            self._close_by(order_id, [Kind.UNDO_REFUSED], by, note)
        return self._report(order)

    def _undone(self, shipment: Shipment, outcome: str, by: str, note: str) -> None:
        if shipment.state in ("undo_due", "undo_asked") or (shipment.state, outcome) == (
            "disputed",
            "refunded",
        ):
            shipment.state = outcome
        shipment.undone_at, shipment.undone_by, shipment.message = self.clock(), by, note
        shipment.also_sold_seen = shipment.also_sold
        shipment.also_sold_outcome = outcome if shipment.also_sold else None


def _is_asked_for(shipment: Shipment) -> bool:
    return shipment.live and (shipment.state != "requested" or shipment.called_at is not None)


def _is_open(shipment: Shipment, outcome: str) -> bool:
    """There is something for a person to settle in this way."""
    if shipment.state == "disputed" and not shipment.sold_again:
        return outcome == "refunded" or (outcome == "disputed" and shipment.undone_by is None)
    return shipment.state in ("undo_due", "undo_asked") or shipment.sold_again
