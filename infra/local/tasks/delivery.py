"""One HTTP request to a worker, and what its answer means to the queue."""

import asyncio
import time
from email.utils import parsedate_to_datetime

import httpx
from google.cloud.tasks_v2 import HttpMethod

from infra.local.tasks.messages import HttpRequestMessage
from infra.local.tasks.progress import DEADLINE_PASSED, UNREACHABLE, Outcome

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


class Courier:
    """Sends with exactly the headers it is given (names keep their case), on a connection of its own each time.

    A kept connection could break at the moment of its reuse and turn into a failed delivery that no worker saw.
    """

    def __init__(self) -> None:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        self._transport = httpx.AsyncHTTPTransport(limits=limits)

    async def send(
        self, target: HttpRequestMessage, headers: list[tuple[str, str]], deadline: float
    ) -> Outcome:
        """`target` is a `google.cloud.tasks.v2.HttpRequest`, `deadline` in seconds. Redirects are not followed."""
        try:
            async with asyncio.timeout(deadline):
                return await self._exchange(target, headers)
        except TimeoutError:
            return DEADLINE_PASSED
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError):
            return UNREACHABLE  # the last: a host name that the resolver cannot take

    async def _exchange(self, target: HttpRequestMessage, headers: list[tuple[str, str]]) -> Outcome:
        request = httpx.Request(
            HttpMethod(target.http_method).name,
            target.url,
            headers=[(name.encode(), value.encode()) for name, value in headers],
            content=target.body or None,
            extensions={"timeout": _NO_TIMEOUT},
        )
        response = await self._transport.handle_async_request(request)
        try:
            async for _ in response.aiter_raw():
                pass
        finally:
            await response.aclose()
        return Outcome(
            response.status_code, retry_after=retry_after(response.headers.get("Retry-After"), time.time())
        )

    async def close(self) -> None:
        await self._transport.aclose()
