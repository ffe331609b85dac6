"""Stage 2 of the order line: buys shipping labels. POST, from Scheduler or curl."""

from shared import settings
from shared.web.fulfillment.stage import stage_function
from shared.wiring import checks, common, fulfillment

common.require(
    settings.StoreSettings, settings.MarketplaceSettings, settings.CarrierSettings, settings.ShelfSettings
)

CHECKS = {
    "settings": checks.label_settings,
    "database": checks.order_tables,
    "label_shelf": checks.label_shelf,
}

create_labels = stage_function("create-labels", fulfillment.label_purchase, fulfillment.stage_runner, CHECKS)
