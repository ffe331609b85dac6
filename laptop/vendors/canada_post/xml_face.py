"""The legacy XML API, contract shipping v8: shipments, artifacts, refunds."""

from collections.abc import Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from laptop.vendors.canada_post import xml_documents as documents
from laptop.vendors.canada_post.orders import Problem
from laptop.vendors.canada_post.post_office import Mailer, PostOffice, Sold
from laptop.vendors.canada_post.replies import Offered, Recorder, Reply, day_asked, offered, written
from laptop.vendors.canada_post.xml_documents import read_document
from laptop.vendors.common.access import Account, basic_credentials

MEDIA_TYPE = "application/vnd.cpc.shipment-v8+xml"
_RATES = "application/vnd.cpc.ship.rate-v4+xml"
_TRACKING = "application/vnd.cpc.track-v2+xml"
_PDF = "application/pdf"


def document(text: str, status: int = 200, media_type: str = MEDIA_TYPE) -> Response:
    return Response(text, status, media_type=media_type)


def problem(status: int, *problems: Problem) -> Response:
    return document(documents.messages(problems), status)


def throttled() -> Response:
    return problem(500, Problem("Server", "Rejected by SLM Monitor"))


class XmlFace:
    def __init__(self, office: PostOffice, account: Account, recorder: Recorder) -> None:
        self._office = office
        self._account = account
        self._recorder = recorder

    def routes(self) -> list[Route]:
        shipment = "/rs/{mailed_by}/{mobo}/shipment"
        return [
            Route(shipment, self._admitted(self._create), methods=["POST"]),
            Route(shipment, self._admitted(self._search), methods=["GET"]),
            Route(f"{shipment}/{{shipment_id}}", self._admitted(self._shipment), methods=["GET"]),
            Route(f"{shipment}/{{shipment_id}}", self._admitted(self._void), methods=["DELETE"]),
            Route(f"{shipment}/{{shipment_id}}/refund", self._admitted(self._refund), methods=["POST"]),
            *(
                Route(f"{shipment}/{{shipment_id}}/{part}", self._admitted(serve), methods=["GET"])
                for part, serve in (
                    ("details", self._details),
                    ("price", self._price),
                    ("receipt", self._receipt),
                )
            ),
            Route("/rs/artifact/{key}/{artifact:int}/0", self._admitted(self._label, _PDF)),
            Route("/rs/ship/price", self._admitted(self._rates, _RATES, _RATES), methods=["POST"]),
            Route("/vis/track/pin/{pin}/{depth:str}", self._admitted(self._tracking, _TRACKING)),
        ]

    def _admitted(
        self,
        serve: Callable[[Request, bytes], Reply],
        accept: str = MEDIA_TYPE,
        content: str = MEDIA_TYPE,
    ) -> Callable[[Request], Any]:
        """Serves a caller with the key and the exact media types, within the limit."""

        async def answer(request: Request) -> Response:
            body = await request.body()
            headers = request.headers
            given = basic_credentials(headers.get("authorization", ""))
            if given is None or not self._account.admits(*given):
                reply = Reply(problem(401, Problem("E002", "AAA Authentication Failure")), "unauthorized")
            elif self._office.is_throttling():
                reply = Reply(throttled(), "throttled")
            elif headers.get("accept") != accept:
                reply = Reply(Response(status_code=406), "refused")
            elif body and headers.get("content-type", "").split(";")[0] != content:
                reply = Reply(Response(status_code=415), "refused")
            else:
                reply = serve(request, body)
            return self._recorder.record(request, reply)

        return answer

    def _create(self, request: Request, body: bytes) -> Reply:
        """A request that does not fit the schema is a 500, one that breaks a rule a 400."""
        fields = read_document(body, "shipment")
        sold = self._office.sell(fields, _mailer(request))
        if isinstance(sold, list):
            asked = fields.get("customer_request_id") if fields else None
            return Reply(_refusal(sold), "refused", asked)
        return Reply.about(sold, self._info(request, sold), "sold")

    def _search(self, request: Request, _body: bytes) -> Reply:
        query, mailer = request.query_params, _mailer(request)
        if set(query) == {"trackingPIN"}:
            found: list[Sold] | str = self._office.find_by_pin(mailer, query["trackingPIN"])
        elif set(query) == {"requestId"} and query["requestId"]:
            found = self._office.find(mailer, query["requestId"])
        elif day := day_asked(query, "noManifest"):
            found = self._office.list_day(mailer, *day)
        else:
            text = "The sandbox looks up by requestId, by trackingPIN or by noManifest and date"
            return Reply(problem(400, Problem("9183", text)), "refused")
        asked = query.get("requestId")
        if isinstance(found, str):
            return Reply(self._missing(), "look_up_none", asked)
        links = [self._link(request, Offered("shipment", _path(request, sold), MEDIA_TYPE)) for sold in found]
        return Reply(document(documents.shipments(links)), "look_up" if links else "look_up_none", asked)

    def _shipment(self, request: Request, _body: bytes) -> Reply:
        sold = self._office.shipment(_mailer(request), request.path_params["shipment_id"])
        if sold is None:
            return Reply(self._missing(), "unknown")
        return Reply.about(sold, self._info(request, sold), "shipment")

    def _void(self, request: Request, _body: bytes) -> Reply:
        refused = self._office.void(_mailer(request), request.path_params["shipment_id"])
        if refused:
            return Reply(problem(400, refused) if refused.code else self._missing(), "refused")
        return Reply(Response(status_code=204), "void", shipment_id=request.path_params["shipment_id"])

    def _refund(self, request: Request, body: bytes) -> Reply:
        fields = read_document(body, "shipment-refund-request")
        if fields is None or "@" not in str(fields.get("email")):
            return Reply(problem(500, Problem("Server", "cvc-type: email")), "refused")
        shipment_id = request.path_params["shipment_id"]
        ticket = self._office.refund(_mailer(request), shipment_id)
        if ticket is None:
            return Reply(self._missing(), "unknown")
        answer = document(documents.refund_info(self._office.clock().date(), ticket))
        return Reply(answer, "refund", shipment_id=shipment_id)

    def _label(self, request: Request, _body: bytes) -> Reply:
        label = self._office.label("xml", request.path_params["artifact"])
        if label is None:
            return Reply(self._missing(), "label_gone")
        if label == "pending":
            return Reply(Response(status_code=202), "label_pending")
        return Reply(Response(label, media_type=_PDF), "label")

    def _details(self, request: Request, _body: bytes) -> Reply:
        day = self._office.clock().date()
        return self._part(request, "details", lambda sold: documents.shipment_details(sold, day))

    def _price(self, request: Request, _body: bytes) -> Reply:
        return self._part(request, "price", documents.shipment_price)

    def _receipt(self, request: Request, _body: bytes) -> Reply:
        """Only a card's payment has a receipt."""
        return self._part(
            request,
            "receipt",
            lambda sold: documents.shipment_receipt(sold) if sold.is_charged_to_card else None,
        )

    def _part(self, request: Request, outcome: str, shown: Callable[[Sold], str | None]) -> Reply:
        sold = self._office.shipment(_mailer(request), request.path_params["shipment_id"])
        text = shown(sold) if sold else None
        if sold is None or text is None:
            return Reply(self._missing(), "unknown")
        return Reply.about(sold, document(text), outcome)

    def _rates(self, _request: Request, body: bytes) -> Reply:
        found = self._office.quotes(read_document(body, "mailing-scenario", documents.RATE))
        problems = [one for one in found if isinstance(one, Problem)]
        if problems:
            return Reply(_refusal(problems), "rates_refused")
        quotes = [one for one in found if not isinstance(one, Problem)]
        return Reply(document(documents.price_quotes(quotes), media_type=_RATES), "rates")

    def _tracking(self, request: Request, _body: bytes) -> Reply:
        shown = {"summary": documents.tracking_summary, "detail": documents.tracking_detail}
        write = shown.get(request.path_params["depth"])
        scanned = self._office.scan(request.path_params["pin"])
        if write is None or scanned is None:
            return Reply(problem(404, Problem("004", "No Pin History")), "tracking_unknown")
        return Reply.about(scanned[0], document(write(*scanned), media_type=_TRACKING), "tracking")

    def _missing(self) -> Response:
        return problem(404, *self._office.missing())

    def _info(self, request: Request, sold: Sold) -> Response:
        own = _path(request, sold)
        key = f"{sold.shipment.number:016x}"
        links = (
            Offered("self", own, MEDIA_TYPE),
            *(Offered(part, f"{own}/{part}", MEDIA_TYPE) for part in ("details", "price", "refund")),
            *([Offered("receipt", f"{own}/receipt", MEDIA_TYPE)] if sold.is_charged_to_card else []),
            Offered("label", f"/rs/artifact/{key}/{sold.artifact}/0", _PDF, "0"),
        )
        return document(documents.shipment_info(sold, [self._link(request, link) for link in links]))

    def _link(self, request: Request, link: Offered) -> dict[str, str]:
        href = written(offered(request, link.path), link.path, self._office.behaviour.link_style)
        index = {"index": link.index} if link.index else {}
        return {"rel": link.rel, "href": href, "media-type": link.media_type, **index}


def _refusal(problems: Sequence[Problem]) -> Response:
    """A 500 for a request that does not fit the schema, a 400 for one that breaks a rule."""
    misfits = [Problem("Server", f"cvc-type: {one.text}") for one in problems if one.code is None]
    return problem(500, *misfits) if misfits else problem(400, *problems)


def _mailer(request: Request) -> Mailer:
    return Mailer("xml", _customer(request))


def _customer(request: Request) -> str:
    return "{mailed_by}/{mobo}".format(**request.path_params)


def _path(request: Request, sold: Sold) -> str:
    return f"/rs/{_customer(request)}/shipment/{sold.shipment.shipment_id}"
