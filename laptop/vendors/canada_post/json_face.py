"""The JSON API: token, shipments, artifacts, refunds."""

import json
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from laptop.vendors.canada_post.books import Scan
from laptop.vendors.canada_post.orders import Problem
from laptop.vendors.canada_post.post_office import Mailer, PostOffice, Sold
from laptop.vendors.canada_post.rating import Quote
from laptop.vendors.canada_post.replies import Offered, Recorder, Reply, day_asked, offered, written
from laptop.vendors.common.access import Account

TOKEN_PATH = "/cpc-api-native-oauth-provider/oauth2/token"  # noqa: S105  # an address, not a secret
_ROOT = "/shipping/v1"
_LONGEST_SEARCH = 32
_TITLES = {400: "Bad Request", 404: "Not Found", 503: "Service Unavailable"}


def problem(status: int, problems: Sequence[Problem]) -> Response:
    errors = [{"errorCode": one.code or "BadRequest", "message": one.text} for one in problems]
    detail = problems[0].text if problems else "No explanation"
    body = {"title": _TITLES.get(status, "Error"), "detail": detail}
    return JSONResponse(body | ({"errors": errors} if errors else {}), status)


def gateway(status: int, message: str, more: str) -> Response:
    return JSONResponse({"httpCode": str(status), "httpMessage": message, "moreInformation": more}, status)


def throttled() -> Response:
    return gateway(429, "Too Many Requests", "Rejected by SLM Monitor")


def _not_json() -> Reply:
    return Reply(gateway(415, "Unsupported Media Type", "application/json is expected"), "refused")


class JsonFace:
    def __init__(self, office: PostOffice, account: Account, recorder: Recorder) -> None:
        self._office = office
        self._account = account
        self._recorder = recorder

    def routes(self) -> list[Route]:
        shipments = f"{_ROOT}/{{mailed_by}}/{{mobo}}/shipments"
        return [
            Route(TOKEN_PATH, self.token, methods=["POST"]),
            Route(shipments, self._admitted(self._create), methods=["POST"]),
            Route(shipments, self._admitted(self._search), methods=["GET"]),
            Route(f"{shipments}/{{shipment_id}}", self._admitted(self._shipment), methods=["GET"]),
            Route(f"{shipments}/{{shipment_id}}", self._admitted(self._void), methods=["DELETE"]),
            Route(f"{shipments}/{{shipment_id}}/refund", self._admitted(self._refund), methods=["POST"]),
            Route(f"{shipments}/{{shipment_id}}/price", self._admitted(self._price), methods=["GET"]),
            Route(f"{shipments}/{{shipment_id}}/details", self._admitted(self._details), methods=["GET"]),
            Route("/rating/v1/prices", self._admitted(self._rates), methods=["POST"]),
            Route("/tracking/v1/pins/{pin}/summaries", self._admitted(self._tracking), methods=["GET"]),
            Route(f"{_ROOT}/artifacts/{{mobo}}/shipping/{{artifact:int}}/0", self._admitted(self._label)),
        ]

    async def token(self, request: Request) -> Response:
        form = parse_qs((await request.body()).decode("utf-8", "replace"))
        given = [request.headers.get(f"x-ibm-client-{part}", "") for part in ("id", "secret")]
        wanted = {"grant_type": ["client_credentials"], "scope": ["merchant"]}
        if form != wanted or not self._account.admits(*given):
            answer = gateway(401, "Unauthorized", "Invalid client id or secret")
            return self._recorder.record(request, Reply(answer, "token_refused"))
        lifetime = self._account.lifetime
        token = self._office.books.tokens.give(given[0], lifetime, self._office.clock())
        body = {
            "token_type": "Bearer",
            "access_token": token,
            "scope": "merchant",
            "expires_in": round(lifetime),
        }
        return self._recorder.record(request, Reply(JSONResponse(body), "token"))

    def _admitted(self, serve: Callable[[Request, bytes], Reply]) -> Callable[[Request], Any]:
        """Serves a caller with a token, within the limit."""

        async def answer(request: Request) -> Response:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            body = await request.body()
            if scheme != "Bearer" or not self._office.books.tokens.owner(token, self._office.clock()):
                reply = Reply(
                    gateway(401, "Unauthorized", "The token is missing, unknown or expired"), "unauthorized"
                )
            elif self._office.is_throttling():
                reply = Reply(throttled(), "throttled")
            else:
                reply = serve(request, body)
            return self._recorder.record(request, reply)

        return answer

    def _create(self, request: Request, body: bytes) -> Reply:
        if not _is_json(request):
            return _not_json()
        fields = _read(body)
        sold = self._office.sell(fields, _mailer(request))
        if isinstance(sold, list):
            return Reply(problem(400, sold), "refused", _asked_id(fields))
        return Reply.about(sold, JSONResponse(self._written(request, sold)), "sold")

    def _search(self, request: Request, _body: bytes) -> Reply:
        asked = request.query_params.get("request-id", "")
        day = day_asked(request.query_params, "no-manifest")
        if not day and (set(request.query_params) != {"request-id"} or not 0 < len(asked) <= _LONGEST_SEARCH):
            text = "request-id alone, of at most 32 characters, or no-manifest and date"
            return Reply(problem(400, [Problem("9183", text)]), "refused")
        office, mailer = self._office, _mailer(request)
        found = office.list_day(mailer, *day) if day else office.find(mailer, asked)
        if isinstance(found, list):
            links = [self._link(request, _own(request, sold)) for sold in found]
            return Reply(JSONResponse(links), "look_up" if links else "look_up_none", asked)
        if found == "not_found":
            return Reply(self._missing(), "look_up_none", asked)
        return Reply(Response(status_code=202), "look_up_working", asked)

    def _shipment(self, request: Request, _body: bytes) -> Reply:
        sold = self._office.shipment(_mailer(request), request.path_params["shipment_id"])
        if sold is None:
            return Reply(self._missing(), "unknown")
        return Reply.about(sold, JSONResponse(self._written(request, sold)), "shipment")

    def _void(self, request: Request, _body: bytes) -> Reply:
        refused = self._office.void(_mailer(request), request.path_params["shipment_id"])
        if refused:
            return Reply(problem(400, [refused]) if refused.code else self._missing(), "refused")
        return Reply(Response(status_code=204), "void", shipment_id=request.path_params["shipment_id"])

    def _refund(self, request: Request, _body: bytes) -> Reply:
        shipment_id = request.path_params["shipment_id"]
        ticket = self._office.refund(_mailer(request), shipment_id)
        if ticket is None:
            return Reply(self._missing(), "unknown")
        body = {"serviceTicketDate": self._office.clock().date().isoformat(), "serviceTicketId": ticket}
        return Reply(JSONResponse(body), "refund", shipment_id=shipment_id)

    def _label(self, request: Request, _body: bytes) -> Reply:
        label = self._office.label("json", request.path_params["artifact"])
        if label is None:
            return Reply(self._missing(), "label_gone")
        if label == "pending":
            return Reply(Response(status_code=202), "label_pending")
        return Reply(Response(label, media_type="application/pdf"), "label")

    def _price(self, request: Request, _body: bytes) -> Reply:
        return self._part(request, "price", _price)

    def _details(self, request: Request, _body: bytes) -> Reply:
        return self._part(request, "details", _details)

    def _part(self, request: Request, outcome: str, shown: Callable[[Sold], dict[str, Any]]) -> Reply:
        sold = self._office.shipment(_mailer(request), request.path_params["shipment_id"])
        if sold is None:
            return Reply(self._missing(), "unknown")
        return Reply.about(sold, JSONResponse(shown(sold)), outcome)

    def _rates(self, request: Request, body: bytes) -> Reply:
        if not _is_json(request):
            return _not_json()
        found = self._office.quotes(_read(body))
        problems = [one for one in found if isinstance(one, Problem)]
        if problems:
            return Reply(problem(400, problems), "rates_refused")
        shown = [_quote(one) for one in found if not isinstance(one, Problem)]
        return Reply(JSONResponse(shown), "rates")

    def _tracking(self, request: Request, _body: bytes) -> Reply:
        scanned = self._office.scan(request.path_params["pin"])
        if scanned is None:
            return Reply(problem(404, [Problem("004", "No Pin History")]), "tracking_unknown")
        return Reply.about(scanned[0], JSONResponse(_summary(*scanned)), "tracking")

    def _missing(self) -> Response:
        return problem(404, self._office.missing())

    def _written(self, request: Request, sold: Sold) -> dict[str, Any]:
        shipment = sold.shipment
        body: dict[str, Any] = {
            "customerRequestId": shipment.request_id,
            "shipmentId": shipment.shipment_id,
            "shipmentStatus": sold.status,
            "trackingPin": shipment.tracking_pin,
        }
        if sold.order.provide_pricing_info:
            body["shipmentPrice"] = _price(sold)
        if sold.order.provide_receipt_info and sold.is_charged_to_card:
            receipt = {"chargeAmount": float(sold.due), "cardType": "VISA"}
            body["shipmentReceipt"] = {"ccReceiptDetails": receipt}
        artifact = f"{_ROOT}/artifacts/{request.path_params['mobo']}/shipping/{sold.artifact}/0"
        own = _own(request, sold)
        links = (
            Offered("self", own.path, "application/json"),
            *(
                Offered(part, f"{own.path}/{part}", "application/json")
                for part in ("details", "price", "refund")
            ),
            Offered("label", artifact, "application/pdf", "0"),
        )
        return body | {"links": [self._link(request, link) for link in links]}

    def _link(self, request: Request, link: Offered) -> dict[str, str]:
        href = written(offered(request, link.path), link.path, self._office.behaviour.link_style)
        index = {"index": link.index} if link.index else {}
        return {"rel": link.rel, "href": href, "mediaType": link.media_type, **index}


def _own(request: Request, sold: Sold) -> Offered:
    customer = "{mailed_by}/{mobo}".format(**request.path_params)
    return Offered("self", f"{_ROOT}/{customer}/shipments/{sold.shipment.shipment_id}", "application/json")


def _mailer(request: Request) -> Mailer:
    return Mailer("json", "{mailed_by}/{mobo}".format(**request.path_params))


def _is_json(request: Request) -> bool:
    return request.headers.get("content-type", "").split(";")[0] == "application/json"


def _price(sold: Sold) -> dict[str, Any]:
    return {"dueAmount": float(sold.due)}


def _details(sold: Sold) -> dict[str, Any]:
    kept = sold.order.model_dump(mode="json", exclude_none=True, include={"delivery_spec"})
    return {
        "customerRequestId": sold.shipment.request_id,
        "shipmentStatus": sold.status,
        "trackingPin": sold.shipment.tracking_pin,
        "shipmentDetail": _camel(kept),
    }


def _quote(one: Quote) -> dict[str, Any]:
    taxes = {"gst": float(one.price.gst), "pst": 0.0, "hst": float(one.price.hst)}
    fuel = {"adjustmentCode": "FUELSC", "adjustmentCost": float(one.price.fuel)}
    details = {
        "base": float(one.price.base),
        "adjustments": [fuel],
        "options": [],
        "taxes": taxes,
        "due": float(one.price.due),
    }
    standard = {"expectedTransitTime": one.days, "expectedDeliveryDate": one.delivery.isoformat()}
    return {
        "serviceCode": one.service_code,
        "serviceName": one.service_code,
        "priceDetails": details,
        "serviceStandard": standard,
    }


def _summary(sold: Sold, scan: Scan) -> dict[str, Any]:
    """No public client shows the shape: the XML API's names in camel case."""
    summary = {
        "pin": sold.shipment.tracking_pin,
        "mailedOnDate": scan.time[:10],
        "actualDeliveryDate": scan.time[:10] if scan.delivered else "",
        "eventDateTime": scan.time,
        "eventDescription": scan.event,
        "eventType": "DELIVERED" if scan.delivered else "INDUCTION",
    }
    return {"pinSummary": summary}


def _asked_id(fields: object) -> str | None:
    asked = fields.get("customer_request_id") if isinstance(fields, dict) else None
    return asked if isinstance(asked, str) else None


def _read(body: bytes) -> Any:  # noqa: ANN401  # any JSON
    try:
        return _snake(json.loads(body, parse_float=Decimal))
    except (ValueError, RecursionError):
        return None


def _camel(value: Any) -> Any:  # noqa: ANN401  # any JSON
    if isinstance(value, dict):
        return {re.sub(r"_(\w)", lambda m: m[1].upper(), name): _camel(each) for name, each in value.items()}
    return [_camel(each) for each in value] if isinstance(value, list) else value


def _snake(value: Any) -> Any:  # noqa: ANN401  # any JSON
    """The names as in an order: `addressLine1` becomes `address_line_1`."""
    if isinstance(value, dict):
        return {re.sub(r"([A-Z]|\d+)", r"_\1", name).lower(): _snake(each) for name, each in value.items()}
    return [_snake(each) for each in value] if isinstance(value, list) else value
