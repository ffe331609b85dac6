"""The books: every request that was sent, in the data file, so that tests can count across restarts."""

from typing import Any

from laptop.google.common.journal import Journal
from laptop.google.common.outcome import Outcome
from laptop.google.scheduler.live import LiveJob, Run

_COLUMNS = (
    "id", "job", "run", "forced", "schedule_time", "attempt", "sent", "answered", "status", "answer", "verdict",
    "retry_at", "fault",
)  # fmt: skip
_KEPT = 100_000
_SENT = (
    "INSERT INTO firings (id, job, run, forced, schedule_time, attempt, sent, verdict, fault)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, 'in flight', ?)"
)
_ENDED = "UPDATE firings SET answered = ?, status = ?, answer = ?, verdict = ?, retry_at = ? WHERE id = ?"
_RECENT = (
    f"SELECT {', '.join(_COLUMNS)} FROM firings"  # noqa: S608  # constants
    " WHERE id > ? AND (? = '' OR job = ?) ORDER BY id DESC LIMIT ?"
)
_INTERRUPTED = "UPDATE firings SET verdict = 'interrupted' WHERE verdict = 'in flight'"
_PRUNE = "DELETE FROM firings WHERE id <= ?"


class Books:
    """Verdicts: in flight, succeeded, retried, failed, discarded, duplicate, interrupted (by a restart)."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._last = 0

    async def open(self) -> None:
        await self._journal.write((_INTERRUPTED, ()))
        self._last = (await self._journal.read("SELECT coalesce(max(id), 0) FROM firings"))[0][0]

    def sent(self, job: LiveJob, run: Run, now: float, fault: str | None = None) -> int:
        """Returns the number under which `ended` is told how it went."""
        self._last += 1
        row = (
            self._last, job.name, run.ident, int(run.forced), run.schedule_time, run.failures + 1, now, fault
        )  # fmt: skip
        self._journal.post((_SENT, row), (_PRUNE, (self._last - _KEPT,)))
        return self._last

    def ended(
        self, number: int, outcome: Outcome, *, verdict: str, now: float, retry_at: float | None = None
    ) -> None:
        answer = outcome.body.decode(errors="replace")
        self._journal.post((_ENDED, (now, outcome.status, answer, verdict, retry_at, number)))

    async def recent(self, job: str, after: int, limit: int) -> list[dict[str, Any]]:
        """The last ones with a number above `after`, oldest first; `job` is a full name, or empty for all."""
        rows = await self._journal.read(_RECENT, after, job, job, limit)
        found = [dict(zip(_COLUMNS, row, strict=True)) for row in reversed(rows)]
        return [row | {"forced": bool(row["forced"])} for row in found]
