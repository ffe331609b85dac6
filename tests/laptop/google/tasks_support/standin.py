"""A bare gRPC server whose CreateTask does what one test needs: hang, refuse, count."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from google.cloud.tasks_v2 import types

CreateTask = Callable[[Any, grpc.ServicerContext], Any]


@contextmanager
def answering(create_task: CreateTask) -> Iterator[str]:
    """Yields the endpoint. `create_task` runs in up to 100 threads at once."""
    handler = grpc.unary_unary_rpc_method_handler(
        create_task,
        request_deserializer=types.CreateTaskRequest.deserialize,
        response_serializer=types.Task.serialize,
    )
    server = grpc.server(ThreadPoolExecutor(100), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("google.cloud.tasks.v2.CloudTasks", {"CreateTask": handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(0).wait()
