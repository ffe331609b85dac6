"""The small HTTP face for people, tests and the stack: health, jobs, books, faults, clock."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from laptop.google.common.times import rfc3339
from laptop.google.scheduler.books import Books
from laptop.google.scheduler.faults import FaultOrder, Faults
from laptop.google.scheduler.live import LiveJob
from laptop.google.scheduler.registry import Registry
from laptop.google.scheduler.timekeeper import ClockOrder, Timekeeper

_MOST_FIRINGS = 10_000

Order = TypeVar("Order", bound=BaseModel)


class Control:
    def __init__(self, registry: Registry, books: Books, faults: Faults, timekeeper: Timekeeper) -> None:
        self._registry = registry
        self._books = books
        self._faults = faults
        self._timekeeper = timekeeper

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/healthz", self.healthz),
                Route("/jobs", self.jobs),
                Route("/firings", self.firings),
                Route("/faults", self.faults, methods=["GET", "POST", "DELETE"]),
                Route("/clock", self.clock, methods=["GET", "PUT", "DELETE"]),
            ]
        )

    async def healthz(self, _request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def jobs(self, _request: Request) -> Response:
        jobs = self._registry.jobs
        return JSONResponse({"jobs": [_summary(jobs[name]) for name in sorted(jobs)]})

    async def firings(self, request: Request) -> Response:
        asked = {name: request.query_params.get(name, "") for name in ("after", "limit")}
        if any(value and not value.isdecimal() for value in asked.values()):
            return JSONResponse({"status": 422, "detail": "after and limit must be whole numbers"}, 422)
        limit = min(int(asked["limit"] or _MOST_FIRINGS), _MOST_FIRINGS)
        job = request.query_params.get("job", "")
        rows = await self._books.recent(job, int(asked["after"] or 0), limit)
        return JSONResponse({"firings": rows})

    async def faults(self, request: Request) -> Response:
        if request.method == "POST":
            order = await _order(request, FaultOrder)
            if isinstance(order, Response):
                return order
            self._faults.replace(order.seed, order.faults)
        elif request.method == "DELETE":
            self._faults.replace(0, ())
        return JSONResponse(self._faults.report())

    async def clock(self, request: Request) -> Response:
        if request.method == "PUT":
            order = await _order(request, ClockOrder)
            if isinstance(order, Response):
                return order
            await self._timekeeper.obey(order)
        elif request.method == "DELETE":
            await self._timekeeper.reset()
        return JSONResponse(self._timekeeper.report())


async def _order(request: Request, kind: type[Order]) -> Order | Response:
    try:
        return kind.model_validate_json(await request.body())
    except ValidationError as refused:
        errors = refused.errors(include_url=False, include_context=False, include_input=False)
        detail = f"not a {kind.__name__}"
        return JSONResponse({"status": 422, "detail": detail, "errors": errors}, 422)


def _summary(job: LiveJob) -> dict[str, Any]:
    return {
        "name": job.name,
        "state": "ENABLED" if job.enabled else "PAUSED",
        "schedule": job.message.schedule,
        "due": None if job.due is None else rfc3339(job.due),
        "outstanding": sum(run.outstanding for run in job.runs.values()),
        "waiting": sum(not run.outstanding for run in job.runs.values()),
    }
