"""One HTTP request to a target, and how it ended."""

import asyncio
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy

import httpx

from laptop.google.common.outcome import DEADLINE_PASSED, UNREACHABLE, Outcome

_LONGEST_RETRY_AFTER = 3600.0
_NO_TIMEOUT = httpx.Timeout(None).as_dict()


def retry_after(value: str | None, now: float) -> float:
    """Seconds that a Retry-After header asks for, 0 when it asks for nothing that can be read; at most an hour."""
    if not value:
        return 0
    try:
        seconds = float(value) if value.strip().isdigit() else parsedate_to_datetime(value).timestamp() - now
    except ValueError:
        return 0
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER)


@dataclass(frozen=True)
class Parcel:
    """What is sent: exactly these headers, whose names keep their case."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    body: bytes = b""


class Courier:
    """Sends each request on a connection of its own.

    A kept connection could break at the moment of its reuse and turn into a failed delivery that no target saw.
    """

    def __init__(self, *, follow_redirects: bool = False, keep: int = 0) -> None:
        """`keep`: so many bytes of each answer."""
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        self._follow = follow_redirects
        self._keep = keep
        self._client = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(limits=limits), trust_env=False, max_redirects=10
        )
        self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    async def send(self, parcel: Parcel, deadline: float) -> Outcome:
        """`deadline` in seconds, for all of it."""
        try:
            async with asyncio.timeout(deadline):
                return await self._exchange(parcel)
        except TimeoutError:
            return DEADLINE_PASSED
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError):
            return UNREACHABLE  # the last: a host name that the resolver cannot take

    async def _exchange(self, parcel: Parcel) -> Outcome:
        request = httpx.Request(
            parcel.method,
            parcel.url,
            headers=[(name.encode(), value.encode()) for name, value in parcel.headers],
            content=parcel.body or None,
            extensions={"timeout": _NO_TIMEOUT},
        )
        response = await self._client.send(request, stream=True, follow_redirects=self._follow)
        kept = b""
        try:
            async for chunk in response.aiter_raw():
                kept += chunk[: self._keep - len(kept)]
        finally:
            await response.aclose()
        asked = retry_after(response.headers.get("Retry-After"), time.time())
        return Outcome(response.status_code, retry_after=asked, body=kept)

    async def close(self) -> None:
        await self._client.aclose()
