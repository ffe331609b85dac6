"""Bulk work on the tasks of a filter: what it would do, then a job that is followed to the end of its last task."""

import uuid
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from shared.enrichment.jobs import CHUNK
from shared.enrichment.routing.route import TaskPriority
from shared.enrichment.store import BulkAction, JobStore
from shared.web.call import NoInput, Page, RequestModel, uuid_in
from shared.web.desk.inbox import Filter, filter_of
from shared.web.desk.rendering import Renderer
from shared.web.desk.route import FormWrong, PageRoute, Visit, moved
from shared.web.desk.visitor import Role
from shared.web.enrichment.jobs import Stands
from shared.web.fields import Person, Text
from shared.web.function import Route, Supply

ITEMS = 50
LISTED = 30


class JobForm(RequestModel):
    """`filter` is the query of the inbox. The same `job_id` sent twice is one job."""

    filter: Annotated[str, Field(max_length=2_000)] = ""
    kind: Literal["redrive", "assign", "reprioritise", "fail"]
    assign_to: Person | None = None
    priority: TaskPriority | None = None
    note: Text | None = None
    job_id: uuid.UUID
    dry_run: bool = False

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.kind == "reprioritise" and self.priority is None:
            raise ValueError("say which priority they get")
        if not self.dry_run and not self.note:
            raise ValueError("say why; it is kept with each task")
        return self

    def action(self, person: str) -> BulkAction:
        assign_to = self.assign_to if self.kind == "assign" else None
        priority = self.priority if self.kind == "reprioritise" else None
        return BulkAction(self.kind, filter_of(self.filter).wanted(person), assign_to, priority)


class ItemsQuery(RequestModel):
    stands: Stands | None = None
    after: int = Field(0, ge=0, le=2**31 - 1)


class EndForm(RequestModel):
    note: Text


def job_pages(gate: Supply, renderer: Supply, store: Supply) -> Sequence[Route]:
    """`store` returns a JobStore."""
    parts = (store, renderer)
    posts: tuple[tuple[str, type[RequestModel], Any, str], ...] = (
        ("/jobs", JobForm, _create, "start job"),
        ("/jobs/{id}/go-on", NoInput, _go_on, "go on with job"),
        ("/jobs/{id}/cancel", EndForm, _cancel, "cancel job"),
    )
    return (
        PageRoute("GET", "/jobs/new", Filter, _new, parts, role=Role.OPERATOR, gate=gate),
        *(
            PageRoute(
                "POST",
                path,
                form,
                handler,
                parts,
                role=Role.OPERATOR,
                gate=gate,
                action=action,
                wrong=_wrong,
            )
            for path, form, handler, action in posts
        ),
        PageRoute("GET", "/jobs", NoInput, _list, parts, gate=gate),
        PageRoute("GET", "/jobs/{id}", ItemsQuery, _show, parts, gate=gate),
    )


def _new(request: Filter, visit: Visit, store: JobStore, renderer: Renderer) -> Page:
    action = BulkAction("redrive", request.wanted(visit.person), None, None)
    return _form(visit, renderer, request.query(), store.preview_job(action, visit.person))


def _create(request: JobForm, visit: Visit, store: JobStore, renderer: Renderer) -> Page:
    if request.dry_run:
        preview = store.preview_job(request.action(visit.person), visit.person)
        return _form(visit, renderer, request.filter, preview, request.model_dump(mode="json"))
    store.create_job(request.job_id, request.action(visit.person), visit.person, request.note or "")
    store.work_on_job(request.job_id, CHUNK)
    return moved(f"/jobs/{request.job_id}")


def _wrong(wrong: FormWrong, visit: Visit, store: JobStore, renderer: Renderer) -> Page:
    if visit.path != "/jobs":
        raise wrong
    typed = {name: values[-1] for name, values in wrong.given.items()}
    query = typed.get("filter", "")
    action = BulkAction("redrive", filter_of(query).wanted(visit.person), None, None)
    preview = store.preview_job(action, visit.person)
    return _form(visit, renderer, query, preview, typed, [each.message for each in wrong.fields])


def _form(
    visit: Visit,
    renderer: Renderer,
    query: str,
    preview: dict[str, Any],
    typed: dict[str, Any] | None = None,
    errors: Sequence[str] = (),
) -> Page:
    chosen = filter_of(query)
    return renderer.page(
        "job_new.html",
        visit,
        status=422 if errors else 200,
        filter=chosen,
        query=chosen.query(),
        preview=preview,
        typed=typed or {"kind": "redrive"},
        errors=errors,
        job_id=(typed or {}).get("job_id") or uuid.uuid4(),
    )


def _list(_request: NoInput, visit: Visit, store: JobStore, renderer: Renderer) -> Page:
    return renderer.page("jobs.html", visit, shown=LISTED, **store.list_jobs(LISTED, None))


def _show(request: ItemsQuery, visit: Visit, store: JobStore, renderer: Renderer) -> Page:
    """Looking at a job goes on with it; so does the sweep."""
    job_id = _job(visit)
    if visit.visitor.may(Role.OPERATOR) and visit.navigates:
        store.work_on_job(job_id, CHUNK)
    items = store.list_job_items(job_id, request.stands, ITEMS, request.after)
    return renderer.page(
        "job.html",
        visit,
        job=store.job_status(job_id),
        job_items=items["items"],
        following=items["next"],
        filter=request,
    )


def _go_on(_request: NoInput, visit: Visit, store: JobStore, _renderer: Renderer) -> Page:
    store.work_on_job(_job(visit), CHUNK)
    return moved(f"/jobs/{visit.id}")


def _cancel(request: EndForm, visit: Visit, store: JobStore, _renderer: Renderer) -> Page:
    store.cancel_job(_job(visit), visit.person, request.note)
    return moved(f"/jobs/{visit.id}")


def _job(visit: Visit) -> uuid.UUID:
    return uuid_in(visit.call, "job")
