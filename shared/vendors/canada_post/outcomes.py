"""Decides what an answer means for the label, and so for the money; pure.

The rule behind each case: if a label may have been sold without our knowledge, the outcome is Unclear, and the
carrier is asked before anything else.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Literal, Protocol

from shared.fulfillment.carrier import Bought, LabelRequest, NotReady, Parcel, Party, Pdf, Progress, Unknown
from shared.fulfillment.ports import Cause, NotSent, Refused, Unclear
from shared.retries import retry_after
from shared.vendors.canada_post.account import ShippingAccount
from shared.vendors.canada_post.answers import (
    Complaint,
    Details,
    ErrorReport,
    Price,
    Quote,
    SearchHits,
    Shipment,
    TrackingSummary,
)
from shared.vendors.canada_post.links import LinkRule
from shared.vendors.response import Response

THROTTLED_FOR = 60.0  # seconds: the carrier blocks a key for up to a minute
REFUSED_FOR = 300.0  # seconds, after a fault of our account, which only a person can mend
_LONGEST_WAIT = 3600.0
_SMALLEST_LABEL = 100  # bytes; a page of PDF is never shorter
_UNUSABLE = frozenset({"suspended", "void", "voided", "cancelled", "canceled", "refunded"})
_CREDENTIAL_CODES = frozenset({"E002", *(f"AA00{number}" for number in range(1, 7))})
_CONTRACT_CODES = frozenset({"1653", "1702", "1711", "2506", "2550"})  # account, contract, method of payment
_CARD_CODES = frozenset({"9112", "9173", "9174"})  # 9173: a commercial customer must have a contract
_ACCOUNT_CODES = _CREDENTIAL_CODES | _CONTRACT_CODES | _CARD_CODES | {"9186"}  # 9186: the shipping point
_RENDERING_CODES = frozenset({"9150", "9151", "9153", "9155"})  # the shipment may exist, its paper failed
_UNREAD = frozenset({405, 406, 411, 413, 414, 415, 431})  # refused for their form, before anything was done
_DOUBTFUL = frozenset({408, 409, 412})  # 412: an unexplained pre-condition of a create
_ANNOUNCEMENT = re.compile(r"electronic|information (was )?(submitted|received)|label", re.IGNORECASE)
_OK, _ACCEPTED = 200, 202
_NOT_FOUND, _GONE, _TOO_MANY = 404, 410, 429
_NOT_ALLOWED = frozenset({401, 403})
_SERVER_ERROR = 500

Lookup404 = Literal["unclear", "none"]
"""The meaning of a look-up's 404 without the API's own error code: nothing, or that the shipment was never sold."""


class Dialect(Protocol):
    """One of the two APIs. Its readers return None, or an unreadable report, for a body of another shape.

    `root` is the path of its links, `search_field` the parameter of a look-up by request id. `does_500_refuse`: this
    API also refuses with a 500 that has a coded error, as for schema errors.
    """

    name: str
    root: str
    search_field: str
    rates_path: str
    read_headers: Mapping[str, str]
    write_headers: Mapping[str, str]
    rates_headers: Mapping[str, str]
    tracking_headers: Mapping[str, str]
    does_500_refuse: bool

    def shipments_path(self, account: ShippingAccount) -> str: ...
    def day_query(self, day: date, limit: int) -> str: ...
    def tracking_path(self, tracking_number: str) -> str: ...
    def create_body(self, request: LabelRequest, account: ShippingAccount) -> bytes: ...
    def refund_body(self, email: str) -> str: ...
    def rates_body(
        self, account: ShippingAccount, to: Party, parcel: Parcel, services: Sequence[str]
    ) -> bytes: ...
    def read_shipment(self, body: bytes) -> Shipment | None: ...
    def read_search(self, body: bytes) -> SearchHits | None: ...
    def read_price(self, body: bytes) -> Price | None: ...
    def read_details(self, body: bytes) -> Details | None: ...
    def read_ticket(self, body: bytes) -> str | None: ...
    def read_rates(self, body: bytes) -> Sequence[Quote] | None: ...
    def read_tracking(self, body: bytes) -> TrackingSummary | None: ...
    def read_errors(self, body: bytes) -> ErrorReport: ...


def creation(
    answer: Response, dialect: Dialect, rule: LinkRule, request_id: str
) -> Bought | Refused | Unclear | NotSent:
    """The outcome of a create call."""
    if answer.is_success:
        shipment = dialect.read_shipment(answer.body)
        if shipment is None:
            return Unclear(f"Canada Post answered {answer.status} with nothing that can be read")
        if shipment.customer_request_id not in (None, request_id):
            return Unclear("Canada Post answered with the shipment of another request")
        return bought(shipment, rule)
    return _not_bought(answer, dialect)


def _not_bought(answer: Response, dialect: Dialect) -> Refused | Unclear | NotSent:
    outcome = refusal(answer, dialect)
    report = dialect.read_errors(answer.body)
    may_be_sold = _codes(report) & _RENDERING_CODES or _is_repeat(report)
    return Unclear(outcome.message) if isinstance(outcome, Refused) and may_be_sold else outcome


def refusal(answer: Response, dialect: Dialect) -> Refused | Unclear | NotSent:
    """The outcome of a call that did not succeed. Refused only for the carrier's own code, or for the call's form."""
    report = dialect.read_errors(answer.body)
    unserved = not_served(answer, report)
    if unserved and unserved.cause is Cause.THROTTLED:
        return unserved
    if not _can_be_final(answer, dialect):
        return Unclear(explanation(answer, report))
    if unserved:
        return unserved
    if answer.status in _UNREAD or has_own_code(report):
        return Refused(explanation(answer, report), _code(report))
    return Unclear(explanation(answer, report))


def _can_be_final(answer: Response, dialect: Dialect) -> bool:
    """Whether an answer with this status can say that nothing was sold: most 4xx, and the XML API's 500."""
    if answer.status == _SERVER_ERROR:
        return dialect.does_500_refuse
    is_client_error = 400 <= answer.status <= 499  # noqa: PLR2004  # HTTP's class of client errors
    return is_client_error and answer.status not in _DOUBTFUL


def not_served(answer: Response, report: ErrorReport) -> NotSent | None:
    """The outcome if the key is throttled or the account is wrong, whatever was asked; else None."""
    message = explanation(answer, report)
    if is_throttled(answer, report):
        return NotSent(message, wait(answer), Cause.THROTTLED)
    if answer.status in _NOT_ALLOWED or _codes(report) & _ACCOUNT_CODES:
        return NotSent(message, REFUSED_FOR, Cause.ACCOUNT)
    return None


def has_own_code(report: ErrorReport) -> bool:
    """Whether the carrier's rules or its schema (`cvc-`) answered with a code, not a server in front of them."""
    return not report.is_gateways and any(_is_decided(complaint) for complaint in report.complaints)


def _is_decided(complaint: Complaint) -> bool:
    return "cvc-" in complaint.text if complaint.code == "Server" else complaint.code is not None


def _is_repeat(report: ErrorReport) -> bool:
    """Whether the refusal may mean that this request was served before. Unconfirmed, so its words decide."""
    return any(re.search(r"duplicat|already|unique", each.text, re.IGNORECASE) for each in report.complaints)


def is_throttled(answer: Response, report: ErrorReport) -> bool:
    """Decides by status 429, or by the words "Rejected by SLM Monitor", which come with code Server."""
    slm = any(re.search(r"\bSLM\b", each.text, re.IGNORECASE) for each in report.complaints)
    return answer.status == _TOO_MANY or slm


def wait(answer: Response) -> float:
    """The seconds that the carrier asks for, within 1 to 3600; a minute if it names none."""
    asked = retry_after(answer.headers)
    return THROTTLED_FOR if asked is None else min(max(asked, 1.0), _LONGEST_WAIT)


def _codes(report: ErrorReport) -> frozenset[str]:
    return frozenset(complaint.code for complaint in report.complaints if complaint.code)


def _code(report: ErrorReport) -> str | None:
    return next((complaint.code for complaint in report.complaints if complaint.code), None)


def explanation(answer: Response, report: ErrorReport) -> str:
    """The status and the carrier's own words; pages are not quoted."""
    if not report.is_readable:
        return f"Canada Post answered {answer.status} without an explanation that can be read"
    words = "; ".join(
        " ".join(part for part in (complaint.code, complaint.text) if part)[:200]
        for complaint in report.complaints
    )
    return f"Canada Post answered {answer.status}: {words[:500] or 'no explanation'}"


# --- shipments that exist ------------------------------------------------------------------------------------


def bought(shipment: Shipment, rule: LinkRule) -> Bought:
    """The purchase that a shipment stands for, without links that may not be followed."""
    links: dict[str, str] = {}
    for link in shipment.links:
        address = rule.resolve(link.href)
        if address and link.rel:
            links.setdefault(link.rel, address)
    return Bought(
        shipment_id=shipment.shipment_id,
        tracking_number=shipment.tracking_pin,
        label_link=links.get("label"),
        price=shipment.price,
        usable=shipment.status not in _UNUSABLE,
        status=shipment.status,
        links=links,
        request_id=shipment.customer_request_id,
    )


def chosen(found: Sequence[Bought]) -> Bought:
    """Chooses which of several shipments of one request to adopt; `also_sold` names the other live ones.

    A usable one with a tracking number and a label comes first; among equals the lowest id, so that every look-up
    chooses the same.
    """
    ranked = sorted(
        found,
        key=lambda one: (not one.usable, not one.tracking_number, not one.label_link, one.shipment_id),
    )
    first = ranked[0]
    others = tuple(one.shipment_id for one in ranked[1:] if one.usable)
    return replace(first, also_sold=others)


def search_result(
    answer: Response, dialect: Dialect, lookup_404: Lookup404 = "unclear"
) -> SearchHits | Unclear | NotSent:
    """The result of a look-up. Empty hits mean that the carrier knows no such shipment.

    202 means that the carrier is still working.
    """
    if answer.status == _OK:
        hits = dialect.read_search(answer.body)
        return hits or Unclear("Canada Post answered a look-up with nothing that can be read")
    if answer.status == _ACCEPTED:
        return Unclear("Canada Post is still working on the request")
    failed = not_read(answer, dialect, lookup_404)
    return SearchHits() if isinstance(failed, Unknown) else failed


def not_read(answer: Response, dialect: Dialect, lookup_404: Lookup404) -> Unknown | Unclear | NotSent:
    """The outcome of a question that was not answered.

    A 404 with the API's own error code says that there is no such shipment. Without one it may come from a server
    before the API, so it says nothing; `lookup_404` can change that for one that is neither a page nor the gateway's.
    """
    report = dialect.read_errors(answer.body)
    if unserved := not_served(answer, report):
        return unserved
    is_missing = has_own_code(report) or (lookup_404 == "none" and _is_apis(answer, report))
    if answer.status == _NOT_FOUND and is_missing:
        return Unknown()
    return Unclear(explanation(answer, report))


def _is_apis(answer: Response, report: ErrorReport) -> bool:
    """Whether an answer can be the API's own: it is empty or has its error shape."""
    return not answer.body.strip() or (report.is_readable and not report.is_gateways)


def progress(summary: TrackingSummary) -> Progress:
    """The scans in a tracking summary. An event that only announces the parcel is none."""
    delivered = bool(summary.actual_delivery_date) or summary.event_type == "DELIVERED"
    event = summary.event_description or ""
    has_scan = bool(event or summary.event_type) and not _ANNOUNCEMENT.search(event)
    return Progress(handed_over=delivered or has_scan, delivered=delivered)


# --- labels --------------------------------------------------------------------------------------------------


def label(answer: Response, dialect: Dialect) -> Pdf | NotReady | Refused | Unclear | NotSent:
    """The outcome of asking for a label. The carrier keeps it for 90 days and then answers 404."""
    if answer.is_success:
        is_pdf = answer.status != _ACCEPTED and answer.body.startswith(b"%PDF-")
        return Pdf(answer.body) if is_pdf and len(answer.body) >= _SMALLEST_LABEL else NotReady()
    report = dialect.read_errors(answer.body)
    if unserved := not_served(answer, report):
        return unserved
    message = explanation(answer, report)
    if _codes(report) & _RENDERING_CODES:
        return NotReady(message)
    if answer.status in {_NOT_FOUND, _GONE} and _is_apis(answer, report):
        return Refused(message, _code(report))
    return Unclear(message)
