"""The endpoints of `workflow` that people look through: manual tasks, batches, and the history of a part."""

import base64
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from shared.enrichment.inbox import InboxStore
from shared.enrichment.routing.identity import record_key
from shared.enrichment.routing.route import TaskPriority
from shared.errors import FieldError, InvalidRequest
from shared.limits import MOST_LISTED
from shared.web.call import Answer, Call, RequestModel
from shared.web.enrichment.desk import task_id
from shared.web.enrichment.wanted import WantedTasks, part_number
from shared.web.fields import Name, Person, Text
from shared.web.function import Route, Supply

Json = dict[str, Any]
Offers = Callable[[Json | None, str], list[Json]]
"""The products in a vendor's last answer about a part number, for a person to choose from."""

Place = Annotated[str, StringConstraints(min_length=1, max_length=4_000, pattern=r"^[A-Za-z0-9_=-]+$")]
"""The `next` of the page before."""

Sort = Literal["urgency", "due", "newest", "part"]
_ENDED = ("completed", "failed", "finished")


class ListRequest(WantedTasks):
    """Tasks that have ended come newest first, the others by urgency, unless `sort` says otherwise."""

    sort: Sort | None = None
    limit: int = Field(50, ge=1, le=MOST_LISTED)
    after: Place | None = None

    @property
    def order(self) -> Sort:
        return self.sort or ("newest" if self.state in _ENDED else "urgency")


class TaskRequest(RequestModel):
    """`assignee` is whose draft is wanted."""

    assignee: Person | None = None


class BatchesRequest(RequestModel):
    limit: int = Field(50, ge=1, le=MOST_LISTED)
    after: Place | None = None


class PartRequest(RequestModel):
    """Without `manufacturer`: the records of all makers of this number."""

    pn: Name
    manufacturer: Name | None = None
    limit: int = Field(50, ge=1, le=MOST_LISTED)


class _PlaceOf(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class _Marked(_PlaceOf):
    sort: str
    place: dict[str, str]


class _Urgency(_PlaceOf):
    priority: TaskPriority
    at: datetime
    id: UUID


class _Time(_PlaceOf):
    at: datetime
    id: UUID


class _Part(_PlaceOf):
    part: Text
    id: UUID


class _Batch(_PlaceOf):
    at: datetime
    id: Name


_PLACES: dict[str, type[_PlaceOf]] = {
    "urgency": _Urgency,
    "due": _Time,
    "newest": _Time,
    "part": _Part,
    "batches": _Batch,
}


def enrichment_inbox(store: Supply, offers: Supply) -> Sequence[Route]:
    """`store` returns an InboxStore, `offers` an Offers."""
    return (
        Route("GET", "/manual-tasks", ListRequest, _list, (store,)),
        Route("GET", "/manual-tasks/groups", WantedTasks, _groups, (store,)),
        Route("GET", "/manual-tasks/{id}", TaskRequest, _one, (store, offers)),
        Route("GET", "/batches", BatchesRequest, _batches, (store,)),
        Route("GET", "/parts", PartRequest, _history, (store,)),
    )


def whole_task(store: InboxStore, offers: Offers, task: UUID, assignee: str | None) -> Json:
    """A manual task with all that helps to decide it; `candidates` is what the vendor offered. Raises NotFound."""
    found = store.manual_task(task, assignee)
    return found | {"candidates": offers(found["last_vendor_answer"], found["pn"])}


def place_after(sort: str, text: str | None) -> Json | None:
    """The place that `next_page` made a text of. Raises InvalidRequest for any other text, or another sort's."""
    if text is None:
        return None
    try:
        of = _Marked.model_validate_json(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        return _PLACES[sort].model_validate(of.place if of.sort == sort else {}).model_dump(mode="json")
    except ValueError:  # no base64, no JSON, or not the fields of such a place
        message = "is not the `next` of a page with the same sort"
        raise InvalidRequest(f"after {message}", [FieldError("after", message)]) from None


def next_page(sort: str, place: Json | None) -> str | None:
    """A place as one word without meaning, for the caller to give back as `after`."""
    if place is None:
        return None
    marked = json.dumps({"sort": sort, "place": place}, ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(marked).decode().rstrip("=")


def _list(request: ListRequest, _call: Call, store: InboxStore) -> Answer:
    after = place_after(request.order, request.after)
    page = store.list_manual_tasks(request.wanted(), request.order, request.limit, after)
    return Answer(page | {"next": next_page(request.order, page["next"])})


def _groups(request: WantedTasks, _call: Call, store: InboxStore) -> Answer:
    return Answer(store.manual_task_groups(request.wanted()))


def _one(request: TaskRequest, call: Call, store: InboxStore, offers: Offers) -> Answer:
    return Answer(whole_task(store, offers, task_id(call), request.assignee))


def _batches(request: BatchesRequest, _call: Call, store: InboxStore) -> Answer:
    page = store.list_batches(request.limit, place_after("batches", request.after))
    return Answer(page | {"next": next_page("batches", page["next"])})


def _history(request: PartRequest, _call: Call, store: InboxStore) -> Answer:
    key = record_key(request.pn, request.manufacturer) if request.manufacturer else None
    return Answer(store.part_history(part_number(request.pn), key, request.limit))
