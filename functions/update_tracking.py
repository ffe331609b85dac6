"""Stage 3 of the order line: pushes tracking numbers to the marketplace. POST, from Scheduler or curl."""

from shared import settings
from shared.web.fulfillment.stage import stage_function
from shared.wiring import checks, common, fulfillment

common.require(settings.StoreSettings, settings.MarketplaceSettings, settings.TrackingSettings)

CHECKS = {"settings": checks.marketplace_settings, "database": checks.order_tables}

update_tracking = stage_function(
    "update-tracking", fulfillment.tracking_update, fulfillment.stage_runner, CHECKS
)
