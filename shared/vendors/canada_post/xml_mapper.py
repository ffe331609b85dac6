"""Writes requests and reads answers of the legacy XML API (shipment v8); pure.

Requests keep the documented order of elements. Answers are parsed without document types or entities.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from shared.fulfillment.carrier import LabelRequest, Parcel, Party
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
    links_of,
    quotes_of,
    read_fields,
)
from shared.vendors.canada_post.shipment import scenario_fields, shipment_fields

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

NAMESPACE = "http://www.canadapost.ca/ws/shipment-v8"
MEDIA_TYPE = "application/vnd.cpc.shipment-v8+xml"
RATES = "application/vnd.cpc.ship.rate-v4+xml"
TRACKING = "application/vnd.cpc.track-v2+xml"
_RATES_NAMESPACE = "http://www.canadapost.ca/ws/ship/rate-v4"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_DEEPEST = 4
_ITEM = {"options": "option", "services": "service-code"}  # the element around each entry of a list


class XmlDialect:
    """See Dialect in `outcomes`. `Accept` must be exact: the carrier refuses `*/*`."""

    name = "canada_post_xml"
    root = "/rs/"
    search_field = "requestId"
    read_headers: Mapping[str, str] = {"Accept": MEDIA_TYPE, "Accept-language": "en-CA"}
    write_headers: Mapping[str, str] = {**read_headers, "Content-Type": MEDIA_TYPE}
    rates_path = "/rs/ship/price"
    rates_headers: Mapping[str, str] = {**read_headers, "Accept": RATES, "Content-Type": RATES}
    tracking_headers: Mapping[str, str] = {**read_headers, "Accept": TRACKING}
    does_500_refuse = True

    def shipments_path(self, account: ShippingAccount) -> str:
        return f"/rs/{account.mailed_by}/{account.on_behalf_of}/shipment"

    def day_query(self, day: date, limit: int) -> str:
        return f"noManifest=true&date={day:%Y%m%d}&limit={limit}"

    def tracking_path(self, tracking_number: str) -> str:
        return f"/vis/track/pin/{quote(tracking_number, safe='')}/summary"

    def create_body(self, request: LabelRequest, account: ShippingAccount) -> bytes:
        return _document("shipment", shipment_fields(request, account)).encode()

    def refund_body(self, email: str) -> str:
        return _document("shipment-refund-request", {"email": email})

    def rates_body(
        self, account: ShippingAccount, to: Party, parcel: Parcel, services: Sequence[str]
    ) -> bytes:
        fields = scenario_fields(account, to, parcel, services)
        return _document("mailing-scenario", fields, _RATES_NAMESPACE).encode()

    def read_shipment(self, body: bytes) -> Shipment | None:
        root = _root(body, "shipment-info")
        return None if root is None else _shipment(root)

    def read_price(self, body: bytes) -> Price | None:
        root = _root(body, "shipment-price")
        return None if root is None else read_fields(Price, _fields(root, _DEEPEST))

    def read_details(self, body: bytes) -> Details | None:
        root = _root(body, "shipment-details")
        return None if root is None else read_fields(Details, _fields(root, _DEEPEST))

    def read_ticket(self, body: bytes) -> str | None:
        root = _root(body, "shipment-refund-request-info")
        ticket = None if root is None else _fields(root, 1).get("serviceTicketId")
        return ticket.strip() or None if isinstance(ticket, str) else None

    def read_rates(self, body: bytes) -> Sequence[Quote] | None:
        root = _root(body, "price-quotes")
        if root is None:
            return None
        return quotes_of([_fields(child, _DEEPEST) for child in root if _name(child) == "price-quote"])

    def read_tracking(self, body: bytes) -> TrackingSummary | None:
        """Reads the first summary."""
        root = _root(body, "tracking-summary")
        found = [] if root is None else [child for child in root if _name(child) == "pin-summary"]
        return read_fields(TrackingSummary, _fields(found[0], 1)) if found else None

    def read_search(self, body: bytes) -> SearchHits | None:
        """Reads `shipments` with links. By the schema it may also hold the shipments themselves."""
        root = _root(body, "shipments")
        if root is None:
            return None
        links = links_of([_attributes(child) for child in root if _name(child) == "link"])
        shipments = [_shipment(child) for child in root if _name(child) == "shipment-info"]
        known = tuple(shipment for shipment in shipments if shipment)
        return SearchHits(links, known) if len(links) + len(known) == len(root) else None

    def read_errors(self, body: bytes) -> ErrorReport:
        """Reads `messages`, with any number of them. A gateway answers pages only."""
        root = _root(body, "messages")
        if root is None:
            return ErrorReport(is_readable=False)
        return ErrorReport(tuple(_complaint(child) for child in root if _name(child) == "message"))


def _document(root: str, fields: Mapping[str, Any], namespace: str = NAMESPACE) -> str:
    return f'{_HEAD}<{root} xmlns="{namespace}">{"".join(_elements(fields))}</{root}>'


def _elements(fields: Mapping[str, Any]) -> Iterator[str]:
    for name, value in fields.items():
        yield f"<{name}>{_content(name, value)}</{name}>"


def _content(name: str, value: Any) -> str:  # noqa: ANN401  # any of the request's fields
    match value:
        case Mapping():
            return "".join(_elements(value))
        case list():
            return "".join(f"<{_ITEM[name]}>{_content(name, item)}</{_ITEM[name]}>" for item in value)
        case bool():
            return str(value).lower()
        case Decimal():
            return format(value, "f")
        case _:
            return escape(str(value), quote=False)


def _root(body: bytes, name: str) -> "Element | None":
    """The root element if it has that name; None for any other document, a page or a document type."""
    try:
        root: Element = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return None  # LookupError: an encoding that Python does not know
    return root if _name(root) == name else None


def _name(element: "Element") -> str:
    return element.tag.rpartition("}")[2]


def _attributes(element: "Element") -> dict[str, str]:
    return {_camel(name): value for name, value in element.attrib.items()}


def _shipment(root: "Element") -> Shipment | None:
    return read_fields(Shipment, _fields(root, _DEEPEST))


def _fields(element: "Element", depth: int) -> dict[str, Any]:
    """The children by the JSON API's names, only as deep as they are used."""
    return {_camel(_name(child)): _field(child, depth) for child in element}


def _field(element: "Element", depth: int) -> Any:  # noqa: ANN401  # text, mapping or list
    if _name(element) == "links":
        return [_attributes(link) for link in element]
    return _fields(element, depth - 1) if len(element) and depth else element.text


def _camel(name: str) -> str:
    return re.sub(r"-(\w)", lambda match: match[1].upper(), name)


def _complaint(message: "Element") -> Complaint:
    fields = {_name(child): " ".join((child.text or "").split()) for child in message}
    return Complaint(fields.get("code") or None, fields.get("description", ""))
