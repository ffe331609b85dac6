"""The door behind Google's Identity-Aware Proxy, which signs who asks into a header of each request."""

from collections.abc import Mapping
from typing import Any, Protocol

import flask

from shared.errors import Forbidden, NotFound
from shared.web.call import Page
from shared.web.desk.rendering import Renderer
from shared.web.desk.route import moved

HEADER = "X-Goog-IAP-JWT-Assertion"
ISSUER = "https://cloud.google.com/iap"
ALGORITHM = "ES256"
SKEW = 30
"""Seconds by which clocks may differ. All four are from cloud.google.com/iap/docs/signed-headers-howto."""

LONGEST_LIFE = 600 + 2 * SKEW
"""Seconds. IAP's tokens live ten minutes, so that a stolen one is soon worth nothing."""

LONGEST_TOKEN = 8_000
SIGN_OUT = "/?gcp-iap-mode=CLEAR_LOGIN_COOKIE"


class SigningKeys(Protocol):
    def key(self, name: str) -> Mapping[str, Any] | None:
        """The public key as a JWK, None for a name that Google does not list. Raises VendorUnavailable."""


class IapDoor:
    """`audience` is /projects/NUMBER/locations/REGION/services/NAME of the function's Cloud Run service."""

    def __init__(self, keys: SigningKeys, audience: str, renderer: Renderer) -> None:
        self._keys = keys
        self._audience = audience
        self._renderer = renderer

    def person(self, request: flask.Request) -> str | None:
        """The e-mail address that IAP has verified. Raises Forbidden for a token that is not IAP's for this desk."""
        token = request.headers.get(HEADER)
        if token is None:
            return None
        email = str(self._claims(token).get("email") or "")
        if "@" not in email or not email.isascii() or not email.isprintable():
            raise Forbidden("Identity-Aware Proxy names no e-mail address")
        return email.casefold()

    def _claims(self, token: str) -> Mapping[str, Any]:
        import jwt  # noqa: PLC0415 - 40 ms that only this door needs

        try:
            if len(token) > LONGEST_TOKEN:
                raise Forbidden(NOT_OURS)
            header = jwt.get_unverified_header(token)
            if header.get("alg") != ALGORITHM:
                raise Forbidden(NOT_OURS)
            key = self._keys.key(str(header.get("kid")))
            if key is None:
                raise Forbidden(NOT_OURS)
            claims: dict[str, Any] = jwt.decode(
                token,
                jwt.PyJWK(dict(key), ALGORITHM),
                algorithms=[ALGORITHM],
                audience=self._audience,
                issuer=ISSUER,
                leeway=SKEW,
                options={"require": ["exp", "iat", "aud", "iss"], "strict_aud": True},
            )
        except (jwt.PyJWTError, ValueError):  # no more is said: the caller may be whoever forges it
            raise Forbidden(NOT_OURS) from None
        if claims["exp"] - claims["iat"] > LONGEST_LIFE:
            raise Forbidden(NOT_OURS)
        return claims

    def welcome(self, _request: flask.Request) -> Page:
        return self._renderer.page("sign_in.html", None, status=401, door="iap")

    def let_in(self, _request: flask.Request) -> Page:
        raise NotFound("people sign in at Identity-Aware Proxy, before their request comes here")

    def let_out(self, _request: flask.Request) -> Page:
        return moved(SIGN_OUT)


NOT_OURS = "this request does not come from Identity-Aware Proxy in front of this desk"
