"""The gRPC face: which method takes and returns which message."""

from typing import TYPE_CHECKING

from google.cloud.scheduler_v1 import types
from google.protobuf.empty_pb2 import Empty

from laptop.google.common import rpc
from laptop.google.scheduler.messages import Job, ListJobsResponse
from laptop.google.scheduler.refusals import PRODUCT
from laptop.google.scheduler.service import CloudSchedulerService

if TYPE_CHECKING:
    import grpc

SERVICE = "google.cloud.scheduler.v1.CloudScheduler"


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
