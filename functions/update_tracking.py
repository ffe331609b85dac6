"""Stage 3 of the order line: pushes tracking numbers to the marketplace. POST, from Scheduler or curl."""

from shared import health_wiring, order_wiring, settings, wiring
from shared.web.stage import stage_function

wiring.require(settings.StoreSettings, settings.MarketplaceSettings, settings.TrackingSettings)

CHECKS = {"settings": health_wiring.marketplace_settings, "database": health_wiring.order_tables}

update_tracking = stage_function(
    "update-tracking", order_wiring.tracking_update, order_wiring.stage_runner, CHECKS
)
