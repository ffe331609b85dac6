"""One HTTP call to a target, and how it ended."""

from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Protocol

SERVER_ERRORS = range(500, 600)
SUCCESSES = range(200, 300)

_LONGEST_RETRY_AFTER = 3600.0
_RPC_CODES = {
    400: ("INVALID_ARGUMENT", 3),
    401: ("UNAUTHENTICATED", 16),
    403: ("PERMISSION_DENIED", 7),
    404: ("NOT_FOUND", 5),
    409: ("ABORTED", 10),
    429: ("RESOURCE_EXHAUSTED", 8),
    499: ("CANCELLED", 1),
    501: ("UNIMPLEMENTED", 12),
    503: ("UNAVAILABLE", 14),
    504: ("DEADLINE_EXCEEDED", 4),
}


@dataclass(frozen=True)
class Call:
    """The request as it is sent: exactly these headers, whose names keep their case."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    body: bytes = b""


@dataclass(frozen=True)
class Outcome:
    """`status` is the target's, or 504 after the deadline and 503 when the target was not reached.

    `body` is the beginning of the answer, as much as the caller keeps.
    """

    status: int
    answered: bool = True
    retry_after: float = 0
    body: bytes = field(default=b"", compare=False)

    @property
    def succeeded(self) -> bool:
        return self.answered and self.status in SUCCESSES


DEADLINE_PASSED = Outcome(504, answered=False)
UNREACHABLE = Outcome(503, answered=False)


def rpc_code(status: int) -> tuple[str, int]:
    """The google.rpc.Code that the documented mapping gives an HTTP status."""
    if status in SUCCESSES:
        return "OK", 0
    if status in _RPC_CODES:
        return _RPC_CODES[status]
    if status in range(400, 500):
        return "FAILED_PRECONDITION", 9
    if status in SERVER_ERRORS:
        return "INTERNAL", 13
    return "UNKNOWN", 2


def retry_after(value: str | None, now: float) -> float:
    """Seconds that a Retry-After header asks for, at most an hour; 0 when the header is absent or unreadable."""
    if not value:
        return 0
    try:
        seconds = float(value) if value.strip().isdigit() else parsedate_to_datetime(value).timestamp() - now
    except ValueError:
        return 0
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER)


class Caller(Protocol):
    async def make(self, call: Call, deadline: float) -> Outcome:
        """Takes at most `deadline` seconds in all."""
