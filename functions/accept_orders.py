"""Stage 1 of the order line: accepts new orders and follows all not shipped yet. POST, from Scheduler or curl."""

from shared import settings
from shared.web.fulfillment.stage import stage_function
from shared.wiring import checks, common, fulfillment

common.require(settings.StoreSettings, settings.MarketplaceSettings)

CHECKS = {"settings": checks.marketplace_settings, "database": checks.order_tables}

accept_orders = stage_function("accept-orders", fulfillment.acceptance, fulfillment.stage_runner, CHECKS)
