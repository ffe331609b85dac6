"""Signed cookies and tokens: who is signed in, and that a form comes from one of our pages."""

import hashlib
import hmac
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import flask

from shared.errors import Forbidden

if TYPE_CHECKING:
    from itsdangerous import URLSafeTimedSerializer

COOKIE = "__Host-switchyard"
"""The prefix makes browsers refuse it over plain http (but from this machine), for other paths and from subdomains."""

WAITING_FOR = 900
"""Seconds that the desk remembers to which address a browser asked for a code."""


class Sessions:
    """`lifetime` in seconds. Whoever knows `secret` can be anybody. `door` keeps another door's cookies out.

    There is one cookie: signing in replaces that of somebody who waits for a code, signing out ends both.
    """

    def __init__(self, secret: str, lifetime: float, door: str = "") -> None:
        self._secret = secret
        self._lifetime = lifetime
        self._door = door

    def person(self, request: flask.Request) -> str | None:
        """None without a cookie, or with one that is forged, changed or too old."""
        return self._read(request, "session", self._lifetime)

    def waiting(self, request: flask.Request) -> str | None:
        """The address to which this browser asked for a code."""
        return self._read(request, "waiting", WAITING_FOR)

    def cookie(self, person: str) -> str:
        """The value of the Set-Cookie header that signs `person` in."""
        return _cookie(str(self._signer("session").dumps(person)), self._lifetime)

    def waiting_cookie(self, address: str) -> str:
        return _cookie(str(self._signer("waiting").dumps(address)), WAITING_FOR)

    def no_cookie(self) -> str:
        return _cookie("", 0)

    def token(self, person: str) -> str:
        """Each form of this person's pages carries it. Another site cannot know it."""
        return hmac.new(self._secret.encode(), f"form {person}".encode(), hashlib.sha256).hexdigest()

    def seal(self, word: dict[str, str]) -> str:
        """For an address: only what was sealed here comes back from `unseal`."""
        return self._signer("word").dumps(word)

    def unseal(self, sealed: str | None) -> dict[str, str] | None:
        """None for anything else, and after a quarter of an hour."""
        from itsdangerous import BadData  # noqa: PLC0415 - see above

        try:
            word: dict[str, str] = self._signer("word").loads(sealed or "", max_age=900)
        except BadData:
            return None
        return word

    def check(self, request: flask.Request, person: str) -> None:
        """Raises Forbidden unless a changing request comes from a page that this person was given."""
        check_origin(request)
        given = request.form.get("token") or request.headers.get("X-Form-Token", "")
        if not hmac.compare_digest(given.encode(), self.token(person).encode()):
            raise Forbidden("this form is not from a page that was given to you; load the page again")

    def _read(self, request: flask.Request, kind: str, lifetime: float) -> str | None:
        from itsdangerous import BadData  # noqa: PLC0415 - the tasks' functions never need it

        try:
            return str(self._signer(kind).loads(request.cookies.get(COOKIE, ""), max_age=int(lifetime)))
        except BadData:
            return None

    def _signer(self, kind: str) -> "URLSafeTimedSerializer":
        from itsdangerous import URLSafeTimedSerializer  # noqa: PLC0415 - see above

        return URLSafeTimedSerializer(
            self._secret, salt=f"desk {kind} {self._door}", signer_kwargs={"digest_method": hashlib.sha256}
        )


def _cookie(value: str, lifetime: float) -> str:
    return f"{COOKIE}={value}; Path=/; Max-Age={int(lifetime)}; Secure; HttpOnly; SameSite=Lax"


def check_origin(request: flask.Request) -> None:
    """Raises Forbidden for a request that another site's page sent.

    Browsers send Origin with every POST, and Sec-Fetch-Site; only without both does the token alone decide.
    """
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("this request comes from another site")
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise Forbidden("this request comes from another site")
