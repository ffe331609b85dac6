"""The times at which a job is due; PURE. Times are seconds since 1970.

A schedule is unix-cron as Cloud Scheduler takes it: five fields with lists, ranges, steps and names, without L, W and
#. Clock changes are treated as in Debian's cron: a fixed hour that is skipped comes at the end of the gap, one that is
repeated comes once, and hourly schedules follow the true time.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

_NUMBERS = r"[\d*,/-]+"
_MONTHS = r"(?:[\d*,/-]|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)+"
_DAYS = r"(?:[\d*,/-]|SUN|MON|TUE|WED|THU|FRI|SAT)+"
_UNIX_CRON = re.compile(rf"{_NUMBERS} +{_NUMBERS} +{_NUMBERS} +{_MONTHS} +{_DAYS}", re.ASCII | re.IGNORECASE)
_UTC_NAMES = frozenset({"", "utc", "etc/utc", "gmt"})


class NoSchedule(Exception):
    """The text is not unix-cron, or the time zone is not in the tz database."""


@dataclass(frozen=True)
class Schedule:
    cron: str
    zone: tzinfo

    def next(self, after: float) -> float:
        """The first time later than `after`. One always exists: the rarest, a 29 February, comes within 40 years."""
        moments = CronSim(self.cron, datetime.fromtimestamp(after, self.zone))
        # the second pass of a repeated hour gives the time of the first
        return next(found for moment in moments if (found := moment.timestamp()) > after)

    def latest(self, due: float, now: float) -> float:
        """The last scheduled time from `due`, which is one, up to `now`."""
        whole = datetime.fromtimestamp(int(now), self.zone).astimezone(UTC) + timedelta(seconds=1)
        backwards = CronSim(self.cron, whole.astimezone(self.zone), reverse=True)
        found = next(backwards, None)
        return found.timestamp() if found and due <= found.timestamp() <= now else due


def read_schedule(cron: str, time_zone: str) -> Schedule:
    """Raises NoSchedule."""
    text = " ".join(cron.split())
    if not _UNIX_CRON.fullmatch(text):
        raise NoSchedule(cron)
    try:
        CronSim(text, datetime.fromtimestamp(0, UTC))
    except CronSimError as error:
        raise NoSchedule(str(error)) from error
    return Schedule(text, _zone(time_zone))


def _zone(name: str) -> tzinfo:
    if name.lower() in _UTC_NAMES:
        return UTC
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:  # unknown, not a name, or a folder of the database
        raise NoSchedule(name) from error
