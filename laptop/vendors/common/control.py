"""The controls that every sandbox has, and the check of a control's body."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from laptop.faults import CONTROL

Body = TypeVar("Body", bound=BaseModel)


async def read_body(request: Request, shape: type[Body]) -> Body | Response:
    """The body, or a 422 that lists what is wrong with it."""
    try:
        return shape.model_validate_json(await request.body())
    except ValidationError as wrong:
        fields = wrong.errors(include_url=False, include_context=False, include_input=False)
        return JSONResponse({"status": 422, "detail": f"not a {shape.__name__}", "errors": fields}, 422)


def health_route(facts: Callable[[], Mapping[str, Any]]) -> Route:
    """`GET /_control/health`."""

    async def health(_request: Request) -> Response:
        return JSONResponse({"status": "ok", **facts()})

    return Route(f"{CONTROL}health", health)


def revocation_route(revoke_all: Callable[[], None]) -> Route:
    """`DELETE /_control/tokens`: no token given so far is good any more."""

    async def revoke(_request: Request) -> Response:
        revoke_all()
        return Response(status_code=204)

    return Route(f"{CONTROL}tokens", revoke, methods=["DELETE"])
