"""The official client's message types, unwrapped; PURE.

The unwrapped protobuf classes have no static types; the aliases name the message.
"""

from typing import Any

from google.cloud.scheduler_v1 import types

from laptop.google.common.calls import Outcome, rpc_code
from laptop.google.common.retry import RetryFields, RetryPolicy

JobMessage = Any

Job: Any = types.Job.pb()
ListJobsResponse: Any = types.ListJobsResponse.pb()

ENABLED = int(types.Job.State.ENABLED)
PAUSED = int(types.Job.State.PAUSED)


RETRY = RetryFields(
    "retry_count", "min_backoff_duration", "max_backoff_duration", RetryPolicy(0, 0, 5, 3600, 5)
)


def put_status(job: JobMessage, outcome: Outcome) -> None:
    """Sets `status` to the target's answer to the last attempt, as a google.rpc.Status."""
    name, code = rpc_code(outcome.status)
    job.status.Clear()
    job.status.code = code
    if code:
        job.status.message = f"{name}({code}): HTTP status code {outcome.status}"
