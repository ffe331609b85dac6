"""Calls of the deployed functions: each bounded in time, tried again only where a second try does no harm."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import httpx

from cli.addresses import Address
from cli.failures import NoAnswer, NotReached, WrongUsage
from cli.replies import Reply, read_answer, retry_after

TRIES = 3
FIRST_PAUSE = 0.3  # seconds; doubled with each further try, with jitter
LONGEST_PAUSE = 30.0  # seconds; a function that asks for more is not waited for
CONNECT_TIMEOUT = 10.0

NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
NOT_AVAILABLE = (429, 502, 503, 504)


@dataclass(frozen=True)
class Call:
    """`repeatable` when a call whose answer was lost may be sent once more. `timeout` in seconds bounds one try."""

    method: str
    path: str
    timeout: float
    repeatable: bool
    query: Mapping[str, str | int] | None = None
    body: Mapping[str, Any] | None = None


class Client:
    """Of one function. Use it in a `with`. `tell` hears of tries that failed; the token goes nowhere else."""

    def __init__(
        self,
        address: Address,
        token: str | None,
        *,
        tell: Callable[[str], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if token and not address.is_private:
            raise WrongUsage(f"{address.url}: a token is sent over https only, or to this machine")
        self.address = address
        self._tell = tell
        self._sleep = sleep
        # a proxy of the environment is for what lies outside
        self._http = httpx.Client(
            headers={"Authorization": f"Bearer {token}"} if token else {},
            trust_env=not address.is_loopback,
            verify=address.url.startswith(
                "https"
            ),  # redirects are not followed; to load the certificates takes 0.1 s
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def answer(self, call: Call) -> dict[str, Any]:
        """The JSON object that the function answers. Raises NotReached and Refused."""
        pause = FIRST_PAUSE
        left = TRIES
        while True:
            left -= 1
            try:
                reply = self._send(call)
            except httpx.RequestError as error:
                failure = self._failure(error, call.timeout)
                again = call.repeatable and not isinstance(error, httpx.TimeoutException)
                if not left or not (again or isinstance(error, NEVER_SENT)):
                    raise failure from error
                wait = pause * random.uniform(0.5, 1.5)  # noqa: S311 - jitter, no secret
            else:
                if reply.status not in NOT_AVAILABLE:
                    return read_answer(reply, self.address)
                failure = NoAnswer(
                    f"{self.address.function} at {self.address.url} is not available now: {reply.summary}"
                )
                asked = retry_after(reply.headers)
                wait = pause if asked is None else asked
                if not left or not call.repeatable:
                    raise failure
                if wait > LONGEST_PAUSE:
                    raise NoAnswer(f"{failure}; it asks to be left alone for {wait:.0f} s")
            self._tell(f"{failure}; trying again in {wait:.1f} s")
            self._sleep(wait)
            pause *= 2

    def _send(self, call: Call) -> Reply:
        """The timeout bounds each wait, the deadline bounds an answer that drips."""
        deadline = time.monotonic() + call.timeout
        timeout = httpx.Timeout(call.timeout, connect=min(call.timeout, CONNECT_TIMEOUT))
        url = self.address.url + call.path
        with self._http.stream(
            call.method, url, params=call.query, json=call.body, timeout=timeout
        ) as response:
            content = bytearray()
            for chunk in response.iter_bytes():
                content += chunk
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("the answer took too long", request=response.request)
            return Reply(response.status_code, response.headers, bytes(content))

    def _failure(self, error: httpx.RequestError, timeout: float) -> NotReached:
        function, url, advice = self.address.function, self.address.url, self.address.advice
        if isinstance(error, httpx.TimeoutException) and not isinstance(error, NEVER_SENT):
            return NoAnswer(f"{function} at {url} did not answer within {timeout:g} s (--timeout)")
        reason = str(error) or type(error).__name__
        if isinstance(error, NEVER_SENT):
            return NotReached(f"could not reach {function} at {url}: {reason}; {advice}")
        return NoAnswer(f"{function} at {url} broke off: {reason}; {advice}")
