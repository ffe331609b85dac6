"""The ways to prove who asks. `development` is for a laptop."""

from urllib.parse import urlsplit

import flask
from pydantic import Field

from shared.errors import Forbidden
from shared.web.call import Page, RequestModel
from shared.web.desk.rendering import Renderer
from shared.web.desk.route import moved, read_form
from shared.web.desk.session import Sessions, check_origin
from shared.web.fields import Person

LAPTOP = ("localhost", "127.0.0.1", "::1")


class Name(RequestModel):
    """`next` is the page that the person wanted."""

    person: Person
    next: str = Field("/", max_length=2_000)


class DevelopmentDoor:
    """Takes anybody's word for who they are; without one, everybody is `person`."""

    def __init__(self, person: str, sessions: Sessions, renderer: Renderer) -> None:
        self._person = person
        self._sessions = sessions
        self._renderer = renderer

    def person(self, request: flask.Request) -> str | None:
        """Raises Forbidden for another name than this machine's: a site on the web could give itself our address."""
        if urlsplit(f"//{request.host}").hostname not in LAPTOP:
            raise Forbidden("a laptop's desk is open at 127.0.0.1 and localhost only")
        return self._sessions.person(request) or self._person

    def welcome(self, request: flask.Request) -> Page:
        next_page = own_path(request.args.get("next", "/"))
        return self._renderer.page(
            "sign_in.html", None, door="development", next=next_page, person=self.person(request)
        )

    def let_in(self, request: flask.Request) -> Page:
        check_origin(request)
        self.person(request)
        name = read_form(Name, request.form.to_dict(flat=False))
        return moved(own_path(name.next), headers={"Set-Cookie": self._sessions.cookie(name.person)})

    def let_out(self, _request: flask.Request) -> Page:
        return moved("/sign-in", headers={"Set-Cookie": self._sessions.no_cookie()})


def own_path(text: str) -> str:
    """A path of this site: a link must not send people who have just signed in to another one."""
    return text if text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable() else "/"
