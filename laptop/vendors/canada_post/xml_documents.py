"""The XML API's documents: what they say, and how a request is read; pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from html import escape
from typing import TYPE_CHECKING, Any

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from laptop.vendors.canada_post.books import Scan
from laptop.vendors.canada_post.orders import Problem
from laptop.vendors.canada_post.post_office import Sold, ticket
from laptop.vendors.canada_post.rating import Price, Quote

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

SHIPMENT = "http://www.canadapost.ca/ws/shipment-v8"
RATE = "http://www.canadapost.ca/ws/ship/rate-v4"
TRACK = "http://www.canadapost.ca/ws/track-v2"
_MESSAGES = "http://www.canadapost.ca/ws/messages"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_STANDARD = "<am-delivery>false</am-delivery><guaranteed-delivery>true</guaranteed-delivery>"
_FIXED = frozenset(
    {"transmit_shipment", "cpc_pickup_indicator", "provide_pricing_info", "provide_receipt_info"}
)
_LISTS = {"options": "option", "services": "service-code"}


def read_document(body: bytes, root: str, namespace: str = SHIPMENT) -> dict[str, Any] | None:
    """The fields below that root element, named as in an order; None for any other document."""
    try:
        document: Element = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return None
    return _fields(document, namespace) if document.tag == f"{{{namespace}}}{root}" else None


def _fields(element: "Element", namespace: str) -> dict[str, Any]:
    """Repeated elements and those of another namespace keep a name that no order has, so that they are refused."""
    read: dict[str, Any] = {}
    for child in element:
        name = child.tag.removeprefix(f"{{{namespace}}}").replace("-", "_")
        read[f"repeated {name}" if name in read else name] = _field(name, child, namespace)
    return read


def _field(name: str, element: "Element", namespace: str) -> Any:  # noqa: ANN401  # text, mapping or list
    """An empty element has the schema's fixed value, if there is one."""
    if name == "options":
        return [_fields(option, namespace) for option in element]
    if name == "services":
        return [service.text or "" for service in element]
    if len(element):
        return _fields(element, namespace)
    return element.text or ("true" if name in _FIXED else "")


def messages(problems: Sequence[Problem]) -> str:
    inner = "".join(
        f"<message><code>{escape(one.code or '')}</code><description>{escape(' '.join(one.text.split()))}"
        "</description></message>"
        for one in problems
    )
    return f'{_HEAD}<messages xmlns="{_MESSAGES}">{inner}</messages>'


def shipments(links: Sequence[Mapping[str, str]]) -> str:
    return f'{_HEAD}<shipments xmlns="{SHIPMENT}">{_links(links)}</shipments>'


def shipment_info(sold: Sold, links: Sequence[Mapping[str, str]]) -> str:
    shipment = sold.shipment
    parts = (
        _element("customer-request-id", shipment.request_id) if shipment.request_id else "",
        _element("shipment-id", shipment.shipment_id),
        _element("shipment-status", sold.status),
        _element("tracking-pin", shipment.tracking_pin),
        f"<shipment-price>{_price(sold)}</shipment-price>" if sold.order.provide_pricing_info else "",
        f"<links>{_links(links)}</links>",
    )
    return f'{_HEAD}<shipment-info xmlns="{SHIPMENT}">{"".join(parts)}</shipment-info>'


def shipment_price(sold: Sold) -> str:
    return f'{_HEAD}<shipment-price xmlns="{SHIPMENT}">{_price(sold)}</shipment-price>'


def shipment_details(sold: Sold, day: date) -> str:
    """The order as the carrier kept it, without the shipping point that was asked for."""
    order, shipment = sold.order, sold.shipment
    origin = order.requested_shipping_point or order.delivery_spec.sender.address_details.postal_zip_code
    kept = order.model_dump(
        exclude_none=True, include={"group_id", "transmit_shipment", "expected_mailing_date", "delivery_spec"}
    )
    refund = f"<refund-request-info>{_ticket(day, ticket(sold))}</refund-request-info>"
    parts = (
        _element("customer-request-id", shipment.request_id) if shipment.request_id else "",
        _element("shipment-status", sold.status),
        _element("final-shipping-point", origin),
        _element("tracking-pin", shipment.tracking_pin),
        f"<shipment-detail>{_written(kept)}{refund if sold.is_refund_asked else ''}</shipment-detail>",
    )
    return f'{_HEAD}<shipment-details xmlns="{SHIPMENT}">{"".join(parts)}</shipment-details>'


def shipment_receipt(sold: Sold) -> str:
    parts = (
        _element("merchant-name", "Canada Post Corporation"),
        _element("merchant-url", "www.canadapost.ca"),
        _element("auth-code", f"{sold.shipment.number % 10**6:06d}"),
        _element("auth-timestamp", sold.shipment.sold_at),
        _element("card-type", "VIS"),
        _element("charge-amount", sold.due),
        _element("currency", "CAD"),
        _element("transaction-type", "Sale"),
    )
    details = f"<cc-receipt-details>{''.join(parts)}</cc-receipt-details>"
    return f'{_HEAD}<shipment-receipt xmlns="{SHIPMENT}">{details}</shipment-receipt>'


def refund_info(day: date, number: str) -> str:
    inner = _ticket(day, number)
    return f'{_HEAD}<shipment-refund-request-info xmlns="{SHIPMENT}">{inner}</shipment-refund-request-info>'


def price_quotes(found: Sequence[Quote]) -> str:
    inner = "".join(f"<price-quote>{_quote(one)}</price-quote>" for one in found)
    return f'{_HEAD}<price-quotes xmlns="{RATE}">{inner}</price-quotes>'


def tracking_summary(sold: Sold, scan: Scan) -> str:
    day = scan.time[:10]
    parts = (
        _element("pin", sold.shipment.tracking_pin),
        _element("mailed-on-date", day),
        _element("actual-delivery-date", day) if scan.delivered else "",
        _element("event-date-time", scan.time),
        _element("event-description", scan.event),
        _element("customer-ref-1", sold.shipment.reference) if sold.shipment.reference else "",
        _element("event-type", "DELIVERED" if scan.delivered else "INDUCTION"),
    )
    return f'{_HEAD}<tracking-summary xmlns="{TRACK}"><pin-summary>{"".join(parts)}</pin-summary></tracking-summary>'


def tracking_detail(sold: Sold, scan: Scan) -> str:
    event = (
        _element("event-identifier", "1496" if scan.delivered else "1302"),
        _element("event-date", scan.time[:10]),
        _element("event-time", scan.time[11:19]),
        _element("event-time-zone", "UTC"),
        _element("event-description", scan.event),
    )
    pin = _element("pin", sold.shipment.tracking_pin)
    events = f"<significant-events><occurrence>{''.join(event)}</occurrence></significant-events>"
    return f'{_HEAD}<tracking-detail xmlns="{TRACK}">{pin}{events}</tracking-detail>'


def _ticket(day: date, number: str) -> str:
    return _element("service-ticket-date", day.isoformat()) + _element("service-ticket-id", number)


def _price(sold: Sold) -> str:
    spec = sold.order.delivery_spec
    options = "".join(
        f"<priced-option>{_element('option-code', option.option_code)}<option-price>0.00</option-price></priced-option>"
        for option in spec.options
    )
    return "".join(
        (
            _element("service-code", spec.service_code),
            _element("base-amount", sold.price.base),
            f"<priced-options>{options}</priced-options>",
            *_surcharge_and_taxes(sold.price, sold.due),
            f"<service-standard>{_STANDARD}</service-standard>",
            _element("rated-weight", spec.parcel_characteristics.weight),
        )
    )


def _surcharge_and_taxes(price: Price, due: Decimal) -> Iterator[str]:
    fuel = _element("adjustment-code", "FUELSC") + _element("adjustment-amount", price.fuel)
    yield f"<adjustments><adjustment>{fuel}</adjustment></adjustments>"
    yield _element("pre-tax-amount", price.before_tax)
    yield _element("gst-amount", price.gst)
    yield _element("pst-amount", "0.00")
    yield _element("hst-amount", price.hst)
    yield _element("due-amount", due)


def _quote(one: Quote) -> str:
    price = one.price
    fuel = (
        _element("adjustment-code", "FUELSC"),
        _element("adjustment-name", "Fuel surcharge"),
        _element("adjustment-cost", price.fuel),
    )
    taxes = (
        f'<gst percent="0.00">{price.gst}</gst>',
        "<pst>0.00</pst>",
        f'<hst percent="0.00">{price.hst}</hst>',
    )
    return "".join(
        (
            _element("service-code", one.service_code),
            _element("service-name", one.service_code),
            f"<price-details>{_element('base', price.base)}<taxes>{''.join(taxes)}</taxes>",
            f"{_element('due', price.due)}<adjustments><adjustment>{''.join(fuel)}</adjustment></adjustments>",
            f"</price-details><weight-details/><service-standard>{_STANDARD}",
            _element("expected-transit-time", one.days),
            f"{_element('expected-delivery-date', one.delivery.isoformat())}</service-standard>",
        )
    )


def _written(fields: Mapping[str, Any]) -> str:
    """The elements of an order. Empty parts are left out."""
    return "".join(
        f"<{_tag(name)}>{inner}</{_tag(name)}>"
        for name, value in fields.items()
        if (inner := _inner(name, value))
    )


def _tag(name: str) -> str:
    return name.replace("_", "-")


def _inner(name: str, value: object) -> str:
    match value:
        case Mapping():
            return _written(value)
        case list() | tuple():
            return "".join(f"<{_LISTS[name]}>{_inner(name, one)}</{_LISTS[name]}>" for one in value)
        case bool():
            return str(value).lower()
        case _:
            return escape(str(value), quote=False)


def _element(name: str, value: object) -> str:
    return f"<{name}>{escape(str(value), quote=False)}</{name}>"


def _links(links: Sequence[Mapping[str, str]]) -> str:
    return "".join(
        "<link " + " ".join(f'{name}="{escape(value)}"' for name, value in link.items()) + "/>"
        for link in links
    )
