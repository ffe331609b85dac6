"""The HTTP server beside the gRPC one, for people, tests and the stack: health, faults and the service's routes."""

from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from laptop.google.common.faults import F, FaultSettings, SeededFaults

_MOST_ROWS = 10_000

Order = TypeVar("Order", bound=BaseModel)


class Unprocessable(Exception):
    """The request is answered with status 422 and these fields."""

    def __init__(self, **fields: Any) -> None:  # noqa: ANN401  # JSON
        super().__init__(fields["detail"])
        self.fields = fields


def control_app(faults: SeededFaults[F], shape: type[FaultSettings[F]], routes: Sequence[Route]) -> Starlette:
    async def healthz(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def change_faults(request: Request) -> Response:
        if request.method == "POST":
            given = await order_of(request, shape)
            faults.replace(given.seed, given.faults)
        elif request.method == "DELETE":
            faults.replace(0, ())
        return JSONResponse(faults.report())

    async def unprocessable(_request: Request, error: Exception) -> Response:
        assert isinstance(error, Unprocessable)
        return JSONResponse({"status": 422, **error.fields}, 422)

    own = [
        Route("/healthz", healthz),
        Route("/faults", change_faults, methods=["GET", "POST", "DELETE"]),
    ]
    return Starlette(routes=[*own, *routes], exception_handlers={Unprocessable: unprocessable})


async def order_of(request: Request, kind: type[Order]) -> Order:
    """Reads the body. Raises Unprocessable."""
    try:
        return kind.model_validate_json(await request.body())
    except ValidationError as refused:
        errors = refused.errors(include_url=False, include_context=False, include_input=False)
        raise Unprocessable(detail=f"not a {kind.__name__}", errors=errors) from refused


def whole_number(request: Request, name: str, default: int) -> int:
    """Reads a query parameter. Raises Unprocessable."""
    value = request.query_params.get(name) or str(default)
    if not value.isdecimal():
        raise Unprocessable(detail=f"{name} must be a whole number")
    return int(value)


def row_limit(request: Request) -> int:
    """The `limit` of a listing, at most 10,000."""
    return min(whole_number(request, "limit", _MOST_ROWS), _MOST_ROWS)
