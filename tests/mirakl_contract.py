"""Checks calls and answers against the marketplace's published description."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
from openapi_core import Config, OpenAPI
from openapi_core.testing import MockRequest, MockResponse

from tests.processes import PROJECT

CONTRACT = PROJECT.parent / "shared" / "contracts" / "mirakl-seller.openapi.json"
PAGES = {"OR11": {"max", "offset", "sort", "order"}, "M11": {"limit", "page_token"}}
"""The general notes describe these; the operations themselves do not list them."""


class BreaksContractError(Exception):
    """Names the problem in a few words; openapi-core would repeat the whole answer."""


class Contract:
    """Fields that are not in the description are errors, in requests and in answers."""

    def __init__(self, path: Path) -> None:
        self._read = json.loads(path.read_text(encoding="utf-8"))
        _repair(self._read)
        self._openapi = OpenAPI.from_dict(
            self._read, config=Config(spec_validator_cls=None, additional_properties_default_policy="forbid")
        )

    def check(self, response: httpx.Response) -> str:
        """Returns the operation's name. Raises BreaksContractError for its request or its answer."""
        sent = response.request
        query = dict(parse_qsl(sent.url.query.decode()))
        request = MockRequest(
            f"{sent.url.scheme}://{sent.url.netloc.decode()}",
            sent.method.lower(),
            sent.url.path,
            args=query,
            headers=dict(sent.headers),
            data=sent.content or None,
            content_type=sent.headers.get("content-type", ""),
        )
        operation = self._operation(sent.method, sent.url.path)
        declared = {each["name"] for each in operation["parameters"] if each["in"] == "query"}
        unknown = sorted(set(query) - declared - PAGES.get(operation["operationId"], set()))
        answer = MockResponse(
            response.content,
            response.status_code,
            dict(response.headers),
            response.headers.get("content-type", ""),
        )
        problems = [
            *(f"undocumented parameter: {name}" for name in unknown),
            *_problems("request", self._openapi.iter_request_errors(request)),
            *_problems("answer", self._openapi.iter_response_errors(request, answer)),
        ]
        if problems:
            raise BreaksContractError(f"{operation['operationId']}: {'; '.join(problems)}")
        return str(operation["operationId"])

    def _operation(self, method: str, path: str) -> dict[str, Any]:
        for template, operations in self._read["paths"].items():
            pieces, given = template.split("/"), path.split("/")
            fits = len(pieces) == len(given) and all(
                piece.startswith("{") or piece == one for piece, one in zip(pieces, given, strict=True)
            )
            if fits and method.lower() in operations:
                found: dict[str, Any] = operations[method.lower()]
                return found
        raise AssertionError(f"no such operation: {method} {path}")


def _problems(what: str, errors: Iterable[Exception]) -> Iterator[str]:
    for error in errors:
        schema_errors = getattr(error.__cause__, "schema_errors", None) or (error.__cause__ or error,)
        for place, message in sorted({(_place(each), _message(each)) for each in schema_errors}):
            yield f"{what} {place}: {message}"


def _place(error: object) -> str:
    """The field without indices: one complaint for all orders of a page."""
    return ".".join(piece for piece in getattr(error, "absolute_path", ()) if isinstance(piece, str))


def _message(error: object) -> str:
    return str(getattr(error, "message", type(error).__name__))[:200]


def _repair(read: dict[str, Any]) -> None:
    """Adds the parts that the excerpt leaves out, and null where the vendor's own examples have it."""
    read["servers"] = [{"url": "/"}]
    scheme = {"type": "apiKey", "in": "header", "name": "Authorization"}
    read["components"]["securitySchemes"] = {"Shop-API-Key": scheme}
    schemas = read["components"]["schemas"]
    for name, schema in schemas.items():
        schema.pop("discriminator", None)  # points to schemas that are not in the excerpt
        if "_Response_" in name:
            properties = schema.get("properties", {})
            for field, described in properties.items():
                if not _is_never_null(field, described):
                    properties[field] = {"anyOf": [described, {"type": "null"}]}
    for schema in _all_objects(read):
        if "$ref" in schema:
            schema.pop("type", None)
    _allow_several_states(read)


def _allow_several_states(read: dict[str, Any]) -> None:
    """`order_state_codes` is described as one state, but is a comma-separated text in the vendor's notes."""
    for parameter in read["paths"]["/api/orders"]["get"]["parameters"]:
        if parameter["name"] == "order_state_codes":
            state = "|".join(parameter["schema"].pop("enum"))
            parameter["schema"]["pattern"] = f"^({state})(,({state}))*$"


def _is_never_null(field: str, described: dict[str, Any]) -> bool:
    """True for ids, states and numbers, and for flags and lists, which always come."""
    is_id = field == "id" or field in {"order_id", "order_line_id", "commercial_id"}
    kind = described.get("type")
    return is_id or field.endswith("_state") or kind in {"number", "integer", "boolean", "array"}


def _all_objects(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _all_objects(each)
