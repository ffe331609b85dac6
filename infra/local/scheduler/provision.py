"""Gives a Cloud Scheduler the jobs that it shall have, and no others."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import grpc
from google.api_core.exceptions import AlreadyExists
from google.cloud.scheduler_v1 import CloudSchedulerClient
from google.cloud.scheduler_v1.services.cloud_scheduler.transports import CloudSchedulerGrpcTransport

if TYPE_CHECKING:
    from google.cloud.scheduler_v1.services.cloud_scheduler.transports import CloudSchedulerTransport
    from google.cloud.scheduler_v1.types import Job

_CALL_SECONDS = 10.0


def ensure_jobs(
    client: CloudSchedulerClient, parent: str, jobs: "Sequence[Job]", *, paused: Collection[str] = ()
) -> None:
    """Creates each job, or brings an existing one to its definition; removes those of `parent` that are not wanted.

    A job whose short name is in `paused` is made so. One that exists keeps its state, which may be a person's choice.
    """
    wanted = {job.name for job in jobs}
    for job in jobs:
        try:
            client.create_job(parent=parent, job=job, timeout=_CALL_SECONDS)
        except AlreadyExists:
            client.update_job(job=job, timeout=_CALL_SECONDS)
        else:
            if job.name.rpartition("/")[2] in paused:
                client.pause_job(name=job.name, timeout=_CALL_SECONDS)
    for existing in client.list_jobs(parent=parent, timeout=_CALL_SECONDS):
        if existing.name not in wanted:
            client.delete_job(name=existing.name, timeout=_CALL_SECONDS)


def provision(endpoint: str, parent: str, jobs: "Sequence[Job]", *, paused: Collection[str] = ()) -> None:
    """`endpoint` (host:port) is that of the local server."""
    with grpc.insecure_channel(endpoint) as channel:
        transport: CloudSchedulerTransport = CloudSchedulerGrpcTransport(channel=channel)
        ensure_jobs(CloudSchedulerClient(transport=transport), parent, jobs, paused=paused)
