"""Stage 3 of fulfillment: sends tracking numbers to the marketplace. POST, from Scheduler or curl."""

from shared.web.fulfillment.stage import stage_function
from shared.wiring import checks, fulfillment
from shared.wiring.part import check

CHECKS = {
    "settings": fulfillment.marketplace,
    "database": check(checks.order_tables, fulfillment.order_store),
}

update_tracking = stage_function(
    "update-tracking", fulfillment.tracking_update, fulfillment.stage_runner, CHECKS
)
