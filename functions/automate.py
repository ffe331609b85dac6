"""Completes one record with DigiKey's data. Each POST is one delivery of Cloud Tasks."""

import math
from http import HTTPStatus
from typing import TYPE_CHECKING
from uuid import UUID

from shared.web.call import Answer, Call, RequestModel
from shared.web.function import FIRST_ERROR, endpoint
from shared.web.platform import delivery_number, queue_task
from shared.web.problem import problem_body
from shared.wiring import checks, enrichment
from shared.wiring.part import check

if TYPE_CHECKING:
    from shared.enrichment.automate import Worker

CHECKS = {
    "settings": enrichment.catalogue,
    "database": check(checks.record_tables, enrichment.record_store),
    "automation_queue": check(checks.queue, enrichment.automation_queue),
    "dead_letter_queue": check(checks.queue, enrichment.dead_letter_queue),
}


class AutomateRequest(RequestModel):
    automation_task_id: UUID


@endpoint(AutomateRequest, CHECKS, enrichment.worker, enrichment.max_deliveries)
def automate(request: AutomateRequest, call: Call, worker: "Worker", max_deliveries: int) -> Answer:
    from shared.enrichment.automate import Delivery  # noqa: PLC0415 - a health check need not wait for it

    number = delivery_number(call)
    reply = worker.work(
        Delivery(request.automation_task_id, number, number >= max_deliveries, queue_task(call))
    )
    body = {
        "automation_task_id": str(request.automation_task_id),
        "outcome": reply.outcome,
        "detail": reply.detail,
    }
    headers = {} if reply.retry_after is None else {"Retry-After": str(max(1, math.ceil(reply.retry_after)))}
    logged = body | {"delivery": number}
    if reply.status >= FIRST_ERROR:
        body |= problem_body(
            reply.status, HTTPStatus(reply.status).phrase, reply.outcome, reply.detail or reply.outcome
        )
    return Answer(body, reply.status, headers, logged=logged)
