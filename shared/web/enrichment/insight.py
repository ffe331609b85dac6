"""The endpoints of `workflow` about records over time."""

from collections.abc import Sequence

from shared.enrichment.insight import SERIES, RecordInsight
from shared.errors import NotFound
from shared.web.call import Answer, Call, Csv
from shared.web.days import Days
from shared.web.function import Route, Supply
from shared.web.table import csv_file


def record_insight(store: Supply) -> Sequence[Route]:
    """`store` returns a RecordInsight."""
    return (Route("GET", "/insight/{id}", Days, _series, (store,)),)


def _series(request: Days, call: Call, store: RecordInsight) -> Answer | Csv:
    series = call.path["id"]
    if series not in SERIES:
        raise NotFound(f"there is no such series; there are {', '.join((*SERIES, 'postage'))}")
    first, last = request.span()
    found = store.insight(series, first, last)
    return csv_file(f"{series} {first} to {last}.csv", found["rows"]) if request.csv else Answer(found)
