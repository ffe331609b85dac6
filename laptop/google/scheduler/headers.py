"""The request headers of one attempt; PURE. Source: the docstring of `google.cloud.scheduler_v1.types.HttpTarget`."""

from laptop.google.common.headers import authorization, own_headers
from laptop.google.common.times import rfc3339
from laptop.google.scheduler.messages import HttpTargetMessage
from laptop.google.scheduler.names import short_id

USER_AGENT = "Google-Cloud-Scheduler"
_RESERVED = "x-cloudscheduler"
_DEFAULT_TYPE = "application/octet-stream"


def attempt_headers(
    name: str, target: HttpTargetMessage, schedule_time: float | None, now: float
) -> list[tuple[str, str]]:
    """`target` is a `google.cloud.scheduler.v1.HttpTarget`; `schedule_time` is None for a forced run without one."""
    own = own_headers(target.headers, _RESERVED)
    if target.body and "content-type" not in {header.lower() for header in own}:
        own["Content-Type"] = _DEFAULT_TYPE
    times = [] if schedule_time is None else [("X-CloudScheduler-ScheduleTime", rfc3339(schedule_time))]
    return [
        ("User-Agent", USER_AGENT),
        *own.items(),
        ("X-CloudScheduler", "true"),
        ("X-CloudScheduler-JobName", short_id(name)),
        *times,
        *authorization(target, target.uri, now),
    ]
