"""The headers of Cloud Tasks and Cloud Scheduler. Any caller can send them, so an unusable value is ignored.

X-CloudTasks-TaskRetryCount counts failed deliveries of every kind; TaskExecutionCount leaves out 5xx and is not used.
X-CloudScheduler-ScheduleTime is the same for all tries of one firing (its docs).
"""

from datetime import UTC, datetime

from shared.web.call import Call


def queue_task(call: Call) -> str:
    """The short name of the delivered task; empty for a caller that is not the queue."""
    return call.headers.get("X-CloudTasks-TaskName", "")


def delivery_number(call: Call) -> int:
    """Counts from 1. A call without the header is a first delivery."""
    count = call.headers.get("X-CloudTasks-TaskRetryCount", "")
    return int(count) + 1 if count.isascii() and count.isdigit() and len(count) < 10 else 1  # noqa: PLR2004 - an int32


def schedule_time(call: Call) -> tuple[datetime, str] | None:
    """The moment (UTC) when a firing was due, and the header's text; None without a usable header."""
    text = call.headers.get("X-CloudScheduler-ScheduleTime", "")
    try:
        moment = datetime.fromisoformat(text)
        return (moment.astimezone(UTC), text) if moment.tzinfo else None
    except (ValueError, OverflowError):  # UTC has neither a year 0 nor a year 10000
        return None
