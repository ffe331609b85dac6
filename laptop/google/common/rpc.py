"""A gRPC face from a table of methods, and how a refusal becomes a status."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, NoReturn

import grpc

from laptop.google.common.refusals import Refused, not_imitated

Request = Any
Answer = Any
Method = Callable[[Request], Awaitable[Answer]]
Context = grpc.aio.ServicerContext[Any, Any]


def handlers(
    service: str,
    methods: Mapping[str, tuple[Method, Any, Any]],
    refused: Iterable[str],
    product: str,
) -> grpc.GenericRpcHandler:
    """`methods` gives a name its method and the protobuf classes of request and answer; `refused` are not served."""
    served = {
        name: grpc.unary_unary_rpc_method_handler(
            _answering(method),
            request_deserializer=request.FromString,
            response_serializer=response.SerializeToString,
        )
        for name, (method, request, response) in methods.items()
    }
    others: dict[str, grpc.RpcMethodHandler[bytes, NoReturn]] = {
        name: grpc.unary_unary_rpc_method_handler(_refusing(not_imitated(name, product))) for name in refused
    }
    return grpc.method_handlers_generic_handler(service, served | others)


def _answering(method: Method) -> Callable[[Any, Context], Awaitable[Any]]:
    async def answer(request: Request, context: Context) -> Answer:
        try:
            return await method(request)
        except Refused as refused:
            await context.abort(refused.code, refused.message)

    return answer


def _refusing(refused: Refused) -> Callable[[bytes, Context], Awaitable[NoReturn]]:
    async def refuse(_request: bytes, context: Context) -> NoReturn:
        await context.abort(refused.code, refused.message)

    return refuse
