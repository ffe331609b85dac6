"""The limits, names and refusals of Cloud Tasks, and requests turned into what is stored; PURE. Raises Refused.

Codes and texts are as recorded from the real service; `ours` marks a text without a recording.
"""

import uuid
from dataclasses import dataclass

import grpc
from google.protobuf.field_mask_pb2 import FieldMask

from laptop.google.common import rpc
from laptop.google.common.names import LOCATION
from laptop.google.common.retry import RetryConfigMessage
from laptop.google.common.rpc import Refused, invalid
from laptop.google.common.target import MAX_URL, METHODS_WITH_BODY, has_host_and_port, has_scheme
from laptop.google.common.times import duration, epoch, rfc3339, span, timestamp
from laptop.google.tasks.messages import (
    RETRY,
    RUNNING,
    Queue,
    QueueMessage,
    Task,
    TaskMessage,
)
from laptop.google.tasks.progress import UNLIMITED, USER_AGENT
from laptop.google.tasks.queues import burst_size

PRODUCT = "Cloud Tasks"
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

QUEUE = LOCATION.child("Queue", r"[A-Za-z0-9\-]{1,100}")
TASK = QUEUE.child("Task", r"[A-Za-z0-9_\-]{1,500}")
_DEFAULT_RATE = 500.0
_DEFAULT_CONCURRENT = 1_000
_HTTP_METHOD = (
    Task.DESCRIPTOR.fields_by_name["http_request"].message_type.fields_by_name["http_method"].enum_type
)
_POST = _HTTP_METHOD.values_by_name["POST"].number
_EXPLICIT_ZERO = "retry_config.max_doublings"


@dataclass(frozen=True)
class Settings:
    """Seconds. They are settings so that tests need not wait.

    The documents say that a name stays taken for up to 24 h; older ones say about 1 h.
    """

    task_tombstone: float = 3_600
    queue_tombstone: float = 3 * DAY
    min_deadline: float = 15


def queue_exists() -> Refused:
    return Refused(grpc.StatusCode.ALREADY_EXISTS, "Queue already exists")


def queue_existed_recently() -> Refused:
    text = "The queue cannot be created because a queue with this name existed too recently."
    return Refused(grpc.StatusCode.FAILED_PRECONDITION, text)


def no_such_queue() -> Refused:
    text = "Queue does not exist. If you just created the queue, wait at least a minute for the queue to initialize."
    return Refused(grpc.StatusCode.NOT_FOUND, text)


def entity_not_found() -> Refused:
    return Refused(grpc.StatusCode.NOT_FOUND, "Requested entity was not found.")


def task_ended_recently() -> Refused:
    text = (
        "The task no longer exists, though a task with this name existed recently. "
        "The task either successfully completed or was deleted."
    )
    return Refused(grpc.StatusCode.NOT_FOUND, text)


def task_exists() -> Refused:
    return Refused(grpc.StatusCode.ALREADY_EXISTS, "Requested entity already exists")


def ours(message: str) -> Refused:
    """An invalid argument whose text has no recording."""
    return invalid(message)


def not_imitated(what: str) -> Refused:
    return rpc.not_imitated(what, PRODUCT)


def location_parent(name: str) -> str:
    """The real service looks up the project before it reads the rest of the name."""
    if not name.startswith("projects/"):
        raise Refused(grpc.StatusCode.PERMISSION_DENIED, f"Permission denied on resource project {name}.")
    return LOCATION.check(name)


def new_queue(parent: str, given: QueueMessage) -> QueueMessage:
    """The Queue to store. Zero means unspecified, as protobuf cannot tell them apart."""
    location_parent(parent)
    QUEUE.check(given.name)
    if not given.name.startswith(f"{parent}/queues/"):
        raise ours(f"The queue name '{given.name}' must be in the location '{parent}'.")
    return _stored_queue(given)


def changed_queue(current: QueueMessage, given: QueueMessage, mask: FieldMask) -> QueueMessage:
    """`current` with the masked fields of `given`; without a mask, all fields that can be set."""
    merged = Queue()
    if mask.paths:
        known = set(Queue.DESCRIPTOR.fields_by_name)
        unknown = [path for path in mask.paths if path.partition(".")[0] not in known]
        if unknown:
            raise ours(f"Invalid update mask: unknown field {unknown[0]}.")
        merged.CopyFrom(current)
        mask.MergeMessage(given, merged, True, True)
    else:
        merged.CopyFrom(given)
    merged.name = current.name
    stored = _stored_queue(merged, zero_doublings=_EXPLICIT_ZERO in mask.paths)
    stored.state = current.state
    stored.ClearField("purge_time")
    if current.HasField("purge_time"):
        stored.purge_time.CopyFrom(current.purge_time)
    return stored


def _stored_queue(given: QueueMessage, *, zero_doublings: bool = False) -> QueueMessage:
    if given.HasField("app_engine_routing_override") or given.HasField("http_target"):
        raise not_imitated("Queue-level routing")
    queue = Queue()
    queue.CopyFrom(given)
    queue.state = RUNNING
    queue.ClearField("purge_time")
    rates = queue.rate_limits
    rates.max_dispatches_per_second = rates.max_dispatches_per_second or _DEFAULT_RATE
    rates.max_concurrent_dispatches = rates.max_concurrent_dispatches or _DEFAULT_CONCURRENT
    if rates.max_dispatches_per_second > MAX_RATE:
        raise invalid(f"RateLimits.maxDispatchesPerSecond must be less than or equal to {MAX_RATE}.")
    if rates.max_concurrent_dispatches > MAX_CONCURRENT:
        raise invalid(f"RateLimits.maxConcurrentDispatches must be less than or equal to {MAX_CONCURRENT}.")
    if rates.max_dispatches_per_second < 0 or rates.max_concurrent_dispatches < 0:
        raise ours("RateLimits must not be negative.")
    rates.max_burst_size = burst_size(rates.max_dispatches_per_second)
    _fill_retry_config(queue.retry_config, zero_doublings=zero_doublings)
    return queue


def _fill_retry_config(config: RetryConfigMessage, *, zero_doublings: bool = False) -> None:
    if config.max_attempts < UNLIMITED:
        raise invalid("RetryConfig.maxAttempts must be greater or equal to -1.")
    config.max_attempts = config.max_attempts or RETRY.default.limit
    RETRY.fill(config, zero_doublings=zero_doublings)
    if span(config.min_backoff) > span(config.max_backoff):
        raise invalid("RetryConfig.minBackoff must be less than or equal to RetryConfig.maxBackoff.")


def new_task(parent: str, given: TaskMessage, *, now: float, settings: Settings) -> tuple[TaskMessage, float]:
    """The Task to store and the time of its first delivery, in seconds since 1970."""
    task = Task()
    task.CopyFrom(given)
    for output_only in ("dispatch_count", "response_count", "first_attempt", "last_attempt", "view"):
        task.ClearField(output_only)
    task.create_time.CopyFrom(timestamp(int(now)))
    task.name = _task_name(parent, given.name)
    _fill_http_request(task)
    scheduled = _first_delivery(task, now)
    task.schedule_time.CopyFrom(timestamp(scheduled))
    if not task.HasField("dispatch_deadline"):
        task.dispatch_deadline.CopyFrom(duration(DEFAULT_DEADLINE))
    if not settings.min_deadline <= span(task.dispatch_deadline) <= MAX_DEADLINE:
        shortest, longest = settings.min_deadline, MAX_DEADLINE
        raise ours(f"Task.dispatchDeadline must be between {shortest:g}s and {longest:g}s.")
    if task.HasField("retry_config"):
        _fill_retry_config(task.retry_config)
    if task.ByteSize() > MAX_TASK_BYTES:
        raise invalid("Task size too large")  # reported by callers of the real service
    return task, scheduled


def _task_name(parent: str, name: str) -> str:
    if not name:
        return f"{parent}/tasks/{uuid.uuid4().int >> 65}"
    TASK.check(name)
    queue = name.rpartition("/tasks/")[0]
    if queue != parent:
        raise invalid(
            f"The queue name from request ('{parent}') must be the same as the queue name in the named task "
            f"('{queue}')."
        )
    return name


def _fill_http_request(task: TaskMessage) -> None:
    if task.HasField("app_engine_http_request"):
        raise not_imitated("An App Engine task")
    request = task.http_request
    if not request.url:
        raise invalid("HttpRequest.url is required.")
    if not has_scheme(request.url):
        raise invalid("HttpTarget.url must start with 'http://' or 'https://'.")
    if len(request.url) > MAX_URL:
        raise ours(f"HttpRequest.url must be at most {MAX_URL} characters long.")
    if not has_host_and_port(request.url):
        raise ours("HttpRequest.url must name a host and a port that can exist.")
    request.http_method = request.http_method or _POST
    if request.body and _HTTP_METHOD.values_by_number[request.http_method].name not in METHODS_WITH_BODY:
        raise ours("HttpRequest.body is allowed only with the methods POST, PUT and PATCH.")
    request.headers["User-Agent"] = USER_AGENT


def _first_delivery(task: TaskMessage, now: float) -> float:
    if not task.HasField("schedule_time"):
        return now
    scheduled = epoch(task.schedule_time)
    if scheduled - now > MAX_SCHEDULE_AHEAD:
        raise invalid(  # reported by callers of the real service
            f"The Task.scheduleTime, {rfc3339(scheduled)}, is too far in the future. "
            "Schedule time must be no more than 720h in the future."
        )
    return max(scheduled, now)
