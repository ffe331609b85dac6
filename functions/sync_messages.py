"""Stage 4 of the order line: fetches customer messages. POST, from Scheduler or curl."""

from shared import health_wiring, order_wiring, settings, wiring
from shared.web.stage import stage_function

wiring.require(settings.StoreSettings, settings.MarketplaceSettings)

CHECKS = {"settings": health_wiring.marketplace_settings, "database": health_wiring.order_tables}

sync_messages = stage_function("sync-messages", order_wiring.message_sync, order_wiring.stage_runner, CHECKS)
