"""Bulk jobs as tests call them."""

from uuid import UUID, uuid4

from psycopg.types.json import Jsonb

from tests.contract.enrichment_calls import Enrichment
from tests.contract.schema_rows import Json

QUOTA = 100_000
OPEN = {"state": "open"}


class Jobs(Enrichment):
    def preview(
        self,
        kind: str = "redrive",
        wanted: Json = OPEN,
        *,
        assign_to: str | None = None,
        priority: str | None = None,
        by: str = "olga",
        daily_limit: int = QUOTA,
    ) -> Json:
        would: Json = self.call(
            "preview_job",
            kind=kind,
            wanted=Jsonb(wanted),
            assign_to=assign_to,
            priority=priority,
            by=by,
            daily_limit=daily_limit,
        )
        return would

    def create(
        self,
        kind: str = "redrive",
        wanted: Json = OPEN,
        *,
        assign_to: str | None = None,
        priority: str | None = None,
        by: str = "olga",
        note: str = "the account is paid",
        job: UUID | None = None,
    ) -> UUID:
        job = job or uuid4()
        self.call(
            "create_job",
            job_id=job,
            kind=kind,
            wanted=Jsonb(wanted),
            assign_to=assign_to,
            priority=priority,
            by=by,
            note=note,
        )
        return job

    def work(self, job: UUID, limit: int = 100, *, daily_limit: int = QUOTA) -> int:
        return int(self.call("work_on_job", job_id=job, limit=limit, daily_limit=daily_limit))

    def job(self, job: UUID, *, daily_limit: int = QUOTA) -> Json:
        """The job's view, whose sums are checked each time."""
        view: Json = self.call("job_status", job_id=job, daily_limit=daily_limit)
        came_back = sum(each["count"] for each in view["came_back"])
        assert (
            view["total"]
            == view["applied"] + view["refused"] + view["resolved"] + came_back + view["waiting"]
        )
        assert view["refused"] == sum(each["count"] for each in view["refusals"])
        assert view["waiting"] == sum(each["count"] for each in view["waits_for"])
        return view

    def items(self, job: UUID, stands: str | None = None, limit: int = 100, after: int = 0) -> Json:
        page: Json = self.call(
            "list_job_items", job_id=job, stands=stands, limit=limit, after=after, now_=None
        )
        return page

    def cancel(self, job: UUID, by: str = "olga", note: str = "enough") -> None:
        self.call("cancel_job", job_id=job, by=by, note=note)

    def due(self, *, daily_limit: int = QUOTA) -> list[str]:
        due: list[str] = self.call("jobs_to_work_on", limit=100, daily_limit=daily_limit)
        return due

    def standing(self, job: UUID) -> tuple[int, int, int, int]:
        """How many were refused, are resolved, came back, and wait."""
        view = self.job(job)
        came_back = sum(each["count"] for each in view["came_back"])
        return view["refused"], view["resolved"], came_back, view["waiting"]

    def redriven(self, job: UUID) -> list[UUID]:
        """The new automation tasks of a job, in the order of its members."""
        found = self.all(
            "select redriven_as from job_items where job_id = %s and redriven_as is not null order by place",
            job,
        )
        return [row["redriven_as"] for row in found]
