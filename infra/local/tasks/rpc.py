"""The gRPC face: which method takes and returns which message, and how a refusal becomes a status."""

from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

import grpc
from google.cloud.tasks_v2 import types
from google.protobuf.empty_pb2 import Empty

from infra.local.tasks import refusals
from infra.local.tasks.messages import Queue, Task
from infra.local.tasks.service import CloudTasksService

SERVICE = "google.cloud.tasks.v2.CloudTasks"
NOT_IMITATED = (
    "BatchCreateTasks",
    "BatchDeleteTasks",
    "GetIamPolicy",
    "SetIamPolicy",
    "TestIamPermissions",
    "UpdateCmekConfig",
    "GetCmekConfig",
)

Request = Any
Answer = Any
Method = Callable[[Request], Awaitable[Answer]]
Context = grpc.aio.ServicerContext[Any, Any]


def handlers(service: CloudTasksService) -> grpc.GenericRpcHandler:
    methods: dict[str, tuple[Method, Any, Any]] = {
        "ListQueues": (service.list_queues, types.ListQueuesRequest, types.ListQueuesResponse.pb()),
        "GetQueue": (service.get_queue, types.GetQueueRequest, Queue),
        "CreateQueue": (service.create_queue, types.CreateQueueRequest, Queue),
        "UpdateQueue": (service.update_queue, types.UpdateQueueRequest, Queue),
        "DeleteQueue": (service.delete_queue, types.DeleteQueueRequest, Empty),
        "PurgeQueue": (service.purge_queue, types.PurgeQueueRequest, Queue),
        "PauseQueue": (service.pause_queue, types.PauseQueueRequest, Queue),
        "ResumeQueue": (service.resume_queue, types.ResumeQueueRequest, Queue),
        "ListTasks": (service.list_tasks, types.ListTasksRequest, types.ListTasksResponse.pb()),
        "GetTask": (service.get_task, types.GetTaskRequest, Task),
        "CreateTask": (service.create_task, types.CreateTaskRequest, Task),
        "DeleteTask": (service.delete_task, types.DeleteTaskRequest, Empty),
        "RunTask": (service.run_task, types.RunTaskRequest, Task),
    }
    served = {
        name: grpc.unary_unary_rpc_method_handler(
            _answering(method),
            request_deserializer=request.pb().FromString,
            response_serializer=response.SerializeToString,
        )
        for name, (method, request, response) in methods.items()
    }
    refused: dict[str, grpc.RpcMethodHandler[bytes, NoReturn]] = {
        name: grpc.unary_unary_rpc_method_handler(_refusing(name)) for name in NOT_IMITATED
    }
    return grpc.method_handlers_generic_handler(SERVICE, served | refused)


def _answering(method: Method) -> Callable[[Any, Context], Awaitable[Any]]:
    async def answer(request: Request, context: Context) -> Answer:
        try:
            return await method(request)
        except refusals.Refused as refused:
            await context.abort(refused.code, refused.message)

    return answer


def _refusing(name: str) -> Callable[[bytes, Context], Awaitable[NoReturn]]:
    refused = refusals.not_imitated(name)

    async def refuse(_request: bytes, context: Context) -> NoReturn:
        await context.abort(refused.code, refused.message)

    return refuse
