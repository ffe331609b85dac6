"""Turns the bytes of a request into a validated model, or raises an error that names the wrong fields."""

import json
from collections.abc import Callable, Mapping
from typing import NoReturn, TypeVar

from pydantic import ValidationError

from shared.errors import FieldError, InvalidRequest, UnreadableBody, UnsupportedMediaType
from shared.web.call import RequestModel

T = TypeVar("T", bound=RequestModel)

LIMIT = 1_000_000
"""Bytes of a request body. The largest legitimate one, a completed manual task, is much smaller."""

MOST_ERRORS = 50
"""The number of wrong fields that an answer names: a caller may send any number of them."""


def read_body(model: type[T], raw: bytes, media_type: str) -> T:
    """An empty body is an empty object. Raises UnsupportedMediaType, UnreadableBody, InvalidRequest."""
    if not raw.strip():
        return _validated(lambda: model.model_validate_json(b"{}"))
    if media_type.lower() != "application/json" and not media_type.lower().endswith("+json"):
        raise UnsupportedMediaType(
            f"send JSON with Content-Type: application/json, not {media_type or 'no media type'}"
        )
    if len(raw) > LIMIT:
        raise UnreadableBody(f"the body has {len(raw)} bytes; at most {LIMIT} are read")
    try:
        content = json.loads(raw.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise UnreadableBody(f"the body is not JSON: {_short(error)}") from None
    if not isinstance(content, dict):
        raise UnreadableBody(f"the body must be a JSON object, not {_kind(content)}")
    return _validated(lambda: model.model_validate_json(raw, strict=True))


def refuse_query(query: Mapping[str, list[str]]) -> None:
    """A POST must not ignore an option that stands in the address. Raises InvalidRequest."""
    if query:
        raise InvalidRequest(
            "this call takes its input from the body",
            [FieldError(name[:200], "belongs in the body") for name in list(query)[:MOST_ERRORS]],
        )


def read_query(model: type[T], query: Mapping[str, list[str]]) -> T:
    """Raises InvalidRequest, also for a parameter given twice."""
    repeated = [
        FieldError(name, "was given more than once") for name, values in query.items() if len(values) > 1
    ]
    if repeated:
        raise InvalidRequest("the query is not valid", repeated)
    return _validated(
        lambda: model.model_validate_strings({name: values[0] for name, values in query.items()})
    )


def _validated(validate: Callable[[], T]) -> T:
    try:
        return validate()
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_context=False, include_input=False)
        if wrong[0]["type"] == "json_invalid":  # pydantic is stricter than json: nesting, lone surrogates
            raise UnreadableBody(f"the body cannot be read: {wrong[0]['msg']}") from None
        fields = [
            FieldError(".".join(str(part) for part in item["loc"])[:200] or "(request)", item["msg"][:500])
            for item in wrong[:MOST_ERRORS]
        ]
        raise InvalidRequest(
            "; ".join(f"{item.field}: {item.message}" for item in fields)[:2000], fields
        ) from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def _short(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]


def _kind(value: object) -> str:
    return {list: "a list", str: "a text", bool: "a truth value", type(None): "null"}.get(
        type(value), "a number"
    )
