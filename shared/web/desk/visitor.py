"""The person at the desk: who it is, what that person may do, and how a request proves it."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Protocol

import flask

from shared.web.call import Page

Json = dict[str, Any]


class Role(IntEnum):
    """Each role may do what the ones below it may. The names are those of the type `desk_role` in the database."""

    VIEWER = 1
    """Sees records, orders and figures, but no personal data."""

    REVIEWER = 2
    """Works on manual tasks."""

    OPERATOR = 3
    """Decides about orders, sees addresses and labels, runs jobs and stages."""

    @property
    def word(self) -> str:
        return self.name.lower()


def role_named(word: str) -> Role:
    return Role[word.upper()]


@dataclass(frozen=True)
class Visitor:
    """`person` is a name as `shared.web.fields.Person` makes it: the same in any spelling."""

    person: str
    role: Role

    def may(self, role: Role) -> bool:
        return self.role >= role


class Door(Protocol):
    """A way to prove who asks."""

    def person(self, request: flask.Request) -> str | None:
        """The person that the request proves to come from, or None. Raises Forbidden for a forged proof."""

    def welcome(self, request: flask.Request) -> Page:
        """The page for somebody who is not signed in."""

    def let_in(self, request: flask.Request) -> Page:
        """Answers what was sent from the welcome page."""

    def let_out(self, request: flask.Request) -> Page: ...


class People(Protocol):
    """The table of roles, and the log of what people did at the desk."""

    def role_of(self, person: str) -> str | None: ...

    def note_action(self, person: str, role: str, action: str, subject: str, note: str | None) -> None: ...


class PeopleTable(People, Protocol):
    def list_people(self) -> Json: ...

    def set_role(self, person: str, role: str | None, by: str) -> Json:
        """None takes the role away."""
        ...
