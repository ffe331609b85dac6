"""Cloud Tasks as the queue of enrichment, on the official client."""

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from shared.cloud.in_flight import BRIEFLY, ONCE, Calls
from shared.enrichment.ports import EnqueueFailure, QueueTask
from shared.errors import QueueUnavailable, SettingsInvalid

if TYPE_CHECKING:
    import grpc
    from google.cloud.tasks_v2 import CloudTasksClient, CreateTaskRequest

CREATE = "cloudtasks.tasks.create"
CREATED = frozenset({"OK", "ALREADY_EXISTS"})
TOLD = frozenset({"OK", "NOT_FOUND"})
OF_ONE_TASK = frozenset({"INVALID_ARGUMENT"})
"""Says something about one task, and nothing about the queue."""

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
    one call. `in_flight` says which refusals are tried again, which is safe because tasks are named.
    """

    def __init__(
        self, address: QueueAddress, *, timeout: float = 10, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._address = address
        self._timeout = timeout
        self._pause = pause
        self._lock = threading.Lock()
        self._built: CloudTasksClient | None = None
        self._refusing = False

    def enqueue(self, tasks: Sequence[QueueTask]) -> Sequence[EnqueueFailure]:
        """While the last enqueuing was refused as a whole, one task is tried, and the others only if it is taken."""
        from google.auth.exceptions import GoogleAuthError

        if not tasks:
            return []
        try:
            calls = self._calls(self._client().transport.create_task, own=CREATED | OF_ONE_TASK)
        except GoogleAuthError as error:
            return [EnqueueFailure(task.name, f"no credentials for Cloud Tasks: {error}") for task in tasks]
        header = _routing("parent", self._address.path)
        requests = [(_request(self._address, task), header) for task in tasks]
        if self._refusing:
            outcomes = calls.make(requests[:1], ONCE)
            if outcomes[0].status not in calls.own:
                return [EnqueueFailure(task.name, str(outcomes[0])) for task in tasks]
            outcomes += calls.make(requests[1:])
        else:
            outcomes = calls.make(requests)
        self._refusing = not any(outcome.status in calls.own for outcome in outcomes)
        return [
            EnqueueFailure(task.name, str(outcome))
            for task, outcome in zip(tasks, outcomes, strict=True)
            if outcome.status not in CREATED
        ]

    def held(self, names: Sequence[str]) -> Mapping[str, bool]:
        from google.auth.exceptions import GoogleAuthError
        from google.cloud.tasks_v2 import GetTaskRequest

        try:
            calls = self._calls(self._client().transport.get_task, own=TOLD | OF_ONE_TASK)
        except GoogleAuthError as error:
            raise QueueUnavailable(f"no credentials for Cloud Tasks: {error}") from error
        paths = [f"{self._address.path}/tasks/{name}" for name in names]
        questions = [(GetTaskRequest(name=path), _routing("name", path)) for path in paths]
        outcomes = calls.make(questions, BRIEFLY)
        answers = {
            name: outcome.status == "OK"
            for name, outcome in zip(names, outcomes, strict=True)
            if outcome.status in TOLD
        }
        if names and not answers:
            raise QueueUnavailable(f"Cloud Tasks could not say which tasks exist: {outcomes[0]}")
        if not all(answers.values()):
            self._confirm()
        return answers

    def _confirm(self) -> None:
        """A missing queue answers NOT_FOUND for each of its tasks too. Asked after them, so that none is lost between.

        Raises SettingsInvalid when the queue is missing or we may not see it, QueueUnavailable without an answer.
        """
        from google.api_core import exceptions
        from google.auth.exceptions import GoogleAuthError

        try:
            self._client().get_queue(name=self._address.path, timeout=self._timeout)
        except (exceptions.NotFound, exceptions.PermissionDenied) as error:
            raise SettingsInvalid(
                f"{self._address.path} does not exist, or we may not see it: {error}"
            ) from error
        except (exceptions.GoogleAPIError, GoogleAuthError) as error:
            raise QueueUnavailable(f"Cloud Tasks did not say whether the queue exists: {error}") from error

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

    def _calls(self, method: object, own: frozenset[str]) -> Calls:
        return Calls(cast("grpc.UnaryUnaryMultiCallable[Any, Any]", method), own, self._timeout, self._pause)


def _routing(field: str, value: str) -> tuple[str, str]:
    """The header by which the service finds the resource."""
    from google.api_core.gapic_v1 import routing_header

    named = ((field, value),)
    header: tuple[str, str] = routing_header.to_grpc_metadata(named)  # type: ignore[no-untyped-call]  # untyped in the library
    return header


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
