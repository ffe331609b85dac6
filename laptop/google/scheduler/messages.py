"""The official client's message types, unwrapped, and what we read out of them; PURE.

The unwrapped protobuf classes have no static types: the names below say which message is meant.
"""

from typing import Any

from google.cloud.scheduler_v1 import types

from laptop.google.common.outcome import Outcome, rpc_code
from laptop.google.common.times import span
from laptop.google.scheduler.retry import RetryPolicy

JobMessage = Any
RetryConfigMessage = Any
HttpTargetMessage = Any

Job: Any = types.Job.pb()
ListJobsResponse: Any = types.ListJobsResponse.pb()

ENABLED = int(types.Job.State.ENABLED)
PAUSED = int(types.Job.State.PAUSED)


def retry_policy(config: RetryConfigMessage) -> RetryPolicy:
    """Reads a RetryConfig whose defaults are already filled in."""
    return RetryPolicy(
        retry_count=config.retry_count,
        max_retry_duration=span(config.max_retry_duration),
        min_backoff=span(config.min_backoff_duration),
        max_backoff=span(config.max_backoff_duration),
        max_doublings=config.max_doublings,
    )


def put_status(job: JobMessage, outcome: Outcome) -> None:
    """What the target answered to the last attempt, as a google.rpc.Status."""
    name, code = rpc_code(outcome.status)
    job.status.Clear()
    job.status.code = code
    if code:
        job.status.message = f"{name}({code}): HTTP status code {outcome.status}"
