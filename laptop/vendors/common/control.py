"""Reads what a control endpoint is told to do."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

_Order = TypeVar("_Order", bound=BaseModel)


async def read_order(request: Request, shape: type[_Order]) -> _Order | Response:
    """The body, or the 422 that says what is wrong with it."""
    try:
        return shape.model_validate_json(await request.body())
    except ValidationError as wrong:
        fields = wrong.errors(include_url=False, include_context=False, include_input=False)
        return JSONResponse({"status": 422, "detail": f"not a {shape.__name__}", "errors": fields}, 422)
