import json
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ValidationError

from shared.clock import Clock, system_clock
from shared.errors import VendorUnavailable
from shared.fulfillment.ports import (
    Attachment,
    Done,
    Malformed,
    MarketplaceOrder,
    NotSent,
    OrderPage,
    Participant,
    Posted,
    Refused,
    ThreadPage,
    Tracking,
    Unclear,
)
from shared.retries import Again, RetryPolicy
from shared.vendors.mirakl.answers import CarrierAnswer, Carriers, OneThread, Orders, Shop, Threads
from shared.vendors.mirakl.mapper import order_page, thread_page
from shared.vendors.mirakl.responses import (
    REFUSED_WAIT,
    explanation,
    file_of,
    outcome_of,
    posted_of,
    reading_of,
)
from shared.vendors.response import Response
from shared.vendors.transport import (
    AnswerLost,
    AnswerTooLarge,
    CallBounds,
    NothingSent,
    Transport,
    TransportFailure,
    checked_header_value,
)

Outcome = Done | Refused | Unclear | NotSent
_Shape = TypeVar("_Shape", bound=BaseModel)

_ORDERS = "/api/orders"
_THREADS = "/api/inbox/threads"
_PAGE = 100  # the most that OR11 takes, as ids and as a page
_MOST_PAGES = 1000  # of one listing; more means that the marketplace repeats itself
_PASSING_WAIT = 30.0  # seconds, after a failure that names no wait


READS = RetryPolicy(tries=3, first_pause=0.5, longest_pause=15.0, spread=(0.5, 1.0))


@dataclass(frozen=True)
class MiraklBounds(CallBounds):
    """`retries` is for calls that only read. A 429 with a wait over its `longest_pause` is raised at once."""

    retries: RetryPolicy = READS


class MiraklMarketplace:
    """The Marketplace port on Mirakl's seller API.

    One per process: threads share its connections. Calls that only read are repeated a few times, calls that
    change something never. Raises SettingsInvalid for an address or a key that cannot be used. `shop_id` is needed
    if one key has several shops. `pause` waits that many seconds.
    """

    def __init__(
        self,
        api_key: str,
        *,
        base_url: str = "https://marketplace.bestbuy.ca",
        shop_id: int | None = None,
        bounds: MiraklBounds | None = None,
        clock: Clock = system_clock,
        pause: Callable[[float], None] = time.sleep,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._bounds = bounds or MiraklBounds()
        self._transport = Transport("Mirakl", base_url, self._bounds, tls)
        key = checked_header_value("Mirakl", "API key", api_key)
        self._secrets = (key,)
        self._headers = {"Authorization": key}
        self._shop = {} if shop_id is None else {"shop_id": str(shop_id)}
        self._clock = clock
        self._pause = pause

    def close(self) -> None:
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- orders ---------------------------------------------------------------------------------------------

    def listed(self, states: Sequence[str], updated_since: datetime | None = None) -> Iterator[OrderPage]:
        """OR11 by state and date of the last change. Leaves out an order that an earlier page has shown.

        Pages are offsets into the orders that match at that moment. One that leaves `states` while they are read
        moves those behind it forward, so that the next page misses as many; a later listing shows them.
        """
        if not states:
            return  # without the filter the marketplace would list every order
        query = {"order_state_codes": ",".join(states), "sort": "dateCreated", "order": "asc"}
        if updated_since is not None:
            query["start_update_date"] = _shown_date(updated_since)
        shown: set[str] = set()
        for page in range(_MOST_PAGES):
            place = {"max": str(_PAGE), "offset": str(page * _PAGE)}
            answer = self._read(_ORDERS, query | place, Orders)
            read = order_page(answer.orders, self._clock())
            yield OrderPage([each for each in read.orders if each.order_id not in shown], read.problems)
            shown.update(each.order_id for each in read.orders)
            if not answer.orders or (page + 1) * _PAGE >= answer.total_count:
                return
        raise VendorUnavailable(f"Mirakl lists more than {_MOST_PAGES * _PAGE} orders")

    def orders(self, order_ids: Sequence[str]) -> OrderPage:
        """OR11 by id. A text that cannot be an id becomes a problem and is not sent."""
        wanted = list(dict.fromkeys(order_ids))
        found: list[MarketplaceOrder] = []
        problems = [
            Malformed(None, "cannot be asked for: not an order id") for one in wanted if not _is_id(one)
        ]
        wanted = [one for one in wanted if _is_id(one)]
        for start in range(0, len(wanted), _PAGE):
            group = wanted[start : start + _PAGE]
            query = {"order_ids": ",".join(group), "max": str(_PAGE), "offset": "0"}
            read = order_page(self._read(_ORDERS, query, Orders).orders, self._clock())
            found += [each for each in read.orders if each.order_id in group]
            problems += read.problems
        return OrderPage(found, problems)

    def accept(self, order_id: str, line_ids: Sequence[str]) -> Outcome:
        """OR21. It must name every line of the order."""
        return self._decide(order_id, [{"id": line_id, "accepted": True} for line_id in line_ids])

    def refuse(self, order_id: str, line_ids: Sequence[str]) -> Outcome:
        """OR21. It must name every line of the order."""
        return self._decide(order_id, [{"id": line_id, "accepted": False} for line_id in line_ids])

    def _decide(self, order_id: str, lines: Sequence[Mapping[str, object]]) -> Outcome:
        return self._change(order_id, "accept", json={"order_lines": lines})

    def set_tracking(self, order_id: str, tracking: Tracking) -> Outcome:
        """OR23. For a registered carrier the marketplace makes the address of the tracking page itself."""
        if tracking.carrier_code:
            carrier = {"carrier_code": tracking.carrier_code}
        else:
            carrier = {"carrier_name": tracking.carrier_name or "", "carrier_url": tracking.url or ""}
        body = {**carrier, "tracking_number": tracking.number}
        return self._change(order_id, "tracking", json={name: text for name, text in body.items() if text})

    def ship(self, order_id: str) -> Outcome:
        """OR24, without a body."""
        return self._change(order_id, "ship")

    # --- messages -------------------------------------------------------------------------------------------

    def threads(self, updated_since: datetime) -> Iterator[ThreadPage]:
        """M11 by date of the last change."""
        return self._thread_pages({"updated_since": _shown_date(updated_since)})

    def threads_of(self, order_id: str) -> ThreadPage:
        """M11 by order. A thread that does not name the order is left out, whatever the marketplace lists."""
        if not _is_id(order_id):
            return ThreadPage([])
        pages = list(self._thread_pages({"entity_type": "MMP_ORDER", "entity_id": order_id}))
        return ThreadPage(
            [thread for page in pages for thread in page.threads if order_id in thread.order_ids],
            [problem for page in pages for problem in page.problems],
        )

    def _thread_pages(self, wanted: Mapping[str, str]) -> Iterator[ThreadPage]:
        """The next page is requested by its token alone: the vendor ignores other parameters beside it."""
        query = {**wanted, "with_messages": "true", "limit": str(_PAGE), **self._shop}
        tokens: set[str] = set()
        for _ in range(_MOST_PAGES):
            answer = self._read_bare(_THREADS, query, Threads)
            yield thread_page(answer.data, self._clock())
            token = answer.next_page_token
            if token is None:
                return
            if token in tokens:
                raise VendorUnavailable("Mirakl repeats a page of the inbox")
            tokens.add(token)
            query = {"page_token": token}
        raise VendorUnavailable(f"Mirakl lists more than {_MOST_PAGES} pages of the inbox")

    def thread(self, thread_id: str) -> ThreadPage:
        """M10. Raises VendorUnavailable for a thread that cannot be read, too; its malformed messages are problems."""
        if not _is_id(thread_id):
            return ThreadPage([])
        read = self._read_if_there(f"{_THREADS}/{quote(thread_id, safe='')}", self._shop, OneThread)
        if isinstance(read, Refused):
            return ThreadPage([])
        page = thread_page([read.root], self._clock())
        if not page.threads:
            raise VendorUnavailable(f"Mirakl's thread {page.problems[0].problem}", REFUSED_WAIT)
        return page

    def reply(
        self, thread_id: str, body: str, to: Sequence[Participant]
    ) -> Posted | Refused | Unclear | NotSent:
        """M12: one form part of JSON. The body may have 3 to 50,000 characters; the marketplace refuses another."""
        if not _is_id(thread_id):
            return Refused("not a thread id")
        people = [{"type": each.kind} | ({"id": each.ident} if each.ident else {}) for each in to]
        path = f"{_THREADS}/{quote(thread_id, safe='')}/message"
        return self._post(path, "message_input", {"body": body, "to": people})

    def open_thread(
        self, order_id: str, topic: str, body: str, to: Sequence[str]
    ) -> Posted | Refused | Unclear | NotSent:
        """OR43: one form part of JSON, named as in the vendor's own client. `to` has kinds, not people as in M12."""
        if not _is_id(order_id):
            return Refused("not an order id")
        message = {"body": body, "to": list(to), "topic": {"type": "FREE_TEXT", "value": topic}}
        return self._post(f"{_ORDERS}/{quote(order_id, safe='')}/threads", "thread_input", message)

    def _post(
        self, path: str, part: str, message: Mapping[str, object]
    ) -> Posted | Refused | Unclear | NotSent:
        form = [(part, (None, json.dumps(message), "application/json"))]
        answer = self._send_once("POST", path, files=form)
        return posted_of(answer, self._clock()) if isinstance(answer, Response) else answer

    def attachment(self, attachment_id: str) -> Attachment | Refused | NotSent:
        """M13. Refused for an unknown one, and for one over `CallBounds.largest_answer`."""
        if not _is_id(attachment_id):
            return Refused("not an attachment id")
        path = f"{_THREADS}/{quote(attachment_id, safe='')}/download"
        answer = self._bounds.retries.run(lambda: self._try_to_download(path), self._pause)
        return answer.reason if isinstance(answer, Again) else answer

    # --- set-up and health ----------------------------------------------------------------------------------

    def carriers(self) -> Sequence[CarrierAnswer]:
        """SH21, for set-up: the codes that `Tracking.carrier_code` may hold. Once a day at most."""
        return self._read("/api/shipping/carriers", {}, Carriers).carriers

    def shop(self) -> Shop:
        """A01: the owner of the key. Raises VendorUnavailable if the key does not work."""
        return self._read("/api/account", {}, Shop)

    def is_up(self) -> bool:
        """V01, once; only its status counts."""
        try:
            return self._send("GET", "/api/version", params=self._shop).status == 200  # noqa: PLR2004  # HTTP's OK
        except TransportFailure:
            return False

    # --- calls ----------------------------------------------------------------------------------------------

    def _change(self, order_id: str, action: str, **body: Any) -> Outcome:  # noqa: ANN401  # any JSON
        if not _is_id(order_id):
            return Refused("not an order id")
        answer = self._send_once("PUT", f"{_ORDERS}/{quote(order_id, safe='')}/{action}", **body)
        return outcome_of(answer, self._clock()) if isinstance(answer, Response) else answer

    def _send_once(self, method: str, path: str, **content: Any) -> Response | Unclear | NotSent:  # noqa: ANN401  # httpx's own
        """Sends a change, which is never repeated."""
        try:
            return self._send(method, path, params=self._shop, **content)
        except NothingSent as unsent:
            return NotSent(str(unsent))
        except AnswerLost as lost:
            return Unclear(str(lost))

    def _read(self, path: str, query: Mapping[str, str], shape: type[_Shape]) -> _Shape:
        return self._read_bare(path, {**query, **self._shop}, shape)

    def _read_bare(self, path: str, query: Mapping[str, str], shape: type[_Shape]) -> _Shape:
        """Raises VendorUnavailable."""
        read = self._read_if_there(path, query, shape)
        if isinstance(read, Refused):
            raise VendorUnavailable(read.message, REFUSED_WAIT)
        return read

    def _read_if_there(self, path: str, query: Mapping[str, str], shape: type[_Shape]) -> _Shape | Refused:
        """Sends a GET, again while that may help. Refused for a 404 alone. Raises VendorUnavailable."""
        read = self._bounds.retries.run(lambda: self._try_to_read(path, query, shape), self._pause)
        if isinstance(read, Again):
            raise _unavailable(read.reason, _PASSING_WAIT)
        return read

    def _try_to_read(
        self, path: str, query: Mapping[str, str], shape: type[_Shape]
    ) -> _Shape | Again[NotSent] | Refused:
        """Raises VendorUnavailable if another try cannot help."""
        try:
            response = self._send("GET", path, params=query)
        except TransportFailure as failed:
            return Again(NotSent(str(failed)))
        read = reading_of(response, self._clock())
        if isinstance(read, Again):
            return read
        if isinstance(read, NotSent):
            raise _unavailable(read, REFUSED_WAIT)
        if isinstance(read, Refused):
            if response.status == 404:  # noqa: PLR2004  # HTTP's Not Found
                return read
            raise VendorUnavailable(read.message, REFUSED_WAIT)
        try:
            return shape.model_validate(read)
        except ValidationError:
            text = f"{explanation(response)}; not the documented shape"
            raise VendorUnavailable(text, REFUSED_WAIT) from None

    def _try_to_download(self, path: str) -> Attachment | Again[NotSent] | Refused | NotSent:
        try:
            response = self._send("GET", path, params=self._shop, accept="*/*")
        except AnswerTooLarge as too_large:
            return Refused(str(too_large))
        except TransportFailure as failed:
            return Again(NotSent(str(failed)))
        return file_of(response, self._clock())

    def _send(self, method: str, path: str, *, accept: str = "application/json", **content: Any) -> Response:  # noqa: ANN401  # httpx's own
        headers = self._headers | {"Accept": accept}
        response = self._transport.send(method, path, headers=headers, **content)
        return response if response.is_success else response.masked(self._secrets)


def _unavailable(unread: NotSent, wait: float) -> VendorUnavailable:
    asked = unread.retry_after
    return VendorUnavailable(unread.message, wait if asked is None else asked, unread.cause)


def _shown_date(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _is_id(order_id: str) -> bool:
    """Whether it fits into a URL and into a comma-separated list."""
    return bool(re.fullmatch(r"(?!\.+$)[^\s,\x00-\x1f\x7f\ud800-\udfff]{1,200}", order_id))
