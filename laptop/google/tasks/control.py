"""The parts of the control address that are the queue's: its faults, its log of deliveries, its depths.

| kind of fault | effect |
|---|---|
| duplicate_delivery | the same request is sent a second time, `seconds` after the first |
| late_delivery | the request is sent `seconds` after it was due |
| latency | the request takes `seconds` longer, within its deadline |
| lost_answer | the worker answers, but the queue treats it as a passed deadline |
| call_refused | CreateTask answers UNAVAILABLE and creates nothing |
| call_lost | CreateTask creates the task and answers UNAVAILABLE |
| call_exhausted | CreateTask answers RESOURCE_EXHAUSTED and creates nothing |
| look_refused | GetTask answers UNAVAILABLE |
"""

from enum import StrEnum
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from laptop.google.common.control import control_app, row_limit
from laptop.google.common.faults import FaultSettings, SeededFault, SeededFaults
from laptop.google.common.journal import Journal
from laptop.google.common.log import RequestLog
from laptop.google.tasks.messages import PAUSED
from laptop.google.tasks.queues import LiveQueue
from laptop.google.tasks.registry import Registry

_VERDICTS = ("dispatched", "succeeded", "retried", "exhausted", "discarded")


class FaultKind(StrEnum):
    DUPLICATE_DELIVERY = "duplicate_delivery"
    LATE_DELIVERY = "late_delivery"
    LATENCY = "latency"
    LOST_ANSWER = "lost_answer"
    CALL_REFUSED = "call_refused"
    CALL_LOST = "call_lost"
    CALL_EXHAUSTED = "call_exhausted"
    LOOK_REFUSED = "look_refused"


class Fault(SeededFault):
    """Concerns one queue (short id), or with None all of them."""

    kind: FaultKind
    queue: str | None = None

    @property
    def scope(self) -> str | None:
        return self.queue


Faults = SeededFaults[Fault]


def delivery_log(journal: Journal) -> RequestLog:
    """Verdicts: in flight, succeeded, retried, exhausted, discarded, duplicate, interrupted (by a restart).

    `delay` is the number of seconds from a failed answer to the next delivery.
    """
    columns = (
        "id", "task", "queue", "retry_count", "scheduled", "dispatched", "answered", "status", "verdict", "delay",
        "fault",
    )  # fmt: skip
    return RequestLog(journal, "deliveries", columns)


def control(registry: Registry, log: RequestLog, faults: Faults) -> Starlette:
    async def queues(_request: Request) -> Response:
        now = registry.clock()
        known = [registry.queues[name] for name in sorted(registry.queues)]
        return JSONResponse({"queues": [_summary(queue, now) for queue in known]})

    async def deliveries(request: Request) -> Response:
        rows = await log.recent(request.query_params.get("task", ""), limit=row_limit(request))
        return JSONResponse({"deliveries": rows})

    routes = (Route("/queues", queues), Route("/deliveries", deliveries))
    return control_app(faults, FaultSettings[Fault], routes)


def _summary(queue: LiveQueue, now: float) -> dict[str, Any]:
    """Counts since the start of this process; the log goes back further."""
    return {
        "name": queue.name,
        "state": "PAUSED" if queue.message.state == PAUSED else "RUNNING",
        "depth": len(queue.tasks),
        "in_flight": queue.in_flight,
        "effective_rate": queue.effective_rate(now),
        **{verdict: queue.counts[verdict] for verdict in _VERDICTS},
    }
