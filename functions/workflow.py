"""People's work and reports: manual tasks, batches, orders, configuration, reconcile. From curl and the CLI."""

from typing import Any

from shared import settings
from shared.web.enrichment.desk import enrichment_desk
from shared.web.enrichment.redrive import redrive_route
from shared.web.fulfillment.desk import fulfillment_desk
from shared.web.function import http_function
from shared.wiring import checks, common, enrichment, fulfillment

common.require(settings.StoreSettings, settings.DeskSettings)


def shown_config() -> dict[str, Any]:
    """The configuration in force, without secrets."""
    groups = (settings.StoreSettings, settings.DeskSettings, settings.LogSettings)
    shown = {name: value for group in groups for name, value in group.from_environment().shown().items()}
    return {"workflow": common.workflow_config().model_dump(), "settings": shown}


workflow = http_function(
    "workflow",
    [
        *enrichment_desk(enrichment.record_store, shown_config),
        redrive_route(enrichment.record_store, common.workflow_config().max_daily_tasks),
        *fulfillment_desk(fulfillment.order_store),
    ],
    {"records": checks.record_tables, "orders": checks.order_tables},
)
