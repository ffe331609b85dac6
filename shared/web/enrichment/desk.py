"""The endpoints of `workflow`: people's work, and reports."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Annotated, Any, Literal, Protocol, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from shared.enrichment.naming import BATCH_ID
from shared.enrichment.routing.identity import manufacturer_key
from shared.enrichment.store import DeskStore, ReportStore
from shared.errors import NotFound
from shared.web.call import Answer, Call, NoInput, RequestModel
from shared.web.function import Route

NO_NUL = r"^[^\x00]*$"
Person = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=NO_NUL)
]
Note = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000, pattern=NO_NUL)
]
Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000, pattern=NO_NUL)
]
Link = Annotated[str, StringConstraints(pattern=r"^https?://[^\s\x00]+$", max_length=2_000)]
BatchId = Annotated[str, StringConstraints(pattern=f"^{BATCH_ID}(_fallback)?$")]


class PendingRequest(RequestModel):
    limit: int = Field(50, ge=1, le=1000)
    priority: Literal["high", "medium", "low"] | None = None


class ClaimRequest(RequestModel):
    assignee: Person


class ReleaseRequest(ClaimRequest):
    note: Note | None = None


class FailRequest(ClaimRequest):
    note: Note


class EditedFields(RequestModel):
    """What a person may write into a product; what is left out stays as it is."""

    manufacturer: Person | None = None
    category: Text | None = None
    description: Text | None = None
    attributes: dict[Text, Text] | None = Field(default=None, max_length=500)
    docs: list[Link] | None = Field(default=None, max_length=100)
    images: list[Link] | None = Field(default=None, max_length=100)


class CompleteRequest(ClaimRequest):
    fields: EditedFields = EditedFields()
    note: Note | None = None


class ReconcileRequest(RequestModel):
    batch: BatchId | None = None
    day: date | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.batch is None) == (self.day is None):
            raise ValueError("give either batch or day (YYYY-MM-DD)")
        return self


class ProductsRequest(RequestModel):
    limit: int = Field(5, ge=1, le=100)


class DeskAndReports(DeskStore, ReportStore, Protocol):
    """Both, as one database serves them."""


def enrichment_desk(
    store: Callable[[], DeskAndReports], config: Callable[[], dict[str, Any]]
) -> Sequence[Route]:
    """`store` and `config` are asked for at the first request that needs them."""

    def claim(request: ClaimRequest, call: Call) -> Answer:
        return Answer(store().claim_manual_task(_task(call), request.assignee))

    def release(request: ReleaseRequest, call: Call) -> Answer:
        return Answer(store().release_manual_task(_task(call), request.assignee, request.note))

    def complete(request: CompleteRequest, call: Call) -> Answer:
        fields = request.fields.model_dump(exclude_none=True)
        maker = fields.get("manufacturer")
        key = manufacturer_key(maker) if maker else None
        return Answer(store().complete_manual_task(_task(call), request.assignee, fields, key, request.note))

    def fail(request: FailRequest, call: Call) -> Answer:
        return Answer(store().fail_manual_task(_task(call), request.assignee, request.note))

    def pending(request: PendingRequest, _call: Call) -> Answer:
        return Answer({"manual_tasks": store().pending_manual_tasks(request.limit, request.priority)})

    def status(_request: NoInput, call: Call) -> Answer:
        return Answer(store().batch_status(batch_of(call)))

    def products(request: ProductsRequest, call: Call) -> Answer:
        return Answer({"products": store().recent_products(batch_of(call), request.limit)})

    def reconcile(request: ReconcileRequest, _call: Call) -> Answer:
        return Answer(store().reconcile(request.batch, request.day))

    def show_config(_request: NoInput, _call: Call) -> Answer:
        return Answer(config())

    return (
        Route("GET", "/batches/{id}", NoInput, status),
        Route("GET", "/batches/{id}/products", ProductsRequest, products),
        Route("GET", "/manual-tasks", PendingRequest, pending),
        Route("POST", "/manual-tasks/{id}/claim", ClaimRequest, claim),
        Route("POST", "/manual-tasks/{id}/release", ReleaseRequest, release),
        Route("POST", "/manual-tasks/{id}/complete", CompleteRequest, complete),
        Route("POST", "/manual-tasks/{id}/fail", FailRequest, fail),
        Route("GET", "/config", NoInput, show_config),
        Route("GET", "/reconcile", ReconcileRequest, reconcile),
    )


def _task(call: Call) -> UUID:
    """Raises NotFound: what is no id names no task."""
    text = call.path["id"]
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"no manual task {text[:100]}") from None


def batch_of(call: Call) -> str:
    """The batch that the path names. Raises NotFound for what can name none."""
    text = call.path["id"]
    if "\x00" in text:
        raise NotFound("no batch has such a name")
    return text
