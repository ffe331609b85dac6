"""The state of the sandbox, which every call works on."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from typing import Any, cast

from starlette.responses import Response

from laptop.clock import Clock, system_clock
from laptop.vendors.common.clock import SettableClock
from laptop.vendors.common.database import Database
from laptop.vendors.mirakl import books, inbox, orders

MINUTE = timedelta(minutes=1)


class CallLimit:
    """A limit of calls per minute, counted from the first one; None is no limit. The real quota is not published."""

    def __init__(self, per_minute: int | None) -> None:
        self.per_minute = per_minute
        self._began: datetime | None = None
        self._calls = 0

    def take(self, now: datetime) -> float | None:
        """Counts one call. Returns the seconds to wait if the minute's calls are used up."""
        if self._began is None or not self._began <= now < self._began + MINUTE:
            self._began, self._calls = now, 0
        if self.per_minute is not None and self._calls >= self.per_minute:
            return (self._began + MINUTE - now).total_seconds()
        self._calls += 1
        return None


class Market:
    """`api_key` None admits any key. `seed` is the default for generated orders and threads."""

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
        """Admits the raw key; a key with a scheme before it is wrong."""
        if self.api_key is None:
            return bool(authorization) and " " not in authorization
        return authorization == self.api_key


@dataclass(frozen=True)
class FormPart:
    name: str
    file_name: str
    media_type: str
    content: bytes


@dataclass(frozen=True)
class Asked:
    """One admitted call: path and query parameters, and the body as it came, with its content type."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    now: datetime
    content_type: str = ""

    def form(self) -> Sequence[FormPart]:
        """The parts of a body of multipart/form-data; none for any other body."""
        head = f"Content-Type: {self.content_type}\r\n\r\n".encode("latin-1", "replace")
        read = BytesParser(policy=HTTP).parsebytes(head + self.body)
        return [
            FormPart(
                name=str(part.get_param("name", "", "content-disposition")),
                file_name=part.get_filename() or "",
                media_type=part.get_content_type(),
                content=cast("bytes", part.get_payload(decode=True) or b""),
            )
            for part in (read.iter_parts() if read.is_multipart() else ())
        ]

    def json(self) -> Any:  # noqa: ANN401  # any JSON
        """The body; None if it is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


Operation = Callable[[Market, Asked], Response]
