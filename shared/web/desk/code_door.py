"""The door for those without an organization at Google: a code by e-mail, then our own cookie."""

import logging
import threading
import time
from collections.abc import Callable, Collection
from typing import Annotated, Protocol
from urllib.parse import quote

import flask
from pydantic import Field, StringConstraints

from shared.errors import SwitchyardError
from shared.web.call import Page, RequestModel
from shared.web.desk.doors import own_path
from shared.web.desk.rendering import Renderer
from shared.web.desk.route import FormWrong, moved, read_form
from shared.web.desk.session import Sessions, check_origin
from shared.web.log import log

SEND_SECONDS = 2.0
"""Each answer to an address takes this long, so that time does not tell whether a code was sent."""

TOO_MANY = 429
MOST_TRIES = 10
TRIES_WITHIN = 3_600.0
"""Codes that may be tried for one address in so many seconds. A code has six digits, and lives an hour at most."""

Address = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, to_lower=True, max_length=200, pattern=r"^[!-?A-~]+@[!-?A-~]+\.[!-?A-~]+$"
    ),
]
"""ASCII only: other letters have look-alikes, and `ß` and `ss` are the same person after folding but two mailboxes."""

Code = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[0-9]{6,10}$")]


class Codes(Protocol):
    """Sends codes by e-mail, and knows them again."""

    def send(self, address: str) -> None:
        """Raises VendorUnavailable."""

    def is_right(self, address: str, code: str) -> bool:
        """A code counts once. Raises VendorUnavailable."""


class Tries(Protocol):
    """Counts tries of codes, and knows who has a role at all."""

    def role_of(self, person: str) -> str | None: ...

    def count_try(self, person: str, most: int, within: float) -> bool:
        """Counts one try of a code; False when there were more than `most` within so many seconds."""


class AddressGiven(RequestModel):
    person: Address
    next: str = Field("/", max_length=2_000)


class CodeGiven(RequestModel):
    code: Code
    next: str = Field("/", max_length=2_000)


class CodeDoor:
    """Codes go only to people with a role, and no answer says who has one. `wait` sleeps so many seconds."""

    def __init__(
        self,
        codes: Codes,
        people: Tries,
        sessions: Sessions,
        renderer: Renderer,
        operators: Collection[str],
        *,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._codes = codes
        self._people = people
        self._sessions = sessions
        self._renderer = renderer
        self._operators = frozenset(operators)
        self._wait = wait

    def person(self, request: flask.Request) -> str | None:
        return self._sessions.person(request)

    def welcome(self, request: flask.Request) -> Page:
        address = None if "other" in request.args else self._sessions.waiting(request)
        return self._page(request.args.get("next", "/"), address)

    def let_in(self, request: flask.Request) -> Page:
        check_origin(request)
        given = request.form.to_dict(flat=False)
        address = self._sessions.waiting(request)
        next_page = request.form.get("next", "/")
        try:
            if address is not None and "code" in request.form:
                return self._try(address, read_form(CodeGiven, given), next_page)
            asked = read_form(AddressGiven, given)
        except FormWrong as wrong:
            return self._page(next_page, address if "code" in request.form else None, wrong.fields[0].message)
        self._send(asked.person)
        wanted = own_path(next_page)
        return moved(_sign_in(wanted), headers={"Set-Cookie": self._sessions.waiting_cookie(asked.person)})

    def let_out(self, _request: flask.Request) -> Page:
        return moved("/sign-in", headers={"Set-Cookie": self._sessions.no_cookie()})

    def _send(self, address: str) -> None:
        has_role = self._people.role_of(address) is not None or address in self._operators
        if has_role:
            threading.Thread(target=self._deliver, args=(address,), daemon=True).start()
        self._wait(SEND_SECONDS)

    def _deliver(self, address: str) -> None:
        try:
            self._codes.send(address)
        except SwitchyardError as error:
            log(logging.ERROR, "desk: a code was not sent", code=error.code, detail=error.detail)

    def _try(self, address: str, given: CodeGiven, next_page: str) -> Page:
        if not self._people.count_try(address, MOST_TRIES, TRIES_WITHIN):
            return self._page(next_page, address, "was tried too often; wait an hour", TOO_MANY)
        if not self._codes.is_right(address, given.code):
            return self._page(next_page, address, "is wrong or too old; ask for another one")
        return moved(own_path(next_page), headers={"Set-Cookie": self._sessions.cookie(address)})

    def _page(self, next_page: str, address: str | None, wrong: str = "", status: int = 422) -> Page:
        """`address` is where a code was sent, None to ask for it."""
        wanted = own_path(next_page)
        shown = status if wrong else 200
        return self._renderer.page(
            "sign_in.html", None, status=shown, door="supabase", address=address, wrong=wrong, next=wanted
        )


def _sign_in(wanted: str) -> str:
    return f"/sign-in?next={quote(wanted, safe='')}"
