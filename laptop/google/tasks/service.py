"""The methods of google.cloud.tasks.v2.CloudTasks. Each takes a request and returns its answer, or raises Refused."""

from typing import TYPE_CHECKING, Any

from google.cloud.tasks_v2 import types
from google.iam.v1.iam_policy_pb2 import (  # type: ignore[import-untyped]  # it has none
    TestIamPermissionsRequest,
    TestIamPermissionsResponse,
)
from google.protobuf.empty_pb2 import Empty

from laptop.google.common import rpc
from laptop.google.common.names import short_id
from laptop.google.common.rpc import Request, exhausted, page_by_name, page_size, unavailable
from laptop.google.tasks import validation
from laptop.google.tasks.control import FaultKind, Faults
from laptop.google.tasks.dispatcher import TaskDispatcher
from laptop.google.tasks.messages import (
    PAUSED,
    RUNNING,
    ListQueuesResponse,
    ListTasksResponse,
    Queue,
    QueueMessage,
    Task,
    TaskMessage,
    task_message,
)
from laptop.google.tasks.queues import LiveQueue, LiveTask
from laptop.google.tasks.registry import Registry
from laptop.google.tasks.validation import MAX_QUEUE_PAGE, MAX_TASK_PAGE, PRODUCT, QUEUE, location_parent

if TYPE_CHECKING:
    import grpc

SERVICE = "google.cloud.tasks.v2.CloudTasks"
NOT_IMITATED = (
    "BatchCreateTasks",
    "BatchDeleteTasks",
    "GetIamPolicy",
    "SetIamPolicy",
    "UpdateCmekConfig",
    "GetCmekConfig",
)
Page = Any


class CloudTasksService:
    def __init__(self, registry: Registry, dispatcher: TaskDispatcher, faults: Faults) -> None:
        self._registry = registry
        self._dispatcher = dispatcher
        self._faults = faults

    # --- queues -----------------------------------------------------------------------------------------------

    async def list_queues(self, request: Request) -> Page:
        if request.filter:
            raise validation.not_imitated("A filter on ListQueues")
        prefix = f"{location_parent(request.parent)}/queues/"
        known = (name for name in self._registry.queues if name.startswith(prefix))
        page, token = page_by_name(known, request, MAX_QUEUE_PAGE)
        return ListQueuesResponse(
            queues=[self._registry.queues[name].message for name in page], next_page_token=token
        )

    async def get_queue(self, request: Request) -> QueueMessage:
        return self._registry.queue(request.name).message

    async def create_queue(self, request: Request) -> QueueMessage:
        return await self._create_queue(validation.new_queue(request.parent, request.queue))

    async def update_queue(self, request: Request) -> QueueMessage:
        """Creates the queue when it does not exist, as the real one does."""
        queue = self._registry.queues.get(QUEUE.check(request.queue.name))
        if queue is None:
            parent = request.queue.name.partition("/queues/")[0]
            return await self._create_queue(validation.new_queue(parent, request.queue))
        queue.configure(validation.changed_queue(queue.message, request.queue, request.update_mask))
        return await self._save(queue)

    async def _create_queue(self, message: QueueMessage) -> QueueMessage:
        return (await self._registry.create_queue(message)).message

    async def delete_queue(self, request: Request) -> Empty:
        await self._registry.delete_queue(request.name)
        return Empty()

    async def purge_queue(self, request: Request) -> QueueMessage:
        queue = self._registry.queue(request.name)
        await self._registry.purge_queue(queue)
        return queue.message

    async def pause_queue(self, request: Request) -> QueueMessage:
        queue = self._registry.queue(request.name)
        queue.message.state = PAUSED
        return await self._save(queue)

    async def resume_queue(self, request: Request) -> QueueMessage:
        queue = self._registry.queue(request.name)
        queue.message.state = RUNNING
        return await self._save(queue)

    async def test_iam_permissions(self, request: Request) -> Any:  # noqa: ANN401 - protobuf without types
        """Permits everything, but nothing on a queue that does not exist, as the real service does."""
        exists = QUEUE.check(request.resource) in self._registry.queues
        return TestIamPermissionsResponse(permissions=request.permissions if exists else ())

    async def _save(self, queue: LiveQueue) -> QueueMessage:
        answer = Queue()
        answer.CopyFrom(queue.message)
        await self._registry.save_queue(queue)
        self._dispatcher.wake()
        return answer

    # --- tasks ------------------------------------------------------------------------------------------------

    async def list_tasks(self, request: Request) -> Page:
        queue = self._registry.queue(request.parent)
        after = _position(request.page_token)
        following = [task for task in queue.tasks.values() if task.seq > after]
        size = page_size(request.page_size, MAX_TASK_PAGE)
        page = following[:size]
        return ListTasksResponse(
            tasks=[task_message(task.definition, task.progress, request.response_view) for task in page],
            next_page_token=str(page[-1].seq) if len(following) > size else "",
        )

    async def get_task(self, request: Request) -> TaskMessage:
        if self._faults.draw(FaultKind.LOOK_REFUSED, short_id(request.name.partition("/tasks/")[0])):
            raise unavailable("Injected fault: nothing was said.")
        found = self._registry.task(request.name)
        if found is None and self._registry.task_ended_recently(request.name):
            raise validation.task_ended_recently()
        _, task = _present(found)
        return task_message(task.definition, task.progress, request.response_view)

    async def create_task(self, request: Request) -> TaskMessage:
        queue = self._registry.queue(request.parent)
        fault_scope = short_id(queue.name)
        if self._faults.draw(FaultKind.CALL_REFUSED, fault_scope):
            raise unavailable("Injected fault: nothing was created.")
        if self._faults.draw(FaultKind.CALL_EXHAUSTED, fault_scope):
            raise exhausted("Injected fault: nothing was created.")
        task = await self._registry.create_task(queue, request.task)
        self._dispatcher.wake()
        if self._faults.draw(FaultKind.CALL_LOST, fault_scope):
            raise unavailable("Injected fault: the answer was lost.")
        return task_message(task.definition, task.progress, request.response_view)

    async def delete_task(self, request: Request) -> Empty:
        await self._registry.delete_task(*_present(self._registry.task(request.name)))
        return Empty()

    async def run_task(self, request: Request) -> TaskMessage:
        queue, task = _present(self._registry.task(request.name))
        self._dispatcher.run_now(queue, task)
        return task_message(task.definition, task.progress, request.response_view)


def _present(found: tuple[LiveQueue, LiveTask] | None) -> tuple[LiveQueue, LiveTask]:
    if found is None:
        raise validation.entity_not_found()
    return found


def _position(page_token: str) -> int:
    if page_token and not page_token.isdecimal():
        raise validation.ours("The page token is invalid.")
    return int(page_token or 0)


def handlers(service: CloudTasksService) -> "grpc.GenericRpcHandler":
    methods = {
        "ListQueues": (service.list_queues, types.ListQueuesRequest.pb(), ListQueuesResponse),
        "GetQueue": (service.get_queue, types.GetQueueRequest.pb(), Queue),
        "CreateQueue": (service.create_queue, types.CreateQueueRequest.pb(), Queue),
        "UpdateQueue": (service.update_queue, types.UpdateQueueRequest.pb(), Queue),
        "DeleteQueue": (service.delete_queue, types.DeleteQueueRequest.pb(), Empty),
        "PurgeQueue": (service.purge_queue, types.PurgeQueueRequest.pb(), Queue),
        "PauseQueue": (service.pause_queue, types.PauseQueueRequest.pb(), Queue),
        "ResumeQueue": (service.resume_queue, types.ResumeQueueRequest.pb(), Queue),
        "ListTasks": (service.list_tasks, types.ListTasksRequest.pb(), ListTasksResponse),
        "GetTask": (service.get_task, types.GetTaskRequest.pb(), Task),
        "CreateTask": (service.create_task, types.CreateTaskRequest.pb(), Task),
        "DeleteTask": (service.delete_task, types.DeleteTaskRequest.pb(), Empty),
        "TestIamPermissions": (
            service.test_iam_permissions,
            TestIamPermissionsRequest,
            TestIamPermissionsResponse,
        ),
        "RunTask": (service.run_task, types.RunTaskRequest.pb(), Task),
    }
    return rpc.handlers(SERVICE, methods, NOT_IMITATED, PRODUCT)
