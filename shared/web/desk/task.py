"""The page of one manual task: what is known of the part beside the fields to fill, and each way to end it."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import Field, ValidationError

from shared.enrichment.desk_work import Draft, WorkStore
from shared.enrichment.inbox import InboxStore
from shared.enrichment.store import DeskStore
from shared.errors import Conflict
from shared.web.call import Page, RequestModel, uuid_in
from shared.web.desk.gate import Gate
from shared.web.desk.inbox import Filter, NextRequest, filter_of, way_on
from shared.web.desk.rendering import Renderer
from shared.web.desk.route import FormWrong, PageRoute, Visit, moved
from shared.web.desk.task_form import (
    TaskForm,
    attribute_table,
    draft_form,
    edits_of,
    links_of,
    text_rows,
    vendor_side,
)
from shared.web.desk.visitor import Role
from shared.web.enrichment.desk import Completion
from shared.web.enrichment.inbox import Offers, whole_task
from shared.web.fields import Text
from shared.web.function import Route, Supply

Json = dict[str, Any]


class TaskRequest(Filter):
    """`look` claims nothing, `candidate` is the vendor's part beside the fields; the rest is the inbox's."""

    look: bool = False
    candidate: int = Field(0, ge=0, le=100)


class ReleaseForm(NextRequest):
    note: Text | None = None


class FailForm(NextRequest):
    note: Text


def task_pages(
    gate: Supply, renderer: Supply, inbox: Supply, offers: Supply, work: Supply, store: Supply
) -> Sequence[Route]:
    """They return a Gate, a Renderer, an InboxStore, an Offers, a WorkStore and a DeskStore."""
    parts = (inbox, offers, work, store, renderer, gate)

    def posted(name: str, form: type[RequestModel], action: str | None) -> PageRoute:
        return PageRoute(
            "POST",
            f"/tasks/{{id}}/{name}",
            form,
            _Handled(name),
            parts,
            role=Role.REVIEWER,
            gate=gate,
            action=action,
            wrong=_Handled("wrong_fail") if name == "fail" else None,
        )

    return (
        PageRoute("GET", "/tasks/{id}", TaskRequest, _Handled("show"), parts, gate=gate),
        posted("claim", NextRequest, "claim task"),
        posted("draft", TaskForm, None),  # each keystroke's pause would be an action
        posted("check", TaskForm, None),
        posted("complete", TaskForm, "complete task"),
        posted("fail", FailForm, "fail task"),
        posted("release", ReleaseForm, "send task back"),
        posted("skip", NextRequest, "skip task"),
        posted("undo", NextRequest, "take task back"),
    )


class _Handled:
    """Calls the method of a TaskDesk that is made of the route's parts."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, request: object, visit: Visit, *parts: Any) -> Page:  # noqa: ANN401 - built parts
        page: Page = getattr(TaskDesk(*parts), self._name)(request, visit)
        return page


@dataclass(frozen=True)
class TaskDesk:
    """The handlers."""

    inbox: InboxStore
    offers: Offers
    work: WorkStore
    store: DeskStore
    renderer: Renderer
    gate: Gate

    def show(self, request: TaskRequest, visit: Visit) -> Page:
        """Claims the task softly for whoever may work on it, unless another person has it."""
        task_id = _task(visit)
        if visit.visitor.may(Role.REVIEWER) and not request.look and visit.navigates:
            with suppress(Conflict):  # the page says who has it, or how it ended
                self.store.claim_manual_task(task_id, visit.person)
        return self._page(visit, self._whole(visit), done=request.done, candidate=request.candidate)

    def claim(self, request: NextRequest, visit: Visit) -> Page:
        self.store.claim_manual_task(_task(visit), visit.person)
        return moved(_here(visit, request.filter))

    def draft(self, request: TaskForm, visit: Visit) -> Page:
        """Answers the line that shows until when the task is held."""
        typed = request.model_dump(mode="json", exclude={"call", "filter", "note"}, exclude_defaults=True)
        draft = Draft({"typed": typed}, {}, {}, request.note.strip() or None)
        saved = self.work.save_manual_draft(_task(visit), visit.person, draft)
        if visit.partial:
            return self.renderer.page(
                "lease.html", visit, claim=saved["claim"], saved_at=saved["draft"]["saved_at"]
            )
        return moved(_here(visit, request.filter))

    def check(self, request: TaskForm, visit: Visit) -> Page:
        """Shows what completing would change, and changes nothing."""
        task, said, errors = self._read(request, visit)
        changes = None
        if said:
            changes = self.work.preview_manual_task(
                _task(visit), visit.person, said.said, said.manufacturer_key
            )
        return self._page(visit, task, form=request, errors=errors, changes=changes)

    def complete(self, request: TaskForm, visit: Visit) -> Page:
        task, said, errors = self._read(request, visit)
        if said is None:
            return self._page(visit, task, form=request, errors=errors, status=422)
        note = request.note.strip() or None
        if task["state"] == "completed" and task["assignee"] == visit.person:  # the form was sent twice
            return self._on(visit, request, task, "completed")
        self.store.complete_manual_task(_task(visit), visit.person, said.said, said.manufacturer_key, note)
        return self._on(visit, request, task, "completed")

    def fail(self, request: FailForm, visit: Visit) -> Page:
        task = self.store.fail_manual_task(_task(visit), visit.person, request.note)
        return self._on(visit, request, task, "failed")

    def wrong_fail(self, wrong: FormWrong, visit: Visit) -> Page:
        return self._page(
            visit, self._whole(visit), errors={"fail": "say why it cannot be done"}, status=wrong.status
        )

    def release(self, request: ReleaseForm, visit: Visit) -> Page:
        task = self.store.release_manual_task(_task(visit), visit.person, request.note)
        return self._on(visit, request, task, "sent back")

    def skip(self, request: NextRequest, visit: Visit) -> Page:
        task = self.work.skip_manual_task(_task(visit), visit.person)
        return self._on(visit, request, task, "skipped")

    def undo(self, request: NextRequest, visit: Visit) -> Page:
        self.work.undo_manual_task(_task(visit), visit.person, None)
        return moved(_here(visit, request.filter))

    def _whole(self, visit: Visit) -> Json:
        return whole_task(self.inbox, self.offers, _task(visit), visit.person)

    def _on(self, visit: Visit, request: NextRequest, task: Json, what: str) -> Page:
        """Goes on with the next task, and says there what became of this one."""
        done = self.gate.sessions.seal({"id": visit.id, "pn": task["pn"], "what": what})
        return moved(way_on(visit, self.work, filter_of(request.filter), request.call, done))

    def _read(self, form: TaskForm, visit: Visit) -> tuple[Json, Completion | None, dict[str, str]]:
        """The task, the completion that the form makes of it, and what is wrong by field."""
        task = self._whole(visit)
        edits = edits_of(form, task["product"] or {})
        try:
            said = Completion.model_validate(
                {
                    "assignee": visit.person,
                    "fields": edits.fields,
                    "removed": edits.removed,
                    "origins": edits.origins,
                }
            )
        except ValidationError as error:
            return task, None, _errors(error)
        return task, said, {}

    def _page(  # noqa: PLR0913 - what the page shows
        self,
        visit: Visit,
        task: Json,
        *,
        form: TaskForm | None = None,
        errors: Mapping[str, str] | None = None,
        changes: Json | None = None,
        done: str | None = None,
        candidate: int = 0,
        status: int = 200,
    ) -> Page:
        filled = form or draft_form(task.get("draft"))
        query = form.filter if form else filter_of(visit.query).query()
        product = task["product"] or {}
        vendor = vendor_side(task, candidate)
        return self.renderer.page(
            "task.html",
            visit,
            status=status,
            task=task,
            form=filled,
            rows=text_rows(filled, task, vendor),
            attributes=attribute_table(filled, task, vendor),
            vendor=vendor,
            candidate=candidate,
            links={
                name: links_of(product, kind) for name, kind in (("docs", "datasheet"), ("images", "photo"))
            },
            errors=errors or {},
            changes=changes,
            filter=query,
            done=self.gate.sessions.unseal(done),
            mine=task["state"] == "processing" and task["assignee"] == visit.person,
        )


def _errors(error: ValidationError) -> dict[str, str]:
    """By the form's field: `category`, `attribute:Voltage`, `docs`."""
    found: dict[str, str] = {}
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        place = [str(part) for part in item["loc"] if part not in ("fields", "[key]")]
        name = f"attribute:{place[1]}" if place[0] == "attributes" and len(place) > 1 else place[0]
        found.setdefault(name, item["msg"].removeprefix("Value error, "))
    return found


def _here(visit: Visit, query: str) -> str:
    wanted = filter_of(query).query()
    return f"/tasks/{visit.id}?{wanted}" if wanted else f"/tasks/{visit.id}"


def _task(visit: Visit) -> UUID:
    return uuid_in(visit.call, "manual task")
