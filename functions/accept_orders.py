"""Stage 1 of the order line: accepts new orders and follows all not shipped yet. POST, from Scheduler or curl."""

from shared import order_wiring, settings, wiring
from shared.web.stage import stage_function

wiring.require(settings.StoreSettings, settings.MarketplaceSettings)

accept_orders = stage_function("accept-orders", order_wiring.acceptance, order_wiring.stage_runner)
