"""The store of bulk jobs: each method is one SQL function of `infra/supabase/migrations`."""

from typing import Any
from uuid import UUID

from shared.clock import Clock
from shared.cloud.supabase import SupabaseRpc
from shared.enrichment.store import BulkAction, Json


class SupabaseJobStore:
    """Implements JobStore. `clock` moves the database's time in simulations."""

    def __init__(self, rpc: SupabaseRpc, *, daily_limit: int, clock: Clock | None = None) -> None:
        self._rpc = rpc
        self._daily_limit = daily_limit
        self._clock = clock

    def _call(self, function: str, **arguments: Any) -> Any:  # noqa: ANN401 - JSON in and out
        if self._clock is not None:
            arguments["p_now"] = self._clock().isoformat()
        return self._rpc.call(function, arguments)

    def preview_job(self, action: BulkAction, by: str) -> Json:
        would: Json = self._call("preview_job", **_action(action), p_by=by, p_daily_limit=self._daily_limit)
        return would

    def create_job(self, job_id: UUID, action: BulkAction, by: str, note: str) -> int:
        members: int = self._call("create_job", p_job_id=str(job_id), **_action(action), p_by=by, p_note=note)
        return members

    def work_on_job(self, job_id: UUID, limit: int) -> int:
        worked: int = self._call(
            "work_on_job", p_job_id=str(job_id), p_limit=limit, p_daily_limit=self._daily_limit
        )
        return worked

    def jobs_to_work_on(self, limit: int) -> list[UUID]:
        due: list[str] = self._call("jobs_to_work_on", p_limit=limit, p_daily_limit=self._daily_limit)
        return [UUID(job) for job in due]

    def cancel_job(self, job_id: UUID, by: str, note: str) -> None:
        self._call("cancel_job", p_job_id=str(job_id), p_by=by, p_note=note)

    def job_status(self, job_id: UUID) -> Json:
        job: Json = self._call("job_status", p_job_id=str(job_id), p_daily_limit=self._daily_limit)
        return job

    def list_jobs(self, limit: int, after: Json | None) -> Json:
        page: Json = self._call("list_jobs", p_limit=limit, p_after=after, p_daily_limit=self._daily_limit)
        return page

    def list_job_items(self, job_id: UUID, stands: str | None, limit: int, after: int) -> Json:
        page: Json = self._rpc.call(
            "list_job_items",
            {"p_job_id": str(job_id), "p_stands": stands, "p_limit": limit, "p_after": after},
        )
        return page


def _action(action: BulkAction) -> Json:
    return {
        "p_kind": action.kind,
        "p_wanted": dict(action.wanted),
        "p_assign_to": action.assign_to,
        "p_priority": action.priority,
    }
