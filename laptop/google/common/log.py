"""The log of all requests that were sent. It stands in the data file, so that tests can count across restarts."""

from typing import Any

from laptop.google.common.journal import Journal

_KEPT = 100_000
_PRUNED_EVERY = 1_000


class RequestLog:
    """The latest 100,000 requests, or up to 1,000 more.

    A row's `verdict` is `in flight` until the request has ended, and `interrupted` when a restart came before.
    """

    def __init__(self, journal: Journal, table: str, columns: tuple[str, ...]) -> None:
        """`table` has the `columns`, which begin with `id`; the second names the task or job that sent the request."""
        self._journal = journal
        self._table = table
        self._columns = columns
        self._last = 0

    async def open(self) -> None:
        await self._journal.write(
            (f"UPDATE {self._table} SET verdict = 'interrupted' WHERE verdict = 'in flight'", ())  # noqa: S608  # constants
        )
        (row,) = await self._journal.read(f"SELECT coalesce(max(id), 0) FROM {self._table}")  # noqa: S608  # constants
        self._last = row[0]
        self._prune()

    def sent(self, **values: float | str | None) -> int:
        """Returns the row's number, which `ended` takes."""
        self._last += 1
        row = {"id": self._last, "verdict": "in flight", **values}
        marks = ", ".join("?" * len(row))
        insert = f"INSERT INTO {self._table} ({', '.join(row)}) VALUES ({marks})"  # noqa: S608  # constants
        self._journal.post((insert, tuple(row.values())))
        if self._last % _PRUNED_EVERY == 0:
            self._prune()
        return self._last

    def ended(self, number: int, **values: float | str | None) -> None:
        changes = ", ".join(f"{column} = ?" for column in values)
        update = f"UPDATE {self._table} SET {changes} WHERE id = ?"  # noqa: S608  # constants
        self._journal.post((update, (*values.values(), number)))

    async def recent(self, owner: str = "", *, after: int = 0, limit: int) -> list[dict[str, Any]]:
        """The last rows with a number above `after`, oldest first; `owner` is a full name, or empty for all."""
        found = f"SELECT {', '.join(self._columns)} FROM {self._table} WHERE id > ?"  # noqa: S608  # constants
        values: tuple[object, ...] = (after, limit)
        if owner:
            found += f" AND {self._columns[1]} = ?"
            values = (after, owner, limit)
        rows = await self._journal.read(f"{found} ORDER BY id DESC LIMIT ?", *values)
        return [dict(zip(self._columns, row, strict=True)) for row in reversed(rows)]

    def _prune(self) -> None:
        self._journal.post((f"DELETE FROM {self._table} WHERE id <= ?", (self._last - _KEPT,)))  # noqa: S608  # constants
