"""The endpoints of `workflow` about orders: where each one is, what a person must look at, and the equation."""

from collections.abc import Callable, Sequence
from datetime import date

from pydantic import Field

from shared.errors import NotFound
from shared.fulfillment.orders import OrderState
from shared.fulfillment.store import OrderReports
from shared.web.call import Answer, Call, RequestModel
from shared.web.enrichment.desk import Note
from shared.web.function import Route

LONGEST_ID = 200


class OrdersRequest(RequestModel):
    state: OrderState | None = None
    limit: int = Field(50, ge=1, le=1000)


class OrderRequest(RequestModel):
    """No input beside the path."""


class RetryRequest(RequestModel):
    """`note` says what the person found or did."""

    note: Note


class ReconcileOrdersRequest(RequestModel):
    """`day` is the UTC day on which orders were first seen; without it all of them count."""

    day: date | None = None


class StagesRequest(RequestModel):
    limit: int = Field(20, ge=1, le=1000)


def fulfillment_desk(store: Callable[[], OrderReports]) -> Sequence[Route]:
    """`store` is asked for at the first request that needs it."""

    def orders(request: OrdersRequest, _call: Call) -> Answer:
        return Answer({"orders": store().orders(request.state, request.limit)})

    def status(_request: OrderRequest, call: Call) -> Answer:
        return Answer(store().order_status(_order(call)))

    def retry(request: RetryRequest, call: Call) -> Answer:
        return Answer(store().retry_order(_order(call), request.note))

    def undone(request: RetryRequest, call: Call) -> Answer:
        return Answer(store().note_undone(_order(call), request.note))

    def reconcile(request: ReconcileOrdersRequest, _call: Call) -> Answer:
        return Answer(store().reconcile_orders(request.day))

    def stages(request: StagesRequest, _call: Call) -> Answer:
        return Answer({"stage_runs": store().recent_stage_runs(request.limit)})

    return (
        Route("GET", "/orders", OrdersRequest, orders),
        Route("GET", "/orders/{id}", OrderRequest, status),
        Route("POST", "/orders/{id}/retry", RetryRequest, retry),
        Route("POST", "/orders/{id}/undone", RetryRequest, undone),
        Route("GET", "/reconcile/orders", ReconcileOrdersRequest, reconcile),
        Route("GET", "/stages", StagesRequest, stages),
    )


def _order(call: Call) -> str:
    text = call.path["id"]
    if len(text) > LONGEST_ID or not text.isprintable():
        raise NotFound("no order has such an id")
    return text
