"""Decides what an answer means for the label, and so for the money; pure.

The rule behind each case: if a label may have been sold without our knowledge, the outcome is Unclear, and the
carrier is asked before anything else.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from shared.fulfillment.carrier import Bought, LabelRequest, NotReady, Pdf
from shared.fulfillment.ports import NotSent, Refused, Unclear
from shared.retries import retry_after
from shared.vendors.canada_post.account import ShippingAccount
from shared.vendors.canada_post.answers import Complaint, ErrorReport, SearchHits, Shipment
from shared.vendors.canada_post.links import LinkRule
from shared.vendors.response import Response

THROTTLED_FOR = 60.0  # seconds: the carrier blocks a key for up to a minute
REFUSED_FOR = 300.0  # seconds, after our credentials were refused, which only a person can mend
_LONGEST_WAIT = 3600.0
_SMALLEST_LABEL = 100  # bytes; a page of PDF is never shorter
_UNUSABLE = frozenset({"suspended", "void", "voided", "cancelled", "canceled", "refunded"})
_CREDENTIAL_CODES = frozenset({"E002", *(f"AA00{number}" for number in range(1, 7))})
_RENDERING_CODES = frozenset({"9150", "9151", "9153", "9155"})  # the shipment may exist, its paper failed
_UNREAD = frozenset({405, 406, 411, 413, 414, 415, 431})  # refused for their form, before anything was done
_DOUBTFUL = frozenset({408, 409, 412})  # 412: an unexplained pre-condition of a create
_OK, _ACCEPTED = 200, 202
_UNAUTHORIZED, _NOT_FOUND, _GONE, _TOO_MANY = 401, 404, 410, 429
_SERVER_ERROR = 500


class Dialect(Protocol):
    """One of the two APIs. Its readers return None, or an unreadable report, for a body of another shape.

    `root` is the path of its links, `search_field` the parameter of a look-up by request id. `does_500_refuse`: this
    API also refuses with a 500 that has a coded error, as for schema errors.
    """

    name: str
    root: str
    search_field: str
    read_headers: Mapping[str, str]
    write_headers: Mapping[str, str]
    does_500_refuse: bool

    def shipments_path(self, account: ShippingAccount) -> str: ...
    def create_body(self, request: LabelRequest, account: ShippingAccount) -> bytes: ...
    def refund_body(self, email: str) -> str: ...
    def read_shipment(self, body: bytes) -> Shipment | None: ...
    def read_search(self, body: bytes) -> SearchHits | None: ...
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
    report = dialect.read_errors(answer.body)
    message = explanation(answer, report)
    if is_throttled(answer, report):
        return NotSent(message, wait(answer))
    codes = {complaint.code for complaint in report.complaints}
    if answer.status == _UNAUTHORIZED or codes & _CREDENTIAL_CODES:
        return NotSent(message, REFUSED_FOR)  # the account is wrong, not the order
    if answer.status in _UNREAD:
        return Refused(message, _code(report))
    if not _is_refusal(answer, dialect, report) or codes & _RENDERING_CODES or _is_repeat(report):
        return Unclear(message)
    return Refused(message, _code(report))


def _is_refusal(answer: Response, dialect: Dialect, report: ErrorReport) -> bool:
    if answer.status == _SERVER_ERROR and dialect.does_500_refuse:
        return any(_is_decided(complaint) for complaint in report.complaints)
    is_client_error = 400 <= answer.status <= 499  # noqa: PLR2004  # HTTP's class of client errors
    return is_client_error and answer.status not in _DOUBTFUL and report.is_readable


def _is_decided(complaint: Complaint) -> bool:
    """Whether the carrier's rules or its schema (`cvc-`) refused, not a server in front of them."""
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


def search_result(answer: Response, dialect: Dialect) -> SearchHits | Unclear:
    """The result of a look-up by request id. Empty hits mean that the carrier knows no such shipment.

    A 404 means that too, unless it is a page or the gateway's: then the address is wrong. 202 means that the carrier
    is still working.
    """
    if answer.status == _OK:
        hits = dialect.read_search(answer.body)
        return hits or Unclear("Canada Post answered a look-up with nothing that can be read")
    report = dialect.read_errors(answer.body)
    is_none = not answer.body.strip() or (report.is_readable and not report.is_gateways)
    if answer.status == _NOT_FOUND and is_none:
        return SearchHits()
    if answer.status == _ACCEPTED:
        return Unclear("Canada Post is still working on the request")
    return Unclear(explanation(answer, report))


# --- labels --------------------------------------------------------------------------------------------------


def label(answer: Response, dialect: Dialect) -> Pdf | NotReady | Refused | Unclear:
    """The outcome of asking for a label. The carrier keeps it for 90 days and then answers 404."""
    if answer.is_success:
        is_pdf = answer.status != _ACCEPTED and answer.body.startswith(b"%PDF-")
        return Pdf(answer.body) if is_pdf and len(answer.body) >= _SMALLEST_LABEL else NotReady()
    report = dialect.read_errors(answer.body)
    message = explanation(answer, report)
    codes = {complaint.code for complaint in report.complaints}
    if codes & _RENDERING_CODES:
        return NotReady(message)
    if answer.status in {_NOT_FOUND, _GONE} and not report.is_gateways:
        return Refused(message, _code(report))
    return Unclear(message)
