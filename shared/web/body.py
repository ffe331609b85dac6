"""Turns the bytes of a request into a validated model, or raises an error that names the wrong fields."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import NoReturn, TypeVar, get_args

from pydantic import AwareDatetime, ValidationError

from shared.errors import FieldError, InvalidRequest, UnreadableBody, UnsupportedMediaType
from shared.web.call import RequestModel

T = TypeVar("T", bound=RequestModel)

LIMIT = 1_000_000
"""Bytes of a request body. The largest legitimate one, a completed manual task, is much smaller."""

_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,99})")
_EXACT = 2**53
_DATED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,99})(\.[0-9]{1,99})?")

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
        content = json.loads(raw.decode(), parse_constant=_refuse_constant, parse_float=_number)
        text = json.dumps(content)
    except (ValueError, RecursionError) as error:
        raise UnreadableBody(f"the body is not JSON: {_short(error)}") from None
    if not isinstance(content, dict):
        raise UnreadableBody(f"the body must be a JSON object, not {_kind(content)}")
    _refuse_seconds(model, content)
    return _validated(lambda: model.model_validate_json(text, strict=True))


def refuse_query(query: Mapping[str, list[str]]) -> None:
    """A POST must not ignore an option that stands in the address. Raises InvalidRequest."""
    if query:
        raise InvalidRequest(
            "this call takes its input from the body",
            [FieldError(name[:200], "belongs in the body") for name in list(query)[:MOST_ERRORS]],
        )


def read_query(model: type[T], query: Mapping[str, list[str]]) -> T:
    """Takes a number or a truth value as JSON writes it. Raises InvalidRequest, also for a parameter given twice."""
    repeated = [
        FieldError(name, "was given more than once") for name, values in query.items() if len(values) > 1
    ]
    if repeated:
        raise InvalidRequest("the query is not valid", repeated)
    content = {name: _value(model, name, values[0]) for name, values in query.items()}
    _refuse_seconds(model, content)
    return _validated(lambda: model.model_validate_json(json.dumps(content), strict=True))


def _value(model: type[RequestModel], name: str, text: str) -> object:
    """The text itself if the field takes no such value."""
    field = model.model_fields.get(name)
    kinds = _kinds(field.annotation) if field else set()
    if bool in kinds and text in ("true", "false"):
        return text == "true"
    if int in kinds and _WHOLE.fullmatch(text):
        return int(text)
    if float in kinds and _NUMBER.fullmatch(text):
        return float(text)
    return text


def _refuse_seconds(model: type[RequestModel], content: Mapping[str, object]) -> None:
    """Pydantic takes a number in a text for seconds since 1970. Raises InvalidRequest."""
    wrong = [
        FieldError(name, "write a day as YYYY-MM-DD, a time as YYYY-MM-DDThh:mm:ssZ")
        for name, field in model.model_fields.items()
        if isinstance(value := content.get(name), str)
        and not _DATED.match(value)
        and {date, datetime, AwareDatetime} & _kinds(field.annotation)
    ]
    if wrong:
        raise InvalidRequest("; ".join(f"{item.field}: {item.message}" for item in wrong), wrong)


def _number(text: str) -> float:
    """JSON knows one kind of number: 5.0 is the whole number 5."""
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < _EXACT else value


def _kinds(annotation: object) -> set[object]:
    """The type and all that it is made of."""
    return {annotation}.union(*(_kinds(part) for part in get_args(annotation)))


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
