"""What every call of the sandbox works on."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from starlette.responses import Response

from laptop.clock import Clock, system_clock
from laptop.vendors.common.clock import SettableClock
from laptop.vendors.common.database import Database
from laptop.vendors.mirakl import books, inbox, orders

MINUTE = timedelta(minutes=1)


class CallLimit:
    """So many calls a minute, from the first of them on; None is any number. The real quota is not published."""

    def __init__(self, per_minute: int | None) -> None:
        self.per_minute = per_minute
        self._began: datetime | None = None
        self._calls = 0

    def take(self, now: datetime) -> float | None:
        """Counts one call; the seconds to wait where the minute's calls are used up."""
        if self._began is None or not self._began <= now < self._began + MINUTE:
            self._began, self._calls = now, 0
        if self.per_minute is not None and self._calls >= self.per_minute:
            return (self._began + MINUTE - now).total_seconds()
        self._calls += 1
        return None


class Market:
    """`api_key` None lets any key in. `seed` is the one that generated orders and threads use unless told."""

    def __init__(
        self,
        data_dir: Path,
        *,
        api_key: str | None = None,
        per_minute: int | None = None,
        seed: int = 0,
        real: Clock = system_clock,
    ) -> None:
        self.database = Database(data_dir / "mirakl.sqlite3", orders.SCHEMA + inbox.SCHEMA + books.SCHEMA)
        self.clock = SettableClock(self.database, real)
        self.orders = orders.OrderBook(self.database)
        self.inbox = inbox.Inbox(self.database)
        self.books = books.Books(self.database)
        self.limit = CallLimit(per_minute)
        self.api_key = api_key
        self.seed = seed

    def admits(self, authorization: str) -> bool:
        """The raw key; with a scheme before it, it is another key."""
        if self.api_key is None:
            return bool(authorization) and " " not in authorization
        return authorization == self.api_key


@dataclass(frozen=True)
class Asked:
    """One admitted call: path and query parameters, and the body as it came."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    now: datetime

    def json(self) -> Any:  # noqa: ANN401  # any JSON
        """None where it is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


Operation = Callable[[Market, Asked], Response]
