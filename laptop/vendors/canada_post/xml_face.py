"""The legacy XML API, contract shipping v8: shipments, artifacts, refunds."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from html import escape
from typing import TYPE_CHECKING, Any

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from laptop.vendors.canada_post.orders import Problem
from laptop.vendors.canada_post.post_office import PostOffice, Sold
from laptop.vendors.canada_post.replies import Offered, Recorder, Reply, offered, written
from laptop.vendors.common.access import Account, basic_credentials

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MEDIA_TYPE = "application/vnd.cpc.shipment-v8+xml"
_NAMESPACE = "http://www.canadapost.ca/ws/shipment-v8"
_MESSAGES = "http://www.canadapost.ca/ws/messages"
_STANDARD = "<am-delivery>false</am-delivery><guaranteed-delivery>true</guaranteed-delivery>"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_PDF = "application/pdf"


def document(text: str, status: int = 200) -> Response:
    return Response(text, status, media_type=MEDIA_TYPE)


def problem(status: int, *problems: Problem) -> Response:
    return document(messages(problems), status)


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
            Route("/rs/artifact/{key}/{artifact:int}/0", self._admitted(self._label, _PDF)),
        ]

    def _admitted(
        self, serve: Callable[[Request, bytes], Reply], accept: str = MEDIA_TYPE
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
            elif body and headers.get("content-type", "").split(";")[0] != MEDIA_TYPE:
                reply = Reply(Response(status_code=415), "refused")
            else:
                reply = serve(request, body)
            return self._recorder.record(request, reply)

        return answer

    def _create(self, request: Request, body: bytes) -> Reply:
        """A request that does not fit the schema is a 500, one that breaks a rule a 400."""
        fields = read_document(body, "shipment")
        sold = self._office.sell(fields, "xml", _customer(request))
        if isinstance(sold, list):
            misfits = [Problem("Server", f"cvc-type: {one.text}") for one in sold if one.code is None]
            refusal = problem(500, *misfits) if misfits else problem(400, *sold)
            asked = fields.get("customer_request_id") if fields else None
            return Reply(refusal, "refused", asked)
        return Reply.about(sold, self._info(request, sold), "sold")

    def _search(self, request: Request, _body: bytes) -> Reply:
        query = request.query_params
        if set(query) == {"trackingPIN"}:
            found: list[Sold] | str = self._office.find_by_pin(_customer(request), query["trackingPIN"])
        elif set(query) == {"requestId"} and query["requestId"]:
            found = self._office.find(_customer(request), query["requestId"])
        else:
            return Reply(
                problem(400, Problem("9183", "The sandbox looks up by requestId or trackingPIN")), "refused"
            )
        asked = query.get("requestId")
        if isinstance(found, str):
            return Reply(problem(404, *self._office.missing()), "look_up_none", asked)
        links = [self._link(request, Offered("shipment", _path(request, sold), MEDIA_TYPE)) for sold in found]
        return Reply(document(shipments(links)), "look_up" if links else "look_up_none", asked)

    def _shipment(self, request: Request, _body: bytes) -> Reply:
        sold = self._office.shipment(_customer(request), request.path_params["shipment_id"])
        if sold is None:
            return Reply(problem(404, *self._office.missing()), "unknown")
        return Reply.about(sold, self._info(request, sold), "shipment")

    def _void(self, request: Request, _body: bytes) -> Reply:
        refused = self._office.void(_customer(request), request.path_params["shipment_id"])
        if refused:
            return Reply(
                problem(400, refused) if refused.code else problem(404, *self._office.missing()), "refused"
            )
        return Reply(Response(status_code=204), "void", shipment_id=request.path_params["shipment_id"])

    def _refund(self, request: Request, body: bytes) -> Reply:
        fields = read_document(body, "shipment-refund-request")
        if fields is None or "@" not in str(fields.get("email")):
            return Reply(problem(500, Problem("Server", "cvc-type: email")), "refused")
        shipment_id = request.path_params["shipment_id"]
        ticket = self._office.refund(_customer(request), shipment_id)
        if ticket is None:
            return Reply(problem(404, *self._office.missing()), "unknown")
        answer = document(refund_info(self._office.clock().date(), ticket))
        return Reply(answer, "refund", shipment_id=shipment_id)

    def _label(self, request: Request, _body: bytes) -> Reply:
        label = self._office.label(request.path_params["artifact"])
        if label is None:
            return Reply(problem(404, *self._office.missing()), "label_gone")
        if label == "pending":
            return Reply(Response(status_code=202), "label_pending")
        return Reply(Response(label, media_type=_PDF), "label")

    def _info(self, request: Request, sold: Sold) -> Response:
        own = _path(request, sold)
        key = f"{sold.shipment.number:016x}"
        links = (
            Offered("self", own, MEDIA_TYPE),
            Offered("refund", f"{own}/refund", MEDIA_TYPE),
            Offered("label", f"/rs/artifact/{key}/{sold.artifact}/0", _PDF, "0"),
        )
        return document(shipment_info(sold, [self._link(request, link) for link in links]))

    def _link(self, request: Request, link: Offered) -> dict[str, str]:
        href = written(offered(request, link.path), link.path, self._office.behaviour.link_style)
        index = {"index": link.index} if link.index else {}
        return {"rel": link.rel, "href": href, "media-type": link.media_type, **index}


def _customer(request: Request) -> str:
    return "{mailed_by}/{mobo}".format(**request.path_params)


def _path(request: Request, sold: Sold) -> str:
    return f"/rs/{_customer(request)}/shipment/{sold.shipment.shipment_id}"


# --- documents ------------------------------------------------------------------------------------------------


def read_document(body: bytes, root: str) -> dict[str, Any] | None:
    """The fields below that root element, named as in an order; None for any other document."""
    try:
        document: Element = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return None
    return _fields(document) if document.tag == f"{{{_NAMESPACE}}}{root}" else None


def _fields(element: "Element") -> dict[str, Any]:
    """Repeated elements and those of another namespace keep a name that no order has, so that they are refused."""
    read: dict[str, Any] = {}
    for child in element:
        name = child.tag.removeprefix(f"{{{_NAMESPACE}}}").replace("-", "_")
        read[f"repeated {name}" if name in read else name] = _field(name, child)
    return read


def _field(name: str, element: "Element") -> Any:  # noqa: ANN401  # text, mapping or list
    if name == "options":
        return [_fields(option) for option in element]
    return _fields(element) if len(element) else (element.text or "")


def messages(problems: Sequence[Problem]) -> str:
    inner = "".join(
        f"<message><code>{escape(one.code or '')}</code><description>{escape(' '.join(one.text.split()))}"
        "</description></message>"
        for one in problems
    )
    return f'{_HEAD}<messages xmlns="{_MESSAGES}">{inner}</messages>'


def shipments(links: Sequence[Mapping[str, str]]) -> str:
    return f'{_HEAD}<shipments xmlns="{_NAMESPACE}">{_links(links)}</shipments>'


def shipment_info(sold: Sold, links: Sequence[Mapping[str, str]]) -> str:
    shipment = sold.shipment
    parts = (
        _element("customer-request-id", shipment.request_id) if shipment.request_id else "",
        _element("shipment-id", shipment.shipment_id),
        _element("shipment-status", shipment.status),
        _element("tracking-pin", shipment.tracking_pin),
        _price(sold) if sold.order.provide_pricing_info else "",
        f"<links>{_links(links)}</links>",
    )
    return f'{_HEAD}<shipment-info xmlns="{_NAMESPACE}">{"".join(parts)}</shipment-info>'


def refund_info(day: date, ticket: str) -> str:
    inner = _element("service-ticket-date", day.isoformat()) + _element("service-ticket-id", ticket)
    return f'{_HEAD}<shipment-refund-request-info xmlns="{_NAMESPACE}">{inner}</shipment-refund-request-info>'


def _price(sold: Sold) -> str:
    spec, price = sold.order.delivery_spec, sold.price
    options = "".join(
        f"<priced-option>{_element('option-code', option.option_code)}<option-price>0.00</option-price></priced-option>"
        for option in spec.options
    )
    fuel = _element("adjustment-code", "FUELSC") + _element("adjustment-amount", price.fuel)
    parts = (
        _element("service-code", spec.service_code),
        _element("base-amount", price.base),
        f"<priced-options>{options}</priced-options>",
        f"<adjustments><adjustment>{fuel}</adjustment></adjustments>",
        _element("pre-tax-amount", price.before_tax),
        _element("gst-amount", price.gst),
        _element("pst-amount", "0.00"),
        _element("hst-amount", price.hst),
        _element("due-amount", price.due),
        f"<service-standard>{_STANDARD}</service-standard>",
        _element("rated-weight", spec.parcel_characteristics.weight),
    )
    return f"<shipment-price>{''.join(parts)}</shipment-price>"


def _element(name: str, value: object) -> str:
    return f"<{name}>{escape(str(value), quote=False)}</{name}>"


def _links(links: Sequence[Mapping[str, str]]) -> str:
    return "".join(
        "<link " + " ".join(f'{name}="{escape(value)}"' for name, value in link.items()) + "/>"
        for link in links
    )
