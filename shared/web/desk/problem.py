"""Refusals as pages. What somebody typed is on the page again, so that nothing is lost while the database is away."""

from collections.abc import Callable
from urllib.parse import quote, urlsplit

import flask

from shared.web.call import Page, correlation_of
from shared.web.desk.doors import own_path
from shared.web.desk.rendering import SAFE, Renderer
from shared.web.function import Refusal
from shared.web.problem import Problem

TITLES = {
    401: "Please sign in",
    403: "This is not open to you",
    404: "There is nothing here",
    405: "This page cannot do that",
    409: "That does not fit any more",
    422: "Something is not right yet",
    503: "Something this needs is away for a moment",
}
FAULT = "Something went wrong here"
SIGN_IN_NEEDED = 401
SIGN_IN = "/sign-in"


def refusal_pages(renderer: Callable[[], Renderer]) -> Refusal:
    def refuse(request: flask.Request, problem: Problem) -> Page:
        if problem.status == SIGN_IN_NEEDED and request.method == "GET":
            wanted = quote(request.full_path.rstrip("?"), safe="")
            return Page("", 303, {**SAFE, "Location": f"{SIGN_IN}?next={wanted}"})
        typed = [
            (name, value)
            for name, values in request.form.lists()
            for value in values
            if request.method == "POST"
            and request.path != SIGN_IN  # there a code is typed, which counts once
        ]
        came_from = urlsplit(request.headers.get("Referer", ""))
        back = came_from.path if came_from.netloc == request.host else "/"
        return renderer().page(
            "problem.html",
            None,
            status=problem.status,
            headers=problem.headers,
            problem=problem,
            title=TITLES.get(problem.status, FAULT),
            detail=_sentence(problem),
            typed=typed,
            path=own_path(request.full_path.rstrip("?")),
            back=own_path(back),
            correlation=correlation_of(request.headers),
        )

    return refuse


def _sentence(problem: Problem) -> str:
    detail = str(problem.body.get("detail", ""))
    return f"{detail[:1].upper()}{detail[1:]}."
