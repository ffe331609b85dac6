"""Labels, packing slips and files of messages, which the browser shows: for operators only."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from shared.web.call import File, Page, RequestModel
from shared.web.desk.route import PageRoute, Visit, inline
from shared.web.desk.visitor import Role
from shared.web.fields import Name
from shared.web.fulfillment.papers import MOST_LABELS, LabelsRequest
from shared.web.function import Handler, Route, Supply

PDF = "application/pdf"
LABELS = "/labels"


def paper_pages(gate: Supply, routes: Sequence[Route]) -> Sequence[Route]:
    """The same files as those of the API's `routes`, at the same addresses."""
    return [
        PageRoute(
            "GET",
            route.template,
            ChosenLabels if route.template == LABELS else route.model,
            _Shown(route.handler),
            route.supplies,
            role=Role.OPERATOR,
            gate=gate,
        )
        for route in routes
        if route.template.endswith(("/label", "/packing-slip", LABELS, "/files/{id}"))
    ]


class ChosenLabels(RequestModel):
    """The orders that were marked on the board; none of them means all that wait."""

    order: Annotated[tuple[Name, ...], Field(max_length=MOST_LABELS)] = ()


class _Shown:
    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    def __call__(self, request: RequestModel, visit: Visit, *supplies: object) -> Page:
        if isinstance(request, ChosenLabels):
            request = LabelsRequest(orders=",".join(request.order) or None, limit=MOST_LABELS)
        answer = self._handler(request, visit.call, *supplies)
        if not isinstance(answer, File):
            raise TypeError("a paper is a file")
        if answer.media_type == PDF:
            return inline(answer)
        return Page(
            answer.content, headers=answer.headers, media_type=answer.media_type, logged=answer.logged
        )
