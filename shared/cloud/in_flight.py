"""Many calls of one gRPC method at once, tried again, and ended early when the service refuses all of them."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.retries import RetryPolicy

if TYPE_CHECKING:
    import grpc

IN_FLIGHT = 64
RETRIES = RetryPolicy(tries=4, first_pause=0.25)
ONCE = RetryPolicy(tries=1, first_pause=0)
BRIEFLY = RetryPolicy(tries=3, first_pause=0.1)
"""For questions: a later sweep asks again, and hundreds of pages wait behind this one."""

RETRIABLE = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"})

Request = tuple[Any, tuple[str, str]]
"""The message, and its routing header."""


@dataclass(frozen=True)
class Outcome:
    status: str
    details: str = ""

    def __str__(self) -> str:
        return f"Cloud Tasks answered {self.status}: {self.details}"


@dataclass(frozen=True)
class Calls:
    """The calls of one method. `own` holds the statuses that concern one request and say nothing about the others.

    `timeout` in seconds bounds one call; `pause` waits between the tries.
    """

    method: "grpc.UnaryUnaryMultiCallable[Any, Any]"
    own: frozenset[str]
    timeout: float
    pause: Callable[[float], None]

    def make(self, requests: Sequence[Request], retries: RetryPolicy = RETRIES) -> list[Outcome]:
        """The outcome of each request. RETRIABLE ones are tried again, which is safe for what may be repeated."""
        outcomes = self._round(dict(enumerate(requests)))
        for wait in retries.pauses():
            again = {index: requests[index] for index, each in outcomes.items() if each.status in RETRIABLE}
            if not again:
                break
            self.pause(wait)
            outcomes |= self._round(again)
        return [outcomes[index] for index in range(len(requests))]

    def _round(self, requests: Mapping[int, Request]) -> dict[int, Outcome]:
        """Starts the calls in order, at most IN_FLIGHT at once.

        When as many in a row were refused, the others would be too: they get that outcome without a call.
        Uses the transport's gRPC futures, because a thread for each call in flight costs 1.6 times the CPU.
        """
        free = threading.Semaphore(IN_FLIGHT)
        refusals = _Refusals(self.own)
        calls: dict[int, Any] = {}
        for index, (message, header) in requests.items():
            free.acquire()
            if refusals.in_a_row >= IN_FLIGHT:
                break
            calls[index] = self.method.future(message, timeout=self.timeout, metadata=(header,))
            calls[index].add_done_callback(refusals.note)
            calls[index].add_done_callback(
                lambda _call: free.release()
            )  # after it: callbacks keep their order
        made = {index: _outcome(call) for index, call in calls.items()}
        return {index: made.get(index, refusals.last) for index in requests}


class _Refusals:
    """Counts refusals in a row; told from the threads of gRPC."""

    def __init__(self, own: frozenset[str]) -> None:
        self._own = own
        self._lock = threading.Lock()
        self.in_a_row = 0
        self.last = Outcome("OK")

    def note(self, call: Any) -> None:  # noqa: ANN401 - a call of gRPC, which has no types
        outcome = _outcome(call)
        with self._lock:
            refused = outcome.status not in self._own
            self.in_a_row = self.in_a_row + 1 if refused else 0
            self.last = outcome if refused else self.last


def _outcome(call: Any) -> Outcome:  # noqa: ANN401 - a call of gRPC, which has no types
    return Outcome(call.code().name, call.details() or "")
