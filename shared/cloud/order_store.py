"""The store of fulfillment: each method is one SQL function of `infra/supabase/migrations`."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from shared.clock import Clock
from shared.cloud.supabase import SupabaseRpc
from shared.fulfillment.carrier import Bought, Listed, UndoCall
from shared.fulfillment.findings import Finding, Kind
from shared.fulfillment.orders import Move, OrderState, ShipmentFacts
from shared.fulfillment.parcels import ParcelSize
from shared.fulfillment.ports import Address, JsonObject, MarketplaceOrder
from shared.fulfillment.sequence import Before, Beginning, Breaker, Fault
from shared.fulfillment.store import Json, KnownLine, KnownOrder, OrderFilter, Reply, StoredMessageThread


class SupabaseOrderStore:
    """Implements StageStore, LabelStore, MessageStore, OutsideStore and OrderReports of `shared.fulfillment`.

    `clock` moves the database's time in simulations; without one the database's own clock rules, which all share.
    """

    def __init__(self, rpc: SupabaseRpc, *, clock: Clock | None = None) -> None:
        self._rpc = rpc
        self._clock = clock

    def _call(self, function: str, **arguments: Any) -> Any:  # noqa: ANN401 - JSON in and out
        if self._clock is not None:
            arguments["p_now"] = self._clock().isoformat()
        return self._rpc.call(function, arguments)

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
            breaker=_breaker(answer.get("breaker")),
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
        new: int = self._call(
            "store_orders", p_orders=[_order_json(order) for order in orders], p_stage=stage
        )
        return new

    def orders_in(
        self, states: Sequence[OrderState], limit: int, after: str | None = None
    ) -> Sequence[KnownOrder]:
        rows = self._rpc.call("orders_in", {"p_states": list(states), "p_limit": limit, "p_after": after})
        return [_known(row) for row in rows]

    def move_orders(self, moves: Sequence[Move], stage: str) -> Sequence[str]:
        moved: list[str] = self._call(
            "move_orders", p_moves=[move.to_json() for move in moves], p_stage=stage
        )
        return moved

    def add_findings(self, findings: Sequence[Finding], stage: str) -> None:
        self._call("add_findings", p_findings=[finding.to_json() for finding in findings], p_stage=stage)

    def end_findings(self, kind: Kind, subjects: Sequence[str]) -> None:
        self._call("end_findings", p_kind=kind, p_subjects=list(subjects))

    # --- labels

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
        row = self._call(
            "open_shipment",
            p_order_id=order_id,
            p_request_id=request_id,
            p_sequence=sequence,
            p_call=str(uuid.uuid4()),
            p_request_hash=request_hash,
            p_request=request,
            p_backend=backend,
        )
        return _shipment(row), row["opened"]

    def note_label_call(
        self, shipment: ShipmentFacts, request: JsonObject | None = None, request_hash: str | None = None
    ) -> ShipmentFacts | None:
        row = self._call(
            "note_label_call",
            p_shipment=shipment.id,
            p_call_before=shipment.call_id,
            p_call=str(uuid.uuid4()),
            p_request=request,
            p_request_hash=request_hash,
        )
        return row and _shipment(row)

    def note_label_not_sent(self, shipment: ShipmentFacts, message: str) -> None:
        self._call("note_label_not_sent", p_shipment=shipment.id, p_call=shipment.call_id, p_message=message)

    def note_label_unknown(self, shipment_id: str, message: str) -> bool:
        return self._call("note_label_unknown", p_shipment=shipment_id, p_message=message) is True

    def note_label_bought(self, shipment_id: str, bought: Bought, undo: UndoCall) -> str:
        label = {
            "shipment_id": bought.shipment_id,
            "tracking_number": bought.tracking_number,
            "label_link": bought.label_link,
            "links": dict(bought.links),
            "price": None if bought.price is None else str(bought.price),
            "carrier_status": bought.status,
            "also_sold": list(bought.also_sold),
            "undo": asdict(undo),
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
            (row["order_id"], _shipment(row))
            for row in self._rpc.call("shipments_to_settle", {"p_limit": limit})
        ]

    def shipments_to_undo(self, limit: int) -> Sequence[tuple[ShipmentFacts, Bought]]:
        rows = self._rpc.call("shipments_to_undo", {"p_limit": limit})
        return [(_shipment(row), _bought(row)) for row in rows]

    def note_undo_due(self, shipment_id: str, undo: UndoCall) -> None:
        self._call("note_undo_due", p_shipment=shipment_id, p_undo=asdict(undo))

    def undos_to_send(self, limit: int) -> Sequence[tuple[ShipmentFacts, UndoCall]]:
        rows = self._rpc.call("undos_to_send", {"p_limit": limit})
        return [(_shipment(row), UndoCall(**row["undo"])) for row in rows]

    def note_undo_sent(self, shipment_id: str, ticket: str | None, *, is_void: bool) -> None:
        self._call("note_undo_sent", p_shipment=shipment_id, p_ticket=ticket, p_is_void=is_void)

    def note_undo_refused(self, shipment_id: str, message: str) -> None:
        self._call("note_undo_refused", p_shipment=shipment_id, p_message=message)

    # --- messages

    def store_threads(self, threads: Sequence[StoredMessageThread]) -> tuple[int, int]:
        answer = self._call("store_threads", p_threads=[_thread_json(thread) for thread in threads])
        return answer["threads"], answer["new_messages"]

    def read_cursor(self, name: str) -> datetime | None:
        text: str | None = self._rpc.call("read_cursor", {"p_name": name})["value"]
        return None if text is None else datetime.fromisoformat(text)

    def move_cursor(self, name: str, value: datetime) -> None:
        self._call("move_cursor", p_name=name, p_value=value.isoformat())

    def files_to_fetch(self, limit: int) -> Sequence[str]:
        ids: list[str] = self._rpc.call("files_to_fetch", {"p_limit": limit})
        return ids

    def note_file_stored(self, attachment_id: str, path: str, media_type: str, size: int) -> None:
        self._call(
            "note_file_stored", p_attachment=attachment_id, p_path=path, p_media_type=media_type, p_bytes=size
        )

    def note_file_gone(self, attachment_id: str, message: str) -> None:
        self._rpc.call("note_file_gone", {"p_attachment": attachment_id, "p_message": message})

    def replies_to_send(self, limit: int) -> Sequence[Reply]:
        return [
            Reply(
                row["reply_id"],
                row["thread_id"],
                row["body"],
                row["recipients"],
                row["called_at"] and datetime.fromisoformat(row["called_at"]),
            )
            for row in self._rpc.call("replies_to_send", {"p_limit": limit})
        ]

    def note_reply_call(self, reply_id: str) -> bool:
        return self._call("note_reply_call", p_reply=reply_id) is True

    def note_reply_not_sent(self, reply_id: str) -> None:
        self._rpc.call("note_reply_not_sent", {"p_reply": reply_id})

    def note_reply_sent(self, reply_id: str, message_id: str) -> bool:
        return self._call("note_reply_sent", p_reply=reply_id, p_message=message_id) is True

    def note_reply_refused(self, reply_id: str, message: str) -> None:
        self._call("note_reply_refused", p_reply=reply_id, p_message=message)

    def write_reply(self, reply_id: str, thread_id: str, body: str, to: Sequence[str], by: str) -> Json:
        row: Json = self._call(
            "write_reply", p_reply=reply_id, p_thread=thread_id, p_body=body, p_recipients=list(to), p_by=by
        )
        return row

    def threads(self, order_id: str | None, limit: int, *, unanswered: bool) -> list[Json]:
        rows: list[Json] = self._rpc.call(
            "list_threads", {"p_order_id": order_id, "p_unanswered": unanswered, "p_limit": limit}
        )
        return rows

    # --- the outside

    def orders_by_id(self, order_ids: Sequence[str]) -> Sequence[KnownOrder]:
        return [_known(row) for row in self._rpc.call("orders_by_id", {"p_order_ids": list(order_ids)})]

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

    def match_carrier(self, backends: Sequence[str], first: date, last: date, stage: str) -> Json:
        result: Json = self._call(
            "match_carrier",
            p_backends=list(backends),
            p_first=first.isoformat(),
            p_last=last.isoformat(),
            p_stage=stage,
        )
        return result

    # --- reports

    def list_orders(self, wanted: OrderFilter, limit: int, after: Json | None) -> Json:
        page: Json = self._call("list_orders", p_filter=wanted.to_json(), p_limit=limit, p_after=after)
        return page

    def order_status(self, order_id: str) -> Json:
        row: Json = self._call("order_status", p_order_id=order_id)
        return row

    def retry_order(self, order_id: str, by: str, note: str) -> Json:
        return self._decide("retry_order", order_id, by, note)

    def retry_orders(self, wanted: OrderFilter, limit: int, by: str, note: str, *, dry_run: bool) -> Json:
        answer: Json = self._call(
            "retry_orders",
            p_filter=wanted.to_json(),
            p_limit=limit,
            p_by=by,
            p_note=note,
            p_dry_run=dry_run,
        )
        return answer

    def override_address(self, order_id: str, address: Address | None, by: str, note: str) -> Json:
        return self._decide("override_address", order_id, by, note, p_address=address and asdict(address))

    def refuse_order(self, order_id: str, by: str, note: str) -> Json:
        return self._decide("refuse_order", order_id, by, note)

    def relabel_order(self, order_id: str, by: str, note: str) -> Json:
        return self._decide("relabel_order", order_id, by, note)

    def note_not_sold(self, order_id: str, by: str, note: str) -> Json:
        return self._decide("note_not_sold", order_id, by, note)

    def ask_undo(self, order_id: str, by: str, note: str) -> Json:
        return self._decide("ask_undo", order_id, by, note)

    def note_undone(self, order_id: str, outcome: str, by: str, note: str) -> Json:
        return self._decide("note_undone", order_id, by, note, p_outcome=outcome)

    def _decide(self, decision: str, order_id: str, by: str, note: str, **more: object) -> Json:
        row: Json = self._call(decision, p_order_id=order_id, p_by=by, p_note=note, **more)
        return row

    def findings(self, kind: Kind | None, limit: int, after: int) -> Json:
        page: Json = self._rpc.call("list_findings", {"p_kind": kind, "p_limit": limit, "p_after": after})
        return page

    def close_finding(self, finding: int, by: str, note: str) -> Json:
        row: Json = self._call("close_finding", p_finding=finding, p_by=by, p_note=note)
        return row

    def guessed_skus(self, limit: int) -> list[Json]:
        rows: list[Json] = self._rpc.call("guessed_skus", {"p_limit": limit})
        return rows

    def reconcile_orders(self, day: date | None) -> Json:
        sides: Json = self._call("reconcile_orders", p_day=day and day.isoformat())
        return sides

    def open_breakers(self) -> list[Json]:
        rows: list[Json] = self._rpc.call("open_breakers", {})
        return rows

    def figures(self) -> Json:
        """The numbers that alerts and the dashboard use."""
        figures: Json = self._call("fulfillment_figures")
        return figures

    def recent_stage_runs(self, limit: int) -> list[Json]:
        runs: list[Json] = self._rpc.call("recent_stage_runs", {"p_limit": limit})
        return runs


def _order_json(order: MarketplaceOrder) -> Json:
    return {
        "order_id": order.order_id,
        "commercial_id": order.commercial_id,
        "marketplace_state": order.state,
        "marketplace_reason": order.state_reason,
        "ordered_at": order.created_at.isoformat(),
        "marketplace_updated_at": order.updated_at.isoformat(),
        "ship_before": order.ship_before and order.ship_before.isoformat(),
        "can_ship": order.can_ship,
        "fully_refunded": order.fully_refunded,
        "shipping_type": order.shipping_type,
        "deliver_by": order.deliver_by and order.deliver_by.isoformat(),
        "currency": order.currency,
        "total": str(order.total),
        "address": order.address and asdict(order.address),
        "carrier_code": order.carrier_code,
        "carrier_name": order.carrier_name,
        "tracking_number": order.tracking_number,
        "lines": [asdict(line) | {"price": str(line.price)} for line in order.lines],
    }


def _known(row: Json) -> KnownOrder:
    return KnownOrder(
        order_id=row["order_id"],
        state=OrderState(row["state"]),
        marketplace_state=row["marketplace_state"],
        address=row["address"] and Address(**row["address"]),
        lines=[_line(line) for line in row["lines"]],
        carrier_code=row["carrier_code"],
        tracking_number=row["tracking_number"],
        shipment=row["shipment"] and _shipment(row["shipment"]),
        ordered_at=datetime.fromisoformat(row["ordered_at"]),
        own_address=row["address_override"] and Address(**row["address_override"]["address"]),
        refused=row["refusal"] is not None,
        accept_anyway=row["accept_anyway"],
    )


def _line(row: Json) -> KnownLine:
    size = row["size"] and ParcelSize.model_validate_json(json.dumps(row["size"]))
    return KnownLine(row["line_id"], row["sku"], row["quantity"], size, row["state"])


def _breaker(row: Json | None) -> Breaker | None:
    if row is None:
        return None
    return Breaker(
        cause=row["cause"],
        reason=row["reason"],
        opened_at=datetime.fromisoformat(row["opened_at"]),
        tries=row["tries"],
        retry_at=datetime.fromisoformat(row["retry_at"]),
    )


def _shipment(row: Json) -> ShipmentFacts:
    return ShipmentFacts(
        id=row["id"],
        sequence=row["sequence"],
        request_id=row["request_id"],
        state=row["state"],
        called_at=row["called_at"] and datetime.fromisoformat(row["called_at"]),
        shipment_id=row["shipment_id"],
        tracking_number=row["tracking_number"],
        label_link=row["label_link"],
        label_path=row["label_path"],
        request=row["request"],
        call_id=row["call_id"],
        backend=row["backend"],
        wanted=row["wanted"],
    )


def _bought(row: Json) -> Bought:
    return Bought(
        shipment_id=row["shipment_id"],
        tracking_number=row["tracking_number"],
        label_link=row["label_link"],
        price=None if row["price"] is None else Decimal(str(row["price"])),
        usable=True,
        status=row["carrier_status"] or "",
        links=row["links"],
    )


def _thread_json(stored: StoredMessageThread) -> Json:
    thread = stored.thread
    return {
        "thread_id": thread.thread_id,
        "topic": thread.topic,
        "order_ids": list(thread.order_ids),
        "created_at": thread.created_at.isoformat(),
        "updated_at": thread.updated_at.isoformat(),
        "reply_needed_since": thread.reply_needed_since and thread.reply_needed_since.isoformat(),
        "messages": [
            {
                "message_id": message.message_id,
                "sender": message.sender,
                "sender_type": message.sender_type,
                "body_raw": message.body,
                "body_text": text,
                "attachments": [dict(attachment) for attachment in message.attachments],
                "sent_at": message.sent_at.isoformat(),
            }
            for message, text in zip(thread.messages, stored.texts, strict=True)
        ],
    }
