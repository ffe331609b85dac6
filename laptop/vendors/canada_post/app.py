"""The sandbox's HTTP face: both APIs, the faults, the controls."""

from collections.abc import Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from laptop.faults import Fault, FaultKind, FaultPlan, FaultyApp, fault_routes
from laptop.vendors.canada_post import json_face, xml_face
from laptop.vendors.canada_post.controls import control_routes
from laptop.vendors.canada_post.json_face import JsonFace
from laptop.vendors.canada_post.orders import Problem
from laptop.vendors.canada_post.post_office import PostOffice
from laptop.vendors.canada_post.replies import Recorder, Reply
from laptop.vendors.canada_post.xml_face import XmlFace
from laptop.vendors.common.access import Account
from laptop.vendors.common.clock import SettableClock, clock_routes

_XML = ("/rs/", "/vis/")
_EVERY_METHOD = ["GET", "POST", "PUT", "DELETE", "PATCH"]


def build_app(
    office: PostOffice, clock: SettableClock, xml: Account, json: Account, facts: Mapping[str, Any]
) -> ASGIApp:
    recorder = Recorder(office.books, clock)
    plan = FaultPlan()

    async def unknown(request: Request) -> Response:
        is_xml = request.url.path.startswith(_XML)
        answer = (
            xml_face.problem(404) if is_xml else json_face.gateway(404, "Not Found", "No resources match")
        )
        return recorder.record(request, Reply(answer, "unknown_path"))

    app = Starlette(
        routes=[
            *fault_routes(plan),
            *clock_routes(clock),
            *control_routes(office, facts),
            *XmlFace(office, xml, recorder).routes(),
            *JsonFace(office, json, recorder).routes(),
            Route("/{path:path}", unknown, methods=_EVERY_METHOD),
        ]
    )

    async def by_api(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # ASGI's own
        """A fault's answer has the shape of the API that it strikes."""
        is_xml = scope["type"] == "http" and scope["path"].startswith(_XML)
        await (faulty_xml if is_xml else faulty_json)(scope, receive, send)

    faulty_xml = FaultyApp(app, plan, _xml_fault, recorder.record_unserved)
    faulty_json = FaultyApp(app, plan, _json_fault, recorder.record_unserved)
    return by_api


def _xml_fault(fault: Fault) -> Response:
    """A bare status, as from a gateway; only the throttle and a 4xx have a message."""
    if fault.kind is FaultKind.RATE_LIMITED:
        return xml_face.throttled()
    if fault.status and fault.status < 500:  # noqa: PLR2004  # HTTP's class of server errors
        return xml_face.problem(fault.status, Problem("9111", "Injected by the fault plan"))
    return Response(status_code=fault.status or 500)


def _json_fault(fault: Fault) -> Response:
    if fault.kind is FaultKind.RATE_LIMITED:
        return json_face.throttled()
    status = fault.status or 500
    if status == 401:  # noqa: PLR2004  # HTTP's own
        return json_face.gateway(401, "Unauthorized", "Injected by the fault plan")
    return json_face.problem(status, [Problem("9111", "Injected by the fault plan")])
