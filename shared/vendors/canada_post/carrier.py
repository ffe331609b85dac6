import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self, TypeVar
from urllib.parse import quote

from shared.fulfillment.carrier import Bought, LabelRequest, NotReady, Pdf, UndoCall, Unknown
from shared.fulfillment.ports import NotSent, Refused, Unclear
from shared.retries import Again
from shared.vendors.canada_post.account import ShippingAccount
from shared.vendors.canada_post.answers import Link, Shipment
from shared.vendors.canada_post.limits import LONGEST_REQUEST_ID, complaint
from shared.vendors.canada_post.links import LinkRule
from shared.vendors.canada_post.outcomes import (
    Dialect,
    bought,
    chosen,
    creation,
    explanation,
    is_throttled,
    label,
    search_result,
)
from shared.vendors.canada_post.redaction import personal_values, redacted
from shared.vendors.canada_post.transport import Call, CanadaPostBounds, Connection, Pause
from shared.vendors.response import Response

_Read = Response | NotSent | Unclear | Refused
_Outcome = TypeVar("_Outcome", bound=Refused | Unclear | NotSent | NotReady)

_MOST_HITS = 10  # shipments of one request; more means that the search was not understood
_SHIPMENT_LINKS = frozenset({None, "shipment", "self"})
_UNAUTHORIZED = 401
_SERVER_ERRORS = 500


class Authority(Protocol):
    """Our credentials. `forget` drops a refused header and returns whether a new one can be requested."""

    def authorization(self) -> str | NotSent: ...
    def forget(self, authorization: str) -> bool: ...
    def secrets(self) -> list[str]: ...


@dataclass(frozen=True)
class Parts:
    """The parts of a client."""

    dialect: Dialect
    account: ShippingAccount
    rule: LinkRule
    connection: Connection
    authority: Authority
    bounds: CanadaPostBounds
    pause: Pause = time.sleep


class CanadaPost:
    """The Carrier port, the same for both APIs.

    A purchase is one POST, whatever its outcome; calls that only read are tried again. Messages hold neither
    secrets nor personal data of the addressee.
    """

    def __init__(self, parts: Parts) -> None:
        self.name = parts.dialect.name
        self._dialect = parts.dialect
        self._account = parts.account
        self._rule = parts.rule
        self._connection = parts.connection
        self._authority = parts.authority
        self._bounds = parts.bounds
        self._pause = parts.pause
        self._shipments = parts.dialect.shipments_path(parts.account)

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- the port -------------------------------------------------------------------------------------------

    def buy(self, request: LabelRequest) -> Bought | Refused | Unclear | NotSent:
        """Sends one POST or none. A refused token is dropped, so that the next purchase gets a new one."""
        if wrong := complaint(request):
            return Refused(wrong, "limit")
        authorization = self._authority.authorization()
        if isinstance(authorization, NotSent):
            return self._clean(authorization)
        body = self._dialect.create_body(request, self._account)
        headers = {**self._dialect.write_headers, "Authorization": authorization}
        answer = self._connection.send(Call("POST", self._shipments, headers, self._bounds.buy, body))
        if isinstance(answer, Refused):  # an answer without end; the outcome of the purchase is unknown
            return Unclear(answer.message)
        if not isinstance(answer, Response):
            return answer
        outcome = creation(answer, self._dialect, self._rule, request.request_id)
        if answer.status == _UNAUTHORIZED and self._authority.forget(authorization):
            outcome = NotSent("Canada Post refused the token; the next call gets a new one")
        return outcome if isinstance(outcome, Bought) else self._clean(outcome, personal_values(request))

    def find(self, request_id: str) -> Bought | Unknown | Unclear:
        """Looks up a request id: returns the shipment to adopt, with the ids of further live ones."""
        if not 0 < len(request_id) <= LONGEST_REQUEST_ID:
            return Unclear(f"a request id of {len(request_id)} characters cannot be looked up")
        answer = self._read(f"{self._shipments}?{self._dialect.search_field}={quote(request_id, safe='')}")
        if not isinstance(answer, Response):
            return Unclear(answer.message)
        hits = search_result(answer, self._dialect)
        if isinstance(hits, Unclear):
            return self._clean(hits)
        found = self._followed([link for link in hits.links if link.rel in _SHIPMENT_LINKS])
        if isinstance(found, Unclear):
            return found
        known = [*hits.shipments, *found]
        if not known:
            return Unclear("Canada Post's links lead to no shipment") if hits.links else Unknown()
        ours = [one for one in known if one.customer_request_id in (None, request_id)]
        if not ours:
            return Unclear("Canada Post's look-up found only shipments of other requests")
        return chosen([bought(one, self._rule) for one in ours])

    def fetch_label(self, link: str) -> Pdf | NotReady | Refused | Unclear:
        address = self._rule.resolve(link)
        if address is None:
            return Refused("the label's link does not lead to the configured host", "link")
        answer = self._read(self._path(address), "application/pdf")
        if not isinstance(answer, Response):
            return answer if isinstance(answer, Refused) else Unclear(answer.message)
        outcome = label(answer, self._dialect)
        return outcome if isinstance(outcome, Pdf) else self._clean(outcome)

    def undo(self, bought: Bought) -> UndoCall:
        """Prepares a refund, since all our shipments are transmitted at once; for others a void."""
        own = (
            bought.links.get("self")
            or f"{self._rule.base_url}{self._shipments}/{quote(bought.shipment_id, safe='')}"
        )
        media_type = self._dialect.write_headers["Content-Type"]
        if bought.status == "created":
            return UndoCall("DELETE", own, None, "Voids a shipment that is not transmitted; 204 means done.")
        email = self._account.email or "name@example.com"
        note = f"Asks for a refund; send as {media_type}. The answer holds a service ticket."
        if self._account.email is None:
            note += " Put your own e-mail address into the body first."
        return UndoCall(
            "POST", bought.links.get("refund") or f"{own}/refund", self._dialect.refund_body(email), note
        )

    # --- calls that only read -------------------------------------------------------------------------------

    def _followed(self, links: list[Link]) -> list[Shipment] | Unclear:
        """Every shipment that the links lead to. One that cannot be read makes the look-up unclear."""
        if len(links) > _MOST_HITS:
            return Unclear(f"Canada Post's look-up found {len(links)} shipments of one request")
        found: list[Shipment] = []
        for address in dict.fromkeys(self._rule.resolve(link.href) for link in links):
            if address is None:
                return Unclear("Canada Post's look-up holds a link that leads to another host")
            answer = self._read(self._path(address))
            if not isinstance(answer, Response):
                return Unclear(answer.message)
            shipment = self._dialect.read_shipment(answer.body) if answer.is_success else None
            if shipment is None:
                return self._clean(Unclear(explanation(answer, self._dialect.read_errors(answer.body))))
            found.append(shipment)
        return found

    def _path(self, address: str) -> str:
        return address.removeprefix(self._rule.base_url)

    def _read(self, path: str, accept: str | None = None) -> _Read:
        """Makes a call that changes nothing, again after a lost connection or a 5xx, and once with a new token."""
        headers = dict(self._dialect.read_headers) | ({"Accept": accept} if accept else {})

        def try_once() -> _Read | Again[_Read]:
            answer = self._read_once(path, headers)
            return Again(answer) if self._is_worth_repeating(answer) else answer

        tried = self._bounds.retries.run(try_once, self._pause)
        answer = tried.reason if isinstance(tried, Again) else tried
        return answer if isinstance(answer, Response) else self._clean(answer)

    def _read_once(self, path: str, headers: Mapping[str, str]) -> _Read:
        authorization = self._authority.authorization()
        if isinstance(authorization, NotSent):
            return authorization
        call = Call("GET", path, {**headers, "Authorization": authorization}, self._bounds.read)
        answer = self._connection.send(call)
        is_refused = isinstance(answer, Response) and answer.status == _UNAUTHORIZED
        if not (is_refused and self._authority.forget(authorization)):
            return answer
        renewed = self._authority.authorization()
        if isinstance(renewed, NotSent):
            return renewed
        return self._connection.send(replace(call, headers={**headers, "Authorization": renewed}))

    def _is_worth_repeating(self, answer: _Read) -> bool:
        """Not for a throttled key: it stays throttled for a minute, too long to wait here."""
        if isinstance(answer, Response):
            is_failure = answer.status >= _SERVER_ERRORS
            return is_failure and not is_throttled(answer, self._dialect.read_errors(answer.body))
        return isinstance(answer, Unclear) or (isinstance(answer, NotSent) and answer.retry_after is None)

    def _clean(self, outcome: _Outcome, personal: Sequence[str] = ()) -> _Outcome:
        return replace(outcome, message=redacted(outcome.message, [*self._authority.secrets(), *personal]))
