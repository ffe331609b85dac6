"""Stage 4 of fulfillment: fetches customers' messages. POST, from Scheduler or curl."""

from shared.web.fulfillment.stage import stage_function
from shared.wiring import checks, fulfillment
from shared.wiring.part import check

CHECKS = {
    "settings": fulfillment.marketplace,
    "database": check(checks.order_tables, fulfillment.order_store),
    "label_shelf": check(checks.label_shelf, fulfillment.label_shelf),
}

sync_messages = stage_function("sync-messages", fulfillment.message_sync, fulfillment.stage_runner, CHECKS)
