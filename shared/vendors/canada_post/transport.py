import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.clock import Clock
from shared.fulfillment.ports import Cause, NotSent, Refused, Unclear
from shared.retries import RetryPolicy
from shared.vendors.response import Response
from shared.vendors.transport import (
    AnswerTooLarge,
    CallBounds,
    NothingSent,
    TooLate,
    Transport,
    TransportFailure,
)

Pause = Callable[[float], None]
"""Waits for that many seconds."""

READS = RetryPolicy(tries=3, first_pause=1.0)


@dataclass(frozen=True)
class CanadaPostBounds(CallBounds):
    """Seconds: `buy` limits the carrier's silence during a purchase, `read` during any other call.

    `retries` is for calls that only read. `apart` is the least time between two calls: a quarter of a second, which
    one public client found necessary. The largest answer is a label. `listed`: the most shipments of one day that are
    asked for.
    """

    connect: float = 10.0
    total: float = 60.0
    largest_answer: int = 10_000_000
    buy: float = 45.0
    retries: RetryPolicy = READS
    apart: float = 0.25
    listed: int = 1000


@dataclass(frozen=True)
class Call:
    """`path` is below the carrier's address; `patience` limits the carrier's silence, in seconds.

    After `not_after` it is not sent.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    patience: float
    content: bytes | None = None
    not_after: datetime | None = None


class Connection:
    """Makes calls to the carrier, with a pause between them. Failures are returned; nothing is repeated."""

    def __init__(
        self,
        base_url: str,
        bounds: CanadaPostBounds,
        tls: ssl.SSLContext | None,
        pause: Pause,
        clock: Clock,
    ) -> None:
        self._transport = Transport("Canada Post", base_url, bounds, tls)
        self._bounds = bounds
        self._pause = pause
        self._clock = clock
        self._pace = threading.Lock()
        self._last_call = float("-inf")

    def close(self) -> None:
        self._transport.close()

    def send(self, call: Call) -> Response | NotSent | Unclear | Refused:
        """NotSent only if no byte of the call can have reached the carrier; Refused for an answer without end."""
        self._keep_apart()
        not_after = call.not_after
        connect = min(self._bounds.connect, call.patience)
        timeout = (connect, call.patience, call.patience, call.patience)  # then read, write, pool
        try:
            return self._transport.send(
                call.method,
                call.path,
                is_late=None if not_after is None else lambda: self._clock() > not_after,
                headers=dict(call.headers),
                content=call.content,
                timeout=timeout,
            )
        except TooLate as late:
            return NotSent(str(late), cause=Cause.LATE)
        except NothingSent as failed:
            return NotSent(str(failed))
        except AnswerTooLarge as failed:
            return Refused(str(failed), "size")
        except TransportFailure as failed:
            return Unclear(str(failed))

    def _keep_apart(self) -> None:
        """Waits until `apart` seconds have passed since the last call."""
        with self._pace:
            early = self._last_call + self._bounds.apart - time.monotonic()
            if early > 0:
                self._pause(early)
            self._last_call = time.monotonic()
