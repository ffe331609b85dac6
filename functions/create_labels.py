"""Stage 2 of the order line: buys shipping labels. POST, from Scheduler or curl."""

from shared import health_wiring, order_wiring, settings, wiring
from shared.web.stage import stage_function

wiring.require(
    settings.StoreSettings, settings.MarketplaceSettings, settings.CarrierSettings, settings.ShelfSettings
)

CHECKS = {
    "settings": health_wiring.label_settings,
    "database": health_wiring.order_tables,
    "label_shelf": health_wiring.label_shelf,
}

create_labels = stage_function(
    "create-labels", order_wiring.label_purchase, order_wiring.stage_runner, CHECKS
)
