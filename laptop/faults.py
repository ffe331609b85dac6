"""Injected faults, the same kinds for every HTTP stand-in, and the ASGI wrapper that applies them.

    plan = FaultPlan(seed=7, faults=[Fault(kind="error_before", status=503, path="/v1", probability=0.2)])
    app = FaultyApp(Starlette(routes=[*fault_routes(plan), ...]), plan)
    uvicorn.Config(app, http=DroppableProtocol)   # can close a connection without an answer

| kind | needs | what the caller sees | the effect |
|---|---|---|---|
| latency | seconds | the true answer, late | happens, late |
| error_before | status | that status | does not happen |
| error_after | status | that status | happens |
| timeout | seconds, (effect) | silence, then a closed connection | happens before the silence, or never |
| rate_limited | (limit, seconds) | 429 in the app's own shape | does not happen |
| lost_answer | | a closed connection | happens |
| malformed | | 200 with a body that breaks off | happens |
| html | (status, effect) | a gateway's web page, 200 by default | happens before the page, or never |
"""

import asyncio
import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self
from weakref import WeakValueDictionary

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

CONTROL = "/_control/"
_PAGE = "<!DOCTYPE html><html><body><h1>Access denied</h1><p>injected by the fault plan</p></body></html>"
_LONGEST = 172_800.0  # seconds; two days, longer than any wait a vendor asks for


class FaultKind(StrEnum):
    LATENCY = "latency"
    ERROR_BEFORE = "error_before"
    ERROR_AFTER = "error_after"
    TIMEOUT = "timeout"
    RATE_LIMITED = "rate_limited"
    LOST_ANSWER = "lost_answer"
    MALFORMED = "malformed"
    HTML = "html"


WITHOUT_TRUE_ANSWER = frozenset(FaultKind) - {FaultKind.LATENCY}
"""The kinds after which the caller does not have the app's own answer."""

_KNOBS: dict[FaultKind, tuple[frozenset[str], frozenset[str]]] = {  # kind: (needed, also allowed)
    FaultKind.LATENCY: (frozenset({"seconds"}), frozenset()),
    FaultKind.ERROR_BEFORE: (frozenset({"status"}), frozenset()),
    FaultKind.ERROR_AFTER: (frozenset({"status"}), frozenset()),
    FaultKind.TIMEOUT: (frozenset({"seconds"}), frozenset({"effect"})),
    FaultKind.RATE_LIMITED: (frozenset(), frozenset({"limit", "seconds"})),
    FaultKind.LOST_ANSWER: (frozenset(), frozenset()),
    FaultKind.MALFORMED: (frozenset(), frozenset()),
    FaultKind.HTML: (frozenset(), frozenset({"status", "effect"})),
}


class Fault(BaseModel):
    """One fault and the requests that it strikes.

    `path` is a prefix. Of the matching requests: the first `times`, or every `every`-th, or each with
    `probability`; without any of the three, all. `seconds` is the delay, the silence or a 429's Retry-After.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: FaultKind
    path: str = Field(default="/", pattern="^/")
    method: str | None = Field(default=None, pattern="^[A-Z]+$")
    seconds: Annotated[float, Field(ge=0, le=_LONGEST)] | None = None
    status: Annotated[int, Field(ge=400, le=599)] | None = None
    effect: Literal["before", "none"] | None = None
    limit: Literal["burst", "daily"] | None = None
    probability: Annotated[float, Field(ge=0, le=1)] | None = None
    times: Annotated[int, Field(ge=1)] | None = None
    every: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _knobs_fit_the_kind(self) -> Self:
        needed, allowed = _KNOBS[self.kind]
        given = {name for name in ("seconds", "status", "effect", "limit") if getattr(self, name) is not None}
        if missing := sorted(needed - given):
            raise ValueError(f"{self.kind} needs {', '.join(missing)}")
        if surplus := sorted(given - needed - allowed):
            raise ValueError(f"{self.kind} takes no {', '.join(surplus)}")
        if sum(one is not None for one in (self.probability, self.times, self.every)) > 1:
            raise ValueError("give one of probability, times, every")
        return self

    @property
    def seen_status(self) -> int | None:
        """The status that the caller gets; None if there is no answer or the app chooses."""
        return 429 if self.kind is FaultKind.RATE_LIMITED else self.status

    def matches(self, method: str, path: str) -> bool:
        return path.startswith(self.path) and self.method in (None, method)


class FaultSettings(BaseModel):
    """The body of `PUT /_control/faults`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = 0
    faults: tuple[Fault, ...] = ()


class FaultPlan:
    """Decides which faults strike a request; safe to share between threads.

    The same seed strikes the same requests again, in whatever order different paths are called: chance is a hash of
    seed, fault, method, path and the number of earlier requests to that path.
    """

    def __init__(self, seed: int = 0, faults: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._install(FaultSettings(seed=seed, faults=tuple(faults)))

    def _install(self, settings: FaultSettings) -> None:
        self._settings = settings
        self._matched: Counter[int] = Counter()
        self._struck: Counter[int] = Counter()
        self._asked: Counter[tuple[int, str, str]] = Counter()

    def replace(self, settings: FaultSettings) -> None:
        """Starts over with other faults, all counts at zero."""
        with self._lock:
            self._install(settings)

    def draw(self, method: str, path: str) -> Sequence[Fault]:
        """The faults that strike this request: any number of latencies, then at most one other."""
        with self._lock:
            latencies: list[Fault] = []
            for index, fault in enumerate(self._settings.faults):
                if not (fault.matches(method, path) and self._strikes(index, fault, method, path)):
                    continue
                if fault.kind is not FaultKind.LATENCY:
                    return (*latencies, fault)
                self._struck[index] += 1
                latencies.append(fault)
            return tuple(latencies)

    def count_struck(self, struck: Fault) -> None:
        """Counts a drawn fault that is no latency, once the request has had its effect or will never have it."""
        with self._lock:
            for index, fault in enumerate(self._settings.faults):
                if fault is struck:
                    self._struck[index] += 1

    def _strikes(self, index: int, fault: Fault, method: str, path: str) -> bool:
        self._matched[index] += 1
        self._asked[index, method, path] += 1
        if fault.times is not None:
            return self._matched[index] <= fault.times
        if fault.every is not None:
            return self._matched[index] % fault.every == 0
        if fault.probability is not None:
            nth = self._asked[index, method, path]
            return _chance(f"{self._settings.seed}\n{index}\n{method}\n{path}\n{nth}") < fault.probability
        return True

    def report(self) -> dict[str, object]:
        """The current faults, each with the number of requests that it matched and struck.

        A request is counted as struck when nothing more of it can happen, so that who waits for the count may kill.
        """
        with self._lock:
            return {
                "seed": self._settings.seed,
                "faults": [
                    fault.model_dump(mode="json", exclude_none=True)
                    | {"matched": self._matched[index], "struck": self._struck[index]}
                    for index, fault in enumerate(self._settings.faults)
                ],
            }


def _chance(key: str) -> float:
    """A number from 0 to below 1 that depends on the key alone."""
    return (
        int.from_bytes(hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=6).digest(), "big") / 2**48
    )


def plain_answer(fault: Fault) -> Response:
    """The error answer of an app without an error shape."""
    if fault.kind is FaultKind.RATE_LIMITED:
        wait = str(round(1 if fault.seconds is None else fault.seconds))
        return JSONResponse({"status": 429, "detail": "injected"}, 429, {"retry-after": wait})
    return JSONResponse({"status": fault.status, "detail": "injected"}, fault.status or 500)


class DroppableProtocol(HttpToolsProtocol):
    """uvicorn's httptools protocol that can also close a connection without an answer, for which ASGI has no message.

    For `uvicorn.Config(http=DroppableProtocol)`.
    """

    _open: ClassVar[WeakValueDictionary[tuple[str, int], HttpToolsProtocol]] = WeakValueDictionary()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it so
        super().connection_made(transport)
        if self.client:
            self._open[self.client] = self

    @classmethod
    def drop(cls, client: tuple[str, int] | None) -> bool:
        """Closes the client's connection; False if there is none."""
        protocol = cls._open.get(client) if client else None
        if protocol is None:
            return False
        protocol.transport.abort()
        return True


class FaultyApp:
    """Wraps a whole ASGI app, outside any other middleware, and applies a plan to its requests.

    `answer` makes the error answers in the app's shape. `unserved` is called for each request whose effect a fault
    prevented, so that the app can record it. `scope["faults"]` holds the kinds that struck. Control paths are never
    struck.
    """

    def __init__(
        self,
        app: ASGIApp,
        plan: FaultPlan,
        answer: Callable[[Fault], Response] = plain_answer,
        unserved: Callable[[Scope, Fault], None] = lambda _scope, _fault: None,
    ) -> None:
        self._app = app
        self._plan = plan
        self._answer = answer
        self._unserved = unserved

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(CONTROL):
            await self._app(scope, receive, send)
            return
        struck = self._plan.draw(scope["method"], scope["path"])
        scope["faults"] = tuple(fault.kind for fault in struck)
        for fault in struck:
            if fault.kind is FaultKind.LATENCY:
                await asyncio.sleep(fault.seconds or 0)
        last = struck[-1] if struck and struck[-1].kind is not FaultKind.LATENCY else None
        if last is None:
            await self._app(scope, receive, send)
        else:
            await self._strike(last, scope, receive, send)

    async def _strike(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if _has_effect(fault):
            await self._app(scope, receive, _discard)
        else:
            self._unserved(scope, fault)
        self._plan.count_struck(fault)
        match fault.kind:
            case FaultKind.TIMEOUT:
                await _hang_up(scope, receive, after=fault.seconds or 0)
            case FaultKind.LOST_ANSWER:
                await _hang_up(scope, receive, after=0)
            case FaultKind.MALFORMED:
                broken = Response(b'{"answer": {"cut off', 200, media_type="application/json")
                await broken(scope, receive, send)
            case FaultKind.HTML:
                await HTMLResponse(_PAGE, fault.status or 200)(scope, receive, send)
            case _:
                await self._answer(fault)(scope, receive, send)


def hidden_by(scope: Scope) -> FaultKind | None:
    """The fault that keeps the app's own answer from the caller, if one does."""
    return next((kind for kind in scope.get("faults", ()) if kind in WITHOUT_TRUE_ANSWER), None)


def _has_effect(fault: Fault) -> bool:
    if fault.kind in {FaultKind.TIMEOUT, FaultKind.HTML}:
        return fault.effect == "before"
    return fault.kind in {FaultKind.ERROR_AFTER, FaultKind.LOST_ANSWER, FaultKind.MALFORMED}


async def _discard(_message: Message) -> None:
    """Drops the answer: the caller gets another one."""


async def _hang_up(scope: Scope, receive: Receive, after: float) -> None:
    """Closes the connection without an answer, unless the caller does so first."""
    try:
        async with asyncio.timeout(after):
            await _disconnected(receive)
    except TimeoutError:
        if not DroppableProtocol.drop(scope.get("client")):
            raise ConnectionResetError("an answer lost by a fault") from None
        await _disconnected(receive)  # returning earlier would make the server send a 500


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def fault_routes(plan: FaultPlan) -> list[Route]:
    """`GET`, `PUT` and `DELETE /_control/faults`: show, replace and clear the faults."""

    async def faults(request: Request) -> Response:
        if request.method == "PUT":
            try:
                plan.replace(FaultSettings.model_validate_json(await request.body()))
            except ValidationError as refused:
                errors = refused.errors(include_url=False, include_context=False, include_input=False)
                return JSONResponse({"status": 422, "detail": "not a fault plan", "errors": errors}, 422)
        elif request.method == "DELETE":
            plan.replace(FaultSettings())
        return JSONResponse(plan.report())

    return [Route(f"{CONTROL}faults", faults, methods=["GET", "PUT", "DELETE"])]
