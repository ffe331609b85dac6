"""The endpoints of `workflow` about orders over time."""

from collections.abc import Sequence

from shared.fulfillment.insight import OrderInsight
from shared.web.call import Answer, Call, Csv
from shared.web.days import Days
from shared.web.function import Route, Supply
from shared.web.table import csv_file


def order_insight(store: Supply) -> Sequence[Route]:
    """`store` returns an OrderInsight. They come before those of the records, whose path is wider."""
    return (Route("GET", "/insight/postage", Days, _postage, (store,)),)


def _postage(request: Days, _call: Call, store: OrderInsight) -> Answer | Csv:
    first, last = request.span()
    found = store.postage_by_day(first, last)
    return csv_file(f"postage {first} to {last}.csv", found["rows"]) if request.csv else Answer(found)
