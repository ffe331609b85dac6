"""The two limits of the Product Information API, 120 calls a minute and 1000 a day by default; pure."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Exceeded:
    kind: Literal["burst", "daily"]
    resets_at: datetime


def midnight_after(moment: datetime) -> datetime:
    """When the day's count starts over. The real service's hour is undocumented; here it is UTC midnight."""
    start = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return start + timedelta(days=1)


class Limits:
    """Counts calls per application (client id) in a fixed minute from its first call, and in the day."""

    def __init__(self, burst: int, daily: int, now: datetime) -> None:
        self.burst = burst
        self.daily = daily
        self.day_started = now
        self.resets_at = midnight_after(now)
        self._today: Counter[str] = Counter()
        self._minutes: dict[str, tuple[datetime, int]] = {}

    def count_earlier(self, client_id: str, calls: int) -> None:
        """Calls of this day from before a restart."""
        self._today[client_id] += calls

    def used_today(self) -> dict[str, int]:
        return dict(self._today)

    def remaining_today(self, client_id: str) -> int:
        return max(self.daily - self._today[client_id], 0)

    def start_day(self, began: datetime, resets_at: datetime) -> None:
        """Starts the day's and the minute's counts over."""
        self.day_started = began
        self.resets_at = resets_at
        self._today.clear()
        self._minutes.clear()

    def take(self, client_id: str, now: datetime) -> Exceeded | None:
        """Counts one call, unless a limit forbids it."""
        if now >= self.resets_at:
            self.start_day(now, midnight_after(now))
        if self._today[client_id] >= self.daily:
            return Exceeded("daily", self.resets_at)
        began, calls = self._minute(client_id, now)
        if calls >= self.burst:
            return Exceeded("burst", began + MINUTE)
        self._minutes[client_id] = (began, calls + 1)
        self._today[client_id] += 1
        return None

    def _minute(self, client_id: str, now: datetime) -> tuple[datetime, int]:
        began, calls = self._minutes.get(client_id, (now, 0))
        return (began, calls) if now < began + MINUTE else (now, 0)
