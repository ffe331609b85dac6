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

DAY = 86_400


class Sessions:
    """`lifetime` in seconds. Whoever knows `secret` can be anybody."""

    def __init__(self, secret: str, lifetime: float) -> None:
        self._secret = secret
        self._lifetime = lifetime

    def person(self, request: flask.Request) -> str | None:
        """None without a cookie, or with one that is forged, changed or too old."""
        from itsdangerous import BadData  # noqa: PLC0415 - the tasks' functions never need it

        try:
            return str(self._signer().loads(request.cookies.get(COOKIE, ""), max_age=int(self._lifetime)))
        except BadData:
            return None

    def cookie(self, person: str) -> str:
        """The value of the Set-Cookie header that signs `person` in."""
        value = self._signer().dumps(person)
        return f"{COOKIE}={value}; Path=/; Max-Age={int(self._lifetime)}; Secure; HttpOnly; SameSite=Lax"

    def no_cookie(self) -> str:
        return f"{COOKIE}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"

    def token(self, person: str) -> str:
        """What each form of this person's pages carries. Another site cannot know it."""
        return hmac.new(self._secret.encode(), f"form {person}".encode(), hashlib.sha256).hexdigest()

    def seal(self, word: dict[str, str]) -> str:
        """For an address: only what was sealed here comes back from `unseal`."""
        return self._signer("desk word").dumps(word)

    def unseal(self, sealed: str | None) -> dict[str, str] | None:
        """None for anything else, and after a quarter of an hour."""
        from itsdangerous import BadData  # noqa: PLC0415 - see above

        try:
            word: dict[str, str] = self._signer("desk word").loads(sealed or "", max_age=900)
        except BadData:
            return None
        return word

    def check(self, request: flask.Request, person: str) -> None:
        """Raises Forbidden unless a changing request comes from a page that this person was given."""
        check_origin(request)
        given = request.form.get("token") or request.headers.get("X-Form-Token", "")
        if not hmac.compare_digest(given.encode(), self.token(person).encode()):
            raise Forbidden("this form is not from a page that was given to you; load the page again")

    def _signer(self, salt: str = "desk session") -> "URLSafeTimedSerializer":
        from itsdangerous import URLSafeTimedSerializer  # noqa: PLC0415 - see above

        return URLSafeTimedSerializer(self._secret, salt=salt)


def check_origin(request: flask.Request) -> None:
    """Raises Forbidden for a request that another site's page sent.

    Browsers send Origin with every POST, and Sec-Fetch-Site; only without both does the token alone decide.
    """
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("this request comes from another site")
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise Forbidden("this request comes from another site")
