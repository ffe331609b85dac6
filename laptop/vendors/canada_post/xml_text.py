"""Reads and writes the XML of shipping v8; pure."""

from collections.abc import Mapping, Sequence
from datetime import date
from html import escape
from typing import TYPE_CHECKING, Any

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from laptop.vendors.canada_post.orders import Problem
from laptop.vendors.canada_post.post_office import Sold

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MEDIA_TYPE = "application/vnd.cpc.shipment-v8+xml"
_NAMESPACE = "http://www.canadapost.ca/ws/shipment-v8"
_MESSAGES = "http://www.canadapost.ca/ws/messages"
_STANDARD = "<am-delivery>false</am-delivery><guaranteed-delivery>true</guaranteed-delivery>"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


def read_document(body: bytes, root: str) -> dict[str, Any] | None:
    """The fields below that element, named as an order's; None for any other document."""
    try:
        document: Element = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return None
    return _fields(document) if document.tag == f"{{{_NAMESPACE}}}{root}" else None


def _fields(element: "Element") -> dict[str, Any]:
    """Elements of another namespace, and repeated ones, keep a name that no order has."""
    read: dict[str, Any] = {}
    for child in element:
        name = child.tag.removeprefix(f"{{{_NAMESPACE}}}").replace("-", "_")
        read[f"repeated {name}" if name in read else name] = _field(name, child)
    return read


def _field(name: str, element: "Element") -> Any:  # noqa: ANN401  # text, mapping or list
    if name == "options":
        return [_fields(option) for option in element]
    return _fields(element) if len(element) else (element.text or "")


def messages(problems: Sequence[Problem]) -> str:
    inner = "".join(
        f"<message><code>{escape(one.code or '')}</code><description>{escape(' '.join(one.text.split()))}"
        "</description></message>"
        for one in problems
    )
    return f'{_HEAD}<messages xmlns="{_MESSAGES}">{inner}</messages>'


def shipments(links: Sequence[Mapping[str, str]]) -> str:
    return f'{_HEAD}<shipments xmlns="{_NAMESPACE}">{_links(links)}</shipments>'


def shipment_info(sold: Sold, links: Sequence[Mapping[str, str]]) -> str:
    shipment = sold.shipment
    parts = (
        _element("customer-request-id", shipment.request_id) if shipment.request_id else "",
        _element("shipment-id", shipment.shipment_id),
        _element("shipment-status", shipment.status),
        _element("tracking-pin", shipment.tracking_pin),
        _price(sold) if sold.order.provide_pricing_info else "",
        f"<links>{_links(links)}</links>",
    )
    return f'{_HEAD}<shipment-info xmlns="{_NAMESPACE}">{"".join(parts)}</shipment-info>'


def refund_info(day: date, ticket: str) -> str:
    inner = _element("service-ticket-date", day.isoformat()) + _element("service-ticket-id", ticket)
    return f'{_HEAD}<shipment-refund-request-info xmlns="{_NAMESPACE}">{inner}</shipment-refund-request-info>'


def _price(sold: Sold) -> str:
    spec, price = sold.order.delivery_spec, sold.price
    options = "".join(
        f"<priced-option>{_element('option-code', option.option_code)}<option-price>0.00</option-price></priced-option>"
        for option in spec.options
    )
    fuel = _element("adjustment-code", "FUELSC") + _element("adjustment-amount", price.fuel)
    parts = (
        _element("service-code", spec.service_code),
        _element("base-amount", price.base),
        f"<priced-options>{options}</priced-options>",
        f"<adjustments><adjustment>{fuel}</adjustment></adjustments>",
        _element("pre-tax-amount", price.before_tax),
        _element("gst-amount", price.gst),
        _element("pst-amount", "0.00"),
        _element("hst-amount", price.hst),
        _element("due-amount", price.due),
        f"<service-standard>{_STANDARD}</service-standard>",
        _element("rated-weight", spec.parcel_characteristics.weight),
    )
    return f"<shipment-price>{''.join(parts)}</shipment-price>"


def _element(name: str, value: object) -> str:
    return f"<{name}>{escape(str(value), quote=False)}</{name}>"


def _links(links: Sequence[Mapping[str, str]]) -> str:
    return "".join(
        "<link " + " ".join(f'{name}="{escape(value)}"' for name, value in link.items()) + "/>"
        for link in links
    )
