"""The store of fulfillment: each method is one SQL function of `infra/supabase/migrations`."""

import uuid
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any

from shared.cloud.order_reports import SupabaseMessageStore, SupabaseOrderReports
from shared.cloud.order_rows import bought_of, breaker_of, known_of, order_json, shipment_of
from shared.fulfillment.carrier import Bought, Listed, UndoCall
from shared.fulfillment.orders import Move, OrderState, ShipmentFacts
from shared.fulfillment.ports import JsonObject, MarketplaceOrder
from shared.fulfillment.sequence import Before, Beginning, Fault
from shared.fulfillment.store import Json, KnownOrder


class SupabaseOrderStore(SupabaseMessageStore, SupabaseOrderReports):
    """Implements StageStore, LabelStore, MessageStore, OutsideStore and OrderReports of `shared.fulfillment`.

    `clock` moves the database's time in simulations; without one the database's own clock rules, which all share.
    """

    # --- stages

    def begin_stage(
        self,
        cycle: str,
        stage: str,
        owner: uuid.UUID,
        *,
        trigger: str,
        lease: timedelta,
        before: Before | None,
    ) -> Beginning:
        answer = self._call(
            "begin_stage",
            p_cycle=cycle,
            p_stage=stage,
            p_owner=str(owner),
            p_trigger=trigger,
            p_lease_seconds=lease.total_seconds(),
            p_before=before and before.stage,
            p_before_due=before and before.due and before.due.isoformat(),
            p_grace_seconds=before.grace if before else 0,
        )
        details = {
            "busy": f"cycle {answer.get('cycle')}, until {answer.get('until')}",
            "wait": answer.get("before"),
        }
        return Beginning(
            outcome=answer["outcome"],
            out_of_order=answer.get("out_of_order", False),
            result=answer.get("result"),
            retry_after=float(answer.get("retry_after", 10)),
            detail=details.get(answer["outcome"]) or "",
            breaker=breaker_of(answer.get("breaker")),
        )

    def renew_stage(self, cycle: str, stage: str, owner: uuid.UUID, lease: timedelta) -> bool:
        seconds = lease.total_seconds()
        return (
            self._call(
                "renew_stage", p_cycle=cycle, p_stage=stage, p_owner=str(owner), p_lease_seconds=seconds
            )
            is True
        )

    def end_stage(
        self,
        cycle: str,
        stage: str,
        owner: uuid.UUID,
        *,
        finished: bool,
        result: dict[str, Any],
        fault: Fault | None = None,
    ) -> bool:
        ended = self._call(
            "end_stage",
            p_cycle=cycle,
            p_stage=stage,
            p_owner=str(owner),
            p_finished=finished,
            p_result=result,
            p_fault=fault
            and {"cause": fault.cause, "reason": fault.reason, "hold_seconds": fault.hold.total_seconds()},
        )
        return ended is True

    # --- orders

    def store_orders(self, orders: Sequence[MarketplaceOrder], stage: str) -> int:
        new: int = self._call("store_orders", p_orders=[order_json(order) for order in orders], p_stage=stage)
        return new

    def orders_in(
        self, states: Sequence[OrderState], limit: int, after: str | None = None
    ) -> Sequence[KnownOrder]:
        rows = self._rpc.call("orders_in", {"p_states": list(states), "p_limit": limit, "p_after": after})
        return [known_of(row) for row in rows]

    def move_orders(self, moves: Sequence[Move], stage: str) -> Sequence[str]:
        moved: list[str] = self._call(
            "move_orders", p_moves=[move.to_json() for move in moves], p_stage=stage
        )
        return moved

    # --- labels

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
        row = self._call(
            "open_shipment",
            p_order_id=order_id,
            p_request_id=request_id,
            p_sequence=sequence,
            p_call=str(uuid.uuid4()),
            p_request_hash=request_hash,
            p_request=request,
            p_backend=backend,
            p_parcel=parcel,
            p_decision_count=decisions,
        )
        return shipment_of(row), row["opened"]

    def note_label_call(
        self,
        shipment: ShipmentFacts,
        request: JsonObject | None = None,
        request_hash: str | None = None,
        decisions: int | None = None,
    ) -> ShipmentFacts | None:
        row = self._call(
            "note_label_call",
            p_shipment=shipment.id,
            p_call_before=shipment.call_id,
            p_call=str(uuid.uuid4()),
            p_request=request,
            p_request_hash=request_hash,
            p_decision_count=decisions,
        )
        return row and shipment_of(row)

    def note_label_not_sent(self, shipment: ShipmentFacts, message: str) -> None:
        self._call("note_label_not_sent", p_shipment=shipment.id, p_call=shipment.call_id, p_message=message)

    def note_label_unknown(self, shipment_id: str, message: str) -> bool:
        return self._call("note_label_unknown", p_shipment=shipment_id, p_message=message) is True

    def note_label_bought(
        self, shipment_id: str, bought: Bought, undo: UndoCall, backend: str | None = None
    ) -> str:
        label = {
            "shipment_id": bought.shipment_id,
            "tracking_number": bought.tracking_number,
            "label_link": bought.label_link,
            "links": dict(bought.links),
            "price": None if bought.price is None else str(bought.price),
            "carrier_status": bought.status,
            "also_sold": list(bought.also_sold),
            "undo": asdict(undo),
            "backend": backend,
        }
        state: str = self._call("note_label_bought", p_shipment=shipment_id, p_bought=label)["state"]
        return state

    def note_label_stored(self, shipment_id: str, path: str, sha256: str, size: int) -> bool:
        stored = self._call(
            "note_label_stored", p_shipment=shipment_id, p_path=path, p_sha256=sha256, p_bytes=size
        )
        return stored is True

    def note_label_refused(self, shipment: ShipmentFacts, message: str) -> None:
        self._call("note_label_refused", p_shipment=shipment.id, p_call=shipment.call_id, p_message=message)

    def shipments_to_settle(self, limit: int) -> Sequence[tuple[str, ShipmentFacts]]:
        return [
            (row["order_id"], shipment_of(row))
            for row in self._rpc.call("shipments_to_settle", {"p_limit": limit})
        ]

    def shipments_to_undo(self, limit: int) -> Sequence[tuple[ShipmentFacts, Bought]]:
        rows = self._rpc.call("shipments_to_undo", {"p_limit": limit})
        return [(shipment_of(row), bought_of(row)) for row in rows]

    def note_undo_due(self, shipment_id: str, undo: UndoCall) -> None:
        self._call("note_undo_due", p_shipment=shipment_id, p_undo=asdict(undo))

    def undos_to_send(self, limit: int) -> Sequence[tuple[ShipmentFacts, UndoCall]]:
        rows = self._rpc.call("undos_to_send", {"p_limit": limit})
        return [(shipment_of(row), UndoCall(**row["undo"])) for row in rows]

    def note_undo_sent(self, shipment_id: str, ticket: str | None, *, is_void: bool) -> None:
        self._call("note_undo_sent", p_shipment=shipment_id, p_ticket=ticket, p_is_void=is_void)

    def note_undo_refused(self, shipment_id: str, message: str) -> None:
        self._call("note_undo_refused", p_shipment=shipment_id, p_message=message)

    # --- the outside

    def orders_by_id(self, order_ids: Sequence[str]) -> Sequence[KnownOrder]:
        return [known_of(row) for row in self._rpc.call("orders_by_id", {"p_order_ids": list(order_ids)})]

    def note_outside_check(self, source: str, began_at: datetime, *, complete: bool, result: Json) -> None:
        self._call(
            "note_outside_check",
            p_source=source,
            p_began_at=began_at.isoformat(),
            p_complete=complete,
            p_result=result,
        )

    def last_complete_look(self, source: str) -> datetime | None:
        text: str | None = self._rpc.call("last_complete_look", {"p_source": source})["value"]
        return None if text is None else datetime.fromisoformat(text)

    def oldest_unconfirmed_sale(self) -> datetime | None:
        text: str | None = self._rpc.call("unconfirmed_sales", {})["oldest"]
        return None if text is None else datetime.fromisoformat(text)

    def backends_of_sales(self) -> Sequence[str]:
        backends: list[str] = self._rpc.call("unconfirmed_sales", {})["backends"]
        return backends

    def store_carrier_day(self, backend: str, day: date, listed: Sequence[Listed]) -> Sequence[Listed]:
        rows = self._call(
            "store_carrier_day",
            p_backend=backend,
            p_day=day.isoformat(),
            p_listed=[asdict(each) for each in listed],
        )
        return [Listed(**row) for row in rows]

    def store_carrier_shipment(self, backend: str, bought: Bought) -> None:
        shipment = {
            "shipment_id": bought.shipment_id,
            "request_id": bought.request_id,
            "reference": bought.reference,
            "tracking_number": bought.tracking_number,
            "price": None if bought.price is None else str(bought.price),
            "status": bought.status,
        }
        self._call("store_carrier_shipment", p_backend=backend, p_shipment=shipment)

    def shipments_to_scan(self, limit: int, after: str | None = None) -> Sequence[ShipmentFacts]:
        rows = self._rpc.call("shipments_to_scan", {"p_limit": limit, "p_after": after})
        return [shipment_of(row) for row in rows]

    def note_scanned(self, shipment_id: str) -> None:
        self._call("note_scanned", p_shipment=shipment_id)

    def data_to_forget(self, before: datetime, limit: int) -> tuple[Sequence[str], Sequence[str]]:
        answer = self._call("data_to_forget", p_before=before.isoformat(), p_limit=limit)
        return answer["order_ids"], answer["paths"]

    def forget_old_answers(self, before: datetime) -> None:
        self._rpc.call("forget_old_answers", {"p_before": before.isoformat()})

    def forget_personal_data(self, order_ids: Sequence[str]) -> None:
        self._call("forget_personal_data", p_order_ids=list(order_ids))

    def match_carrier(self, backends: Sequence[str], first: date, last: date, stage: str) -> Json:
        result: Json = self._call(
            "match_carrier",
            p_backends=list(backends),
            p_first=first.isoformat(),
            p_last=last.isoformat(),
            p_stage=stage,
        )
        return result
