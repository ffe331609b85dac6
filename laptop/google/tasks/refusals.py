"""The errors of the real service: codes and texts as recorded; the ones marked `ours` have no recording."""

import grpc

from laptop.google.common import refusals
from laptop.google.common.refusals import Refused, invalid

PRODUCT = "Cloud Tasks"


def queue_exists() -> Refused:
    return Refused(grpc.StatusCode.ALREADY_EXISTS, "Queue already exists")


def queue_existed_recently() -> Refused:
    text = "The queue cannot be created because a queue with this name existed too recently."
    return Refused(grpc.StatusCode.FAILED_PRECONDITION, text)


def no_such_project(name: str) -> Refused:
    return Refused(grpc.StatusCode.PERMISSION_DENIED, f"Permission denied on resource project {name}.")


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


def url_missing() -> Refused:
    return invalid("HttpRequest.url is required.")


def url_without_scheme() -> Refused:
    return invalid("HttpTarget.url must start with 'http://' or 'https://'.")


def named_under_another_queue(queue: str, other: str) -> Refused:
    return invalid(
        f"The queue name from request ('{queue}') must be the same as the queue name in the named task ('{other}')."
    )


def backoffs_reversed() -> Refused:
    return invalid("RetryConfig.minBackoff must be less than or equal to RetryConfig.maxBackoff.")


def attempts_below_unlimited() -> Refused:
    return invalid("RetryConfig.maxAttempts must be greater or equal to -1.")


def too_many_concurrent(limit: int) -> Refused:
    return invalid(f"RateLimits.maxConcurrentDispatches must be less than or equal to {limit}.")


def rate_too_high(limit: int) -> Refused:
    return invalid(f"RateLimits.maxDispatchesPerSecond must be less than or equal to {limit}.")


def task_too_large() -> Refused:
    """As callers of the real service report it."""
    return invalid("Task size too large")


def scheduled_too_far_ahead(moment: str) -> Refused:
    """As callers of the real service report it; `moment` in RFC 3339."""
    return invalid(
        f"The Task.scheduleTime, {moment}, is too far in the future. "
        "Schedule time must be no more than 720h in the future."
    )


def ours(message: str) -> Refused:
    """An invalid argument whose text has no recording."""
    return invalid(message)


def not_imitated(what: str) -> Refused:
    return refusals.not_imitated(what, PRODUCT)
