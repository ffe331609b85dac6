"""Stage 1 of fulfillment: accepts new orders, refreshes unshipped ones. POST, from Scheduler or curl."""

from shared.web.fulfillment.stage import stage_function
from shared.wiring import checks, fulfillment
from shared.wiring.part import check

CHECKS = {
    "settings": fulfillment.marketplace,
    "database": check(checks.order_tables, fulfillment.order_store),
}

accept_orders = stage_function("accept-orders", fulfillment.acceptance, fulfillment.stage_runner, CHECKS)
