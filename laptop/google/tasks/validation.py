"""Requests made into what the service stores: checked, with its defaults filled in; PURE. Raises Refused."""

import uuid

from google.protobuf.field_mask_pb2 import FieldMask

from laptop.google.common.targets import MAX_URL, METHODS_WITH_BODY, has_host_and_port, has_scheme
from laptop.google.common.times import duration, epoch, rfc3339, span, timestamp
from laptop.google.tasks import limits, names, refusals
from laptop.google.tasks.bucket import burst_size
from laptop.google.tasks.headers import USER_AGENT
from laptop.google.tasks.limits import Settings
from laptop.google.tasks.messages import (
    RUNNING,
    Queue,
    QueueMessage,
    RetryConfigMessage,
    Task,
    TaskMessage,
)
from laptop.google.tasks.retry import UNLIMITED, RetryPolicy

_DEFAULT_RATE = 500.0
_DEFAULT_CONCURRENT = 1_000
_DEFAULT_RETRY = RetryPolicy()
_HTTP_METHOD = (
    Task.DESCRIPTOR.fields_by_name["http_request"].message_type.fields_by_name["http_method"].enum_type
)
_POST = _HTTP_METHOD.values_by_name["POST"].number
_EXPLICIT_ZERO = "retry_config.max_doublings"


def new_queue(parent: str, given: QueueMessage) -> QueueMessage:
    """A Queue to store. Zero means unspecified, as protobuf cannot tell them apart."""
    names.location(parent)
    names.queue(given.name)
    if not given.name.startswith(f"{parent}/queues/"):
        raise refusals.ours(f"The queue name '{given.name}' must be in the location '{parent}'.")
    return _stored_queue(given)


def changed_queue(current: QueueMessage, given: QueueMessage, mask: FieldMask) -> QueueMessage:
    """`current` with the masked fields of `given`; without a mask, all fields that can be set."""
    merged = Queue()
    if mask.paths:
        known = set(Queue.DESCRIPTOR.fields_by_name)
        unknown = [path for path in mask.paths if path.partition(".")[0] not in known]
        if unknown:
            raise refusals.ours(f"Invalid update mask: unknown field {unknown[0]}.")
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
        raise refusals.not_imitated("Queue-level routing")
    queue = Queue()
    queue.CopyFrom(given)
    queue.state = RUNNING
    queue.ClearField("purge_time")
    rates = queue.rate_limits
    rates.max_dispatches_per_second = rates.max_dispatches_per_second or _DEFAULT_RATE
    rates.max_concurrent_dispatches = rates.max_concurrent_dispatches or _DEFAULT_CONCURRENT
    if rates.max_dispatches_per_second > limits.MAX_RATE:
        raise refusals.rate_too_high(limits.MAX_RATE)
    if rates.max_concurrent_dispatches > limits.MAX_CONCURRENT:
        raise refusals.too_many_concurrent(limits.MAX_CONCURRENT)
    if rates.max_dispatches_per_second < 0 or rates.max_concurrent_dispatches < 0:
        raise refusals.ours("RateLimits must not be negative.")
    rates.max_burst_size = burst_size(rates.max_dispatches_per_second)
    fill_retry_config(queue.retry_config, zero_doublings=zero_doublings)
    return queue


def fill_retry_config(config: RetryConfigMessage, *, zero_doublings: bool = False) -> None:
    """Puts the defaults into a RetryConfig in place. Sub-second backoffs are kept, as the default of 0.1 s is."""
    default = _DEFAULT_RETRY
    if config.max_attempts < UNLIMITED:
        raise refusals.attempts_below_unlimited()
    config.max_attempts = config.max_attempts or default.max_attempts
    if not config.HasField("min_backoff"):
        config.min_backoff.CopyFrom(duration(default.min_backoff))
    if not config.HasField("max_backoff"):
        config.max_backoff.CopyFrom(duration(max(default.max_backoff, span(config.min_backoff))))
    if not config.HasField("max_retry_duration"):
        config.max_retry_duration.CopyFrom(duration(default.max_retry_duration))
    if not zero_doublings:
        config.max_doublings = config.max_doublings or default.max_doublings
    lengths = (config.min_backoff, config.max_backoff, config.max_retry_duration)
    if config.max_doublings < 0 or any(span(length) < 0 for length in lengths):
        raise refusals.ours("RetryConfig must not be negative.")
    if span(config.min_backoff) > span(config.max_backoff):
        raise refusals.backoffs_reversed()


def new_task(parent: str, given: TaskMessage, *, now: float, settings: Settings) -> tuple[TaskMessage, float]:
    """A Task to store and the moment (seconds since 1970) of its first delivery."""
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
        task.dispatch_deadline.CopyFrom(duration(limits.DEFAULT_DEADLINE))
    if not settings.min_deadline <= span(task.dispatch_deadline) <= limits.MAX_DEADLINE:
        shortest, longest = settings.min_deadline, limits.MAX_DEADLINE
        raise refusals.ours(f"Task.dispatchDeadline must be between {shortest:g}s and {longest:g}s.")
    if task.HasField("retry_config"):
        fill_retry_config(task.retry_config)
    if task.ByteSize() > limits.MAX_TASK_BYTES:
        raise refusals.task_too_large()
    return task, scheduled


def _task_name(parent: str, name: str) -> str:
    if not name:
        return f"{parent}/tasks/{uuid.uuid4().int >> 65}"
    names.task(name)
    if names.queue_of(name) != parent:
        raise refusals.named_under_another_queue(parent, names.queue_of(name))
    return name


def _fill_http_request(task: TaskMessage) -> None:
    if task.HasField("app_engine_http_request"):
        raise refusals.not_imitated("An App Engine task")
    request = task.http_request
    if not request.url:
        raise refusals.url_missing()
    if not has_scheme(request.url):
        raise refusals.url_without_scheme()
    if len(request.url) > MAX_URL:
        raise refusals.ours(f"HttpRequest.url must be at most {MAX_URL} characters long.")
    if not has_host_and_port(request.url):
        raise refusals.ours("HttpRequest.url must name a host and a port that can exist.")
    request.http_method = request.http_method or _POST
    if request.body and _HTTP_METHOD.values_by_number[request.http_method].name not in METHODS_WITH_BODY:
        raise refusals.ours("HttpRequest.body is allowed only with the methods POST, PUT and PATCH.")
    request.headers["User-Agent"] = USER_AGENT


def _first_delivery(task: TaskMessage, now: float) -> float:
    if not task.HasField("schedule_time"):
        return now
    scheduled = epoch(task.schedule_time)
    if scheduled - now > limits.MAX_SCHEDULE_AHEAD:
        raise refusals.scheduled_too_far_ahead(rfc3339(scheduled))
    return max(scheduled, now)
