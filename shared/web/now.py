"""`GET /now` of `workflow`: is all well? One database call for each half."""

from collections.abc import Sequence

from shared.enrichment.insight import RecordInsight
from shared.fulfillment.insight import OrderInsight
from shared.fulfillment.pipeline import load_pipeline
from shared.fulfillment.shop import Shop
from shared.web.call import Answer, Call, NoInput
from shared.web.function import Route, Supply


def now_report(records: Supply, daily_limit: Supply, orders: Supply, shop: Supply) -> Sequence[Route]:
    """They return a RecordInsight, the day's quota, an OrderInsight and a Shop."""
    return (Route("GET", "/now", NoInput, _now, (records, daily_limit, orders, shop)),)


def _now(
    _request: NoInput,
    _call: Call,
    records: RecordInsight,
    daily_limit: int,
    orders: OrderInsight,
    shop: Shop,
) -> Answer:
    stages = [stage.name for stage in load_pipeline().stages]
    return Answer({"records": records.now(daily_limit), "orders": orders.now(stages, shop.time_zone)})
