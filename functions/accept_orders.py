"""Stage 1 of the order line: accepts new orders and follows all not shipped yet. POST, from Scheduler or curl."""

from shared import health_wiring, order_wiring, settings, wiring
from shared.web.stage import stage_function

wiring.require(settings.StoreSettings, settings.MarketplaceSettings)

CHECKS = {"settings": health_wiring.marketplace_settings, "database": health_wiring.order_tables}

accept_orders = stage_function("accept-orders", order_wiring.acceptance, order_wiring.stage_runner, CHECKS)
