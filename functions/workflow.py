"""People's work and reports: manual tasks, batches, orders, configuration, reconcile. From curl and the CLI."""

from typing import Any

from shared import health_wiring, order_wiring, settings, wiring
from shared.web.function import http_function
from shared.web.order_desk import order_routes
from shared.web.redrive import redrive_route
from shared.web.review import workflow_routes

wiring.require(settings.StoreSettings, settings.ReviewSettings)


def shown_config() -> dict[str, Any]:
    """The configuration in force, without secrets."""
    groups = (settings.StoreSettings, settings.ReviewSettings, settings.LogSettings)
    shown = {name: value for group in groups for name, value in group.from_environment().shown().items()}
    return {"workflow": wiring.workflow_config().model_dump(), "settings": shown}


workflow = http_function(
    "workflow",
    [
        *workflow_routes(wiring.record_store, shown_config),
        redrive_route(wiring.record_store, wiring.workflow_config().max_daily_tasks),
        *order_routes(order_wiring.order_store),
    ],
    {"records": health_wiring.record_tables, "orders": health_wiring.order_tables},
)
