"""Reports over time, and of this moment, about orders."""

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from shared.fulfillment.store import Json


class OrderInsight(Protocol):
    """Both raise StoreUnavailable. `zone` is the shop's, whose present day `now` is about."""

    def postage_by_day(self, first: date, last: date) -> Json: ...

    def now(self, stages: Sequence[str], zone: str = "UTC") -> Json: ...
