"""Completes one record at DigiKey. POST, one delivery of Cloud Tasks each."""

import math
from http import HTTPStatus
from uuid import UUID

from shared import settings
from shared.web.call import Answer, Call, RequestModel
from shared.web.enrichment.delivery import delivery_number, queue_task
from shared.web.function import FIRST_ERROR, endpoint
from shared.web.problem import problem_body
from shared.wiring import checks, common, enrichment

common.require(
    settings.StoreSettings, settings.QueueSettings, settings.DeliverySettings, settings.CatalogueSettings
)
MAX_ATTEMPTS = settings.DeliverySettings.from_environment().max_attempts
CHECKS = {
    "settings": checks.catalogue_settings,
    "database": checks.record_tables,
    "automation_queue": checks.automation_queue,
    "dead_letter_queue": checks.dead_letter_queue,
}


class AutomateRequest(RequestModel):
    automation_task_id: UUID


@endpoint(AutomateRequest, CHECKS)
def automate(request: AutomateRequest, call: Call) -> Answer:
    number = delivery_number(call)
    reply = enrichment.deliver(
        request.automation_task_id, number, last=number >= MAX_ATTEMPTS, queue_task=queue_task(call)
    )
    told = {
        "automation_task_id": str(request.automation_task_id),
        "outcome": reply.outcome,
        "detail": reply.detail,
    }
    headers = {} if reply.retry_after is None else {"Retry-After": str(max(1, math.ceil(reply.retry_after)))}
    logged = told | {"delivery": number}
    if reply.status >= FIRST_ERROR:
        told |= problem_body(
            reply.status, HTTPStatus(reply.status).phrase, reply.outcome, reply.detail or reply.outcome
        )
    return Answer(told, reply.status, headers, logged=logged)
