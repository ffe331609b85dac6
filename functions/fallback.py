"""Turns dead letters into manual tasks, and sweeps for what got lost. POST, from Cloud Tasks, Scheduler or curl."""

from typing import Literal, Self
from uuid import UUID

from pydantic import model_validator

from shared import settings
from shared.web.call import Answer, Call, RequestModel
from shared.web.function import endpoint
from shared.wiring import checks, common, enrichment

common.require(settings.StoreSettings, settings.QueueSettings, settings.SweepSettings, settings.DeskSettings)
SWEEP_LIMIT = settings.SweepSettings.from_environment().limit
CHECKS = {"database": checks.record_tables, "automation_queue": checks.automation_queue}


class FallbackRequest(RequestModel):
    automation_task_id: UUID | None = None
    sweep: Literal[True] | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.automation_task_id is None) == (self.sweep is None):
            raise ValueError('give either "automation_task_id" or "sweep": true')
        return self


@endpoint(FallbackRequest, CHECKS)
def fallback(request: FallbackRequest, _call: Call) -> Answer:
    if request.automation_task_id is None:
        swept = enrichment.sweeper().sweep(SWEEP_LIMIT)
        return Answer({"swept": swept}, logged=swept | enrichment.record_store().health_figures())
    handover = enrichment.record_store().create_fallback_task(request.automation_task_id)
    told = {
        "automation_task_id": str(request.automation_task_id),
        "outcome": handover.outcome,
        "manual_task_id": handover.manual_task_id and str(handover.manual_task_id),
    }
    return Answer(told, logged=told)
