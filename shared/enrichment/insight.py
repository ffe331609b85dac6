"""Reports over time, and of this moment, about records."""

from datetime import date
from typing import Literal, Protocol, get_args

from shared.enrichment.store import Json

Series = Literal[
    "manufacturers", "categories", "rules", "weeks", "throughput", "decisions", "work", "backlog"
]
SERIES: tuple[str, ...] = get_args(Series)


class RecordInsight(Protocol):
    """All raise StoreUnavailable."""

    def insight(self, series: str, first: date, last: date) -> Json: ...

    def now(self, daily_limit: int) -> Json: ...
