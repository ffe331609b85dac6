"""The document: for each route an operation, with its request, its answers and its problems."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, get_args, get_origin

from infra.openapi.page import InterfacePage, PageUnclear, Section
from infra.openapi.schemas import COMPONENTS, BodySchemas, answer_schema, query_parameters
from shared.web.call import CORRELATION_HEADER, Answer, File, Page
from shared.web.function import Route
from shared.web.problem import MEDIA_TYPE

Json = dict[str, Any]

VERSION = "3.1.0"
JSON_TYPE = "application/json"
ALWAYS = (400, 405, 422, 500, 503)
"""Any endpoint can answer these."""
HEADERS: Mapping[str, str] = {
    CORRELATION_HEADER: "Written to every log entry of the call, and returned. Another text is replaced.",
    "X-CloudTasks-TaskRetryCount": "Deliveries before this one, sent by Cloud Tasks.",
    "X-CloudScheduler-ScheduleTime": "When the firing was due, sent by Cloud Scheduler.",
}


@dataclass(frozen=True)
class Described:
    """One route with its section of docs/api.md. `path` is its place in the document."""

    function: str
    route: Route
    section: Section
    path: str

    @property
    def operation_id(self) -> str:
        words = self.route.template.replace("{", "").replace("}", "").replace("-", "_").split("/")
        return "_".join(
            [self.function.replace("-", "_"), self.route.method.lower(), *(each for each in words if each)]
        )


def document(routes: Mapping[str, Sequence[Route]], page: InterfacePage, version: str) -> Json:
    """One document of all functions. A path begins with the function's name, as at its cloudfunctions.net address."""
    server = {
        "url": "https://{region}-{project}.cloudfunctions.net",
        "description": "Every function below one host; the answers are those of the function's own address.",
        "variables": {"region": {"default": "us-central1"}, "project": {"default": "my-project"}},
    }
    described = [
        Described(function, route, page.section(function, f"{route.method} {route.template}"), path)
        for function, its in routes.items()
        for route in its
        for path in [f"/{function}{route.template.rstrip('/')}"]
    ]
    whole = _document(described, page, version, server)
    whole["security"] = [{"identity": []}]
    whole["components"]["securitySchemes"] = {
        "identity": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "Google's identity token of an identity that may call the function.",
        }
    }
    return whole


def document_of(function: str, routes: Sequence[Route], page: InterfacePage, version: str, url: str) -> Json:
    """The document of one function at an address of its own, where the platform asks for no identity."""
    described = [
        Described(function, route, page.section(function, f"{route.method} {route.template}"), route.template)
        for route in routes
    ]
    return _document(described, page, version, {"url": url})


def _document(described: Sequence[Described], page: InterfacePage, version: str, server: Json) -> Json:
    bodies = BodySchemas([each.route.model for each in described if each.route.method == "POST"])
    paths: dict[str, Json] = {}
    for each in described:
        if each.route.method == "POST":
            bodies.describe(each.route.model, each.section.meanings)
        paths.setdefault(each.path, {})[each.route.method.lower()] = _operation(each, bodies, page)
    return {
        "openapi": VERSION,
        "info": {
            "title": "Switchyard",
            "version": version,
            "description": (
                "Made by `python -m infra.openapi` of the code and docs/api.md. HEAD works like GET. At an address "
                "of its own (run.app, the laptop cloud), a function has the same paths without its name."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [server],
        "tags": [{"name": name} for name in dict.fromkeys(each.function for each in described)],
        "paths": paths,
        "components": {
            "schemas": {"Problem": _problem(), **dict(sorted(bodies.components.items()))},
            "responses": {_name(status): _refusal(status, [], page) for status in sorted(set(page.problems))},
            "headers": _headers(),
        },
    }


def _operation(each: Described, bodies: BodySchemas, page: InterfacePage) -> Json:
    route, section = each.route, each.section
    operation: Json = {
        "operationId": each.operation_id,
        "tags": [each.function],
        "summary": section.summary,
        "description": section.text,
        "parameters": _path_parameters(each),
    }
    if route.method == "POST":
        body: Json = {"schema": {"$ref": bodies.reference(route.model)}}
        if section.example.body is not None:
            body["example"] = section.example.body
        operation["requestBody"] = {"required": _required(route), "content": {JSON_TYPE: body}}
    else:
        operation["parameters"] += _query_parameters(each)
    operation["parameters"] += [
        {"name": name, "in": "header", "description": HEADERS.get(name, ""), "schema": {"type": "string"}}
        for name in [*section.headers, CORRELATION_HEADER]
    ]
    operation["responses"] = {"200": _success(each), **_problems(each, page)}
    return operation


def _path_parameters(each: Described) -> list[Json]:
    examples = each.section.example.path_values(each.route.template)
    schema = {"type": "string", "minLength": 1}
    return [
        {"name": name, "in": "path", "required": True, "schema": schema, "example": examples[name]}
        for name in each.route.pattern.groupindex
    ]


def _query_parameters(each: Described) -> list[Json]:
    parameters = query_parameters(each.route.model, each.section.meanings)
    for parameter in parameters:
        if text := each.section.example.query.get(parameter["name"]):
            parameter["example"] = _typed(text, parameter["schema"].get("type"))
    return parameters


def _required(route: Route) -> bool:
    """A missing body counts as {}."""
    return any(field.is_required() for field in route.model.model_fields.values())


def _typed(text: str, kind: str | None) -> bool | int | str:
    if kind == "boolean":
        return text == "true"
    return int(text) if kind == "integer" else text


def _success(each: Described) -> Json:
    content: dict[str, Json] = {}
    headers = {CORRELATION_HEADER: _header(CORRELATION_HEADER)}
    for kind in _returned(each):
        media_type = _media_type(each, kind)
        if media_type == JSON_TYPE:
            content[media_type] = {"schema": answer_schema(each.section)}
            if each.section.examples:
                content[media_type]["example"] = each.section.examples[0]
        else:
            content[media_type] = {"schema": {"type": "string", "format": "binary"}}
            headers |= {name: _header(name) for name in ("Content-Disposition", "Cache-Control")}
    if JSON_TYPE in content and len(content) > 1:
        headers = {CORRELATION_HEADER: _header(CORRELATION_HEADER)}
    return {"description": HTTPStatus.OK.phrase, "headers": headers, "content": content}


def is_page(route: Route) -> bool:
    """Whether it answers a person's browser. Those routes have classes of their own, but for a page's assets."""
    return type(route) is not Route or inspect.signature(route.handler).return_annotation is Page


def _returned(each: Described) -> tuple[Any, ...]:
    returned = inspect.signature(each.route.handler).return_annotation
    return get_args(returned) if get_origin(returned) not in (None, Annotated) else (returned,)


def _media_type(each: Described, kind: Any) -> str:  # noqa: ANN401 - a type
    if kind is Answer:
        return JSON_TYPE
    if get_origin(kind) is Annotated and get_args(kind)[0] is File:
        return str(get_args(kind)[1])
    raise PageUnclear(
        f"the handler of {each.section.name} returns {kind}: name what it returns, Answer or a file as in"
        " shared/web/call.py, such as Pdf"
    )


def _problems(each: Described, page: InterfacePage) -> dict[str, Json]:
    route, section = each.route, each.section
    own: dict[int, list[str]] = {}
    for status, code in section.problems:
        own.setdefault(status, []).append(code)
    posts = route.method == "POST"
    named = route.pattern.groups > 0
    known = set(page.problems) | set(own)
    statuses = {*ALWAYS, *own, *(section.statuses & known)}
    statuses |= {status for status, holds in ((404, named), (409, posts and named), (415, posts)) if holds}
    return {
        str(status): _refusal(status, own[status], page)
        if status in own
        else {"$ref": f"#/components/responses/{_name(status)}"}
        for status in sorted(statuses)
    }


def _name(status: int) -> str:
    return HTTPStatus(status).phrase.title().replace(" ", "")


def _refusal(status: int, own: Sequence[str], page: InterfacePage) -> Json:
    general = page.problems.get(status, {})
    lines = [f"`{code}`: {when}" for code, when in general.items()]
    codes = [*general, *own]
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        codes.append("request_refused")
    properties: Json = {"status": {"const": status}, "code": {"enum": list(dict.fromkeys(codes))}}
    headers = {name: _header(name) for name in (CORRELATION_HEADER, *RETURNED.get(status, ()))}
    schema = {"allOf": [{"$ref": f"{COMPONENTS}Problem"}, {"properties": properties}]}
    return {
        "description": "\n".join([HTTPStatus(status).phrase, *lines, *(f"`{code}`" for code in own)]),
        "headers": headers,
        "content": {MEDIA_TYPE: {"schema": schema}},
    }


RETURNED: Mapping[int, Sequence[str]] = {405: ("Allow",), 429: ("Retry-After",), 503: ("Retry-After",)}
"""The headers of problems, by their status."""


def _header(name: str) -> Json:
    return {"$ref": f"#/components/headers/{name}"}


def _headers() -> Json:
    text: Json = {"type": "string"}
    return {
        CORRELATION_HEADER: {"description": "The call's id in the log.", "required": True, "schema": text},
        "Content-Disposition": {"description": "attachment, with its name", "required": True, "schema": text},
        "Cache-Control": {"required": True, "schema": {"const": "no-store"}},
        "Allow": {"description": "The path's methods.", "required": True, "schema": text},
        "Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}},
    }


def _problem() -> Json:
    error = {
        "type": "object",
        "required": ["field", "message"],
        "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
    }
    return {
        "type": "object",
        "description": "RFC 9457. `code` is stable; `errors` lists up to 50 wrong fields of an invalid request.",
        "required": ["type", "title", "status", "detail", "code"],
        "properties": {
            "type": {"const": "about:blank"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "code": {"type": "string"},
            "errors": {"type": "array", "maxItems": 50, "items": error},
        },
    }
