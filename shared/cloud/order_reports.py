"""Fulfillment's SQL functions of messages, and of people's reports and decisions."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from shared.clock import Clock
from shared.cloud.order_rows import thread_json
from shared.cloud.supabase import SupabaseRpc
from shared.fulfillment.findings import Finding, Kind
from shared.fulfillment.ports import Address
from shared.fulfillment.store import Json, OrderFilter, Reply, StoredMessageThread


class SupabaseCalls:
    """`clock` moves the database's time in simulations; without one the database's own clock rules, which all share."""

    def __init__(self, rpc: SupabaseRpc, *, clock: Clock | None = None) -> None:
        self._rpc = rpc
        self._clock = clock

    def _call(self, function: str, **arguments: Any) -> Any:  # noqa: ANN401 - JSON in and out
        if self._clock is not None:
            arguments["p_now"] = self._clock().isoformat()
        return self._rpc.call(function, arguments)

    def add_findings(self, findings: Sequence[Finding], stage: str) -> None:
        self._call("add_findings", p_findings=[finding.to_json() for finding in findings], p_stage=stage)

    def end_findings(self, kind: Kind, subjects: Sequence[str]) -> None:
        self._call("end_findings", p_kind=kind, p_subjects=list(subjects))


class SupabaseMessageStore(SupabaseCalls):
    """Implements MessageStore and InboxReports of `shared.fulfillment`."""

    def store_threads(self, threads: Sequence[StoredMessageThread]) -> tuple[int, int]:
        answer = self._call("store_threads", p_threads=[thread_json(thread) for thread in threads])
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
                row["order_id"],
                row["topic"],
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

    def write_to_buyer(self, reply_id: str, order_id: str, topic: str, body: str, by: str) -> Json:
        row: Json = self._call(
            "write_to_buyer", p_reply=reply_id, p_order_id=order_id, p_topic=topic, p_body=body, p_by=by
        )
        return row

    def threads(self, order_id: str | None, limit: int, *, unanswered: bool) -> list[Json]:
        rows: list[Json] = self._rpc.call(
            "list_threads", {"p_order_id": order_id, "p_unanswered": unanswered, "p_limit": limit}
        )
        return rows

    def message_file(self, attachment_id: str) -> Json:
        row: Json = self._rpc.call("message_file", {"p_attachment": attachment_id})
        return row


class SupabaseOrderReports(SupabaseCalls):
    """Implements OrderReports of `shared.fulfillment`."""

    def list_orders(self, wanted: OrderFilter, limit: int, after: Json | None) -> Json:
        page: Json = self._call("list_orders", p_filter=wanted.to_json(), p_limit=limit, p_after=after)
        return page

    def order_status(self, order_id: str) -> Json:
        row: Json = self._call("order_status", p_order_id=order_id)
        return row

    def retry_order(self, order_id: str, by: str, note: str, *, anyway: bool = False) -> Json:
        return self._decide("retry_order", order_id, by, note, p_anyway=anyway)

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
        answer: Json = self._call(
            "retry_orders",
            p_filter=wanted.to_json(),
            p_limit=limit,
            p_by=by,
            p_note=note,
            p_dry_run=dry_run,
            p_anyway=anyway,
        )
        return answer

    def override_address(self, order_id: str, address: Address | None, by: str, note: str) -> Json:
        return self._decide("override_address", order_id, by, note, p_address=address and asdict(address))

    def refuse_order(self, order_id: str, by: str, note: str) -> Json:
        return self._decide("refuse_order", order_id, by, note)

    def set_parcels(
        self, order_id: str, parcels: int, by: str, note: str, decisions: int | None = None
    ) -> Json:
        return self._decide("set_parcels", order_id, by, note, p_parcels=parcels, p_decision_count=decisions)

    def relabel_order(self, order_id: str, by: str, note: str) -> Json:
        return self._decide("relabel_order", order_id, by, note)

    def note_not_sold(self, order_id: str, by: str, note: str) -> Json:
        return self._decide("note_not_sold", order_id, by, note)

    def ask_undo(self, order_id: str, by: str, note: str, approval_cents: int | None = None) -> Json:
        return self._decide("ask_undo", order_id, by, note, p_approval_cents=approval_cents)

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

    def postage(self, first: date | None, last: date | None, by: str) -> Json:
        days = {"p_first": first and first.isoformat(), "p_last": last and last.isoformat()}
        ledger: Json = self._call("postage", **days, p_by=by)
        return ledger

    def reconcile_orders(self, day: date | None, zone: str = "UTC") -> Json:
        sides: Json = self._call("reconcile_orders", p_day=day and day.isoformat(), p_zone=zone)
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
