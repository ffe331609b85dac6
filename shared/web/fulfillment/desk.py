"""The endpoints of `workflow` about orders: the work list, reports, and the outside check's result."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field

from shared.clock import system_clock
from shared.errors import FieldError, InvalidRequest, NotFound
from shared.fulfillment.board import with_time
from shared.fulfillment.findings import Kind
from shared.fulfillment.orders import OrderState
from shared.fulfillment.pipeline import load_pipeline
from shared.fulfillment.shop import Shop
from shared.fulfillment.store import Json, OrderFilter, OrderReports
from shared.limits import LONGEST_NAME, MOST_LISTED
from shared.web.call import Answer, Call, NoInput, RequestModel
from shared.web.fields import Person, Text
from shared.web.function import Route, Supply

_BETWEEN = " "
"""Separates the deadline and the order's id in `after`; neither holds a space."""


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as beyond:
        raise ValueError("not a moment that a calendar holds") from beyond


class Wanted(RequestModel):
    """`day` is the shop's day on which orders were first seen; `ship_before` leaves those to be shipped before it."""

    state: OrderState | None = None
    attention: bool | None = None
    day: date | None = None
    ship_before: Annotated[AwareDatetime, AfterValidator(_in_utc)] | None = None

    def filter(self, shop: Shop, order_ids: Sequence[str] = ()) -> OrderFilter:
        return OrderFilter(
            states=(self.state,) if self.state else (),
            attention=self.attention,
            day=self.day,
            ship_before=self.ship_before,
            order_ids=order_ids,
            zone=shop.time_zone,
        )


class OrdersRequest(Wanted):
    """`after` is the `next` of the page before."""

    limit: int = Field(50, ge=1, le=MOST_LISTED)
    after: str | None = Field(None, max_length=2 * LONGEST_NAME)


class FindingsRequest(RequestModel):
    kind: Kind | None = None
    limit: int = Field(50, ge=1, le=MOST_LISTED)
    after: int = Field(0, ge=0, le=2**62)


class ReconcileOrdersRequest(RequestModel):
    """`day` is the shop's day on which orders were first seen; without it all of them count."""

    day: date | None = None


class StagesRequest(RequestModel):
    limit: int = Field(20, ge=1, le=MOST_LISTED)


class Decision(RequestModel):
    """`by` is the person who decides, `note` what that person found or did."""

    by: Person
    note: Text


def fulfillment_desk(store: Supply, shop: Supply) -> Sequence[Route]:
    """They return an OrderReports and a Shop."""
    return (
        Route("GET", "/orders", OrdersRequest, _orders, (store, shop)),
        Route("GET", "/orders/{id}", NoInput, _status, (store,)),
        Route("GET", "/findings", FindingsRequest, _findings, (store,)),
        Route("POST", "/findings/{id}/close", Decision, _close, (store,)),
        Route("GET", "/sizes/guessed", StagesRequest, _guessed, (store,)),
        Route("GET", "/reconcile/orders", ReconcileOrdersRequest, _reconcile, (store, shop)),
        Route("GET", "/stages", StagesRequest, _stages, (store,)),
    )


def _orders(request: OrdersRequest, _call: Call, store: OrderReports, shop: Shop) -> Answer:
    after = None if request.after is None else place_in(request.after)
    page = store.list_orders(request.filter(shop), request.limit, after)
    following = page["next"] and place_of(page["next"])
    return Answer({"total": page["total"], "orders": page["orders"], "next": following})


def place_of(following: Json) -> str:
    """The place in a list after a page's last order."""
    return f"{following['deadline']}{_BETWEEN}{following['order_id']}"


def place_in(after: str) -> Json:
    """Raises InvalidRequest."""
    deadline, _, order_id = after.partition(_BETWEEN)
    moment = _moment(deadline)
    if not order_id.isprintable() or not order_id or moment is None:
        raise InvalidRequest("after is not a page's next", [FieldError("after", "give a page's `next`")])
    return {"deadline": moment, "order_id": order_id}


def _moment(text: str) -> str | None:
    """As Postgres reads it; Python reads more forms and offsets."""
    if text == "infinity":
        return text
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC).isoformat() if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _status(_request: NoInput, call: Call, store: OrderReports) -> Answer:
    status = store.order_status(order_in(call))
    return Answer(status | {"turn": with_time(status["turn"], load_pipeline(), system_clock())})


def _findings(request: FindingsRequest, _call: Call, store: OrderReports) -> Answer:
    return Answer(store.findings(request.kind, request.limit, request.after))


def _close(request: Decision, call: Call, store: OrderReports) -> Answer:
    text = call.path["id"]
    if not (text.isascii() and text.isdigit() and len(text) < 19):  # noqa: PLR2004 - a bigint's digits
        raise NotFound("no finding has such a number")
    return Answer(store.close_finding(int(text), request.by, request.note))


def _guessed(request: StagesRequest, _call: Call, store: OrderReports) -> Answer:
    return Answer({"skus": store.guessed_skus(request.limit)})


def _reconcile(request: ReconcileOrdersRequest, _call: Call, store: OrderReports, shop: Shop) -> Answer:
    return Answer(store.reconcile_orders(request.day, shop.time_zone))


def _stages(request: StagesRequest, _call: Call, store: OrderReports) -> Answer:
    return Answer({"stage_runs": store.recent_stage_runs(request.limit), "breakers": store.open_breakers()})


def order_in(call: Call) -> str:
    """The order's id in the path. Raises NotFound for a text that is none."""
    text = call.path["id"]
    if len(text) > LONGEST_NAME or not text.isprintable():
        raise NotFound("no order has such an id")
    return text
