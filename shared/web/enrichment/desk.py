"""The endpoints of `workflow` about enrichment: manual tasks, redrives, vendors and reports."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from shared.clock import system_clock
from shared.enrichment.naming import ChosenBatchId, new_batch_id
from shared.enrichment.ports import ErrorCategory
from shared.enrichment.routing.identity import manufacturer_key, record_key
from shared.enrichment.store import DeskStore, ReportStore
from shared.errors import NotFound
from shared.limits import MOST_LISTED
from shared.web.call import Answer, Call, NoInput, RequestModel, uuid_in
from shared.web.enrichment.wanted import BatchId
from shared.web.fields import NO_NUL, Link, Name, Person, Text
from shared.web.function import Route, Supply


def _storable(link: str) -> str:
    if len(link.encode()) > MOST_LINK_BYTES or not link.isprintable():
        raise ValueError(f"use visible characters, at most {MOST_LINK_BYTES} bytes in UTF-8")
    return link


MOST_LINK_BYTES = 2_048
"""As in the SQL function `usable_link`: an index key is bounded."""

MOST_ORIGINS = 1_000
"""Fields of one completion whose origin is told."""

StorableLink = Annotated[Link, AfterValidator(_storable)]


class ClaimRequest(RequestModel):
    assignee: Person


class ReleaseRequest(ClaimRequest):
    note: Text | None = None


class FailRequest(ClaimRequest):
    note: Text


class EditedFields(RequestModel):
    """The fields of a product that a person may change; the others stay as they are."""

    manufacturer: Name | None = None
    category: Text | None = None
    description: Text | None = None
    attributes: dict[Name, Text] | None = Field(default=None, max_length=500)
    docs: list[StorableLink] | None = Field(default=None, max_length=100)
    images: list[StorableLink] | None = Field(default=None, max_length=100)


Removal = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MOST_LINK_BYTES, pattern=NO_NUL)
]
Origin = Literal["source", "vendor", "similar", "typed"]
Origins = Annotated[dict[Removal, Origin], Field(max_length=MOST_ORIGINS)]


class Removed(RequestModel):
    """The product shall not have these, whatever source and vendor say."""

    attributes: list[Name] = Field(default_factory=list, max_length=500)
    docs: list[Removal] = Field(default_factory=list, max_length=100)
    images: list[Removal] = Field(default_factory=list, max_length=100)


class Completion(ClaimRequest):
    """A person's words about a product. `origins` says where a field (`attribute:Voltage`) is from."""

    fields: EditedFields = Field(default_factory=EditedFields)
    removed: Removed = Field(default_factory=Removed)
    origins: Origins = Field(default_factory=dict)

    @model_validator(mode="after")
    def _kept_or_removed(self) -> Self:
        edited = self.fields
        pairs = (
            ("attributes", edited.attributes, self.removed.attributes),
            ("docs", edited.docs, self.removed.docs),
            ("images", edited.images, self.removed.images),
        )
        for part, kept, removed in pairs:
            if both := sorted(set(kept or ()) & set(removed)):
                raise ValueError(f"{part}: {both[0][:200]!r} is edited and removed at once")
        return self

    @property
    def said(self) -> dict[str, Any]:
        """The edited fields, with `removed` and `origins` where there are any."""
        removed = {name: items for name, items in self.removed.model_dump().items() if items}
        more = {"removed": removed, "origins": self.origins}
        return self.fields.model_dump(exclude_none=True) | {
            name: value for name, value in more.items() if value
        }

    @property
    def manufacturer_key(self) -> str | None:
        maker = self.fields.manufacturer
        return manufacturer_key(maker) if maker else None


class CompleteRequest(Completion):
    note: Text | None = None


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


class AgainRequest(RequestModel):
    """A person's word that a settled record may be taken again."""

    pn: Text
    manufacturer: Name | None = None
    by: Person
    note: Text


class ProductRequest(RequestModel):
    pn: Name
    manufacturer: Name | None = None


class RedriveRequest(RequestModel):
    """`batch_id` names the batch that takes the records. The same request again redrives nothing more."""

    cause: ErrorCategory | None = None
    limit: int = Field(100, ge=1, le=MOST_LISTED)
    batch_id: ChosenBatchId | None = None


class ResumeRequest(RequestModel):
    by: Person
    note: Text


def enrichment_desk(store: Supply, daily_limit: Supply) -> Sequence[Route]:
    """`store` returns a DeskStore and ReportStore in one, `daily_limit` the quota that includes redriven records."""
    return (
        Route("GET", "/batches/{id}", NoInput, _status, (store,)),
        Route("GET", "/batches/{id}/products", ProductsRequest, _products, (store,)),
        Route("POST", "/batches/{id}/redrive", RedriveRequest, _redrive, (store, daily_limit)),
        Route("POST", "/manual-tasks/{id}/claim", ClaimRequest, _claim, (store,)),
        Route("POST", "/manual-tasks/{id}/release", ReleaseRequest, _release, (store,)),
        Route("POST", "/manual-tasks/{id}/complete", CompleteRequest, _complete, (store,)),
        Route("POST", "/manual-tasks/{id}/fail", FailRequest, _fail, (store,)),
        Route("POST", "/records/again", AgainRequest, _again, (store,)),
        Route("GET", "/products", ProductRequest, _product, (store,)),
        Route("GET", "/vendors", NoInput, _vendors, (store,)),
        Route("POST", "/vendors/{id}/resume", ResumeRequest, _resume, (store,)),
        Route("GET", "/reconcile", ReconcileRequest, _reconcile, (store,)),
    )


def _claim(request: ClaimRequest, call: Call, store: DeskStore) -> Answer:
    return Answer(store.claim_manual_task(task_id(call), request.assignee))


def _release(request: ReleaseRequest, call: Call, store: DeskStore) -> Answer:
    return Answer(store.release_manual_task(task_id(call), request.assignee, request.note))


def _complete(request: CompleteRequest, call: Call, store: DeskStore) -> Answer:
    return Answer(
        store.complete_manual_task(
            task_id(call), request.assignee, request.said, request.manufacturer_key, request.note
        )
    )


def _fail(request: FailRequest, call: Call, store: DeskStore) -> Answer:
    return Answer(store.fail_manual_task(task_id(call), request.assignee, request.note))


def _again(request: AgainRequest, _call: Call, store: DeskStore) -> Answer:
    key = record_key(request.pn, request.manufacturer)
    return Answer(store.take_again(key, request.by, request.note), logged={"record_key": key})


def _redrive(request: RedriveRequest, call: Call, store: DeskStore, daily_limit: int) -> Answer:
    redriven = store.redrive_dead_letters(
        _batch(call),
        request.batch_id or new_batch_id(system_clock()),
        cause=request.cause,
        limit=request.limit,
        daily_limit=daily_limit,
    )
    return Answer(redriven, logged=redriven)


def _vendors(_request: NoInput, _call: Call, store: DeskStore) -> Answer:
    return Answer({"vendors": store.vendors()})


def _resume(request: ResumeRequest, call: Call, store: DeskStore) -> Answer:
    vendor = call.path["id"]
    if "\x00" in vendor:
        raise NotFound("no vendor has such a name")
    return Answer(store.resume_vendor(vendor, request.by, request.note), logged={"resumed": vendor[:100]})


def _status(_request: NoInput, call: Call, store: ReportStore) -> Answer:
    return Answer(store.batch_status(_batch(call)))


def _products(request: ProductsRequest, call: Call, store: ReportStore) -> Answer:
    return Answer({"products": store.recent_products(_batch(call), request.limit)})


def _product(request: ProductRequest, _call: Call, store: ReportStore) -> Answer:
    return Answer(store.product_report(record_key(request.pn, request.manufacturer)))


def _reconcile(request: ReconcileRequest, _call: Call, store: ReportStore) -> Answer:
    return Answer(store.reconcile(request.batch, request.day))


def task_id(call: Call) -> UUID:
    return uuid_in(call, "manual task")


def _batch(call: Call) -> str:
    """Raises NotFound for a text that the database cannot hold."""
    text = call.path["id"]
    if "\x00" in text:
        raise NotFound("no batch has such a name")
    return text
