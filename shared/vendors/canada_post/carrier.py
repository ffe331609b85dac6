from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Self
from urllib.parse import quote, unquote, urlsplit

from shared.fulfillment.carrier import (
    Bought,
    LabelRequest,
    Listed,
    NotReady,
    Parcel,
    Party,
    Pdf,
    Progress,
    Rate,
    UndoCall,
    Undone,
    Unknown,
)
from shared.fulfillment.ports import NotSent, Refused, Unclear
from shared.vendors.canada_post.account import ShippingAccount
from shared.vendors.canada_post.answers import Link, SearchHits, Shipment
from shared.vendors.canada_post.limits import LONGEST_REQUEST_ID, complaint, rates_complaint
from shared.vendors.canada_post.links import LinkRule
from shared.vendors.canada_post.outcomes import (
    Dialect,
    Lookup404,
    bought,
    chosen,
    creation,
    label,
    not_read,
    progress,
    refusal,
    search_result,
)
from shared.vendors.canada_post.redaction import personal_values
from shared.vendors.canada_post.session import Answer, Session
from shared.vendors.canada_post.transport import Call
from shared.vendors.response import Response

_MOST_HITS = 10  # shipments of one request; more means that the search was not understood
_SHIPMENT_LINKS = frozenset({None, "shipment", "self"})
_NO_EMAIL = "name@example.com"


class CanadaPost:
    """The Carrier port, the same for both APIs.

    A purchase is one POST, whatever its outcome; calls that only read are tried again. Messages hold neither
    secrets nor personal data of the addressee.
    """

    def __init__(
        self,
        dialect: Dialect,
        account: ShippingAccount,
        rule: LinkRule,
        session: Session,
        lookup_404: Lookup404,
    ) -> None:
        self.name = dialect.name
        self._dialect = dialect
        self._account = account
        self._rule = rule
        self._session = session
        self._lookup_404 = lookup_404
        self._shipments = dialect.shipments_path(account)

    def close(self) -> None:
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- buying and taking back -----------------------------------------------------------------------------

    def buy(self, request: LabelRequest, not_after: datetime) -> Bought | Refused | Unclear | NotSent:
        """Sends one POST or none. A refused token is dropped, so that the next purchase gets a new one."""
        if wrong := complaint(request):
            return Refused(wrong, "limit")
        body = self._dialect.create_body(request, self._account)
        patience = self._session.bounds.buy
        call = Call("POST", self._shipments, self._dialect.write_headers, patience, body, not_after)
        answer = self._session.change(call)
        if not isinstance(answer, Response):
            return answer
        outcome = creation(answer, self._dialect, self._rule, request.request_id)
        if isinstance(outcome, Bought):
            return outcome
        return self._session.cleaned(outcome, personal_values(request))

    def undo(self, bought: Bought) -> UndoCall:
        """Prepares a refund, since all our shipments are transmitted at once; for others a void."""
        own = (
            bought.links.get("self")
            or f"{self._rule.base_url}{self._shipments}/{quote(bought.shipment_id, safe='')}"
        )
        media_type = self._dialect.write_headers["Content-Type"]
        if bought.status == "created":
            return UndoCall("DELETE", own, None, "Voids a shipment that is not transmitted; 204 means done.")
        note = f"Asks for a refund; send as {media_type}. The answer holds a service ticket."
        if self._account.email is None:
            note += " Put your own e-mail address into the body first."
        body = self._dialect.refund_body(self._account.email or _NO_EMAIL)
        return UndoCall("POST", bought.links.get("refund") or f"{own}/refund", body, note)

    def send_undo(self, call: UndoCall) -> Undone | Refused | Unclear | NotSent:
        """Sends the call once. Its outcome is Undone only with 2xx, and for a refund with a ticket."""
        address = self._rule.resolve(call.url)
        if address is None:
            return Refused("the call does not lead to the configured host", "link")
        if call.body and _NO_EMAIL in call.body:
            return Refused("the refund's body needs your own e-mail address", "email")
        headers = self._dialect.write_headers if call.body else self._dialect.read_headers
        body = call.body.encode() if call.body else None
        answer = self._session.change(
            Call(call.method, self._path(address), headers, self._session.bounds.read, body)
        )
        if not isinstance(answer, Response):
            return answer
        if not answer.is_success:
            mine = [self._account.email] if self._account.email else []
            return self._session.cleaned(refusal(answer, self._dialect), mine)
        ticket = self._dialect.read_ticket(answer.body)
        if call.method == "POST" and ticket is None:
            return Unclear(f"Canada Post answered {answer.status} without a service ticket that can be read")
        return Undone(ticket)

    # --- asking for shipments -------------------------------------------------------------------------------

    def find(self, request_id: str) -> Bought | Unknown | Unclear | NotSent:
        """Looks up a request id: returns the shipment to adopt, with the ids of further live ones."""
        if not 0 < len(request_id) <= LONGEST_REQUEST_ID:
            return Unclear(f"a request id of {len(request_id)} characters cannot be looked up")
        hits = self._searched(f"{self._dialect.search_field}={quote(request_id, safe='')}")
        if not isinstance(hits, SearchHits):
            return hits
        found = self._followed([link for link in hits.links if link.rel in _SHIPMENT_LINKS])
        if not isinstance(found, list):
            return found
        known = [*hits.shipments, *found]
        if not known:
            return Unclear("Canada Post's links lead to no shipment") if hits.links else Unknown()
        ours = [one for one in known if one.customer_request_id in (None, request_id)]
        if not ours:
            return Unclear("Canada Post's look-up found only shipments of other requests")
        return chosen([bought(one, self._rule) for one in ours])

    def listed(self, day: date) -> Sequence[Listed] | Unclear | NotSent:
        """A list that is as long as what was asked for may go on: it is unclear."""
        most = self._session.bounds.listed
        hits = self._searched(self._dialect.day_query(day, most))
        if not isinstance(hits, SearchHits):
            return hits
        own = [Link(href=bought(one, self._rule).links.get("self", "")) for one in hits.shipments]
        links = [link for link in (*hits.links, *own) if link.rel in _SHIPMENT_LINKS]
        addresses = list(dict.fromkeys(self._rule.resolve(link.href) for link in links))
        if len(links) >= most:
            return Unclear(f"Canada Post lists {most} shipments of a day, and may have more")
        known = [address for address in addresses if address is not None]
        if len(known) < len(addresses) or len(links) < len(hits.links):
            return Unclear("Canada Post's list holds a link that leads to no shipment here")
        return [
            Listed(unquote(urlsplit(address).path.rstrip("/").rpartition("/")[2]), address)
            for address in known
        ]

    def read(self, link: str) -> Bought | Unknown | Unclear | NotSent:
        """Reads a shipment; then its price if that is missing, and its reference if it has no request id."""
        address = self._rule.resolve(link)
        if address is None:
            return Unclear("the shipment's link does not lead to the configured host")
        answer = self._get(address)
        if not isinstance(answer, Response):
            return _unread(answer)
        shipment = self._dialect.read_shipment(answer.body) if answer.is_success else None
        if shipment is None:
            return self._not_read(answer)
        price, reference = shipment.price, None
        found = bought(shipment, self._rule)
        if price is None and (there := self._page(found.links.get("price"))):
            due = self._dialect.read_price(there.body)
            price = due.due_amount if due else None
        if found.request_id is None and (there := self._page(found.links.get("details"))):
            details = self._dialect.read_details(there.body)
            reference = details.reference if details else None
        return replace(found, price=price, reference=reference)

    # --- other questions ------------------------------------------------------------------------------------

    def fetch_label(self, link: str) -> Pdf | NotReady | Refused | Unclear | NotSent:
        address = self._rule.resolve(link)
        if address is None:
            return Refused("the label's link does not lead to the configured host", "link")
        answer = self._get(address, "application/pdf")
        if not isinstance(answer, Response):
            return answer
        outcome = label(answer, self._dialect)
        return outcome if isinstance(outcome, Pdf) else self._session.cleaned(outcome)

    def rates(
        self, destination: Party, parcel: Parcel, service_codes: Sequence[str]
    ) -> Sequence[Rate] | Refused | Unclear | NotSent:
        if wrong := rates_complaint(destination, parcel):
            return Refused(wrong, "limit")
        body = self._dialect.rates_body(self._account, destination, parcel, service_codes)
        call = Call(
            "POST", self._dialect.rates_path, self._dialect.rates_headers, self._session.bounds.read, body
        )
        answer = self._session.read(call)
        if not isinstance(answer, Response):
            return answer
        if not answer.is_success:
            return self._session.cleaned(refusal(answer, self._dialect), [destination.postal_code])
        quotes = self._dialect.read_rates(answer.body)
        if quotes is None:
            return Unclear(f"Canada Post answered {answer.status} without prices that can be read")
        return [
            Rate(one.service_code, one.price_details.due, one.service_standard.expected_delivery_date)
            for one in quotes
            if one.service_code in service_codes and one.price_details.due is not None
        ]

    def progress(self, tracking_number: str) -> Progress | Unclear | NotSent:
        path = self._dialect.tracking_path(tracking_number)
        answer = self._session.get(path, self._dialect.tracking_headers)
        if not isinstance(answer, Response):
            return _unread(answer)
        summary = self._dialect.read_tracking(answer.body) if answer.is_success else None
        if summary is not None:
            return progress(summary)
        outcome = self._not_read(answer)
        return Progress(handed_over=False) if isinstance(outcome, Unknown) else outcome

    # --- calls that only read -------------------------------------------------------------------------------

    def _searched(self, query: str) -> SearchHits | Unclear | NotSent:
        answer = self._session.get(f"{self._shipments}?{query}", self._dialect.read_headers)
        if not isinstance(answer, Response):
            return _unread(answer)
        hits = search_result(answer, self._dialect, self._lookup_404)
        return hits if isinstance(hits, SearchHits) else self._session.cleaned(hits)

    def _followed(self, links: list[Link]) -> list[Shipment] | Unclear | NotSent:
        """Every shipment that the links lead to. One that cannot be read makes the look-up unclear."""
        if len(links) > _MOST_HITS:
            return Unclear(f"Canada Post's look-up found {len(links)} shipments of one request")
        found: list[Shipment] = []
        for address in dict.fromkeys(self._rule.resolve(link.href) for link in links):
            if address is None:
                return Unclear("Canada Post's look-up holds a link that leads to another host")
            answer = self._get(address)
            if not isinstance(answer, Response):
                return _unread(answer)
            shipment = self._dialect.read_shipment(answer.body) if answer.is_success else None
            if shipment is None:
                outcome = self._not_read(answer)
                return (
                    Unclear("Canada Post's look-up leads to a shipment that it does not know")
                    if isinstance(outcome, Unknown)
                    else outcome
                )
            found.append(shipment)
        return found

    def _get(self, address: str, accept: str | None = None) -> Answer:
        headers = self._dialect.read_headers
        return self._session.get(self._path(address), {**headers, "Accept": accept} if accept else headers)

    def _page(self, address: str | None) -> Response | None:
        """A page that only completes what is known: None if it cannot be had."""
        answer = self._get(address) if address else None
        return answer if isinstance(answer, Response) and answer.is_success else None

    def _not_read(self, answer: Response) -> Unknown | Unclear | NotSent:
        outcome = not_read(answer, self._dialect, self._lookup_404)
        return outcome if isinstance(outcome, Unknown) else self._session.cleaned(outcome)

    def _path(self, address: str) -> str:
        return address.removeprefix(self._rule.base_url)


def _unread(answer: NotSent | Unclear | Refused) -> NotSent | Unclear:
    """An answer without end is refused by us; a question has no such outcome."""
    return Unclear(answer.message) if isinstance(answer, Refused) else answer
