"""The endpoints of `workflow` about people's work: the next task, drafts, skips, previews and undo."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from shared.enrichment.desk_work import Draft, WorkStore
from shared.web.call import Answer, Call, RequestModel
from shared.web.enrichment.desk import ClaimRequest, Completion, Origins, Removed, task_id
from shared.web.enrichment.wanted import WantedTasks
from shared.web.fields import NO_NUL, Text
from shared.web.function import Route, Supply

Typed = Annotated[str, StringConstraints(pattern=NO_NUL)]
"""Whatever somebody has typed so far; the size of a request bounds it."""


class NextRequest(ClaimRequest):
    call: UUID | None = None
    wanted: WantedTasks = Field(default_factory=WantedTasks)


class DraftFields(RequestModel):
    """The same fields as of a completion, in any state of being typed."""

    manufacturer: Typed | None = None
    category: Typed | None = None
    description: Typed | None = None
    attributes: dict[Typed, Typed] | None = None
    docs: list[Typed] | None = None
    images: list[Typed] | None = None


class DraftRequest(ClaimRequest):
    fields: DraftFields = Field(default_factory=DraftFields)
    removed: Removed = Field(default_factory=Removed)
    origins: Origins = Field(default_factory=dict)
    note: Typed | None = None


class UndoRequest(ClaimRequest):
    note: Text | None = None


class PreviewRequest(Completion):
    """The same body as that of a completion, whose note changes nothing of the product."""

    note: Text | None = None


def desk_work(store: Supply) -> Sequence[Route]:
    """`store` returns a WorkStore."""
    return (
        Route("POST", "/manual-tasks/next", NextRequest, _next, (store,)),
        Route("POST", "/manual-tasks/{id}/draft", DraftRequest, _draft, (store,)),
        Route("POST", "/manual-tasks/{id}/skip", ClaimRequest, _skip, (store,)),
        Route("POST", "/manual-tasks/{id}/preview", PreviewRequest, _preview, (store,)),
        Route("POST", "/manual-tasks/{id}/undo", UndoRequest, _undo, (store,)),
    )


def _next(request: NextRequest, _call: Call, store: WorkStore) -> Answer:
    return Answer({"task": store.next_manual_task(request.assignee, request.wanted.wanted(), request.call)})


def _draft(request: DraftRequest, call: Call, store: WorkStore) -> Answer:
    draft = Draft(
        fields=request.fields.model_dump(exclude_none=True),
        removed={name: items for name, items in request.removed.model_dump().items() if items},
        origins=request.origins,
        note=request.note or None,
    )
    return Answer(store.save_manual_draft(task_id(call), request.assignee, draft))


def _skip(request: ClaimRequest, call: Call, store: WorkStore) -> Answer:
    return Answer(store.skip_manual_task(task_id(call), request.assignee))


def _preview(request: PreviewRequest, call: Call, store: WorkStore) -> Answer:
    return Answer(
        store.preview_manual_task(task_id(call), request.assignee, request.said, request.manufacturer_key)
    )


def _undo(request: UndoRequest, call: Call, store: WorkStore) -> Answer:
    return Answer(store.undo_manual_task(task_id(call), request.assignee, request.note))
