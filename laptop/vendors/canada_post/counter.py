"""The books of one call: each handler closes it before its answer leaves."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from laptop.clock import Clock
from laptop.faults import WITHOUT_TRUE_ANSWER, Fault, FaultKind
from laptop.vendors.canada_post.ledger import Call, Ledger
from laptop.vendors.canada_post.post_office import Sold
from laptop.vendors.common.database import stamp


@dataclass(frozen=True)
class Reply:
    """An answer and what the books say of it."""

    answer: Response
    outcome: str
    request_id: str | None = None
    shipment_id: str | None = None

    @classmethod
    def about(cls, sold: Sold, answer: Response, outcome: str) -> "Reply":
        return cls(answer, outcome, sold.shipment.request_id, sold.shipment.shipment_id)


class Counter:
    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    def close(self, request: Request, reply: Reply) -> Response:
        struck = [kind for kind in request.scope.get("faults", ()) if kind in WITHOUT_TRUE_ANSWER]
        self._ledger.enter(
            Call(
                time=stamp(self._clock()),
                method=request.method,
                path=request.url.path,
                status=reply.answer.status_code,
                outcome=reply.outcome,
                request_id=reply.request_id,
                shipment_id=reply.shipment_id,
                fault=struck[0] if struck else None,
            )
        )
        return reply.answer

    def enter_unserved(self, scope: Scope, fault: Fault) -> None:
        """A call that a fault kept from being served."""
        status = 429 if fault.kind is FaultKind.RATE_LIMITED else fault.status
        call = Call(stamp(self._clock()), scope["method"], scope["path"], status, "fault", fault=fault.kind)
        self._ledger.enter(call)
