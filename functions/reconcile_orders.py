"""Stage 5 of fulfillment: compares the account with marketplace and carrier. POST, from Scheduler or curl."""

from datetime import date
from functools import partial

from pydantic import Field

from shared.fulfillment.reconcile import OutsideCheck
from shared.web.fulfillment.stage import StageRequest, stage_function
from shared.wiring import checks, fulfillment
from shared.wiring.part import check

CHECKS = {
    "settings": fulfillment.outside_check,
    "database": check(checks.order_tables, fulfillment.order_store),
    "label_shelf": check(checks.label_shelf, fulfillment.label_shelf),
}


class ReconcileRequest(StageRequest):
    """`carrier` looks at the carrier now, not only when a day has passed; `day` at that day of its calendar."""

    carrier: bool = False
    day: date | None = Field(
        None, ge=date(2000, 1, 1), le=date(2999, 12, 31), json_schema_extra={"pattern": "^2"}
    )


def as_asked(work: OutsideCheck, request: ReconcileRequest) -> partial[None]:
    return partial(work, day=request.day, carrier_now=request.carrier)


reconcile_orders = stage_function(
    "reconcile-orders",
    fulfillment.outside_check,
    fulfillment.stage_runner,
    CHECKS,
    ReconcileRequest,
    as_asked,
)
