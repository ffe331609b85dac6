"""The sandbox's HTTP face: access, limits, and the entry of each call in the books."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Scope

from laptop.faults import Fault, FaultPlan, FaultyApp, hidden_by
from laptop.vendors.common.database import stamp
from laptop.vendors.mirakl import inbox_calls, order_calls, shop_calls
from laptop.vendors.mirakl.answers import error, injected
from laptop.vendors.mirakl.books import Call
from laptop.vendors.mirakl.control import control_routes
from laptop.vendors.mirakl.market import Asked, Market, Operation


@dataclass(frozen=True)
class _Served:
    """One call of the API; `open` ones need no key. `takes` is the content type of a body."""

    name: str
    method: str
    path: str
    operation: Operation
    open: bool = False
    takes: str = "application/json"


_CALLS = (
    _Served("OR11", "GET", "/api/orders", order_calls.list_orders),
    _Served("OR21", "PUT", "/api/orders/{order_id}/accept", order_calls.accept),
    _Served("OR23", "PUT", "/api/orders/{order_id}/tracking", order_calls.track),
    _Served("OR24", "PUT", "/api/orders/{order_id}/ship", order_calls.ship),
    _Served(
        "OR43",
        "POST",
        "/api/orders/{order_id}/threads",
        inbox_calls.open_thread,
        takes="multipart/form-data",
    ),
    _Served("SH21", "GET", "/api/shipping/carriers", shop_calls.carriers),
    _Served("M10", "GET", "/api/inbox/threads/{thread_id}", inbox_calls.show_thread),
    _Served("M11", "GET", "/api/inbox/threads", inbox_calls.list_threads),
    _Served(
        "M12",
        "POST",
        "/api/inbox/threads/{thread_id}/message",
        inbox_calls.reply,
        takes="multipart/form-data",
    ),
    _Served("M13", "GET", "/api/inbox/threads/{attachment_id}/download", inbox_calls.download),
    _Served("A01", "GET", "/api/account", shop_calls.account),
    _Served("V01", "GET", "/api/version", shop_calls.version, open=True),
)


class _Face:
    def __init__(self, market: Market) -> None:
        self._market = market
        self._calls = [
            (Route(call.path, self._endpoint(call), methods=[call.method]), call) for call in _CALLS
        ]

    @property
    def routes(self) -> list[Route]:
        return [route for route, _ in self._calls]

    def _endpoint(self, call: _Served) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            body = await request.body()
            now = self._market.clock()
            refusal = self._refusal(request, call, body)
            kind = request.headers.get("content-type", "")
            asked = Asked(request.path_params, request.query_params, body, now, kind)
            if refusal is None:
                self._market.orders.settle(now)
            made = refusal or call.operation(self._market, asked)
            self._record(request.scope, call.name, made.status_code, served=refusal is None)
            return made

        return answer

    def _refusal(self, request: Request, call: _Served, body: bytes) -> Response | None:
        headers = request.headers
        if not call.open and not self._market.admits(headers.get("authorization", "")):
            return error(401, "Unauthorized")
        accepted = headers.get("accept", "*/*").lower()
        if not any(kind in accepted for kind in ("application/json", "application/*", "*/*")):
            return error(406, "Not Acceptable")
        sent = headers.get("content-type", "").split(";")[0].strip().lower()
        if body and sent != call.takes:
            return error(415, "Unsupported Media Type")
        wait = self._market.limit.take(self._market.clock())
        if wait is not None:
            return error(429, "Too many requests", retry_after=wait)
        return None

    async def refuse(self, request: Request, refused: Exception) -> Response:
        """Answers unknown paths and wrong methods in the vendor's shape."""
        status = refused.status_code if isinstance(refused, HTTPException) else 500
        self._record(request.scope, "other", status, served=False)
        return error(status, "Method Not Allowed" if status == 405 else "Not Found")  # noqa: PLR2004  # HTTP's own

    def record_unserved(self, scope: Scope, fault: Fault) -> None:
        """Records a call whose effect a fault prevented."""
        name, order_id = "other", None
        for route, call in self._calls:
            match, more = route.matches(scope)
            if match is Match.FULL:
                name, order_id = call.name, more["path_params"].get("order_id")
        self._record(
            {**scope, "path_params": {"order_id": order_id}},
            name,
            fault.seen_status,
            served=False,
            fault=fault.kind,
        )

    def _record(
        self, scope: Scope, name: str, status: int | None, *, served: bool, fault: str | None = None
    ) -> None:
        """Records the call in the books, before the answer leaves."""
        self._market.books.record(
            Call(
                time=stamp(self._market.clock()),
                operation=name,
                method=scope["method"],
                path=scope["path"],
                query=scope["query_string"].decode("ascii", "replace"),
                order_id=scope.get("path_params", {}).get("order_id"),
                status=status,
                served=served,
                fault=fault or hidden_by(scope),
            )
        )


def build_app(market: Market, plan: FaultPlan) -> ASGIApp:
    """The sandbox with its faults and controls."""
    face = _Face(market)
    app = Starlette(
        routes=[
            *face.routes,
            *control_routes(market, plan),
        ],
        exception_handlers={404: face.refuse, 405: face.refuse},
    )
    return FaultyApp(app, plan, injected, face.record_unserved)
