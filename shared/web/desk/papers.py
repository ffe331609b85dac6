"""Labels, packing slips and files of messages, which the browser shows: for operators only."""

from collections.abc import Sequence

from shared.web.call import File, Page, RequestModel
from shared.web.desk.route import PageRoute, Visit, inline
from shared.web.desk.visitor import Role
from shared.web.function import Handler, Route, Supply

PDF = "application/pdf"


def paper_pages(gate: Supply, routes: Sequence[Route]) -> Sequence[Route]:
    """The same files as those of the API's `routes`, at the same addresses."""
    return [
        PageRoute(
            "GET",
            route.template,
            route.model,
            _Shown(route.handler),
            route.supplies,
            role=Role.OPERATOR,
            gate=gate,
        )
        for route in routes
        if route.template.endswith(("/label", "/packing-slip", "/labels", "/files/{id}", "/postage"))
    ]


class _Shown:
    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    def __call__(self, request: RequestModel, visit: Visit, *supplies: object) -> Page:
        answer = self._handler(request, visit.call, *supplies)
        if not isinstance(answer, File):
            raise TypeError("a paper is a file")
        if answer.media_type == PDF:
            return inline(answer)
        return Page(
            answer.content, headers=answer.headers, media_type=answer.media_type, logged=answer.logged
        )
