"""Stage 4 of the order line: fetches customer messages. POST, from Scheduler or curl."""

from shared import settings
from shared.web.fulfillment.stage import stage_function
from shared.wiring import checks, common, fulfillment

common.require(settings.StoreSettings, settings.MarketplaceSettings)

CHECKS = {"settings": checks.marketplace_settings, "database": checks.order_tables}

sync_messages = stage_function("sync-messages", fulfillment.message_sync, fulfillment.stage_runner, CHECKS)
