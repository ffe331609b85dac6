"""What Cloud Tasks says of a delivery.

X-CloudTasks-TaskRetryCount counts failed deliveries of every kind. TaskExecutionCount leaves 5xx out: not used.
"""

from shared.web.call import Call


def queue_task(call: Call) -> str:
    """The short name of the delivered task; empty for a caller that is not the queue."""
    return call.headers.get("X-CloudTasks-TaskName", "")


def delivery_number(call: Call) -> int:
    """From 1. A caller that is not the queue delivers for the first time."""
    count = call.headers.get("X-CloudTasks-TaskRetryCount", "")
    return int(count) + 1 if count.isascii() and count.isdigit() and len(count) < 10 else 1  # noqa: PLR2004 - an int32
