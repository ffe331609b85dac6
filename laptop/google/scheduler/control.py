"""The parts of the control address that are the scheduler's: its faults, its log of firings, its jobs, its clock.

| kind of fault | effect |
|---|---|
| duplicate_firing | the same request is sent a second time, `seconds` after the first |
| lost_answer | the target answers, but the scheduler treats it as a passed deadline |
| latency | the request takes `seconds` longer, within its deadline |
"""

from enum import StrEnum
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from laptop.google.common.control import control_app, order_of, row_limit, whole_number
from laptop.google.common.faults import FaultSettings, SeededFault, SeededFaults
from laptop.google.common.journal import Journal
from laptop.google.common.log import RequestLog
from laptop.google.common.times import rfc3339
from laptop.google.scheduler.clock import ClockOrder, Timekeeper
from laptop.google.scheduler.job import LiveJob
from laptop.google.scheduler.registry import Registry


class FaultKind(StrEnum):
    DUPLICATE_FIRING = "duplicate_firing"
    LOST_ANSWER = "lost_answer"
    LATENCY = "latency"


class Fault(SeededFault):
    """Concerns one job (short id), or with None all of them. `seconds` are real ones, whatever the clock does."""

    kind: FaultKind
    job: str | None = None

    @property
    def scope(self) -> str | None:
        return self.job


Faults = SeededFaults[Fault]


def firing_log(journal: Journal) -> RequestLog:
    """Verdicts: in flight, succeeded, retried, failed, discarded, duplicate, interrupted (by a restart)."""
    columns = (
        "id", "job", "run", "forced", "schedule_time", "attempt", "sent", "answered", "status", "answer", "verdict",
        "retry_at", "fault",
    )  # fmt: skip
    return RequestLog(journal, "firings", columns)


def control(registry: Registry, log: RequestLog, faults: Faults, timekeeper: Timekeeper) -> Starlette:
    async def jobs(_request: Request) -> Response:
        known = [registry.jobs[name] for name in sorted(registry.jobs)]
        return JSONResponse({"jobs": [_summary(job) for job in known]})

    async def firings(request: Request) -> Response:
        job, after = request.query_params.get("job", ""), whole_number(request, "after", 0)
        rows = await log.recent(job, after=after, limit=row_limit(request))
        return JSONResponse({"firings": [row | {"forced": bool(row["forced"])} for row in rows]})

    async def clock(request: Request) -> Response:
        if request.method == "PUT":
            await timekeeper.obey(await order_of(request, ClockOrder))
        elif request.method == "DELETE":
            await timekeeper.reset()
        return JSONResponse(timekeeper.report())

    routes = (
        Route("/jobs", jobs),
        Route("/firings", firings),
        Route("/clock", clock, methods=["GET", "PUT", "DELETE"]),
    )
    return control_app(faults, FaultSettings[Fault], routes)


def _summary(job: LiveJob) -> dict[str, Any]:
    return {
        "name": job.name,
        "state": "ENABLED" if job.enabled else "PAUSED",
        "schedule": job.message.schedule,
        "due": None if job.due is None else rfc3339(job.due),
        "outstanding": sum(run.outstanding for run in job.runs.values()),
        "waiting": sum(not run.outstanding for run in job.runs.values()),
    }
