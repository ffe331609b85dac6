"""The books: every request that was sent, in the data file, so that tests can count across restarts."""

from typing import Any

from laptop.google.common.journal import Journal

_COLUMNS = (
    "id", "queue", "task", "retry_count", "scheduled", "dispatched", "answered", "status", "verdict", "delay", "fault",
)  # fmt: skip
_KEPT = 100_000
_SENT = (
    "INSERT INTO deliveries (id, queue, task, retry_count, scheduled, dispatched, verdict, fault)"
    " VALUES (?, ?, ?, ?, ?, ?, 'in flight', ?)"
)
_ENDED = "UPDATE deliveries SET answered = ?, status = ?, verdict = ?, delay = ? WHERE id = ?"
_RECENT = f"SELECT {', '.join(_COLUMNS)} FROM deliveries ORDER BY id DESC LIMIT ?"  # noqa: S608  # constants
_OF_TASK = _RECENT.replace("ORDER BY", "WHERE task = ? ORDER BY")
_INTERRUPTED = "UPDATE deliveries SET verdict = 'interrupted' WHERE verdict = 'in flight'"
_PRUNE = "DELETE FROM deliveries WHERE id <= ?"


class Books:
    """Verdicts: in flight, succeeded, retried, exhausted, discarded, duplicate, interrupted (by a restart)."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._last = 0

    async def open(self) -> None:
        await self._journal.write((_INTERRUPTED, ()))
        self._last = (await self._journal.read("SELECT coalesce(max(id), 0) FROM deliveries"))[0][0]

    def sent(
        self, task: str, *, retry_count: int, scheduled: float, now: float, fault: str | None = None
    ) -> int:
        """Returns the number under which `ended` is told how it went."""
        self._last += 1
        queue = task.rpartition("/tasks/")[0]
        self._journal.post((_SENT, (self._last, queue, task, retry_count, scheduled, now, fault)))
        return self._last

    def ended(
        self, number: int, *, status: int, verdict: str, now: float, delay: float | None = None
    ) -> None:
        """`delay`: seconds from this answer to the next delivery, where there is one."""
        self._journal.post((_ENDED, (now, status, verdict, delay, number)))

    def prune(self) -> None:
        self._journal.post((_PRUNE, (self._last - _KEPT,)))

    async def recent(self, task: str, limit: int) -> list[dict[str, Any]]:
        """Oldest first; `task` is a full name, or empty for all."""
        query = (_OF_TASK, task, limit) if task else (_RECENT, limit)
        rows = await self._journal.read(*query)
        return [dict(zip(_COLUMNS, row, strict=True)) for row in reversed(rows)]
