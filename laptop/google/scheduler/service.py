"""The methods of google.cloud.scheduler.v1.CloudScheduler. Each returns its answer or raises Refused."""

from typing import TYPE_CHECKING, Any

from google.cloud.scheduler_v1 import types
from google.protobuf.empty_pb2 import Empty

from laptop.google.common import rpc
from laptop.google.common.names import LOCATION
from laptop.google.common.rpc import Request, page_by_name
from laptop.google.scheduler.dispatcher import JobDispatcher
from laptop.google.scheduler.messages import Job, JobMessage, ListJobsResponse
from laptop.google.scheduler.registry import Registry
from laptop.google.scheduler.validation import MAX_PAGE, PRODUCT

if TYPE_CHECKING:
    import grpc

SERVICE = "google.cloud.scheduler.v1.CloudScheduler"
Page = Any


class CloudSchedulerService:
    def __init__(self, registry: Registry, dispatcher: JobDispatcher) -> None:
        self._registry = registry
        self._dispatcher = dispatcher

    async def list_jobs(self, request: Request) -> Page:
        prefix = f"{LOCATION.check(request.parent)}/jobs/"
        known = (name for name in self._registry.jobs if name.startswith(prefix))
        page, token = page_by_name(known, request, MAX_PAGE)
        return ListJobsResponse(
            jobs=[self._registry.jobs[name].shown() for name in page], next_page_token=token
        )

    async def get_job(self, request: Request) -> JobMessage:
        return self._registry.job(request.name).shown()

    async def create_job(self, request: Request) -> JobMessage:
        job = await self._registry.create(request.parent, request.job)
        self._dispatcher.wake()
        return job.shown()

    async def update_job(self, request: Request) -> JobMessage:
        job = self._registry.job(request.job.name)
        await self._registry.update(job, request.job, request.update_mask)
        self._dispatcher.wake()
        return job.shown()

    async def delete_job(self, request: Request) -> Empty:
        await self._registry.delete(self._registry.job(request.name))
        return Empty()

    async def pause_job(self, request: Request) -> JobMessage:
        job = self._registry.job(request.name)
        await self._registry.pause(job)
        return job.shown()

    async def resume_job(self, request: Request) -> JobMessage:
        job = self._registry.job(request.name)
        await self._registry.resume(job)
        self._dispatcher.wake()
        return job.shown()

    async def run_job(self, request: Request) -> JobMessage:
        """Runs at once, whatever the job's state, even while it is running (docstring of RunJob)."""
        job = self._registry.job(request.name)
        await self._registry.force(job)
        self._dispatcher.wake()
        return job.shown()


def handlers(service: CloudSchedulerService) -> "grpc.GenericRpcHandler":
    methods = {
        "ListJobs": (service.list_jobs, types.ListJobsRequest.pb(), ListJobsResponse),
        "GetJob": (service.get_job, types.GetJobRequest.pb(), Job),
        "CreateJob": (service.create_job, types.CreateJobRequest.pb(), Job),
        "UpdateJob": (service.update_job, types.UpdateJobRequest.pb(), Job),
        "DeleteJob": (service.delete_job, types.DeleteJobRequest.pb(), Empty),
        "PauseJob": (service.pause_job, types.PauseJobRequest.pb(), Job),
        "ResumeJob": (service.resume_job, types.ResumeJobRequest.pb(), Job),
        "RunJob": (service.run_job, types.RunJobRequest.pb(), Job),
    }
    return rpc.handlers(SERVICE, methods, (), PRODUCT)
