"""Cloud Tasks as the queue of enrichment, on the official client."""

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from shared.enrichment.ports import EnqueueFailure, QueueTask
from shared.errors import QueueUnavailable, SettingsInvalid
from shared.retries import RetryPolicy

if TYPE_CHECKING:
    import grpc
    from google.cloud.tasks_v2 import CloudTasksClient, CreateTaskRequest, Task

IN_FLIGHT = 64
RETRIES = RetryPolicy(tries=4, first_pause=0.25)
CREATE = "cloudtasks.tasks.create"
_RECONNECT = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 1_000)]


@dataclass(frozen=True)
class QueueAddress:
    """The queue that takes the tasks, and the url that they are delivered to.

    With `service_account` (an email) each delivery carries its OIDC token for `audience`, by default the target.
    `dispatch_deadline` is 15 to 1800 seconds; None leaves the service's default of 600. `api_endpoint` (host:port)
    names a local server, which is reached without encryption and credentials; None is the real service.
    """

    project: str
    location: str
    queue: str
    target_url: str
    service_account: str | None = None
    audience: str | None = None
    dispatch_deadline: float | None = None
    api_endpoint: str | None = None

    @property
    def path(self) -> str:
        return f"projects/{self.project}/locations/{self.location}/queues/{self.queue}"


class CloudTasksQueue:
    """Implements `shared.enrichment.ports.TaskQueue`; can be shared between threads.

    The client is imported and built at its first use, because that costs 130 ms and more. `timeout` in seconds bounds
    one call. UNAVAILABLE and DEADLINE_EXCEEDED are retried by RETRIES, which is safe because tasks are named.
    """

    def __init__(
        self, address: QueueAddress, *, timeout: float = 10, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._address = address
        self._timeout = timeout
        self._pause = pause
        self._lock = threading.Lock()
        self._built: CloudTasksClient | None = None

    def enqueue(self, tasks: Sequence[QueueTask]) -> Sequence[EnqueueFailure]:
        from google.auth.exceptions import GoogleAuthError

        try:
            client = self._client()
        except GoogleAuthError as error:
            return [EnqueueFailure(task.name, f"no credentials for Cloud Tasks: {error}") for task in tasks]
        failed = self._create(client, dict(enumerate(tasks)))
        for wait in RETRIES.pauses():
            again = {index: tasks[index] for index, failure in failed.items() if failure.retriable}
            if not again:
                break
            self._pause(wait)
            lasting = {index: failure for index, failure in failed.items() if index not in again}
            failed = lasting | self._create(client, again)
        return [EnqueueFailure(tasks[index].name, str(failed[index])) for index in sorted(failed)]

    def exists(self, name: str) -> bool:
        from google.api_core import exceptions, retry
        from google.auth.exceptions import GoogleAuthError

        again = retry.Retry(
            predicate=retry.if_exception_type(exceptions.ServiceUnavailable, exceptions.DeadlineExceeded),
            initial=RETRIES.first_pause,
            timeout=self._timeout,
        )
        try:
            self._client().get_task(
                name=f"{self._address.path}/tasks/{name}", retry=again, timeout=self._timeout
            )
        except exceptions.NotFound:
            return False
        except (exceptions.GoogleAPIError, GoogleAuthError) as error:
            raise QueueUnavailable(
                f"Cloud Tasks could not say whether task {name} exists: {error}"
            ) from error
        return True

    def check(self) -> None:
        """Asks once whether tasks may be created. The question needs no right at all, not even to see the queue.

        Raises QueueUnavailable, and SettingsInvalid when the queue does not exist or we may not create tasks in it.
        """
        from google.api_core import exceptions
        from google.auth.exceptions import GoogleAuthError

        try:
            held = self._client().test_iam_permissions(
                resource=self._address.path, permissions=[CREATE], retry=None, timeout=self._timeout
            )
        except (exceptions.GoogleAPIError, GoogleAuthError) as error:
            raise QueueUnavailable(
                f"Cloud Tasks did not say whether tasks may be created: {error}"
            ) from error
        if CREATE not in held.permissions:
            raise SettingsInvalid(f"{self._address.path} does not exist, or we may not create tasks in it")

    def close(self) -> None:
        """Closes the connection; a later use opens a new one."""
        with self._lock:
            client, self._built = self._built, None
        if client:
            client.transport.close()  # type: ignore[no-untyped-call]  # untyped in the client library

    def _client(self) -> "CloudTasksClient":
        with self._lock:
            if self._built is None:
                self._built = _build_client(self._address.api_endpoint)
            return self._built

    def _create(self, client: "CloudTasksClient", tasks: Mapping[int, QueueTask]) -> "dict[int, _Failure]":
        """Starts the calls in order, at most IN_FLIGHT at once, and returns the failures by index.

        Uses the transport's gRPC futures, because a thread for each call in flight costs 1.6 times the CPU.
        """
        import grpc
        from google.api_core.gapic_v1 import routing_header

        free = threading.Semaphore(IN_FLIGHT)
        create_task = cast(
            "grpc.UnaryUnaryMultiCallable[CreateTaskRequest, Task]", client.transport.create_task
        )
        parent = (("parent", self._address.path),)
        metadata = (routing_header.to_grpc_metadata(parent),)  # type: ignore[no-untyped-call]  # untyped in the library
        calls = {}
        for index, task in tasks.items():
            request = _request(self._address, task)
            free.acquire()
            calls[index] = create_task.future(request, timeout=self._timeout, metadata=metadata)
            calls[index].add_done_callback(lambda _call: free.release())
        created = {grpc.StatusCode.OK, grpc.StatusCode.ALREADY_EXISTS}
        return {
            index: _Failure(call.code().name, call.details() or "")
            for index, call in calls.items()
            if call.code() not in created
        }


@dataclass(frozen=True)
class _Failure:
    status: str
    details: str

    @property
    def retriable(self) -> bool:
        return self.status in {"UNAVAILABLE", "DEADLINE_EXCEEDED"}

    def __str__(self) -> str:
        return f"Cloud Tasks answered {self.status}: {self.details}"


def _request(address: QueueAddress, task: QueueTask) -> "CreateTaskRequest":
    from google.cloud import tasks_v2

    http_request = tasks_v2.HttpRequest(
        url=address.target_url,
        http_method=tasks_v2.HttpMethod.POST,
        headers={"Content-Type": "application/json"},
        body=json.dumps(task.body).encode(),
    )
    if address.service_account:
        http_request.oidc_token = tasks_v2.OidcToken(
            service_account_email=address.service_account, audience=address.audience or address.target_url
        )
    message = tasks_v2.Task(
        name=f"{address.path}/tasks/{task.name}",
        http_request=http_request,
        schedule_time=task.schedule_time,
        dispatch_deadline=address.dispatch_deadline and timedelta(seconds=address.dispatch_deadline),
    )
    return tasks_v2.CreateTaskRequest(parent=address.path, task=message)


def _build_client(api_endpoint: str | None) -> "CloudTasksClient":
    from google.cloud import tasks_v2

    if api_endpoint is None:
        return tasks_v2.CloudTasksClient()
    import grpc
    from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

    channel = grpc.insecure_channel(api_endpoint, options=_RECONNECT)
    return tasks_v2.CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))
