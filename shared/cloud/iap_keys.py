"""The public keys of Google's Identity-Aware Proxy, by which the desk knows its header from a forged one."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from shared.errors import VendorUnavailable

if TYPE_CHECKING:
    from ssl import SSLContext

    from httpx import Client

ADDRESS = "https://www.gstatic.com/iap/verify/public_key-jwk"
"""https://cloud.google.com/iap/docs/signed-headers-howto: a JWK set, renewed by Google now and then."""

APART = 60.0
"""Seconds between two fetches: requests with made-up key names must not make the desk ask Google each time."""

STALE = 86_400.0
"""Seconds after which the keys are fetched again even when none is missing: a withdrawn one must not count for ever."""

OK = 200
TIMEOUT = 5.0
"""Seconds, for the whole answer."""

MOST_BYTES = 100_000


class IapKeys:
    """Implements SigningKeys of `shared.web.desk.iap`. `clock` is monotonic, in seconds."""

    def __init__(
        self,
        tls: "Callable[[], SSLContext]",
        *,
        address: str = ADDRESS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tls = tls
        self._address = address
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[str, Mapping[str, Any]] = {}
        self._tried_at = self._read_at = -STALE

    def key(self, name: str) -> Mapping[str, Any] | None:
        """Raises VendorUnavailable while no key was ever read."""
        with self._lock:
            now = self._clock()
            wanted = name not in self._keys or now - self._read_at >= STALE
            if wanted and now - self._tried_at >= APART:
                self._tried_at = now
                self._fetch(now)
            if not self._keys:
                raise VendorUnavailable("Google's keys cannot be read, so nobody can be known", APART)
            return self._keys.get(name)

    def _fetch(self, now: float) -> None:
        """Old keys stay when Google does not answer."""
        import json

        import httpx

        try:
            with httpx.Client(verify=self._tls(), timeout=TIMEOUT, follow_redirects=False) as client:
                listed = json.loads(_body(client, self._address))["keys"]
            keys = {str(key["kid"]): key for key in listed if key.get("kty") == "EC"}
        except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError):
            return
        if keys:
            self._keys, self._read_at = keys, now


def _body(client: "Client", address: str) -> bytes:
    """Raises ValueError for an answer that is no 200, too long or too slow."""
    begun, body = time.monotonic(), b""
    with client.stream("GET", address) as answer:
        if answer.status_code != OK:
            raise ValueError(f"HTTP {answer.status_code}")
        for chunk in answer.iter_bytes():
            body += chunk
            if len(body) > MOST_BYTES or time.monotonic() - begun > TIMEOUT:
                raise ValueError("an endless answer")
    return body
