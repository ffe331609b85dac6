"""Clients of both of Canada Post's APIs, and good requests for them."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from shared.clock import Clock, system_clock
from shared.fulfillment.carrier import LabelRequest, Parcel, Party
from shared.vendors.canada_post.account import JsonCredentials, Settlement, ShippingAccount, XmlCredentials
from shared.vendors.canada_post.carrier import CanadaPost
from shared.vendors.canada_post.json_api import CanadaPostJson
from shared.vendors.canada_post.outcomes import Lookup404
from shared.vendors.canada_post.transport import CanadaPostBounds
from shared.vendors.canada_post.xml_api import CanadaPostXml
from tests.processes import PROJECT

SCHEMAS = PROJECT.parent / "shared" / "contracts" / "canadapost"
CUSTOMER = "2004381"
SECRETS = ("our-secret", "our-word")
BACKENDS = ("json", "xml")
JSON_SHIPMENTS = f"/shipping/v1/{CUSTOMER}/{CUSTOMER}/shipments"
XML_SHIPMENTS = f"/rs/{CUSTOMER}/{CUSTOMER}/shipment"
SHIPMENTS = {"json": JSON_SHIPMENTS, "xml": XML_SHIPMENTS}
ARTIFACTS = {"json": "/shipping/v1/artifacts", "xml": "/rs/artifact"}
SENDER = Party(
    "Shipping desk", "Acme Parts", "514-555-0100", "502 Main St N", None, "Montreal", "QC", "H2B1A0"
)
DESTINATION = Party(
    name="Alex Tremblay",
    company=None,
    phone="613-555-0199",
    line_1="123 Example Street",
    line_2="Unit 4",
    city="Ottawa",
    province="ON",
    postal_code="K1A0B1",
)
PARCEL = Parcel(Decimal("1.2"), Decimal(20), Decimal("15.5"), Decimal(10))
ACCOUNT = ShippingAccount(CUSTOMER, SENDER, Settlement("42708517", CUSTOMER), email="desk@acme.example")
NEVER_LATE = datetime.max.replace(tzinfo=UTC)
_numbers = itertools.count(1)


def label_request(request_id: str | None = None, **fields: Any) -> LabelRequest:  # noqa: ANN401  # any of its fields
    """A good request, of an id that no other test uses."""
    chosen = request_id or f"order-{next(_numbers)}-A-1"
    given: dict[str, Any] = {
        "reference": chosen[:-2],
        "service_code": "DOM.EP",
        "destination": DESTINATION,
        "parcel": PARCEL,
        "options": ("DC",),
    }
    return LabelRequest(request_id=chosen, **(given | fields))


def bounds(**given: Any) -> CanadaPostBounds:  # noqa: ANN401  # any of the bounds
    """Bounds for a test, without pauses between calls."""
    return CanadaPostBounds(**{"apart": 0.0, **given})


def client(
    backend: str,
    url: str,
    *,
    account: ShippingAccount = ACCOUNT,
    bounded: CanadaPostBounds | None = None,
    clock: Clock = system_clock,
    pause: Callable[[float], None] = lambda _seconds: None,
    lookup_404: Lookup404 = "unclear",
) -> CanadaPost:
    given: dict[str, Any] = {"bounds": bounded or bounds(), "clock": clock, "pause": pause}
    given["lookup_404"] = lookup_404
    if backend == "xml":
        key = XmlCredentials("our-key", SECRETS[1])
        return CanadaPostXml(key, account, base_url=url, **given)
    application = JsonCredentials("our-app", SECRETS[0])
    return CanadaPostJson(application, account, base_url=url, **given)
