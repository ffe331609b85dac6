"""The endpoint of `workflow` that gives dead letters back to automation."""

from collections.abc import Callable

from pydantic import Field

from shared.clock import system_clock
from shared.enrichment.naming import BATCH_ID, new_batch_id
from shared.enrichment.ports import ErrorCategory
from shared.enrichment.store import DeskStore
from shared.web.call import Answer, Call, RequestModel
from shared.web.enrichment.desk import batch_of
from shared.web.function import Route


class RedriveRequest(RequestModel):
    """`batch_id` names the batch that takes the records; the same name and request again redrives nothing more."""

    cause: ErrorCategory | None = None
    limit: int = Field(100, ge=1, le=1000)
    batch_id: str | None = Field(None, pattern=f"^{BATCH_ID}$")


def redrive_route(store: Callable[[], DeskStore], daily_limit: int) -> Route:
    """`daily_limit` is the quota that redriven records count toward."""

    def redrive(request: RedriveRequest, call: Call) -> Answer:
        told = store().redrive_dead_letters(
            batch_of(call),
            request.batch_id or new_batch_id(system_clock()),
            cause=request.cause,
            limit=request.limit,
            daily_limit=daily_limit,
        )
        return Answer(told, logged=told)

    return Route("POST", "/batches/{id}/redrive", RedriveRequest, redrive)
