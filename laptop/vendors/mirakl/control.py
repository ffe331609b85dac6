"""The control endpoints: orders, threads, delays, limits, books, clock, faults, health."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Base64Bytes, BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from laptop.faults import CONTROL, FaultPlan, fault_routes
from laptop.vendors.common.clock import clock_routes
from laptop.vendors.common.control import health_route, read_body
from laptop.vendors.common.database import stamp
from laptop.vendors.mirakl.generation import buyer, conversation, lines
from laptop.vendors.mirakl.inbox import File, NewMessage
from laptop.vendors.mirakl.lifecycle import ENDED, ENDED_LINES, STATES, Delays
from laptop.vendors.mirakl.market import CallLimit, Market
from laptop.vendors.mirakl.orders import Filter, NewOrder
from laptop.vendors.mirakl.rendering import line_changed, merged, shown

_MOST_ORDERS = 1_000_000_000


Ident = Annotated[str, Field(pattern=r"^[^\s,/?#]{1,100}$")]
State = Literal[STATES]  # type: ignore[valid-type]  # the tuple of the life cycle is the list
Service = Annotated[str, Field(min_length=1, max_length=50)]
_SHIP_WITHIN = timedelta(days=4)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LineSpec(_Body):
    """`price` is for one unit, in cents."""

    sku: str
    title: str = "A part"
    price: int = Field(default=1000, ge=0)
    quantity: int = Field(default=1, ge=1)


class OrderSpec(_Body):
    """Missing fields are made up. `address` changes a made-up address; `overrides` changes OR11's answer.

    `shipping_type` is the code of the service that the buyer chose, `deliver_by` the latest delivery.
    """

    order_id: Ident | None = None
    state: State = "WAITING_ACCEPTANCE"
    created_at: AwareDatetime | None = None
    lines: Annotated[tuple[LineSpec, ...], Field(min_length=1)] | None = None
    address: Mapping[str, Any] | None = None
    shipping_type: Service = "STD"
    deliver_by: AwareDatetime | None = None
    overrides: Mapping[str, Any] = {}


class OrderChange(_Body):
    """The body of `PUT /_control/orders/{order_id}`: changes the order itself, unlike overrides.

    `can_shop_ship` null means what the state says.
    """

    state: State | None = None
    reason_code: str | None = None
    fully_refunded: bool = False
    can_shop_ship: bool | None = None
    address: Mapping[str, Any] = {}
    shipping_type: Service = "STD"
    deliver_by: AwareDatetime | None = None


class LineChange(_Body):
    """The body of `PUT /_control/orders/{order_id}/lines/{line_id}`.

    `quantity` units are cancelled or refunded; without it all are. Only then the line has the new state.
    """

    state: State | Literal["INCIDENT_OPEN", "REFUNDED"]
    quantity: int | None = Field(default=None, ge=1)


class NewOrders(_Body):
    """The body of `POST /_control/orders`: `count` made-up orders by `seed`, and the given ones."""

    count: int = Field(default=0, ge=0, le=20_000)
    seed: int | None = None
    state: State = "WAITING_ACCEPTANCE"
    orders: tuple[OrderSpec, ...] = ()


class Overrides(_Body):
    """The body of `PUT /_control/orders/{order_id}/overrides`."""

    overrides: Mapping[str, Any]


class AttachmentSpec(_Body):
    """The file is `content`, or `base64` for bytes that are no text; without both it is `size` zero bytes."""

    id: Ident | None = None
    name: str = "file.txt"
    media_type: str = "application/octet-stream"
    content: str | None = None
    base64: Base64Bytes | None = None
    size: int = Field(default=0, ge=0, le=30_000_000)

    def file(self) -> File:
        text = None if self.content is None else self.content.encode()
        content = text if self.base64 is None else self.base64
        return File(self.name, self.media_type, bytes(self.size) if content is None else content, self.id)


class MessageSpec(_Body):
    body: str
    sender_type: Literal["CUSTOMER_USER", "SHOP_USER", "OPERATOR_USER"] = "CUSTOMER_USER"
    attachments: tuple[AttachmentSpec, ...] = ()


class ThreadSpec(_Body):
    """A `thread_id` that exists gets the messages; any other is opened."""

    thread_id: Ident | None = None
    order_id: str | None = None
    topic: str = "Where is my order?"
    messages: tuple[MessageSpec, ...] = ()
    overrides: Mapping[str, Any] = {}


class NewThreads(_Body):
    """The body of `POST /_control/threads`: `count` made-up ones about orders that exist, and the given ones."""

    count: int = Field(default=0, ge=0, le=10_000)
    seed: int | None = None
    threads: tuple[ThreadSpec, ...] = ()


class CallLimitChange(_Body):
    """The body of `PUT /_control/limits`; null is no limit."""

    per_minute: int | None = Field(ge=0)


def new_orders(wanted: NewOrders, seed: int, number: int, now: datetime) -> Iterator[NewOrder]:
    """`number` is how many orders there are: the same seed makes other buyers for the next ones."""
    specs: Sequence[OrderSpec] = (
        *(OrderSpec(state=wanted.state) for _ in range(wanted.count)),
        *wanted.orders,
    )
    for place, spec in enumerate(specs, start=number):
        draw = Random(f"{seed}:{place}")
        created = spec.created_at or now
        details = {
            **buyer(draw),
            "lines": lines(draw) if spec.lines is None else [line.model_dump() for line in spec.lines],
            "shipping_deadline": stamp(created + _SHIP_WITHIN),
            "shipping_type": spec.shipping_type,
            "deliver_by": spec.deliver_by and stamp(spec.deliver_by),
        }
        if spec.address is not None:
            details["shipping_address"] = merged(details["shipping_address"], dict(spec.address))
        yield NewOrder(details, spec.state, created, spec.order_id, spec.overrides)


class _Control:
    def __init__(self, market: Market) -> None:
        self._market = market

    def counts(self) -> dict[str, int]:
        market = self._market
        return {"orders": sum(market.orders.counts().values()), "threads": market.inbox.count()}

    async def orders(self, request: Request) -> Response:
        """Makes orders, forgets all of them, or lists id and state of all."""
        market = self._market
        now = market.clock()
        market.orders.settle(now)
        if request.method == "DELETE":
            market.orders.clear()
        if request.method != "POST":
            listed, _ = market.orders.list(Filter(limit=_MOST_ORDERS))
            return JSONResponse({"orders": {order.order_id: order.state for order in listed}})
        wanted = await read_body(request, NewOrders)
        if isinstance(wanted, Response):
            return wanted
        seed = market.seed if wanted.seed is None else wanted.seed
        number = sum(market.orders.counts().values())
        try:
            return JSONResponse({"order_ids": market.orders.add(new_orders(wanted, seed, number, now))}, 201)
        except sqlite3.IntegrityError:
            return _conflict("an order of that id exists")

    async def order(self, request: Request) -> Response:
        """The truth about an order, without overrides in its state: history, address, OR11's answer, its calls."""
        market = self._market
        market.orders.settle(market.clock())
        found = market.orders.find(request.path_params["order_id"])
        if found is None:
            return _unknown("order")
        return JSONResponse(
            {
                "state": found.state,
                "history": market.orders.history(found.order_id),
                "address": found.details["shipping_address"],
                "shown": shown(found),
                "calls": market.books.calls(order_id=found.order_id),
            }
        )

    async def change(self, request: Request) -> Response:
        market, now = self._market, self._market.clock()
        wanted = await read_body(request, OrderChange)
        if isinstance(wanted, Response):
            return wanted
        market.orders.settle(now)
        found = market.orders.find(request.path_params["order_id"])
        if found is None:
            return _unknown("order")
        given = wanted.model_dump(exclude_unset=True)
        details = {name: given[name] for name in ("shipping_type",) if name in given}
        if "deliver_by" in given:
            details["deliver_by"] = wanted.deliver_by and stamp(wanted.deliver_by)
        details["shipping_address"] = merged(found.details["shipping_address"], dict(wanted.address))
        truths = ("fully_refunded", "can_shop_ship", "reason_code")
        progress = {name: given[name] for name in truths if name in given}
        found = market.orders.change(found, now, progress, details)
        if wanted.state is not None:
            market.orders.move(found, wanted.state, now)
        return await self.order(request)

    async def line(self, request: Request) -> Response:
        """Ends a line, or some of its units. The order follows when no line is left."""
        market, now = self._market, self._market.clock()
        wanted = await read_body(request, LineChange)
        if isinstance(wanted, Response):
            return wanted
        market.orders.settle(now)
        found = market.orders.find(request.path_params["order_id"])
        line_id = request.path_params["line_id"]
        if found is None or line_id not in found.line_ids:
            return _unknown("line")
        changed = line_changed(found, line_id, wanted.state, wanted.quantity, stamp(now))
        if changed is None:
            return _conflict("the line has fewer units, or this state takes no quantity")
        found = market.orders.change(found, now, changed)
        states = {line["state"] for line in found.lines}
        if states <= ENDED_LINES and "REFUNDED" in states:
            market.orders.change(found, now, {"fully_refunded": True})
        if states <= {"REFUSED", "CANCELED"}:
            market.orders.move(found, "REFUSED" if states == {"REFUSED"} else "CANCELED", now)
        return await self.order(request)

    async def cancel(self, request: Request) -> Response:
        market = self._market
        now = market.clock()
        market.orders.settle(now)
        found = market.orders.find(request.path_params["order_id"])
        if found is None:
            return _unknown("order")
        if found.state in ENDED:
            return _conflict(f"the order is {found.state}")
        market.orders.move(found, "CANCELED", now, ("CUSTOMER_REQUEST", "Cancelled by the customer"))
        return JSONResponse({"state": "CANCELED"})

    async def override(self, request: Request) -> Response:
        wanted = await read_body(request, Overrides)
        if isinstance(wanted, Response):
            return wanted
        found = self._market.orders.find(request.path_params["order_id"])
        if found is None:
            return _unknown("order")
        self._market.orders.override(found.order_id, wanted.overrides)
        return JSONResponse({"overrides": wanted.overrides})

    async def threads(self, request: Request) -> Response:
        """Makes threads and messages, or forgets all of them."""
        if request.method == "DELETE":
            self._market.inbox.clear()
            return JSONResponse({"thread_ids": []})
        wanted = await read_body(request, NewThreads)
        if isinstance(wanted, Response):
            return wanted
        specs = [*self._made_up(wanted), *wanted.threads]
        with self._market.database.transaction():
            made = [self._thread(spec) for spec in specs]
        return JSONResponse({"thread_ids": made}, 201)

    def _made_up(self, wanted: NewThreads) -> list[ThreadSpec]:
        market = self._market
        seed = market.seed if wanted.seed is None else wanted.seed
        known: list[str | None] = [
            found.order_id for found in market.orders.list(Filter(limit=_MOST_ORDERS))[0]
        ]
        specs = []
        for place in range(market.inbox.count(), market.inbox.count() + wanted.count):
            draw = Random(f"{seed}:{place}")
            topic, messages = conversation(draw)
            parts = tuple(MessageSpec.model_validate(each) for each in messages)
            specs.append(ThreadSpec(order_id=draw.choice(known or [None]), topic=topic, messages=parts))
        return specs

    def _thread(self, spec: ThreadSpec) -> str:
        inbox, now = self._market.inbox, self._market.clock()
        thread_id = spec.thread_id
        if thread_id is None or inbox.thread(thread_id) is None:
            thread_id = inbox.open(spec.topic, spec.order_id, spec.overrides, now, thread_id)
        messages = [
            NewMessage(each.sender_type, each.body, [one.file() for one in each.attachments])
            for each in spec.messages
        ]
        inbox.say(thread_id, messages, now)
        return thread_id

    async def books(self, request: Request) -> Response:
        books = self._market.books
        if request.method == "DELETE":
            books.clear()
        report = books.report() | {"states": self._market.orders.counts()}
        operation = request.query_params.get("operation")
        if operation is not None:
            report["calls"] = books.calls(operation=operation)
        return JSONResponse(report)

    async def delays(self, request: Request) -> Response:
        if request.method == "PUT":
            wanted = await read_body(request, Delays)
            if isinstance(wanted, Response):
                return wanted
            given = wanted.model_dump(exclude_unset=True)
            self._market.orders.settle(self._market.clock())
            self._market.orders.set_delays(self._market.orders.delays.model_copy(update=given))
        return JSONResponse(self._market.orders.delays.model_dump())

    async def limits(self, request: Request) -> Response:
        if request.method == "PUT":
            wanted = await read_body(request, CallLimitChange)
            if isinstance(wanted, Response):
                return wanted
            self._market.limit = CallLimit(wanted.per_minute)
        return JSONResponse({"per_minute": self._market.limit.per_minute})


def _unknown(what: str) -> Response:
    return JSONResponse({"status": 404, "detail": f"no such {what}"}, 404)


def _conflict(detail: str) -> Response:
    return JSONResponse({"status": 409, "detail": detail}, 409)


def control_routes(market: Market, plan: FaultPlan) -> list[Route]:
    control = _Control(market)
    return [
        *fault_routes(plan),
        *clock_routes(market.clock),
        health_route(control.counts),
        Route(f"{CONTROL}orders", control.orders, methods=["GET", "POST", "DELETE"]),
        Route(f"{CONTROL}orders/{{order_id}}", control.order),
        Route(f"{CONTROL}orders/{{order_id}}", control.change, methods=["PUT"]),
        Route(f"{CONTROL}orders/{{order_id}}/lines/{{line_id}}", control.line, methods=["PUT"]),
        Route(f"{CONTROL}orders/{{order_id}}/cancel", control.cancel, methods=["POST"]),
        Route(f"{CONTROL}orders/{{order_id}}/overrides", control.override, methods=["PUT"]),
        Route(f"{CONTROL}threads", control.threads, methods=["POST", "DELETE"]),
        Route(f"{CONTROL}books", control.books, methods=["GET", "DELETE"]),
        Route(f"{CONTROL}delays", control.delays, methods=["GET", "PUT"]),
        Route(f"{CONTROL}limits", control.limits, methods=["GET", "PUT"]),
    ]
