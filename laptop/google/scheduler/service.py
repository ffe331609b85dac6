"""The methods of google.cloud.scheduler.v1.CloudScheduler. Each returns its answer or raises Refused."""

from typing import Any

from google.protobuf.empty_pb2 import Empty

from laptop.google.common.refusals import invalid
from laptop.google.scheduler import limits, names
from laptop.google.scheduler.dispatcher import Dispatcher
from laptop.google.scheduler.messages import JobMessage, ListJobsResponse
from laptop.google.scheduler.registry import Registry

Request = Any
"""The protobuf request of the method's name; no static types exist."""
Page = Any


class CloudSchedulerService:
    def __init__(self, registry: Registry, dispatcher: Dispatcher) -> None:
        self._registry = registry
        self._dispatcher = dispatcher

    async def list_jobs(self, request: Request) -> Page:
        parent = names.location(request.parent)
        if request.page_size < 0:
            raise invalid("The page size must not be negative.")
        size = min(request.page_size or limits.MAX_PAGE, limits.MAX_PAGE)
        known = sorted(name for name in self._registry.jobs if name.startswith(f"{parent}/jobs/"))
        following = [name for name in known if name > request.page_token]
        page = following[:size]
        return ListJobsResponse(
            jobs=[self._registry.jobs[name].shown() for name in page],
            next_page_token=page[-1] if len(following) > size else "",
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
        """At once, whatever state the job is in, even when it is running (docstring of RunJob)."""
        job = self._registry.job(request.name)
        await self._registry.force(job)
        self._dispatcher.wake()
        return job.shown()
