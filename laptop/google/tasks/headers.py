"""The request headers of one delivery; PURE. Names, casing and counts as recorded from the real service."""

from laptop.google.common.headers import authorization, own_headers
from laptop.google.tasks.messages import HttpRequestMessage
from laptop.google.tasks.names import queue_of, short_id
from laptop.google.tasks.progress import Progress

USER_AGENT = "Google-Cloud-Tasks"
_RESERVED = "x-cloudtasks-"


def delivery_headers(
    name: str, request: HttpRequestMessage, progress: Progress, now: float
) -> list[tuple[str, str]]:
    """`request` is a `google.cloud.tasks.v2.HttpRequest`; `progress` is as it was before this delivery."""
    headers = [
        ("User-Agent", USER_AGENT),
        *own_headers(request.headers, _RESERVED).items(),
        ("X-CloudTasks-QueueName", short_id(queue_of(name))),
        ("X-CloudTasks-TaskName", short_id(name)),
        ("X-CloudTasks-TaskETA", f"{progress.scheduled:.6f}"),
        ("X-CloudTasks-TaskRetryCount", str(progress.failures)),
        ("X-CloudTasks-TaskExecutionCount", str(progress.executions)),
    ]
    if progress.previous_response is not None:
        headers.append(("X-CloudTasks-TaskPreviousResponse", str(progress.previous_response)))
        headers.append(("X-CloudTasks-TaskRetryReason", ""))
    return headers + authorization(request, request.url, now)
