"""The gRPC side of a service: its methods, its refusals, its pages."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, NoReturn

import grpc

Request = Any
"""The protobuf request of a method; no static types exist."""
Answer = Any
Method = Callable[[Request], Awaitable[Answer]]
Context = grpc.aio.ServicerContext[Any, Any]


class Refused(Exception):
    """The answer is this gRPC status with this text."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def invalid(message: str) -> Refused:
    return Refused(grpc.StatusCode.INVALID_ARGUMENT, message)


def unavailable(message: str) -> Refused:
    return Refused(grpc.StatusCode.UNAVAILABLE, message)


def exhausted(message: str) -> Refused:
    return Refused(grpc.StatusCode.RESOURCE_EXHAUSTED, message)


def not_imitated(what: str, product: str) -> Refused:
    """`product` is a name such as Cloud Tasks."""
    return Refused(grpc.StatusCode.UNIMPLEMENTED, f"{what} is not imitated by the local {product} server.")


def page_size(asked: int, largest: int) -> int:
    if asked < 0:
        raise invalid("The page size must not be negative.")
    return min(asked or largest, largest)


def page_by_name(known: Iterable[str], request: Request, largest: int) -> tuple[list[str], str]:
    """One page of the names, and the token for the next page: the last name of this one, or empty at the end."""
    following = sorted(name for name in known if name > request.page_token)
    size = page_size(request.page_size, largest)
    page = following[:size]
    return page, page[-1] if len(following) > size else ""


def handlers(
    service: str,
    methods: Mapping[str, tuple[Method, Any, Any]],
    refused: Iterable[str],
    product: str,
) -> grpc.GenericRpcHandler:
    """`methods` maps a name to its method and the protobuf classes of request and answer.

    The methods named in `refused` answer UNIMPLEMENTED.
    """
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
