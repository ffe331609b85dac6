"""karrio's Canada Post connector, unmodified, against the sandbox's XML API: a client that none of us wrote.

Its server's address is a read-only property, which is replaced here: that is all.
"""
# ruff: noqa: ANN401  # karrio's own classes

import base64
import warnings
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from loguru import logger

from tests.laptop.vendors.sandboxes import CanadaPostSandbox, canada_post

SHIPPER = {
    "company_name": "Acme Parts",
    "person_name": "Shipping desk",
    "address_line1": "502 Main St N",
    "city": "Montreal",
    "postal_code": "H2B 1A0",
    "country_code": "CA",
    "state_code": "QC",
    "phone_number": "514 555-0100",
}
RECIPIENT = {
    "person_name": "Alex Tremblay",
    "address_line1": "123 Example Street",
    "city": "Ottawa",
    "postal_code": "K1A 0B1",
    "country_code": "CA",
    "state_code": "ON",
}
PARCEL = {
    "weight": 1.2,
    "weight_unit": "KG",
    "length": 20,
    "width": 15.5,
    "height": 10,
    "dimension_unit": "CM",
}


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CanadaPostSandbox]:
    with canada_post(tmp_path_factory.mktemp("canada-post")) as running:
        running.calm()
        yield running


@pytest.fixture(scope="module")
def karrio() -> Any:
    """Imported here, because that writes log lines and warns that PyPDF2, which karrio needs, is deprecated."""
    logger.disable("karrio")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return import_module("karrio.sdk")


@pytest.fixture(scope="module")
def connector(vendor: CanadaPostSandbox, karrio: Any) -> Iterator[Any]:
    settings = import_module("karrio.mappers.canadapost.settings").Settings
    account = {
        "username": "our-key",
        "password": "our-word",
        "customer_number": "2004381",
        "contract_id": "42708517",
    }
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(settings, "server_url", property(lambda _self: vendor.url))
        yield karrio.gateway["canadapost"].create(account)


def bought(karrio: Any, connector: Any, reference: str, **options: object) -> Any:
    shipment, messages = (
        karrio.Shipment.create(
            {
                "service": "canadapost_expedited_parcel",
                "reference": reference,
                "shipper": SHIPPER,
                "recipient": RECIPIENT,
                "parcels": [PARCEL],
                "options": options,
                "label_type": "PDF_4x6",
                "payment": {"paid_by": "sender"},
            }
        )
        .from_(connector)
        .parse()
    )
    assert messages == []
    return shipment


def cancelled(karrio: Any, connector: Any, shipment_id: str) -> Any:
    sent = {"shipment_identifier": shipment_id, "options": {"email": "desk@acme.example"}}
    return karrio.Shipment.cancel(sent).from_(connector).parse()


def test_it_buys_a_label_and_fetches_it(karrio: Any, connector: Any, vendor: CanadaPostSandbox) -> None:
    shipment = bought(karrio, connector, "karrio-buys", canadapost_submit_shipment=True)
    [sold] = vendor.books(reference="karrio-buys")["shipments"]
    assert (sold["tracking_pin"], sold["shipment_id"]) == (
        shipment.tracking_number,
        shipment.shipment_identifier,
    )
    assert (sold["api"], sold["status"]) == ("xml", "transmitted")
    assert base64.b64decode(shipment.docs.label).startswith(b"%PDF-")
    charges = {charge.name: charge.amount for charge in shipment.selected_rate.extra_charges}
    assert charges["Base charge"] == shipment.selected_rate.total_charge == 13.02


def test_it_asks_for_a_refund_of_a_transmitted_shipment(
    karrio: Any, connector: Any, vendor: CanadaPostSandbox
) -> None:
    """Karrio does not recognize the answer in its namespace and tries a void too, which is refused."""
    shipment = bought(karrio, connector, "karrio-refund", canadapost_submit_shipment=True)
    _, messages = cancelled(karrio, connector, shipment.shipment_identifier)
    [sold] = vendor.books(reference="karrio-refund")["shipments"]
    assert (sold["status"], [message.code for message in messages]) == ("refund_asked", ["8064"])


def test_it_voids_a_shipment_of_a_group(karrio: Any, connector: Any, vendor: CanadaPostSandbox) -> None:
    """Karrio's confirmation says nothing: it cannot read a 204, which has no body."""
    shipment = bought(karrio, connector, "karrio-void", canadapost_submit_shipment=False)
    cancelled(karrio, connector, shipment.shipment_identifier)
    [sold] = vendor.books(reference="karrio-void")["shipments"]
    assert sold["status"] == "void"


def test_it_tracks_parcels_by_their_pins(karrio: Any, connector: Any, vendor: CanadaPostSandbox) -> None:
    """Two of them, because karrio finds nothing in the answer about one."""
    known, unknown = (
        bought(karrio, connector, f"karrio-track-{number}", canadapost_submit_shipment=True)
        for number in (1, 2)
    )
    vendor.change(known.shipment_identifier, delivered=True)
    asked = {"tracking_numbers": [known.tracking_number, unknown.tracking_number]}
    [details], [message] = karrio.Tracking.fetch(asked).from_(connector).parse()
    assert (details.tracking_number, details.delivered) == (known.tracking_number, True)
    assert message.code == "004"


def test_it_gets_the_price_that_the_label_then_costs(karrio: Any, connector: Any) -> None:
    asked = {
        "shipper": SHIPPER,
        "recipient": RECIPIENT,
        "parcels": [PARCEL],
        "services": ["canadapost_expedited_parcel"],
    }
    [rate], messages = karrio.Rating.fetch(asked).from_(connector).parse()
    assert messages == []
    assert (rate.service, rate.total_charge, rate.transit_days) == ("canadapost_expedited_parcel", 16.41, 3)


def test_it_reads_the_sandboxs_refusals(karrio: Any, connector: Any) -> None:
    confirmation, messages = cancelled(karrio, connector, "545")
    assert confirmation is None
    assert {message.code for message in messages} == {"404"}
