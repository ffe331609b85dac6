"""Pages without a subject of their own: assets, signing in and out, people and their roles."""

from collections.abc import Sequence
from typing import Annotated

import flask
from pydantic import StringConstraints

from shared.errors import NotFound
from shared.web.call import Call, NoInput, Page, RequestModel
from shared.web.desk.gate import Gate
from shared.web.desk.people import SET_ROLE, RoleRequest
from shared.web.desk.rendering import Renderer, asset
from shared.web.desk.route import PageRoute, Visit, moved
from shared.web.desk.visitor import PeopleTable, Role
from shared.web.function import Reply, Route, Supply


class AssetRequest(RequestModel):
    """`v` is the beginning of the content's hash; it only makes the address change."""

    v: Annotated[str, StringConstraints(max_length=64)] | None = None


class DoorRoute(Route):
    """Signing in and out: whoever asks is not known yet. `supplies` are the Gate alone."""

    def answer(self, request: flask.Request, _call: Call) -> Reply:
        gate: Gate = self.supplies[0]()
        return self.handler(gate, request)


def front_pages(gate: Supply, renderer: Supply, people: Supply) -> Sequence[Route]:
    """They return a Gate, a Renderer and a PeopleTable."""
    shown = (people, renderer)
    return (
        Route("GET", "/assets/{id}", AssetRequest, _asset),
        DoorRoute("GET", "/sign-in", NoInput, lambda gate, request: gate.door.welcome(request), (gate,)),
        DoorRoute("POST", "/sign-in", NoInput, lambda gate, request: gate.door.let_in(request), (gate,)),
        DoorRoute("POST", "/sign-out", NoInput, lambda gate, request: gate.sign_out(request), (gate,)),
        PageRoute("GET", "/people", NoInput, _people, shown, role=Role.OPERATOR, gate=gate),
        PageRoute(
            "POST",
            "/people",
            RoleRequest,
            _set_role,
            (people, gate),
            role=Role.OPERATOR,
            gate=gate,
            action=SET_ROLE,
        ),
    )


def _asset(_request: AssetRequest, call: Call) -> Page:
    found = asset(call.path["id"])
    if found is None:
        raise NotFound("there is no such file")
    return found


def _people(_request: NoInput, visit: Visit, people: PeopleTable, renderer: Renderer) -> Page:
    return renderer.page("people.html", visit, **people.list_people())


def _set_role(request: RoleRequest, visit: Visit, people: PeopleTable, gate: Gate) -> Page:
    request.save(people, visit.person)
    gate.forget(request.person)
    return moved("/people")
