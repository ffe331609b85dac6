"""The sandbox's HTTP face: the token endpoint, product details, keyword search."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Scope

from laptop.clock import Clock, system_clock
from laptop.faults import Fault, FaultPlan, FaultyApp, hidden_by
from laptop.vendors.common.access import Account, basic_credentials
from laptop.vendors.digikey import limits as errors
from laptop.vendors.digikey.books import Books, Call
from laptop.vendors.digikey.catalogue import Catalogue
from laptop.vendors.digikey.control import control_routes
from laptop.vendors.digikey.limits import Limits
from laptop.vendors.digikey.numbers import manufacturer_id
from laptop.vendors.digikey.products import locale, product
from laptop.vendors.digikey.search import SearchRequest, search

_SEARCH = "/products/v4/search"


@dataclass(frozen=True)
class _Outcome:
    """An answer and its entry in the books."""

    answer: Response
    outcome: str
    pn: str | None = None
    client_id: str | None = None
    looked_up: bool = False
    counted: bool = False


class Sandbox:
    def __init__(
        self,
        catalogue: Catalogue,
        books: Books,
        limits: Limits,
        account: Account,
        *,
        clock: Clock = system_clock,
    ) -> None:
        self.catalogue = catalogue
        self.books = books
        self.limits = limits
        self.clock = clock
        self._account = account
        self._resume_day()

    # --- the vendor's calls ---------------------------------------------------------------------------------

    async def token(self, request: Request) -> Response:
        headers = request.headers
        given = _credentials_in(
            headers.get("content-type", ""), headers.get("authorization", ""), await request.body()
        )
        if isinstance(given, str) or not self._account.admits(*given):
            error = given if isinstance(given, str) else "invalid_client"
            status = 401 if error == "invalid_client" else 400
            text = "The client credentials or the request are not valid"
            refusal = JSONResponse({"error": error, "error_description": text}, status)
            return self._record(request, _Outcome(refusal, "token_refused"))
        client_id, lifetime = given[0], self._account.lifetime
        token = self.books.tokens.give(client_id, lifetime, self.clock())
        body = {"access_token": token, "expires_in": round(lifetime), "token_type": "Bearer"}
        return self._record(request, _Outcome(JSONResponse(body), "token", client_id=client_id))

    async def details(self, request: Request) -> Response:
        pn = _asked_pn(request.scope)
        if pn is None:
            return await self.unknown(request)
        client_id = self._admit(request, pn)
        if not isinstance(client_id, str):
            return self._record(request, client_id)
        answer, outcome = self._describe(pn, request.query_params.get("manufacturerId"), request.headers)
        found = outcome == "found"
        return self._record(request, _Outcome(answer, outcome, pn, client_id, looked_up=found, counted=True))

    async def keyword(self, request: Request) -> Response:
        client_id = self._admit(request, None)
        if not isinstance(client_id, str):
            return self._record(request, client_id)
        try:
            asked = SearchRequest.model_validate_json(await request.body())
        except ValidationError as wrong:
            fields: dict[str, list[str]] = {}
            for error in wrong.errors():
                fields.setdefault(".".join(map(str, error["loc"])) or "$", []).append(error["msg"])
            refusal = errors.problem(400, "One or more validation errors occurred.", fields)
            return self._record(request, _Outcome(refusal, "bad_request", None, client_id, counted=True))
        answer = search(self.catalogue, asked, locale(request.headers))
        found = bool(answer["ExactMatches"])
        outcome = "search_hit" if found else "search_empty"
        entry = _Outcome(JSONResponse(answer), outcome, asked.keywords, client_id, found, counted=True)
        return self._record(request, entry)

    async def unknown(self, request: Request) -> Response:
        answer = errors.gateway_error(
            404, "Not Found", "The sandbox imitates product details and keyword search"
        )
        return self._record(request, _Outcome(answer, "unknown_path"))

    def _describe(self, pn: str, maker: str | None, headers: Mapping[str, str]) -> tuple[Response, str]:
        parts = self.catalogue.exact(pn)
        if maker is not None:
            parts = [part for part in parts if str(manufacturer_id(part.manufacturer)) == maker]
        if maker is None:
            parts = [part for part in parts if part.preferred] or parts
        if len(parts) > 1 or (maker is None and any(part.ambiguous for part in parts)):
            detail = f"Duplicate Products found for {pn}, please provide manufacturerId"
            return errors.problem(400, detail, {"manufacturerId": [detail]}), "ambiguous"
        mistaken = self.catalogue.mistaken(pn)
        part = mistaken or next(iter(parts), None)
        if part is None:
            return errors.problem(404, f"Requested Product {pn} Not Found"), "not_found"
        answer = {"SearchLocaleUsed": locale(headers), "Product": product(part)}
        return JSONResponse(answer), "mistaken" if mistaken else "found"

    # --- who may call, and how often ------------------------------------------------------------------------

    def _admit(self, request: Request, pn: str | None) -> str | _Outcome:
        """The client id of an authorised call within the limits, or the refusal."""
        now = self.clock()
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        owner = self.books.tokens.owner(token, now) if scheme.lower() == "bearer" else None
        if owner is None:
            refusal = errors.gateway_error(
                401, "Unauthorized", "The Bearer token is missing, unknown or expired"
            )
            return _Outcome(refusal, "unauthorized", pn)
        if request.headers.get("x-digikey-client-id") != owner:
            details = "X-DIGIKEY-Client-Id invalid for requested resource"
            return _Outcome(
                errors.gateway_error(401, "Invalid Client-Id", details), "unauthorized", pn, owner
            )
        exceeded = self.limits.take(owner, now)
        self._note_day()
        if exceeded:
            answer = errors.too_many(exceeded, self.limits, now)
            return _Outcome(answer, f"{exceeded.kind}_limited", pn, owner)
        return owner

    def _resume_day(self) -> None:
        """Restores the day's count after a restart."""
        began, resets = self.books.marked("day_started"), self.books.marked("day_resets")
        if began and resets and self.clock() < resets:
            self.limits.start_day(began, resets)
            for client_id, calls in self.books.counted_since(began).items():
                self.limits.count_earlier(client_id, calls)
        self._note_day()

    def _note_day(self) -> None:
        if self.books.marked("day_resets") != self.limits.resets_at:
            self.note_day()

    def note_day(self) -> None:
        self.books.mark("day_started", self.limits.day_started)
        self.books.mark("day_resets", self.limits.resets_at)

    # --- the books ------------------------------------------------------------------------------------------

    def _record(self, request: Request, result: _Outcome) -> Response:
        """Records the call in the books before its answer leaves."""
        self.books.record(
            Call(
                time=self.clock().isoformat(),
                method=request.method,
                path=request.url.path,
                status=result.answer.status_code,
                outcome=result.outcome,
                pn=result.pn,
                client_id=result.client_id,
                looked_up=result.looked_up,
                counted=result.counted,
                fault=hidden_by(request.scope),
            )
        )
        return self._stamped(result.answer, result.client_id or "")

    def record_unserved(self, scope: Scope, fault: Fault) -> None:
        """Records a call whose effect a fault prevented."""
        self.books.record(
            Call(
                time=self.clock().isoformat(),
                method=scope["method"],
                path=scope["path"],
                status=fault.seen_status,
                outcome="fault",
                pn=_asked_pn(scope),
                fault=fault.kind,
            )
        )

    def fault_answer(self, fault: Fault) -> Response:
        return self._stamped(errors.injected(fault, self.limits, self.clock()), "")

    def _stamped(self, answer: Response, client_id: str) -> Response:
        answer.headers["X-DIGIKEY-REQUEST-ID"] = secrets.token_hex(8)
        for name, value in errors.limit_headers(self.limits, client_id).items():
            answer.headers.setdefault(name, value)
        return answer


def _credentials_in(content_type: str, authorization: str, body: bytes) -> tuple[str, str] | str:
    """Client id and secret out of a form or HTTP Basic, or the `error` code. The vendor refuses JSON."""
    if content_type.split(";", maxsplit=1)[0].strip().lower() != "application/x-www-form-urlencoded":
        return "invalid_request"
    form = parse_qs(body.decode("utf-8", "replace"))
    if form.get("grant_type") != ["client_credentials"]:
        return "unsupported_grant_type"
    if authorization.lower().startswith("basic "):
        return basic_credentials(authorization) or "invalid_client"
    if "client_id" not in form or "client_secret" not in form:
        return "invalid_client"
    return form["client_id"][0], form["client_secret"][0]


def _asked_pn(scope: Scope) -> str | None:
    """The part number in a details path, read before decoding: an unencoded slash divides the path."""
    pieces: list[bytes] = scope["raw_path"].split(b"?")[0].split(b"/")
    is_details = len(pieces) == 6 and pieces[-1] == b"productdetails"  # noqa: PLR2004  # /products/v4/search/{pn}/...
    return unquote(pieces[4].decode("ascii", "replace"), errors="replace") if is_details else None


def build_app(sandbox: Sandbox, plan: FaultPlan, health: Mapping[str, Any]) -> ASGIApp:
    """The sandbox with its faults and controls."""
    app = Starlette(
        routes=[
            Route("/v1/oauth2/token", sandbox.token, methods=["POST"]),
            Route(f"{_SEARCH}/keyword", sandbox.keyword, methods=["POST"]),
            Route(f"{_SEARCH}/{{pn:path}}/productdetails", sandbox.details, methods=["GET"]),
            *control_routes(sandbox, plan, health),
            Route("/{path:path}", sandbox.unknown, methods=["GET", "POST", "PUT", "DELETE", "PATCH"]),
        ]
    )
    return FaultyApp(app, plan, sandbox.fault_answer, sandbox.record_unserved)
