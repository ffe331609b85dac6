"""Lets people in: the door says who asks, the table of roles what that person may do."""

import threading
import time
from collections.abc import Collection

import flask

from shared.errors import Forbidden, SignInNeeded
from shared.web.call import Page
from shared.web.desk.session import Sessions, check_origin
from shared.web.desk.visitor import Door, People, Role, Visitor, role_named

KNOWN_FOR = 30.0
"""Seconds until a role is read again. So long may somebody whose role was taken away still work."""


class Gate:
    """`operators` are people who are operators whatever the table says, so that somebody can fill it."""

    def __init__(self, door: Door, people: People, sessions: Sessions, operators: Collection[str]) -> None:
        self.door = door
        self.people = people
        self.sessions = sessions
        self._operators = frozenset(operators)
        self._known: dict[str, tuple[float, Role]] = {}
        self._lock = threading.Lock()

    def visitor(self, request: flask.Request) -> Visitor:
        """Raises SignInNeeded, and Forbidden for a person without a role."""
        person = self.door.person(request)
        if person is None:
            raise SignInNeeded("sign in to go on")
        return Visitor(person, self._role(person))

    def sign_out(self, request: flask.Request) -> Page:
        """Raises Forbidden when another site asks: it must not be able to end a session."""
        person = self.door.person(request)
        if person is None:
            check_origin(request)
        else:
            self.sessions.check(request, person)
        return self.door.let_out(request)

    def _role(self, person: str) -> Role:
        if person in self._operators:
            return Role.OPERATOR
        now = time.monotonic()
        with self._lock:
            read_at, role = self._known.get(person, (-KNOWN_FOR, Role.VIEWER))
        if now - read_at < KNOWN_FOR:
            return role
        word = self.people.role_of(person)
        if word is None:
            raise Forbidden(f"{person} has no role here yet; an operator can give one, on the page People")
        with self._lock:
            self._known[person] = (now, role_named(word))
        return role_named(word)

    def forget(self, person: str) -> None:
        """The person's role has changed."""
        with self._lock:
            self._known.pop(person, None)
