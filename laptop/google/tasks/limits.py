"""The service's limits. The two windows and the shortest deadline are settings, so that tests need not wait."""

from dataclasses import dataclass

DAY = 86_400
MAX_RATE = 500
MAX_CONCURRENT = 5_000
MAX_TASK_BYTES = 2**20 - 7
"""The size of the stored task as protobuf, with name, times, deadline and headers.

Measured on the real service in 2026 by the authors of github.com/aertje/cloud-tasks-emulator. The 100 KB in the
client's docstrings do not hold.
"""
MAX_SCHEDULE_AHEAD = 30 * DAY
RETENTION = 31 * DAY
DEFAULT_DEADLINE = 600.0
MAX_DEADLINE = 1_800.0
MAX_QUEUE_PAGE = 9_800
MAX_TASK_PAGE = 1_000


@dataclass(frozen=True)
class Settings:
    """Seconds. How long a name stays taken is given as up to 24 h and, in older documents, as about 1 h."""

    task_tombstone: float = 3_600
    queue_tombstone: float = 3 * DAY
    min_deadline: float = 15
