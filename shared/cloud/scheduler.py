"""Lists, pauses, resumes and runs the jobs of Cloud Scheduler, on the official client."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar, cast

from shared.errors import NotFound, RequestRefused, RetryLater
from shared.schedule import ScheduledJob

if TYPE_CHECKING:
    from google.api_core.retry import Retry
    from google.cloud.scheduler_v1 import CloudSchedulerClient, Job

FIRST_PAUSE = 0.25  # seconds; the client doubles it
_RECONNECT = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 1_000)]

T = TypeVar("T")


@dataclass(frozen=True)
class SchedulerAddress:
    """`api_endpoint` (host:port) names a local server, which is reached without encryption and credentials."""

    project: str
    location: str
    api_endpoint: str | None = None

    @property
    def path(self) -> str:
        return f"projects/{self.project}/locations/{self.location}"


class CloudSchedulerJobs:
    """Implements Jobs of `shared.schedule`.

    The client is imported and built at its first use. `timeout` in seconds bounds one call with its repetitions.

    Raises NotFound, RequestRefused, and RetryLater when the service does not answer.
    """

    def __init__(self, address: SchedulerAddress, *, timeout: float = 10) -> None:
        self._address = address
        self._timeout = timeout
        self._lock = threading.Lock()
        self._built: CloudSchedulerClient | None = None

    def jobs(self) -> Sequence[ScheduledJob]:
        """Sorted by name."""
        path = self._address.path

        def read(client: "CloudSchedulerClient") -> "list[Job]":
            return [*client.list_jobs(parent=path, retry=self._again(), timeout=self._timeout)]

        return sorted(map(_shown, self._ask(path, read)), key=lambda job: job.name)

    def pause(self, name: str) -> ScheduledJob:
        """Does nothing when the job is already paused."""
        path = self._path(name)
        return self._put(
            name, "PAUSED", lambda client: client.pause_job(name=path, retry=None, timeout=self._timeout)
        )

    def resume(self, name: str) -> ScheduledJob:
        """Does nothing when the job is already enabled."""
        path = self._path(name)
        return self._put(
            name, "ENABLED", lambda client: client.resume_job(name=path, retry=None, timeout=self._timeout)
        )

    def run(self, name: str) -> ScheduledJob:
        """Fires the job now, whatever its state. The call is not repeated, because that could fire it twice."""
        path = self._path(name)
        job = self._ask(name, lambda client: client.run_job(name=path, retry=None, timeout=self._timeout))
        return _shown(job)

    def close(self) -> None:
        """Closes the connection; a later use opens a new one."""
        with self._lock:
            client, self._built = self._built, None
        if client:
            client.transport.close()  # type: ignore[no-untyped-call]  # the client library leaves it so

    def _path(self, name: str) -> str:
        return f"{self._address.path}/jobs/{name}"

    def _put(self, name: str, state: str, change: "Callable[[CloudSchedulerClient], Job]") -> ScheduledJob:
        """Reads the state first, because the service refuses to pause a paused job."""

        def put(client: "CloudSchedulerClient") -> "Job":
            job = client.get_job(name=self._path(name), retry=self._again(), timeout=self._timeout)
            return job if job.state.name == state else change(client)

        return _shown(self._ask(name, put))

    def _ask(self, what: str, call: "Callable[[CloudSchedulerClient], T]") -> T:
        from google.api_core import exceptions
        from google.auth.exceptions import GoogleAuthError

        try:
            return call(self._client())
        except exceptions.NotFound as error:
            raise NotFound(f"Cloud Scheduler has no job {what}") from error
        except (exceptions.ClientError, exceptions.MethodNotImplemented) as error:
            raise RequestRefused(f"Cloud Scheduler refused {what}: {error.message}") from error
        except (exceptions.GoogleAPIError, GoogleAuthError) as error:
            raise RetryLater(f"the Cloud Scheduler request for {what} failed: {error}") from error

    def _again(self) -> "Retry":
        from google.api_core import exceptions, retry

        passing = retry.if_exception_type(exceptions.ServiceUnavailable, exceptions.DeadlineExceeded)
        return retry.Retry(predicate=passing, initial=FIRST_PAUSE, timeout=self._timeout)

    def _client(self) -> "CloudSchedulerClient":
        with self._lock:
            if self._built is None:
                self._built = _build_client(self._address.api_endpoint)
            return self._built


def _shown(job: "Job") -> ScheduledJob:
    status = str(job.status.message) or f"error {job.status.code}"
    return ScheduledJob(
        name=job.name.rpartition("/")[2],
        schedule=job.schedule,
        time_zone=job.time_zone,
        state=job.state.name,
        next_time=_moment(job.schedule_time),
        last_attempt=(last := _moment(job.last_attempt_time)),
        last_status=None if last is None else status if job.status.code else "OK",
        url=job.http_target.uri,
    )


def _moment(time: object) -> datetime | None:
    """The client returns a datetime, or None for an unset field, although its types say otherwise."""
    return cast("datetime | None", time)


def _build_client(api_endpoint: str | None) -> "CloudSchedulerClient":
    from google.cloud import scheduler_v1

    if api_endpoint is None:
        return scheduler_v1.CloudSchedulerClient()
    import grpc
    from google.cloud.scheduler_v1.services.cloud_scheduler.transports import CloudSchedulerGrpcTransport

    channel = grpc.insecure_channel(api_endpoint, options=_RECONNECT)
    return scheduler_v1.CloudSchedulerClient(transport=CloudSchedulerGrpcTransport(channel=channel))
