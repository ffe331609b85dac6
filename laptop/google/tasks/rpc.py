"""The gRPC face: which method takes and returns which message."""

from typing import TYPE_CHECKING

from google.cloud.tasks_v2 import types
from google.iam.v1 import iam_policy_pb2  # type: ignore[import-untyped]  # it has none
from google.protobuf.empty_pb2 import Empty

from laptop.google.common import rpc
from laptop.google.tasks.messages import Queue, Task
from laptop.google.tasks.refusals import PRODUCT
from laptop.google.tasks.service import CloudTasksService

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


def handlers(service: CloudTasksService) -> "grpc.GenericRpcHandler":
    methods = {
        "ListQueues": (service.list_queues, types.ListQueuesRequest.pb(), types.ListQueuesResponse.pb()),
        "GetQueue": (service.get_queue, types.GetQueueRequest.pb(), Queue),
        "CreateQueue": (service.create_queue, types.CreateQueueRequest.pb(), Queue),
        "UpdateQueue": (service.update_queue, types.UpdateQueueRequest.pb(), Queue),
        "DeleteQueue": (service.delete_queue, types.DeleteQueueRequest.pb(), Empty),
        "PurgeQueue": (service.purge_queue, types.PurgeQueueRequest.pb(), Queue),
        "PauseQueue": (service.pause_queue, types.PauseQueueRequest.pb(), Queue),
        "ResumeQueue": (service.resume_queue, types.ResumeQueueRequest.pb(), Queue),
        "ListTasks": (service.list_tasks, types.ListTasksRequest.pb(), types.ListTasksResponse.pb()),
        "GetTask": (service.get_task, types.GetTaskRequest.pb(), Task),
        "CreateTask": (service.create_task, types.CreateTaskRequest.pb(), Task),
        "DeleteTask": (service.delete_task, types.DeleteTaskRequest.pb(), Empty),
        "TestIamPermissions": (
            service.test_iam_permissions,
            iam_policy_pb2.TestIamPermissionsRequest,
            iam_policy_pb2.TestIamPermissionsResponse,
        ),
        "RunTask": (service.run_task, types.RunTaskRequest.pb(), Task),
    }
    return rpc.handlers(SERVICE, methods, NOT_IMITATED, PRODUCT)
