"""The control endpoints: orders, threads, delays, limits, books, clock, faults, health."""

import sqlite3
from random import Random

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from laptop.faults import CONTROL, FaultPlan, fault_routes
from laptop.vendors.common.clock import clock_routes
from laptop.vendors.common.control import read_order
from laptop.vendors.mirakl.control_orders import (
    LimitOrder,
    MessageSpec,
    OrdersOrder,
    OverridesOrder,
    ThreadsOrder,
    ThreadSpec,
    new_orders,
)
from laptop.vendors.mirakl.generation import conversation
from laptop.vendors.mirakl.inbox import NewMessage
from laptop.vendors.mirakl.lifecycle import ENDED, Delays
from laptop.vendors.mirakl.market import CallLimit, Market
from laptop.vendors.mirakl.orders import Filter
from laptop.vendors.mirakl.rendering import shown

_MOST_ORDERS = 1_000_000_000


class _Control:
    def __init__(self, market: Market) -> None:
        self._market = market

    async def health(self, _request: Request) -> Response:
        market = self._market
        return JSONResponse(
            {"status": "ok", "orders": sum(market.orders.counts().values()), "threads": market.inbox.count()}
        )

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
        order = await read_order(request, OrdersOrder)
        if isinstance(order, Response):
            return order
        seed = market.seed if order.seed is None else order.seed
        number = sum(market.orders.counts().values())
        try:
            return JSONResponse({"order_ids": market.orders.add(new_orders(order, seed, number, now))}, 201)
        except sqlite3.IntegrityError:
            return _conflict("an order of that id exists")

    async def order(self, request: Request) -> Response:
        """What the marketplace knows, whatever OR11 shows: state, history, the whole order, its calls."""
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
        order = await read_order(request, OverridesOrder)
        if isinstance(order, Response):
            return order
        found = self._market.orders.find(request.path_params["order_id"])
        if found is None:
            return _unknown("order")
        self._market.orders.override(found.order_id, order.overrides)
        return JSONResponse({"overrides": order.overrides})

    async def threads(self, request: Request) -> Response:
        """Makes threads and messages, or forgets all of them."""
        if request.method == "DELETE":
            self._market.inbox.clear()
            return JSONResponse({"thread_ids": []})
        order = await read_order(request, ThreadsOrder)
        if isinstance(order, Response):
            return order
        specs = [*self._made_up(order), *order.threads]
        with self._market.database.transaction():
            made = [self._thread(spec) for spec in specs]
        return JSONResponse({"thread_ids": made}, 201)

    def _made_up(self, order: ThreadsOrder) -> list[ThreadSpec]:
        market = self._market
        seed = market.seed if order.seed is None else order.seed
        known: list[str | None] = [
            found.order_id for found in market.orders.list(Filter(limit=_MOST_ORDERS))[0]
        ]
        specs = []
        for place in range(market.inbox.count(), market.inbox.count() + order.count):
            draw = Random(f"{seed}:{place}")
            topic, messages = conversation(draw)
            said = tuple(MessageSpec.model_validate(each) for each in messages)
            specs.append(ThreadSpec(order_id=draw.choice(known or [None]), topic=topic, messages=said))
        return specs

    def _thread(self, spec: ThreadSpec) -> str:
        inbox, now = self._market.inbox, self._market.clock()
        thread_id = spec.thread_id
        if thread_id is None or inbox.thread(thread_id) is None:
            thread_id = inbox.open(spec.topic, spec.order_id, spec.overrides, now, thread_id)
        said = [NewMessage(each.sender_type, each.body, each.attachments) for each in spec.messages]
        inbox.say(thread_id, said, now)
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
            order = await read_order(request, Delays)
            if isinstance(order, Response):
                return order
            given = order.model_dump(exclude_unset=True)
            self._market.orders.settle(self._market.clock())
            self._market.orders.set_delays(self._market.orders.delays.model_copy(update=given))
        return JSONResponse(self._market.orders.delays.model_dump())

    async def limits(self, request: Request) -> Response:
        if request.method == "PUT":
            order = await read_order(request, LimitOrder)
            if isinstance(order, Response):
                return order
            self._market.limit = CallLimit(order.per_minute)
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
        Route(f"{CONTROL}health", control.health),
        Route(f"{CONTROL}orders", control.orders, methods=["GET", "POST", "DELETE"]),
        Route(f"{CONTROL}orders/{{order_id}}", control.order),
        Route(f"{CONTROL}orders/{{order_id}}/cancel", control.cancel, methods=["POST"]),
        Route(f"{CONTROL}orders/{{order_id}}/overrides", control.override, methods=["PUT"]),
        Route(f"{CONTROL}threads", control.threads, methods=["POST", "DELETE"]),
        Route(f"{CONTROL}books", control.books, methods=["GET", "DELETE"]),
        Route(f"{CONTROL}delays", control.delays, methods=["GET", "PUT"]),
        Route(f"{CONTROL}limits", control.limits, methods=["GET", "PUT"]),
    ]
