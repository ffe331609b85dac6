"""The SQL functions of fulfillment as tests call them, and orders and labels where a test begins."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from tests.contract.schema_connection import Answer, ServiceConnection, let_go_at_once
from tests.contract.schema_rows import NOW, Json
from tests.postgres_support import Database

STAGE_LEASE, STAGE_GRACE = 120, 90
CYCLE = "2026-03-02T12:00Z"


def order(order_id: str = "A", **changes: object) -> Json:
    """One of `store_orders`' orders."""
    return {
        "order_id": order_id,
        "commercial_id": f"commercial {order_id}",
        "marketplace_state": "WAITING_ACCEPTANCE",
        "marketplace_reason": None,
        "ordered_at": (NOW - timedelta(hours=1)).isoformat(),
        "marketplace_updated_at": (NOW - timedelta(minutes=30)).isoformat(),
        "ship_before": None,
        "can_ship": False,
        "fully_refunded": False,
        "shipping_type": None,
        "deliver_by": None,
        "currency": "CAD",
        "total": "19.99",
        "address": None,
        "carrier_code": None,
        "carrier_name": None,
        "tracking_number": None,
        "lines": [
            {
                "line_id": f"{order_id}-1",
                "sku": "SKU-1",
                "quantity": 2,
                "title": "Cable",
                "price": "9.99",
                "state": "SHIPPING",
            }
        ],
    } | changes


def bought(shipment_id: str = "S1", **changes: object) -> Json:
    return {
        "shipment_id": shipment_id,
        "tracking_number": "123456789012",
        "label_link": "https://carrier.example/label",
        "links": {"self": "https://carrier.example/s1"},
        "price": "12.34",
        "carrier_status": "created",
        "also_sold": [],
        "undo": {"method": "POST", "url": "https://carrier.example/refund", "body": None, "note": ""},
    } | changes


def thread(thread_id: str = "T", *messages: str, **changes: object) -> Json:
    return {
        "thread_id": thread_id,
        "topic": "Where is it?",
        "order_ids": ["A"],
        "created_at": NOW.isoformat(),
        "updated_at": NOW.isoformat(),
        "reply_needed_since": None,
        "messages": [
            {
                "message_id": message,
                "sender": "Customer",
                "sender_type": "CUSTOMER_USER",
                "body_raw": "<p>Hello</p>",
                "body_text": "Hello",
                "attachments": [],
                "sent_at": NOW.isoformat(),
            }
            for message in messages
        ],
    } | changes


def move(order_id: str, from_state: str, to_state: str) -> Json:
    arrow = {"order_id": order_id, "from_state": from_state, "to_state": to_state}
    return arrow | {"reason": f"to {to_state}"}


def finding(kind: str, subject: str = "A", reason: str = "look", **changes: object) -> Json:
    """About an order, unless `order_id` is None."""
    return {"kind": kind, "subject": subject, "order_id": subject, "reason": reason, "raw": None} | changes


def listed(*shipment_ids: str) -> list[Json]:
    """A day of the carrier's list."""
    return [{"shipment_id": each, "link": f"https://carrier.example/{each}"} for each in shipment_ids]


@dataclass(frozen=True)
class Fulfillment(ServiceConnection):
    # --- stages

    def begin_stage(
        self,
        stage: str = "create-labels",
        owner: UUID | None = None,
        *,
        cycle: str = CYCLE,
        before: str | None = None,
        due: datetime | None = None,
    ) -> Json:
        begun: Json = self.call(
            "begin_stage",
            cycle=cycle,
            stage=stage,
            owner=owner or uuid.uuid4(),
            trigger="scheduler",
            lease_seconds=STAGE_LEASE,
            before=before,
            before_due=due,
            grace_seconds=STAGE_GRACE,
        )
        return begun

    def renew_stage(self, owner: UUID, stage: str = "create-labels", cycle: str = CYCLE) -> bool:
        return bool(
            self.call("renew_stage", cycle=cycle, stage=stage, owner=owner, lease_seconds=STAGE_LEASE)
        )

    def end_stage(
        self,
        owner: UUID,
        stage: str = "create-labels",
        *,
        cycle: str = CYCLE,
        finished: bool = True,
        result: Json | None = None,
        fault: Json | None = None,
    ) -> bool:
        ended = self.call(
            "end_stage",
            cycle=cycle,
            stage=stage,
            owner=owner,
            finished=finished,
            result=result or {"done": 1},
            fault=fault,
        )
        return bool(ended)

    # --- orders

    def store(self, *orders: Json) -> int:
        return int(self.call("store_orders", orders=Jsonb(orders), stage="accept-orders"))

    def orders_in(self, *states: str, limit: int = 100, after: str | None = None) -> list[Json]:
        page: list[Json] = self.call("orders_in", states=list(states), limit=limit, after=after, now_=None)
        return page

    def move(self, *moves: Json, stage: str = "accept-orders") -> list[str]:
        moved: list[str] = self.call("move_orders", moves=Jsonb(moves), stage=stage)
        return moved

    def find(self, *findings: Json, stage: str = "check-outside") -> None:
        self.call("add_findings", findings=Jsonb(findings), stage=stage)

    def end(self, kind: str, *subjects: str) -> None:
        self.call("end_findings", kind=kind, subjects=list(subjects))

    def open_findings(self) -> list[tuple[str, str]]:
        """Kind and subject of each."""
        rows = self.all("select kind, subject from findings where closed_at is null order by kind, subject")
        return [(row["kind"], row["subject"]) for row in rows]

    def attention(self, order_id: str = "A") -> bool:
        return bool(self.status(order_id)["attention"])

    def status(self, order_id: str = "A") -> Json:
        row: Json = self.call("order_status", order_id=order_id)
        return row

    def work_list(self, limit: int = 100, after: Json | None = None, **wanted: object) -> Json:
        page: Json = self.call("list_orders", filter=wanted, limit=limit, after=after)
        return page

    def reconcile(self, day: str | None = None) -> Json:
        sides: Json = self.call("reconcile_orders", day=day)
        return sides

    # --- people

    def decide(self, decision: str, order_id: str = "A", note: str = "seen", **more: object) -> Json:
        row: Json = self.call(decision, order_id=order_id, by="kim", note=note, **more)
        return row

    def retry(self, order_id: str = "A", note: str = "mended", *, anyway: bool = False) -> Json:
        return self.decide("retry_order", order_id, note, anyway=anyway)

    def undone(self, order_id: str = "A", note: str = "refunded", outcome: str = "refunded") -> Json:
        return self.decide("note_undone", order_id, note, outcome=outcome)

    def close(self, kind: str, subject: str = "A", note: str = "seen") -> None:
        """A person closes the open finding."""
        row = self.one(
            "select id from findings where kind = %s and subject = %s and closed_at is null", kind, subject
        )
        self.call("close_finding", finding=row["id"], by="kim", note=note)

    # --- the outside

    def carrier_day(self, day: str, *shipment_ids: str, backend: str = "json") -> list[str]:
        """The ids that are to be read."""
        unread: list[Json] = self.call(
            "store_carrier_day", backend=backend, day=day, listed=Jsonb(listed(*shipment_ids))
        )
        return [each["shipment_id"] for each in unread]

    def carrier_shows(self, shipment_id: str, backend: str = "json", **changes: object) -> None:
        shown = {
            "shipment_id": shipment_id,
            "request_id": None,
            "reference": None,
            "tracking_number": "123456789012",
            "price": "12.34",
            "status": "created",
        }
        self.call("store_carrier_shipment", backend=backend, shipment=shown | changes)

    def match(self, first: str, last: str, *backends: str) -> Json:
        counts: Json = self.call(
            "match_carrier",
            backends=list(backends or ["json"]),
            first=first,
            last=last,
            stage="check-outside",
        )
        return counts

    def looked(self, *sources: str) -> None:
        """Complete looks of this moment."""
        for source in sources or ("marketplace", "carrier"):
            self.call("note_outside_check", source=source, began_at=self.now, complete=True, result={})

    # --- labels

    def open(self, order_id: str = "A", call: UUID | None = None, sequence: int = 1) -> Json:
        shipment: Json = self.call(
            "open_shipment",
            order_id=order_id,
            request_id=f"{order_id}-{sequence}",
            sequence=sequence,
            call=call or uuid.uuid4(),
            request_hash="hash",
            request={"request_id": f"{order_id}-{sequence}"},
            backend="json",
        )
        return shipment

    def call_again(
        self, shipment: Json, call: UUID | None = None, request: Json | None = None
    ) -> Json | None:
        called: Json | None = self.call(
            "note_label_call",
            shipment=UUID(shipment["id"]),
            call_before=UUID(shipment["call_id"]),
            call=call or uuid.uuid4(),
            request=request,
            request_hash=request and "other hash",
        )
        return called

    def not_sent(self, shipment: Json) -> None:
        self.call(
            "note_label_not_sent",
            shipment=UUID(shipment["id"]),
            call=UUID(shipment["call_id"]),
            message="429",
        )

    def unknown(self, shipment: Json) -> bool:
        """False: its outcome is known."""
        return bool(self.call("note_label_unknown", shipment=UUID(shipment["id"]), message="no answer"))

    def buy(self, shipment: Json, label: Json | None = None) -> str:
        return str(
            self.call("note_label_bought", shipment=UUID(shipment["id"]), bought=label or bought())["state"]
        )

    def shelve(self, shipment: Json) -> bool:
        return bool(
            self.call("note_label_stored", shipment=UUID(shipment["id"]), path="S1.pdf", sha256="00", bytes=9)
        )

    def refuse(self, shipment: Json, message: str = "no such service") -> None:
        self.call(
            "note_label_refused",
            shipment=UUID(shipment["id"]),
            call=UUID(shipment["call_id"]),
            message=message,
        )

    def to_settle(self, limit: int = 100) -> list[Json]:
        shipments: list[Json] = self.call("shipments_to_settle", limit=limit, now_=None)
        return shipments

    def to_undo(self, limit: int = 100) -> list[Json]:
        shipments: list[Json] = self.call("shipments_to_undo", limit=limit, now_=None)
        return shipments

    def undo_due(self, shipment: Json) -> None:
        self.call("note_undo_due", shipment=UUID(shipment["id"]), undo=bought()["undo"])

    def undo_sent(self, shipment: Json, ticket: str | None = "R-1", *, is_void: bool = False) -> None:
        self.call("note_undo_sent", shipment=UUID(shipment["id"]), ticket=ticket, is_void=is_void)

    def undo_refused(self, shipment: Json, message: str = "too late") -> None:
        self.call("note_undo_refused", shipment=UUID(shipment["id"]), message=message)

    # --- messages

    def store_threads(self, *threads: Json) -> Json:
        counts: Json = self.call("store_threads", threads=Jsonb(threads))
        return counts

    def write(self, reply: UUID, body: str = "It left today.", thread_id: str = "T") -> Json:
        row: Json = self.call(
            "write_reply", reply=reply, thread=thread_id, body=body, recipients=["CUSTOMER"], by="kim"
        )
        return row

    # --- where a test begins

    def accepted(self, order_id: str = "A", **changes: object) -> str:
        self.store(order(order_id, marketplace_state="SHIPPING", **changes))
        assert self.move(move(order_id, "pending_acceptance", "accepted")) == [order_id]
        return order_id

    def labelled(self, order_id: str = "A") -> Json:
        """An order with its label on the shelf."""
        shipment = self.open(self.accepted(order_id))
        self.buy(shipment, bought(f"S-{order_id}"))
        assert self.shelve(shipment)
        return shipment

    def order(self, order_id: str = "A") -> Json:
        return self.one("select * from orders where order_id = %s", order_id)

    def shipment(self, order_id: str = "A") -> Json:
        return self.one(
            "select * from shipments where order_id = %s order by sequence desc limit 1", order_id
        )

    def history(self, order_id: str = "A") -> list[tuple[str | None, str]]:
        rows = self.all(
            "select from_state, to_state from order_status_history where order_id = %s order by id", order_id
        )
        return [(row["from_state"], row["to_state"]) for row in rows]


def at_once(
    database: Database, calls: Sequence[Callable[[Fulfillment], Answer]]
) -> list[Answer | psycopg.Error]:
    return let_go_at_once(database, calls, Fulfillment)
