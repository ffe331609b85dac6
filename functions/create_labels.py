"""Stage 2 of the order line: buys shipping labels. POST, from Scheduler or curl."""

from shared import order_wiring, settings, wiring
from shared.web.stage import stage_function

wiring.require(
    settings.StoreSettings, settings.MarketplaceSettings, settings.CarrierSettings, settings.ShelfSettings
)

create_labels = stage_function("create-labels", order_wiring.label_purchase, order_wiring.stage_runner)
