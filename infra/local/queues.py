"""`python -m infra.local.queues`: creates in the local Cloud Tasks the two queues that Terraform creates."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import grpc
from google.api_core.exceptions import AlreadyExists
from google.cloud.tasks_v2 import CloudTasksClient
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport
from google.cloud.tasks_v2.types import Queue, RateLimits, RetryConfig
from google.protobuf.duration_pb2 import Duration

if TYPE_CHECKING:
    from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksTransport

_CALL_SECONDS = 10.0


def queue_definitions(environment: Mapping[str, str]) -> list[Queue]:
    """The waits are shorter than in the cloud; the counts, which decide the outcome, are the same."""
    client_path = CloudTasksClient.queue_path
    project, location = environment["GOOGLE_CLOUD_PROJECT"], environment["TASKS_LOCATION"]
    retry = RetryConfig(
        max_attempts=int(environment["QUEUE_MAX_ATTEMPTS"]),
        min_backoff=Duration(nanos=200_000_000),
        max_backoff=Duration(seconds=5),
        max_doublings=4,
    )
    concurrent = int(environment["WORKFLOW_AUTOMATION_MAX_CONCURRENT"])
    return [
        Queue(
            name=client_path(project, location, environment["AUTOMATION_QUEUE"]),
            rate_limits=RateLimits(max_dispatches_per_second=500, max_concurrent_dispatches=concurrent),
            retry_config=retry,
        ),
        Queue(
            name=client_path(project, location, environment["DEAD_LETTER_QUEUE"]),
            rate_limits=RateLimits(max_dispatches_per_second=500, max_concurrent_dispatches=10),
            retry_config=RetryConfig(retry, max_attempts=-1),
        ),
    ]


def ensure_queues(client: CloudTasksClient, queues: list[Queue]) -> None:
    """Creates each queue, or brings an existing one to its definition; tasks that wait in it stay."""
    for queue in queues:
        parent = queue.name.rsplit("/queues/", 1)[0]
        try:
            client.create_queue(parent=parent, queue=queue, timeout=_CALL_SECONDS)
        except AlreadyExists:
            client.update_queue(queue=queue, timeout=_CALL_SECONDS)


def main(environment: Mapping[str, str] = os.environ) -> None:
    with grpc.insecure_channel(environment["TASKS_API_ENDPOINT"]) as channel:
        transport: CloudTasksTransport = CloudTasksGrpcTransport(channel=channel)
        ensure_queues(CloudTasksClient(transport=transport), queue_definitions(environment))


if __name__ == "__main__":
    main()
