"""The store of enrichment: each method is one SQL function of `infra/supabase/migrations`.

`record_desk` holds the calls of people and reports.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from fractions import Fraction
from uuid import UUID

from shared.cloud.record_desk import SupabaseRecordDesk
from shared.enrichment.ports import Blame, ErrorCategory, JsonObject, NotedRow, PauseCause
from shared.enrichment.store import (
    CATALOGUE,
    LEDGER_PAGE,
    Begun,
    Claim,
    ClaimOutcome,
    Due,
    Handover,
    Identity,
    Json,
    Known,
    KnownRecord,
    ManufacturerCounts,
    Opened,
    OpenedTask,
    Skipped,
    Standing,
    SweepCandidate,
    VendorFailure,
)


class SupabaseRecordStore(SupabaseRecordDesk):
    """Implements every store of `shared.enrichment.store`."""

    # --- orchestrate

    def begin_batch(
        self,
        batch_id: str,
        *,
        run_id: UUID,
        trigger: str,
        request: JsonObject,
        policy: str,
        policy_version: str,
    ) -> Begun:
        answer = self._call(
            "begin_batch",
            p_batch_id=batch_id,
            p_run_id=str(run_id),
            p_trigger=trigger,
            p_request=request,
            p_policy=policy,
            p_policy_version=policy_version,
            p_vendor=CATALOGUE,
            p_ledger_limit=LEDGER_PAGE,
        )
        paused = answer.get("paused_until")
        return Begun(
            answer["started"],
            _noted(answer["noted"]),
            answer["used"],
            answer["again"],
            paused and _moment(paused),
        )

    def abandon_batch(self, batch_id: str, run_id: UUID) -> None:
        self._rpc.call("abandon_batch", {"p_batch_id": batch_id, "p_run_id": str(run_id)})

    def note_ledgered(self, noted: Sequence[NotedRow]) -> Sequence[NotedRow]:
        return _noted(self._call("note_ledgered", p_ledgered=_ledgered(noted), p_limit=LEDGER_PAGE))

    def read_known(
        self,
        records: Sequence[Identity],
        rejected: Sequence[str],
        *,
        failed_after: datetime,
    ) -> Known:
        answer = self._call(
            "read_known",
            p_records=[
                {
                    "record_key": r.record_key,
                    "manufacturer_key": r.manufacturer_key,
                    "content_hash": r.content_hash,
                }
                for r in records
            ],
            p_rejected=list(rejected),
            p_failed_after=failed_after.isoformat(),
            p_half_life_days=self._times.half_life_days,
        )
        return Known(
            records={key: KnownRecord(**known) for key, known in answer["records"].items()},
            manufacturers={
                key: ManufacturerCounts(Fraction(str(counts["attempts"])), Fraction(str(counts["successes"])))
                for key, counts in answer["manufacturers"].items()
            },
            rejected_before=frozenset(answer["rejected_before"]),
            daily_used=answer["daily_used"],
            daily_again=answer["daily_again"],
        )

    def open_tasks(
        self,
        batch_id: str,
        items: Sequence[JsonObject],
        rejected: Sequence[JsonObject],
        *,
        daily_limit: int,
        manual_batch_size: int,
        reprocess_after: timedelta,
    ) -> Opened:
        answer = self._call(
            "open_tasks",
            p_batch_id=batch_id,
            p_items=list(items),
            p_rejected=list(rejected),
            p_daily_limit=daily_limit,
            p_manual_batch_size=manual_batch_size,
            p_due_seconds=self._times.due,
            p_sweep_grace_seconds=self._times.grace,
            p_reprocess_seconds=reprocess_after.total_seconds(),
        )
        automation = [
            OpenedTask(UUID(t["id"]), t["record_key"], t["priority"]) for t in answer.pop("automation")
        ]
        return Opened(automation=automation, **answer)

    def note_progress(
        self,
        batch_id: str,
        *,
        enqueued: Sequence[UUID],
        counts: JsonObject,
        ledgered: Sequence[NotedRow],
        skipped: Sequence[Skipped],
        closed: bool,
    ) -> None:
        self._call(
            "note_progress",
            p_batch_id=batch_id,
            p_enqueued=[str(task) for task in enqueued],
            p_counts=counts,
            p_ledgered=_ledgered(ledgered),
            p_skipped=[asdict(each) for each in skipped],
            p_patience_seconds=self._times.patience,
            p_closed=closed,
        )

    # --- automate

    def claim_automation_task(self, task_id: UUID, owner: UUID, vendor: str = CATALOGUE) -> Claim:
        answer = self._call(
            "claim_automation_task",
            p_task_id=str(task_id),
            p_owner=str(owner),
            p_lease_seconds=self._times.lease,
            p_vendor=vendor,
            p_max_attempts=self._max_attempts,
            p_patience_seconds=self._times.patience,
            p_grace_seconds=self._times.grace,
        )
        return Claim(
            outcome=ClaimOutcome(answer["outcome"]),
            state=answer["state"],
            pn=answer["pn"],
            manufacturer=answer["manufacturer"],
            attempts=answer["attempts"],
            generation=answer["generation"],
            renewed=answer["renewed"],
            answer=answer["answer"],
            dead_letter_due=answer["dead_letter_due"],
            not_before=answer["not_before"] and _moment(answer["not_before"]),
            error_category=answer["error_category"] and ErrorCategory(answer["error_category"]),
            error_message=answer["error_message"],
        )

    def save_vendor_answer(self, task_id: UUID, owner: UUID, answer: JsonObject) -> bool:
        return _truth(
            self._call("save_vendor_answer", p_task_id=str(task_id), p_owner=str(owner), p_answer=answer)
        )

    def finish_automation_task(
        self, task_id: UUID, owner: UUID, product: JsonObject, answer: JsonObject | None = None
    ) -> bool:
        return _truth(
            self._call(
                "finish_automation_task",
                p_task_id=str(task_id),
                p_owner=str(owner),
                p_answer=answer,
                p_product=product,
                p_half_life_days=self._times.half_life_days,
            )
        )

    def note_vendor_failure(
        self,
        task_id: UUID,
        owner: UUID,
        cause: PauseCause,
        category: ErrorCategory,
        message: str,
        *,
        answer: JsonObject | None = None,
        until: datetime | None = None,
    ) -> VendorFailure:
        first, longest = self._times.pauses(cause)
        noted = self._call(
            "note_vendor_failure",
            p_task_id=str(task_id),
            p_owner=str(owner),
            p_cause=cause,
            p_category=category,
            p_message=message,
            p_answer=answer,
            p_until=until and until.isoformat(),
            p_first_seconds=first,
            p_longest_seconds=longest,
            p_grace_seconds=self._times.grace,
        )
        not_before = noted.get("not_before")
        return VendorFailure(
            Standing(noted["outcome"]), noted.get("generation", 0), not_before and _moment(not_before)
        )

    def release_automation_task(
        self,
        task_id: UUID,
        owner: UUID,
        category: ErrorCategory,
        message: str,
        *,
        answer: JsonObject | None = None,
        refund: bool = False,
    ) -> bool:
        return _truth(
            self._call(
                "release_automation_task",
                p_task_id=str(task_id),
                p_owner=str(owner),
                p_category=category,
                p_message=message,
                p_answer=answer,
                p_refund=refund,
                p_patience_seconds=self._times.patience,
            )
        )

    def renew_automation_task(self, task_id: UUID, owner: UUID, message: str) -> int | None:
        generation: int | None = self._call(
            "renew_automation_task",
            p_task_id=str(task_id),
            p_owner=str(owner),
            p_message=message,
            p_grace_seconds=self._times.grace,
        )
        return generation

    def note_enqueued(self, generations: Mapping[UUID, int]) -> None:
        self._call(
            "note_enqueued",
            p_tasks=[{"id": str(task), "generation": generation} for task, generation in generations.items()],
            p_patience_seconds=self._times.patience,
        )

    def fail_automation_task(
        self,
        task_id: UUID,
        owner: UUID,
        category: ErrorCategory,
        message: str,
        *,
        to_manual: bool,
        answer: JsonObject | None = None,
        blame: Blame = Blame.RECORD,
    ) -> bool:
        return _truth(
            self._call(
                "fail_automation_task",
                p_task_id=str(task_id),
                p_owner=str(owner),
                p_category=category,
                p_message=message,
                p_answer=answer,
                p_blame=blame,
                p_to_manual=to_manual,
                p_half_life_days=self._times.half_life_days,
                p_grace_seconds=self._times.grace,
            )
        )

    # --- fallback

    def create_fallback_task(self, task_id: UUID) -> Handover:
        answer = self._call("create_fallback_task", p_task_id=str(task_id), p_due_seconds=self._times.due)
        manual = answer.get("manual_task_id")
        return Handover(answer["outcome"], UUID(manual) if manual else None)

    def sweep_candidates(
        self, due: Due, limit: int, after: SweepCandidate | None = None
    ) -> Sequence[SweepCandidate]:
        place = {"p_after": after.sweep_after.isoformat(), "p_after_id": str(after.id)} if after else {}
        return [
            SweepCandidate(
                **{
                    **row,
                    "id": UUID(row["id"]),
                    "sweep_after": _moment(row["sweep_after"]),
                    "not_before": row["not_before"] and _moment(row["not_before"]),
                }
            )
            for row in self._call("sweep_candidates", p_kind=due, p_limit=limit, **place)
        ]

    def extend_patience(self, task_ids: Sequence[UUID]) -> int:
        return self._look_again(task_ids, self._times.patience)

    def ask_again_soon(self, task_ids: Sequence[UUID]) -> int:
        return self._look_again(task_ids, self._times.grace)

    def _look_again(self, task_ids: Sequence[UUID], seconds: float) -> int:
        extended: int = self._call(
            "extend_patience", p_task_ids=[str(task) for task in task_ids], p_patience_seconds=seconds
        )
        return extended

    def renew_generation(self, task_id: UUID, generation: int) -> int | None:
        renewed: int | None = self._call(
            "renew_generation",
            p_task_id=str(task_id),
            p_generation=generation,
            p_grace_seconds=self._times.grace,
        )
        return renewed

    def fail_lost_task(self, task_id: UUID, generation: int, message: str, *, to_manual: bool) -> bool:
        return _truth(
            self._call(
                "fail_lost_task",
                p_task_id=str(task_id),
                p_generation=generation,
                p_message=message,
                p_to_manual=to_manual,
                p_grace_seconds=self._times.grace,
            )
        )

    def figures(self) -> Json:
        """The numbers that alerts and the dashboard use."""
        figures: Json = self._call("enrichment_figures")
        return figures

    def audit(self, seconds: float) -> Json:
        """Goes on with the audit for so long and returns its figures; keeps the coming months' partitions ready."""
        figures: Json = self._call("audit_some", p_seconds=seconds)
        self._call("keep_partitions")
        return figures


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _noted(rows: Sequence[Json]) -> list[NotedRow]:
    return [
        NotedRow(**{**row, "next_turn": _moment(row["next_turn"]), "noted_at": _moment(row["noted_at"])})
        for row in rows
    ]


def _ledgered(noted: Sequence[NotedRow]) -> list[Json]:
    return [
        {"record_key": row.record_key, "content_hash": row.content_hash, "noted_at": row.noted_at.isoformat()}
        for row in noted
    ]


def _truth(answer: object) -> bool:
    return answer is True
