"""Turns dead letters into manual tasks, sweeps for lost tasks, and goes on with bulk jobs.

POST, from Cloud Tasks, Scheduler or curl.
"""

import logging
from typing import TYPE_CHECKING, Any, Literal, Self
from uuid import UUID

from pydantic import model_validator

from shared.errors import SwitchyardError
from shared.web.call import Answer, Call, RequestModel
from shared.web.function import endpoint
from shared.web.problem import problem_of
from shared.wiring import checks, enrichment, fulfillment
from shared.wiring.part import check

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shared.cloud.order_insight import SupabaseOrderInsight
    from shared.cloud.order_store import SupabaseOrderStore
    from shared.cloud.record_insight import SupabaseRecordInsight
    from shared.cloud.record_store import SupabaseRecordStore
    from shared.enrichment.jobs import JobDriver
    from shared.enrichment.sweep import Sweeper, Swept

AUDIT_SECONDS = 2
ROLL_UP_SECONDS = 2
"""The parts of each sweep for the audit of the records, and for the sums of past days, of records and of orders.
The database ends a call after 8 s."""

CHECKS = {
    "database": check(checks.record_tables, enrichment.record_store),
    "automation_queue": check(checks.queue, enrichment.automation_queue),
}


class FallbackRequest(RequestModel):
    automation_task_id: UUID | None = None
    sweep: Literal[True] | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.automation_task_id is None) == (self.sweep is None):
            raise ValueError('give either "automation_task_id" or "sweep": true')
        return self


@endpoint(
    FallbackRequest,
    CHECKS,
    enrichment.record_store,
    fulfillment.order_store,
    enrichment.record_insight,
    fulfillment.order_insight,
    enrichment.sweeper,
    enrichment.sweep_limit,
    enrichment.job_driver,
)
def fallback(  # noqa: PLR0913, PLR0917 - both halves, and what keeps them going
    request: FallbackRequest,
    _call: Call,
    records: "SupabaseRecordStore",
    orders: "SupabaseOrderStore",
    record_insight: "SupabaseRecordInsight",
    order_insight: "SupabaseOrderInsight",
    sweeper: "Sweeper",
    sweep_limit: int,
    job_driver: "JobDriver",
) -> Answer:
    if request.automation_task_id is None:
        driven = job_driver.go_on()  # before the sweep, which puts what they open into the queue
        swept = sweeper.sweep(sweep_limit)
        swept.faults += driven.faults
        sources = (
            records.figures,
            orders.figures,
            lambda: records.audit(AUDIT_SECONDS),
            lambda: record_insight.roll_up(ROLL_UP_SECONDS),
            lambda: order_insight.roll_up(ROLL_UP_SECONDS),
        )
        return _answer(swept, _figures(sources, swept) | {"job_items": driven.worked})
    handover = records.create_fallback_task(request.automation_task_id)
    body = {
        "automation_task_id": str(request.automation_task_id),
        "outcome": handover.outcome,
        "manual_task_id": handover.manual_task_id and str(handover.manual_task_id),
    }
    return Answer(body, logged=body)


def _figures(sources: "Sequence[Callable[[], dict[str, Any]]]", swept: "Swept") -> dict[str, Any]:
    """The numbers of the alerts. They are read whatever the sweep met: an alert must not go blind with it."""
    figures: dict[str, Any] = {}
    for source in sources:
        try:
            figures |= source()
        except SwitchyardError as fault:
            swept.faults.append(fault)
    return figures


def _answer(swept: "Swept", figures: dict[str, Any]) -> Answer:
    """A sweep that something stopped is a problem, which also says what was done."""
    counts = swept.to_json()
    fault = swept.fault
    if fault is None:
        return Answer({"swept": counts}, logged=counts | figures)
    problem = problem_of(fault)
    logged = counts | figures | {"code": fault.code, "detail": fault.detail}
    severity = logging.WARNING if fault.retriable else logging.ERROR
    return Answer({**problem.body, "swept": counts}, problem.status, problem.headers, logged, severity)
