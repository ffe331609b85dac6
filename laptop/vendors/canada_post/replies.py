"""One call's reply: the entry in the books, made before the answer leaves, and the links in the answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from laptop.clock import Clock
from laptop.faults import Fault, hidden_by
from laptop.vendors.canada_post.books import Books, Call
from laptop.vendors.canada_post.post_office import Sold
from laptop.vendors.common.database import stamp


@dataclass(frozen=True)
class Reply:
    """An answer and its entry in the books."""

    answer: Response
    outcome: str
    request_id: str | None = None
    shipment_id: str | None = None

    @classmethod
    def about(cls, sold: Sold, answer: Response, outcome: str) -> "Reply":
        return cls(answer, outcome, sold.shipment.request_id, sold.shipment.shipment_id)


class Recorder:
    def __init__(self, books: Books, clock: Clock) -> None:
        self._books = books
        self._clock = clock

    def record(self, request: Request, reply: Reply) -> Response:
        self._books.record(
            Call(
                time=stamp(self._clock()),
                method=request.method,
                path=request.url.path,
                status=reply.answer.status_code,
                outcome=reply.outcome,
                request_id=reply.request_id,
                shipment_id=reply.shipment_id,
                fault=hidden_by(request.scope),
            )
        )
        return reply.answer

    def record_unserved(self, scope: Scope, fault: Fault) -> None:
        """Records a call whose effect a fault prevented."""
        call = Call(
            stamp(self._clock()), scope["method"], scope["path"], fault.seen_status, "fault", fault=fault.kind
        )
        self._books.record(call)


@dataclass(frozen=True)
class Offered:
    """A link in an answer: `path` on this host."""

    rel: str
    path: str
    media_type: str
    index: str | None = None


def offered(request: Request, path: str) -> str:
    """The absolute address, with the host that the caller used."""
    return f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}{path}"


def written(address: str, path: str, style: str) -> str:
    """The link in one style. One public client met quotes and spaces around links, and links without a host."""
    if style == "quoted":
        return f' "{address}" '
    return path if style == "relative" else address


def day_asked(query: Mapping[str, str], flag: str) -> tuple[date, int] | None:
    """The day and the limit of a list of a day's shipments; None for any other query."""
    if not {flag, "date"} <= set(query) <= {flag, "date", "limit"} or query[flag] != "true":
        return None
    try:
        day, limit = datetime.strptime(query["date"], "%Y%m%d").date(), int(query.get("limit", "100"))  # noqa: DTZ007  # a day
    except ValueError:
        return None
    return (day, limit) if limit > 0 else None
