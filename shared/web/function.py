"""Makes a deployed function of plain handlers: routing, validation, errors, correlation and the log entry."""

import json
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any, Protocol, cast

import flask

from shared.errors import Conflict, MethodNotAllowed, NotFound, SwitchyardError
from shared.settings import LogSettings
from shared.web.body import read_body, read_query, refuse_query
from shared.web.call import CORRELATION_HEADER, Answer, Call, File, Page, RequestModel, correlation_of
from shared.web.health import Check, Health, HealthRequest
from shared.web.log import log, start_logging
from shared.web.problem import INTERNAL_ERROR, MEDIA_TYPE, Problem, problem_of, unexpected
from shared.web.server import prepare_server, receive
from shared.wiring.part import Group, require, settings_of

Reply = Answer | File | Page
Handler = Callable[..., Reply]
Refusal = Callable[[flask.Request, Problem], Answer | Page]
"""Makes the answer of a function that refuses a request."""
Supply = Callable[[], Any]
"""Returns an object that a handler works with; usually a `Part` of shared/wiring."""

FIRST_ERROR = 400
METHODS = {"GET": ("GET", "HEAD"), "POST": ("POST",)}
"""The methods that a route answers, by its own method."""


@dataclass(frozen=True)
class Route:
    """`template` is a path such as `/batches/{id}`; GET takes its input from the query, POST from the body.

    The handler is called with the request, the call, and what each of `supplies` returns.
    """

    method: str
    template: str
    model: type[RequestModel]
    handler: Handler
    supplies: tuple[Supply, ...] = ()

    @property
    def parts(self) -> tuple[Supply, ...]:
        """All that the route works with."""
        return self.supplies

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(self.template)))

    def read(self, request: flask.Request) -> RequestModel:
        if self.method == "GET":
            return read_query(self.model, request.args.to_dict(flat=False))
        refuse_query(request.args.to_dict(flat=False))
        return read_body(self.model, request.get_data(), request.mimetype)

    def answer(self, request: flask.Request, call: Call) -> Reply:
        return self.handler(self.read(request), call, *(supply() for supply in self.supplies))


@dataclass(frozen=True)
class Later:
    """Routes whose modules are imported with the first request below `heads`, so that no start pays for all of them.

    `heads` are first segments of paths, the empty one that of `/`. `load` gets `parts`, which are all that the routes
    work with: the start checks their settings.
    """

    heads: frozenset[str]
    load: Callable[..., Sequence[Route]]
    parts: tuple[Supply, ...]

    @cached_property
    def routes(self) -> Sequence[Route]:
        return tuple(self.load(*self.parts))


def later(*heads: str, parts: Sequence[Supply]) -> Callable[[Callable[..., Sequence[Route]]], Later]:
    return lambda load: Later(frozenset(heads), load, tuple(parts))


Table = Sequence[Route | Later]


def routes_of(table: Table, head: str | None = None) -> Iterator[Route]:
    """All routes, or those that could be below a first segment."""
    for each in table:
        if isinstance(each, Route):
            yield each
        elif head is None or head in each.heads:
            yield from each.routes


class HttpFunction(Protocol):
    """`routes` is `routes_of` its table; `settings` holds every group of settings that it could ever read."""

    routes: Callable[..., Iterator[Route]]
    settings: Sequence[type[Group]]

    def __call__(self, request: flask.Request) -> flask.Response: ...


def problem_json(_request: flask.Request, problem: Problem) -> Answer:
    return Answer(problem.body, problem.status, problem.headers)


def http_function(
    name: str,
    routes: Table,
    checks: Mapping[str, Check] = MappingProxyType({}),
    refuse: Refusal = problem_json,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> HttpFunction:
    """One deployed function, which also answers `GET /health` by `checks`, and problems by `refuse`.

    Each answer gets those of `headers` that it does not set itself.

    Raises SettingsInvalid for a wrong value of a variable that the routes or the checks could ever read.
    """
    start_logging(LogSettings.from_environment().level)
    used = (*(supply for each in routes for supply in each.parts), *checks.values())
    require(used)
    table = (Route("GET", "/health", HealthRequest, Health(name, checks)), *routes)
    serve = _server(name, table, refuse, headers)
    prepare_server(serve)
    function = cast("HttpFunction", serve)
    function.routes, function.settings = partial(routes_of, table), (LogSettings, *settings_of(used))
    return function


def endpoint(
    model: type[RequestModel], checks: Mapping[str, Check], *supplies: Supply
) -> Callable[[Handler], HttpFunction]:
    """Makes a handler the function's one endpoint: POST to its root."""
    return lambda handler: http_function(
        handler.__name__.replace("_", "-"), [Route("POST", "/", model, handler, supplies)], checks
    )


def _server(
    name: str, table: Table, refuse: Refusal, headers: Mapping[str, str]
) -> Callable[[flask.Request], flask.Response]:
    """Answers a request by its route, or with a problem, and writes the log entry."""

    def serve(request: flask.Request) -> flask.Response:
        begun = time.perf_counter()
        correlation_id = correlation_of(request.headers)
        facts: dict[str, Any] = {}
        severity = logging.INFO
        fault: Exception | None = None
        try:
            receive(request)
            answer = _answer(table, request, correlation_id)
            response = _response(answer)
            facts.update(answer.logged)
            severity = severity if isinstance(answer, File) else answer.severity
        except SwitchyardError as error:
            response = _response(refuse(request, problem_of(error)))
            facts.update(code=error.code)
            if not isinstance(error, Conflict):  # it names the person who holds the task
                facts.update(detail=error.detail)
            severity = logging.WARNING
            if error.status == INTERNAL_ERROR:
                severity, fault = logging.ERROR, error
        except Exception as error:  # noqa: BLE001 - the outermost edge: the caller gets a plain 500, the log gets the details
            response = _response(refuse(request, unexpected()))
            severity, fault = logging.ERROR, error
        response.headers[CORRELATION_HEADER] = correlation_id
        for header, value in headers.items():
            response.headers.setdefault(header, value)
        log(
            severity,
            f"{name}: {request.method} {request.path} {response.status_code}",
            error=fault,
            function=name,
            correlation_id=correlation_id,
            status=response.status_code,
            duration_ms=round((time.perf_counter() - begun) * 1000, 1),
            **facts,
        )
        return response

    return serve


def _answer(table: Table, request: flask.Request, correlation_id: str) -> Reply:
    path = request.path.rstrip("/") or "/"
    routes = routes_of(table, path.split("/", 2)[1])
    matching = [(route, match) for route in routes if (match := route.pattern.fullmatch(path))]
    if not matching:
        raise NotFound(f"there is nothing at {path[:200]}")
    fewest = min(route.pattern.groups for route, _ in matching)  # /orders/retry is no order's id
    found = [(route, match) for route, match in matching if route.pattern.groups == fewest]
    method = "GET" if request.method == "HEAD" else request.method  # werkzeug leaves out the body
    for route, match in found:
        if route.method == method:
            return route.answer(request, Call(request.headers, match.groupdict(), correlation_id))
    allowed = sorted({name for route, _ in found for name in METHODS[route.method]})
    raise MethodNotAllowed(f"{path[:200]} takes {' or '.join(allowed)}, not {request.method}", allowed)


def _response(answer: Reply) -> flask.Response:
    if isinstance(answer, File):
        return flask.Response(answer.content, headers=answer.headers, content_type=answer.media_type)
    if isinstance(answer, Page):
        headers = dict(answer.headers)
        return flask.Response(answer.content, answer.status, headers, content_type=answer.media_type)
    media_type = MEDIA_TYPE if answer.status >= FIRST_ERROR else "application/json"
    text = json.dumps(answer.body, ensure_ascii=False, default=str)
    headers = dict(answer.headers)
    return flask.Response(text, answer.status, headers, content_type=f"{media_type}; charset=utf-8")
