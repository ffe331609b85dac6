"""What Cloud Scheduler says of a firing: X-CloudScheduler-ScheduleTime is the same for all its tries (its docs)."""

from datetime import datetime

from shared.web.call import Call


def schedule_time(call: Call) -> tuple[datetime, str] | None:
    """When a firing was due, and a text that is the same for every try of it; None for any other caller."""
    text = call.headers.get("X-CloudScheduler-ScheduleTime")
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment, text) if moment.tzinfo else None
