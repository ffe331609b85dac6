"""The legacy XML API, contract shipping v8: shipments, artifacts, refunds."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from laptop.vendors.canada_post.counter import Counter, Reply
from laptop.vendors.canada_post.links import Offered, offered, written
from laptop.vendors.canada_post.orders import Problem
from laptop.vendors.canada_post.post_office import PostOffice, Sold
from laptop.vendors.canada_post.xml_text import (
    MEDIA_TYPE,
    messages,
    read_document,
    refund_info,
    shipment_info,
    shipments,
)

_PDF = "application/pdf"


@dataclass(frozen=True)
class ApiKey:
    """The only key admitted; without one, any."""

    user: str | None = None
    password: str | None = field(default=None, repr=False)

    def admits(self, authorization: str) -> bool:
        scheme, _, encoded = authorization.partition(" ")
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        is_given = scheme == "Basic" and bool(user and password)
        return is_given and self.user in (None, user) and self.password in (None, password)


def document(text: str, status: int = 200) -> Response:
    return Response(text, status, media_type=MEDIA_TYPE)


def problem(status: int, *problems: Problem) -> Response:
    return document(messages(problems), status)


def throttled() -> Response:
    return problem(500, Problem("Server", "Rejected by SLM Monitor"))


class XmlFace:
    def __init__(self, office: PostOffice, key: ApiKey, counter: Counter) -> None:
        self._office = office
        self._key = key
        self._counter = counter

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
        """Serves who holds the key and asks for exactly the right thing, within the limit."""

        async def answer(request: Request) -> Response:
            body = await request.body()
            headers = request.headers
            if not self._key.admits(headers.get("authorization", "")):
                reply = Reply(problem(401, Problem("E002", "AAA Authentication Failure")), "unauthorized")
            elif self._office.is_throttling():
                reply = Reply(throttled(), "throttled")
            elif headers.get("accept") != accept:
                reply = Reply(Response(status_code=406), "refused")
            elif body and headers.get("content-type", "").split(";")[0] != MEDIA_TYPE:
                reply = Reply(Response(status_code=415), "refused")
            else:
                reply = serve(request, body)
            return self._counter.close(request, reply)

        return answer

    def _create(self, request: Request, body: bytes) -> Reply:
        """What does not fit the schema is a 500, what breaks a rule a 400."""
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
            return Reply(problem(404), "look_up_none", asked)
        links = [self._link(request, Offered("shipment", _path(request, sold), MEDIA_TYPE)) for sold in found]
        return Reply(document(shipments(links)), "look_up" if links else "look_up_none", asked)

    def _shipment(self, request: Request, _body: bytes) -> Reply:
        sold = self._office.shipment(_customer(request), request.path_params["shipment_id"])
        if sold is None:
            return Reply(problem(404), "unknown")
        return Reply.about(sold, self._info(request, sold), "shipment")

    def _void(self, request: Request, _body: bytes) -> Reply:
        refused = self._office.void(_customer(request), request.path_params["shipment_id"])
        if refused:
            return Reply(problem(400, refused) if refused.code else problem(404), "refused")
        return Reply(Response(status_code=204), "void", shipment_id=request.path_params["shipment_id"])

    def _refund(self, request: Request, body: bytes) -> Reply:
        fields = read_document(body, "shipment-refund-request")
        if fields is None or "@" not in str(fields.get("email")):
            return Reply(problem(500, Problem("Server", "cvc-type: email")), "refused")
        shipment_id = request.path_params["shipment_id"]
        ticket = self._office.refund(_customer(request), shipment_id)
        if ticket is None:
            return Reply(problem(404), "unknown")
        answer = document(refund_info(self._office.clock().date(), ticket))
        return Reply(answer, "refund", shipment_id=shipment_id)

    def _label(self, request: Request, _body: bytes) -> Reply:
        label = self._office.label(request.path_params["artifact"])
        if label is None:
            return Reply(problem(404), "label_gone")
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
