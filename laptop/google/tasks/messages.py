"""The official client's message types, unwrapped, and how a task is shown; PURE.

The unwrapped protobuf classes have no static types; the aliases name the message.
"""

from typing import Any

from google.cloud.tasks_v2 import types

from laptop.google.common.calls import rpc_code
from laptop.google.common.retry import RetryFields, RetryPolicy
from laptop.google.common.times import timestamp
from laptop.google.tasks.progress import Attempt, Progress

QueueMessage = Any
TaskMessage = Any
AttemptMessage = Any

Queue: Any = types.Queue.pb()
Task: Any = types.Task.pb()
ListQueuesResponse: Any = types.ListQueuesResponse.pb()
ListTasksResponse: Any = types.ListTasksResponse.pb()

FULL = int(types.Task.View.FULL)
BASIC = int(types.Task.View.BASIC)
RUNNING = int(types.Queue.State.RUNNING)
PAUSED = int(types.Queue.State.PAUSED)


RETRY = RetryFields("max_attempts", "min_backoff", "max_backoff", RetryPolicy(100, 0, 0.1, 3600, 16))


def task_message(definition: TaskMessage, progress: Progress, view: int) -> TaskMessage:
    """The Task in the API's answer. BASIC leaves out the body and keeps the headers."""
    task = Task()
    task.CopyFrom(definition)
    task.view = FULL if view == FULL else BASIC
    if view != FULL:
        task.http_request.ClearField("body")
    task.create_time.seconds = int(progress.created)
    task.schedule_time.CopyFrom(timestamp(progress.scheduled))
    task.dispatch_count = progress.dispatches
    task.response_count = progress.responses
    if progress.first_dispatched is not None:
        task.first_attempt.dispatch_time.CopyFrom(timestamp(progress.first_dispatched))
    if progress.last:
        _fill_attempt(task.last_attempt, progress.last)
    return task


def _fill_attempt(message: AttemptMessage, attempt: Attempt) -> None:
    message.schedule_time.CopyFrom(timestamp(attempt.scheduled))
    message.dispatch_time.CopyFrom(timestamp(attempt.dispatched))
    if attempt.answered is not None and attempt.status is not None:
        message.response_time.CopyFrom(timestamp(attempt.answered))
        name, code = rpc_code(attempt.status)
        message.response_status.code = code
        message.response_status.message = f"{name}({code}): HTTP status code {attempt.status}"
