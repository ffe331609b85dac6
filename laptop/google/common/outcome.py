"""How one HTTP call of a service ended; PURE."""

from dataclasses import dataclass, field

SERVER_ERRORS = range(500, 600)
SUCCESSES = range(200, 300)

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
class Outcome:
    """`status` is the target's, or 504 after the deadline and 503 when nobody was reached.

    `body` is the beginning of the answer, as much as the courier was told to keep.
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
