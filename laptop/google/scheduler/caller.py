"""Calls the jobs' targets."""

import asyncio
import time
from http.cookiejar import DefaultCookiePolicy

import httpx

from laptop.google.common.calls import DEADLINE_PASSED, UNREACHABLE, Call, Outcome, retry_after

_NO_TIMEOUT = httpx.Timeout(None).as_dict()


class TargetCaller:
    """Opens a new connection for each call.

    A kept connection could break at the moment of its reuse and become a failed delivery that no target saw.
    """

    def __init__(self, *, keep: int) -> None:
        """Keeps the first `keep` bytes of each answer."""
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        self._keep = keep
        self._client = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(limits=limits), trust_env=False, max_redirects=10
        )
        self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    async def make(self, call: Call, deadline: float) -> Outcome:
        """Takes at most `deadline` seconds in all."""
        try:
            async with asyncio.timeout(deadline):
                return await self._exchange(call)
        except TimeoutError:
            return DEADLINE_PASSED
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError):
            return UNREACHABLE  # UnicodeError: a host name that the resolver cannot take

    async def _exchange(self, call: Call) -> Outcome:
        request = httpx.Request(
            call.method,
            call.url,
            headers=[(name.encode(), value.encode()) for name, value in call.headers],
            content=call.body or None,
            extensions={"timeout": _NO_TIMEOUT},
        )
        response = await self._client.send(request, stream=True, follow_redirects=True)
        kept = b""
        try:
            async for chunk in response.aiter_raw():
                kept += chunk[: self._keep - len(kept)]
        finally:
            await response.aclose()
        wait = retry_after(response.headers.get("Retry-After"), time.time())
        return Outcome(response.status_code, retry_after=wait, body=kept)

    async def close(self) -> None:
        await self._client.aclose()
