"""The endpoints of `workflow` for bulk work on the manual tasks of a filter: dry run, job, progress."""

from collections.abc import Sequence
from typing import Literal, Self
from uuid import UUID, uuid4

from pydantic import AwareDatetime, Field, model_validator

from shared.enrichment.jobs import CHUNK
from shared.enrichment.routing.route import TaskPriority
from shared.enrichment.store import BulkAction, JobStore
from shared.limits import MOST_LISTED
from shared.web.call import Answer, Call, NoInput, RequestModel, uuid_in
from shared.web.enrichment.wanted import WantedTasks
from shared.web.fields import Person, Text
from shared.web.function import Route, Supply

Stands = Literal["applied", "refused", "resolved", "came_back", "waiting"]


class JobRequest(RequestModel):
    """`job_id` makes the call repeatable. A dry run changes nothing and needs no note."""

    kind: Literal["assign", "reprioritise", "redrive", "fail"]
    wanted: WantedTasks = Field(default_factory=WantedTasks)
    assign_to: Person | None = None
    priority: TaskPriority | None = None
    by: Person
    note: Text | None = None
    dry_run: bool = False
    job_id: UUID | None = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if (self.kind == "assign") != ("assign_to" in self.model_fields_set):
            raise ValueError("give assign_to with assign, and only there; null assigns to nobody")
        if (self.kind == "reprioritise") != (self.priority is not None):
            raise ValueError("give priority with reprioritise, and only there")
        if self.note is None and not self.dry_run:
            raise ValueError("give a note that says why; only a dry run needs none")
        return self

    def action(self) -> BulkAction:
        return BulkAction(self.kind, self.wanted.wanted(), self.assign_to, self.priority)


class JobsRequest(RequestModel):
    """`after` and `after_id` are `at` and `id` of `next` in the page before."""

    limit: int = Field(20, ge=1, le=100)
    after: AwareDatetime | None = None
    after_id: UUID | None = None

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.after is None) != (self.after_id is None):
            raise ValueError("give after and after_id together")
        return self


class ItemsRequest(RequestModel):
    """`after` is `next` of the page before."""

    stands: Stands | None = None
    limit: int = Field(50, ge=1, le=MOST_LISTED)
    after: int = Field(0, ge=0, le=2**31 - 1)


class CancelRequest(RequestModel):
    by: Person
    note: Text


def bulk_jobs(store: Supply) -> Sequence[Route]:
    """`store` returns a JobStore."""
    return (
        Route("POST", "/jobs", JobRequest, _create, (store,)),
        Route("GET", "/jobs", JobsRequest, _list, (store,)),
        Route("GET", "/jobs/{id}", NoInput, _show, (store,)),
        Route("GET", "/jobs/{id}/items", ItemsRequest, _items, (store,)),
        Route("POST", "/jobs/{id}/go-on", NoInput, _go_on, (store,)),
        Route("POST", "/jobs/{id}/cancel", CancelRequest, _cancel, (store,)),
    )


def _create(request: JobRequest, _call: Call, store: JobStore) -> Answer:
    if request.dry_run or request.note is None:
        return Answer(store.preview_job(request.action(), request.by))
    job_id = request.job_id or uuid4()
    store.create_job(job_id, request.action(), request.by, request.note)
    return _worked_on(job_id, store)


def _go_on(_request: NoInput, call: Call, store: JobStore) -> Answer:
    return _worked_on(_job(call), store)


def _worked_on(job_id: UUID, store: JobStore) -> Answer:
    worked = store.work_on_job(job_id, CHUNK)
    return Answer(
        store.job_status(job_id) | {"worked": worked}, logged={"job_id": str(job_id), "worked": worked}
    )


def _list(request: JobsRequest, _call: Call, store: JobStore) -> Answer:
    after = None
    if request.after:
        after = {"at": request.after.isoformat(), "id": str(request.after_id)}
    return Answer(store.list_jobs(request.limit, after))


def _show(_request: NoInput, call: Call, store: JobStore) -> Answer:
    return Answer(store.job_status(_job(call)))


def _items(request: ItemsRequest, call: Call, store: JobStore) -> Answer:
    return Answer(store.list_job_items(_job(call), request.stands, request.limit, request.after))


def _cancel(request: CancelRequest, call: Call, store: JobStore) -> Answer:
    job_id = _job(call)
    store.cancel_job(job_id, request.by, request.note)
    return Answer(store.job_status(job_id), logged={"cancelled": str(job_id)})


def _job(call: Call) -> UUID:
    return uuid_in(call, "job")
