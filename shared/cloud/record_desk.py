"""The store of enrichment for people and reports, and what all its calls share."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from shared.clock import Clock
from shared.cloud.record_inbox import SupabaseRecordInbox
from shared.cloud.supabase import SupabaseRpc
from shared.enrichment.ports import ErrorCategory, JsonObject, PauseCause
from shared.enrichment.store import Json


@dataclass(frozen=True)
class StoreTimes:
    """In seconds, but `half_life_days`; see the settings of the same names. `due` is by task priority."""

    lease: float
    grace: float
    patience: float
    claim: float
    due_high: float
    due_medium: float
    due_low: float
    vendor_pause: float = 30
    account_pause: float = 300
    half_life_days: float = 90
    undo: float = 900

    @property
    def due(self) -> dict[str, float]:
        return {"high": self.due_high, "medium": self.due_medium, "low": self.due_low}

    def pauses(self, cause: PauseCause) -> tuple[float, float]:
        """The first and the longest pause of a vendor's breaker: 30 s to 15 min, 5 to 30 min for the account."""
        if cause is PauseCause.ACCOUNT:
            return self.account_pause, 6 * self.account_pause
        return self.vendor_pause, 30 * self.vendor_pause


class SupabaseRecordDesk(SupabaseRecordInbox):
    """Implements DeskStore, ReportStore and InboxStore.

    `clock` moves the database's time in simulations; without one the database's own clock rules, which all share.
    """

    def __init__(
        self, rpc: SupabaseRpc, times: StoreTimes, *, max_attempts: int, clock: Clock | None = None
    ) -> None:
        super().__init__(rpc, clock)
        self._times = times
        self._max_attempts = max_attempts

    # --- people

    def take_again(self, record_key: str, by: str, note: str) -> Json:
        taken: Json = self._call("take_again", p_record_key=record_key, p_by=by, p_note=note)
        return taken

    def claim_manual_task(self, task_id: UUID, assignee: str) -> Json:
        return self._manual("claim", task_id, assignee, p_claim_seconds=self._times.claim)

    def release_manual_task(self, task_id: UUID, assignee: str, note: str | None) -> Json:
        return self._manual("release", task_id, assignee, p_note=note)

    def complete_manual_task(
        self, task_id: UUID, assignee: str, fields: JsonObject, manufacturer_key: str | None, note: str | None
    ) -> Json:
        return self._manual(
            "complete",
            task_id,
            assignee,
            p_fields=fields,
            p_manufacturer_key=manufacturer_key,
            p_note=note,
            p_undo_seconds=self._times.undo,
        )

    def fail_manual_task(self, task_id: UUID, assignee: str, note: str) -> Json:
        return self._manual("fail", task_id, assignee, p_note=note, p_undo_seconds=self._times.undo)

    def redrive_dead_letters(
        self, batch_id: str, redrive_id: str, *, cause: ErrorCategory | None, limit: int, daily_limit: int
    ) -> Json:
        redriven: Json = self._call(
            "redrive_dead_letters",
            p_batch_id=batch_id,
            p_redrive_id=redrive_id,
            p_cause=cause,
            p_limit=limit,
            p_daily_limit=daily_limit,
        )
        return redriven

    def vendors(self) -> list[Json]:
        breakers: list[Json] = self._call("vendors")
        return breakers

    def resume_vendor(self, vendor: str, by: str, note: str) -> Json:
        breaker: Json = self._call("resume_vendor", p_vendor=vendor, p_by=by, p_note=note)
        return breaker

    def _manual(self, action: str, task_id: UUID, assignee: str, **arguments: Any) -> Json:  # noqa: ANN401 - JSON
        task: Json = self._call(
            f"{action}_manual_task", p_task_id=str(task_id), p_assignee=assignee, **arguments
        )
        return task

    # --- reports

    def batch_status(self, batch_id: str) -> Json:
        status: Json = self._call("batch_status", p_batch_id=batch_id)
        return status

    def reconcile(self, batch_id: str | None, day: date | None) -> Json:
        sides: Json = self._call("reconcile", p_batch_id=batch_id, p_day=day and day.isoformat())
        return sides

    def recent_products(self, batch_id: str, limit: int) -> list[Json]:
        products: list[Json] = self._rpc.call("recent_products", {"p_batch_id": batch_id, "p_limit": limit})
        return products

    def product_report(self, record_key: str) -> Json:
        report: Json = self._rpc.call("product_report", {"p_record_key": record_key})
        return report
