"""The service's limits, from the docstrings of `google.cloud.scheduler_v1.types`. Lengths in seconds."""

from dataclasses import dataclass
from enum import StrEnum

DEFAULT_DEADLINE = 180.0
MAX_DEADLINE = 1_800.0
MAX_RETRIES = 5
MAX_DESCRIPTION = 500
MAX_HEADERS = 80 * 1024
MAX_PAGE = 500


class ForcedTime(StrEnum):
    """What a forced run says in X-CloudScheduler-ScheduleTime: the documents allow either."""

    NEXT = "next"
    NONE = "none"


@dataclass(frozen=True)
class Settings:
    """`min_deadline` is a setting so that tests need not wait."""

    min_deadline: float = 15
    forced_time: ForcedTime = ForcedTime.NEXT
