"""The HTTP application: Supabase's gateway, which checks the key, and PostgREST behind it."""

import json
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from laptop.faults import Fault, FaultKind, FaultPlan, FaultyApp, fault_routes
from laptop.supabase.rest import queries
from laptop.supabase.rest.catalogue import SCHEMA, CatalogueCache
from laptop.supabase.rest.errors import (
    BAD_REQUEST,
    NOT_ACCEPTABLE,
    NOT_FOUND,
    UNAUTHORIZED,
    ApiError,
    not_imitated,
)
from laptop.supabase.rest.pool import Pool
from laptop.supabase.rest.queries import Query
from laptop.supabase.rest.tokens import Caller, caller
from laptop.supabase.rest.transaction import Answer, RequestFacts, run
from laptop.supabase.storage.errors import StorageError
from laptop.supabase.storage.folder import Folder
from laptop.supabase.storage.routes import StorageRoutes, error_answer

PREFIX = "/rest/v1"
READY = "/_control/ready"
BACKLOG = 2048
_JSON = "application/json; charset=utf-8"
_ONE_OBJECT = "application/vnd.pgrst.object+json"
_STALE_STATES = frozenset({"42883", "42P01", "42703", "0A000"})
"""Errors of a function or view that has changed since the catalogue was read."""


class RestServer:
    """Serves Supabase Storage too when it gets a `folder`."""

    def __init__(
        self, database_url: str, jwt_secret: str, pool_size: int, folder: Folder | None = None
    ) -> None:
        self._secret = jwt_secret
        self._folder = folder
        self._pool = Pool(database_url, pool_size)
        self._catalogue = CatalogueCache(self._pool)

    def app(self) -> ASGIApp:
        plan = FaultPlan()
        storage = StorageRoutes(self._folder, self._authenticate).routes() if self._folder else []
        inner = Starlette(
            routes=[
                *fault_routes(plan),
                Route(READY, self.ready),
                Route(f"{PREFIX}/", self.root, methods=["GET"]),
                Route(f"{PREFIX}/rpc/{{function}}", self.call, methods=["POST"]),
                Route(f"{PREFIX}/{{relation}}", self.read, methods=["GET"]),
                *storage,
                Route(
                    "/{rest:path}",
                    self.anything_else,
                    methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
                ),
            ],
            exception_handlers={ApiError: _error_answer, StorageError: error_answer},
            lifespan=self._lifespan,
        )
        return FaultyApp(inner, plan, _fault_answer)

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        yield
        await self.close()

    async def close(self) -> None:
        """Closes the connections to the database. A server calls it by the app's lifespan."""
        await self._pool.close()

    async def ready(self, _request: Request) -> Response:
        """Answers 200 once the database does; needs no key."""
        self._catalogue.forget()
        await self._catalogue.current()
        return JSONResponse({"status": "ready"})

    async def root(self, request: Request) -> Response:
        """Answers a stub; PostgREST describes the whole API here."""
        self._authenticate(request.headers)
        await self._catalogue.current()
        return JSONResponse({"swagger": "2.0", "info": {"title": "local Supabase REST"}, "paths": {}})

    async def call(self, request: Request) -> Response:
        who = self._authenticate(request.headers)
        _refuse_unsupported(request, accepted=(_JSON, _ONE_OBJECT))
        if request.url.query:
            raise not_imitated("shaping or filtering the result of a function")
        payload = await request.body()
        arguments = _arguments(payload, request.headers)
        name = request.path_params["function"]
        function = await self._catalogue.function(name, arguments)
        query = queries.call(function, arguments, payload.decode() or "{}")
        answer = await self._run(query, who, request)
        if function.is_void:
            return Response(status_code=204)
        return _answer(query, answer, single=_wants_one(request) and function.is_set)

    async def read(self, request: Request) -> Response:
        who = self._authenticate(request.headers)
        _refuse_unsupported(request, accepted=(_JSON, _ONE_OBJECT))
        relation = await self._catalogue.relation(request.path_params["relation"])
        single = _wants_one(request)
        query = queries.read(relation, request.query_params.multi_items(), single=single)
        return _answer(query, await self._run(query, who, request), single=single)

    async def anything_else(self, request: Request) -> Response:
        if not request.url.path.startswith(f"{PREFIX}/"):
            raise ApiError(NOT_FOUND, "PGRST125", "Invalid path specified in request URL")
        self._authenticate(request.headers)
        raise not_imitated(f"{request.method} {request.url.path}")

    async def _run(self, query: Query, who: Caller, request: Request) -> Answer:
        headers = {name: value for name, value in request.headers.items() if name != "cookie"}
        facts = RequestFacts(request.method, request.url.path.removeprefix(PREFIX), headers)
        settings = (await self._catalogue.current()).role_settings.get(who.role, {})
        try:
            return await run(self._pool, query, who, facts, settings)
        except ApiError as error:
            if error.code in _STALE_STATES:
                self._catalogue.forget()
            raise

    def _authenticate(self, headers: Headers) -> Caller:
        """Checks the gateway's key. The caller is that of the bearer token, or of the key when there is none."""
        now = time.time()
        key = headers.get("apikey")
        if not key:
            hint = "No `apikey` request header or url param was found."
            raise _GatewayRefusal("No API key found in request", hint)
        try:
            by_key = caller(key, self._secret, now)
        except ApiError as problem:
            hint = "Double check your Supabase `anon` or `service_role` API key."
            raise _GatewayRefusal("Invalid API key", hint) from problem
        scheme, _, token = headers.get("authorization", "").partition(" ")
        return caller(token.strip(), self._secret, now) if scheme.lower() == "bearer" else by_key


class _GatewayRefusal(ApiError):
    """An error in the gateway's shape, without code and details."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(UNAUTHORIZED, "", message, hint=hint)

    def body(self) -> dict[str, str | None]:
        return {"message": self.message, "hint": self.hint}


def _refuse_unsupported(request: Request, accepted: tuple[str, ...]) -> None:
    headers = request.headers
    for name in ("accept-profile", "content-profile"):
        if headers.get(name, SCHEMA) != SCHEMA:
            hint = f"Only the following schemas are exposed: {SCHEMA}"
            raise ApiError(NOT_ACCEPTABLE, "PGRST106", f"Invalid schema: {headers[name]}", hint=hint)
    for name in ("prefer", "range"):
        if name in headers:
            raise not_imitated(f"the header {name.title()}: {headers[name]}")
    wanted = headers.get("accept", "*/*")
    known = ("*/*", "application/*", *(media.partition(";")[0] for media in accepted))
    if not any(media.partition(";")[0].strip() in known for media in wanted.split(",")) or "nulls=" in wanted:
        raise not_imitated(f"the media type {wanted}")


def _wants_one(request: Request) -> bool:
    return _ONE_OBJECT in request.headers.get("accept", "")


def _arguments(payload: bytes, headers: Headers) -> Mapping[str, object]:
    media = headers.get("content-type", "application/json").partition(";")[0].strip()
    if media != "application/json":
        raise not_imitated(f"a body of type {media}")
    try:
        arguments = json.loads(payload or b"{}")
    except ValueError as problem:
        raise ApiError(BAD_REQUEST, "PGRST102", "Empty or invalid json") from problem
    if not isinstance(arguments, dict):
        raise not_imitated("a body that is not a JSON object")
    return arguments


def _answer(query: Query, answer: Answer, *, single: bool) -> Response:
    if single and answer.rows != 1:
        details = f"The result contains {answer.rows} rows"
        message = "Cannot coerce the result to a single JSON object"
        raise ApiError(NOT_ACCEPTABLE, "PGRST116", message, details)
    headers = {"content-type": _ONE_OBJECT + "; charset=utf-8" if single else _JSON}
    if query.counts_rows:
        headers["content-range"] = (
            f"{query.first_row}-{query.first_row + answer.rows - 1}/*" if answer.rows else "*/*"
        )
    return Response(answer.body, headers=headers)


async def _error_answer(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    headers = dict(error.headers)
    if error.code:
        headers["proxy-status"] = f"PostgREST; error={error.code}"
    return JSONResponse(error.body(), error.status, headers)


def _fault_answer(fault: Fault) -> Response:
    status = 429 if fault.kind is FaultKind.RATE_LIMITED else fault.status or 500
    error = ApiError(status, "FAULT", "an injected fault", f"{fault.kind}")
    return JSONResponse(error.body(), status)


def listening(host: str, port: int) -> socket.socket:
    """Returns a socket that callers can connect to at once.

    It names its protocol: only then does asyncio switch off Nagle's delay, which costs each answer 40 ms.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
