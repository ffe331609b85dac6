"""Stage 2 of fulfillment: buys shipping labels. POST, from Scheduler or curl."""

from shared.web.fulfillment.stage import stage_function
from shared.wiring import checks, fulfillment
from shared.wiring.part import check

CHECKS = {
    "settings": fulfillment.label_purchase,
    "database": check(checks.order_tables, fulfillment.order_store),
    "label_shelf": check(checks.label_shelf, fulfillment.label_shelf),
}

create_labels = stage_function("create-labels", fulfillment.label_purchase, fulfillment.stage_runner, CHECKS)
