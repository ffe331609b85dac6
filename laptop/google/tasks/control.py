"""The small HTTP face for people, tests and the stack: health, depths, books, faults."""

from typing import Any

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from laptop.google.tasks.books import Books
from laptop.google.tasks.faults import FaultOrder, Faults
from laptop.google.tasks.live import LiveQueue
from laptop.google.tasks.messages import PAUSED
from laptop.google.tasks.registry import Registry

_VERDICTS = ("dispatched", "succeeded", "retried", "exhausted", "discarded")
_MOST_DELIVERIES = 10_000


def control_app(registry: Registry, books: Books, faults: Faults) -> Starlette:
    async def healthz(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def queues(_request: Request) -> Response:
        now = registry.clock()
        return JSONResponse(
            {"queues": [_summary(registry.queues[name], now) for name in sorted(registry.queues)]}
        )

    async def deliveries(request: Request) -> Response:
        limit = request.query_params.get("limit", str(_MOST_DELIVERIES))
        if not limit.isdecimal():
            return JSONResponse({"status": 422, "detail": "limit must be a whole number"}, 422)
        rows = await books.recent(request.query_params.get("task", ""), min(int(limit), _MOST_DELIVERIES))
        return JSONResponse({"deliveries": rows})

    async def change_faults(request: Request) -> Response:
        if request.method == "POST":
            try:
                order = FaultOrder.model_validate_json(await request.body())
                faults.replace(order.seed, order.faults)
            except ValidationError as refused:
                errors = refused.errors(include_url=False, include_context=False, include_input=False)
                return JSONResponse({"status": 422, "detail": "not a fault order", "errors": errors}, 422)
        elif request.method == "DELETE":
            faults.replace(0, ())
        return JSONResponse(faults.report())

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/queues", queues),
            Route("/deliveries", deliveries),
            Route("/faults", change_faults, methods=["GET", "POST", "DELETE"]),
        ]
    )


def _summary(queue: LiveQueue, now: float) -> dict[str, Any]:
    """Counts are since the start of this process; the books go back further."""
    return {
        "name": queue.name,
        "state": "PAUSED" if queue.message.state == PAUSED else "RUNNING",
        "depth": len(queue.tasks),
        "in_flight": queue.in_flight,
        "effective_rate": queue.effective_rate(now),
        **{verdict: queue.counts[verdict] for verdict in _VERDICTS},
    }
