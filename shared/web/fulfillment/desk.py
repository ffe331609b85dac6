"""The endpoints of `workflow` about orders: their states, what a person decides about them, and reports."""

from collections.abc import Sequence
from datetime import date

from pydantic import Field

from shared.errors import NotFound
from shared.fulfillment.orders import OrderState
from shared.fulfillment.store import OrderReports
from shared.limits import LONGEST_NAME, MOST_LISTED
from shared.web.call import Answer, Call, NoInput, RequestModel
from shared.web.fields import Text
from shared.web.function import Route, Supply


class OrdersRequest(RequestModel):
    state: OrderState | None = None
    limit: int = Field(50, ge=1, le=MOST_LISTED)


class RetryRequest(RequestModel):
    """`note` describes what the person found or did."""

    note: Text


class ReconcileOrdersRequest(RequestModel):
    """`day` is the UTC day on which orders were first seen; without it all of them count."""

    day: date | None = None


class StagesRequest(RequestModel):
    limit: int = Field(20, ge=1, le=MOST_LISTED)


def fulfillment_desk(store: Supply) -> Sequence[Route]:
    """`store` returns an OrderReports."""
    return (
        Route("GET", "/orders", OrdersRequest, _orders, (store,)),
        Route("GET", "/orders/{id}", NoInput, _status, (store,)),
        Route("POST", "/orders/{id}/retry", RetryRequest, _retry, (store,)),
        Route("POST", "/orders/{id}/undone", RetryRequest, _undone, (store,)),
        Route("GET", "/reconcile/orders", ReconcileOrdersRequest, _reconcile, (store,)),
        Route("GET", "/stages", StagesRequest, _stages, (store,)),
    )


def _orders(request: OrdersRequest, _call: Call, store: OrderReports) -> Answer:
    return Answer({"orders": store.orders(request.state, request.limit)})


def _status(_request: NoInput, call: Call, store: OrderReports) -> Answer:
    return Answer(store.order_status(_order(call)))


def _retry(request: RetryRequest, call: Call, store: OrderReports) -> Answer:
    return Answer(store.retry_order(_order(call), request.note))


def _undone(request: RetryRequest, call: Call, store: OrderReports) -> Answer:
    return Answer(store.note_undone(_order(call), request.note))


def _reconcile(request: ReconcileOrdersRequest, _call: Call, store: OrderReports) -> Answer:
    return Answer(store.reconcile_orders(request.day))


def _stages(request: StagesRequest, _call: Call, store: OrderReports) -> Answer:
    return Answer({"stage_runs": store.recent_stage_runs(request.limit)})


def _order(call: Call) -> str:
    text = call.path["id"]
    if len(text) > LONGEST_NAME or not text.isprintable():
        raise NotFound("no order has such an id")
    return text
