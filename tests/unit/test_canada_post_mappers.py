"""The same shipment in the form of each API."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from shared.vendors.canada_post.account import Settlement
from shared.vendors.canada_post.json_mapper import JsonDialect, read_token
from shared.vendors.canada_post.xml_mapper import XmlDialect
from tests.canada_post_support import ACCOUNT, DESTINATION, SENDER, label_request

REQUEST = label_request("248190001-A-1", reference="248190001-A", options=("SO", "DC"))
LEAN = label_request("1-1", destination=replace(DESTINATION, line_2=None, phone=None), options=())


def test_the_json_request_has_the_documented_fields() -> None:
    body = json.loads(JsonDialect().create_body(REQUEST, ACCOUNT))
    assert body == {
        "customerRequestId": "248190001-A-1",
        "transmitShipment": True,
        "requestedShippingPoint": "H2B1A0",
        "providePricingInfo": True,
        "provideReceiptInfo": True,
        "deliverySpec": {
            "serviceCode": "DOM.EP",
            "sender": {
                "name": "Shipping desk",
                "company": "Acme Parts",
                "contactPhone": "514-555-0100",
                "addressDetails": {
                    "addressLine1": "502 Main St N",
                    "city": "Montreal",
                    "provState": "QC",
                    "countryCode": "CA",
                    "postalZipCode": "H2B1A0",
                },
            },
            "destination": {
                "name": "Alex Tremblay",
                "clientVoiceNumber": "613-555-0199",
                "addressDetails": {
                    "addressLine1": "123 Example Street",
                    "addressLine2": "Unit 4",
                    "city": "Ottawa",
                    "provState": "ON",
                    "countryCode": "CA",
                    "postalZipCode": "K1A0B1",
                },
            },
            "options": [{"optionCode": "SO"}, {"optionCode": "DC"}],
            "parcelCharacteristics": {
                "weight": 1.2,
                "dimensions": {"length": 20.0, "width": 15.5, "height": 10.0},
            },
            "printPreferences": {"outputFormat": "4x6", "encoding": "PDF"},
            "preferences": {
                "showPackingInstructions": False,
                "showPostageRate": False,
                "showInsuredValue": False,
            },
            "references": {"customerRef1": "248190001-A"},
            "settlementInfo": {
                "paidByCustomer": "2004381",
                "contractId": "42708517",
                "intendedMethodOfPayment": "Account",
            },
        },
    }


def test_the_xml_request_keeps_the_documented_order() -> None:
    body = XmlDialect().create_body(REQUEST, ACCOUNT).decode()
    assert body.startswith(
        '<?xml version="1.0" encoding="UTF-8"?>\n<shipment xmlns="http://www.canadapost.ca/ws/'
    )
    order = (
        "<customer-request-id>248190001-A-1<",
        "<transmit-shipment>true<",
        "<requested-shipping-point>H2B1A0<",
        "<provide-pricing-info>true<",
        "<delivery-spec>",
        "<service-code>DOM.EP<",
        "<sender>",
        "<destination>",
        "<options><option><option-code>SO</option-code></option><option><option-code>DC</option-code></option></options>",
        "<weight>1.200<",
        "<length>20.0</length><width>15.5</width><height>10.0</height>",
        "<print-preferences>",
        "<show-packing-instructions>false<",
        "<references>",
        "<settlement-info>",
    )
    places = [body.index(piece) for piece in order]
    assert places == sorted(places)


@pytest.mark.parametrize("absent", ["<options>", "address-line-2", "client-voice-number"])
def test_absent_fields_are_not_sent(absent: str) -> None:
    assert absent not in XmlDialect().create_body(LEAN, ACCOUNT).decode()


def test_without_a_contract_only_the_method_is_named() -> None:
    account = replace(ACCOUNT, settlement=Settlement(paid_by_customer="2004381"))
    body = json.loads(JsonDialect().create_body(REQUEST, account))
    assert body["deliverySpec"]["settlementInfo"] == {"intendedMethodOfPayment": "CreditCard"}


def test_the_weight_of_a_json_request_stays_exact() -> None:
    parcel = replace(REQUEST.parcel, weight=Decimal("0.999"), height=Decimal("0.1"))
    body = JsonDialect().create_body(replace(REQUEST, parcel=parcel), ACCOUNT)
    assert b'"weight": 0.999' in body
    assert b'"height": 0.1' in body


def test_text_is_escaped_in_xml() -> None:
    request = replace(REQUEST, destination=replace(DESTINATION, name="<b>&amp; ]]>"))
    body = XmlDialect().create_body(request, ACCOUNT).decode()
    assert "<name>&lt;b&gt;&amp;amp; ]]&gt;</name>" in body
    assert f"<name>{SENDER.name}</name>" in body


INFO = b"<shipment-info><shipment-id>%s</shipment-id></shipment-info>"
BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + INFO % b"&b;"
FILE = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + INFO % b"&a;"


@pytest.mark.parametrize(
    "body",
    [
        BOMB,
        FILE,
        b"<!DOCTYPE x>" + INFO % b"1",
        b"",
        b"<",
        b"\xff\xfe",
        b'<?xml version="1.0" encoding="klingon"?><shipment-info/>',
        b"<shipments/>",
        b"<shipment-info/>",
        b"<shipment-info><shipment-id> </shipment-id></shipment-info>",
    ],
)
def test_a_document_that_is_no_safe_shipment_is_not_read(body: bytes) -> None:
    assert XmlDialect().read_shipment(body) is None


def test_unknown_elements_are_ignored() -> None:
    body = b"<shipment-info><new><a/><b/></new><shipment-id> 7 </shipment-id><!-- so --></shipment-info>"
    shipment = XmlDialect().read_shipment(body)
    assert shipment is not None
    assert (shipment.shipment_id, shipment.status, shipment.links) == ("7", "unknown", ())


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"access_token": "abc", "expires_in": 10, "scope": "merchant"}', "abc"),
        (b'{"access_token": "abc"}', "abc"),
        (b'{"access_token": "a b"}', None),
        (b'{"access_token": ""}', None),
        (b'{"access_token": "abc", "expires_in": 0}', None),
        (b'{"access_token": "abc", "expires_in": "NaN"}', None),
        (b"[]", None),
        (b"<html>", None),
    ],
)
def test_a_token_is_read_or_refused(body: bytes, value: str | None) -> None:
    token = read_token(body)
    assert (token.access_token if token else None) == value
    assert "abc" not in repr(token)


# --- the other answers -----------------------------------------------------------------------------------------

QUOTE = {"serviceCode": "DOM.EP", "priceDetails": {"due": 16.41}}


@pytest.mark.parametrize(
    ("body", "prices"),
    [
        ([QUOTE], ["16.41"]),
        ({"priceQuotes": [QUOTE]}, ["16.41"]),
        ([], []),
        ([QUOTE, {"serviceCode": "DOM.XP"}], None),
        ([QUOTE, {"serviceCode": "DOM.XP", "priceDetails": {"due": "free"}}], None),
        ({"title": "odd"}, None),
        ("odd", None),
    ],
)
def test_json_prices_are_all_read_or_none(body: object, prices: list[str] | None) -> None:
    quotes = JsonDialect().read_rates(json.dumps(body).encode())
    read = None if quotes is None else [str(quote.price_details.due) for quote in quotes]
    assert read == prices


def test_a_delivery_day_that_cannot_be_read_is_absent() -> None:
    for given, day in (("2026-11-24", "2026-11-24"), ("2026-11-24T00:00:00", "2026-11-24"), ("soon", "None")):
        quote = QUOTE | {"serviceStandard": {"expectedDeliveryDate": given}}
        [read] = JsonDialect().read_rates(json.dumps([quote]).encode()) or ()
        assert str(read.service_standard.expected_delivery_date) == day


@pytest.mark.parametrize(
    "body",
    [
        {"pinSummary": {"pin": "7", "eventType": "INDUCTION"}},
        {"pinSummary": [{"pin": "7", "eventType": "INDUCTION"}]},
        {"pinSummaries": [{"pin": "7", "eventType": "INDUCTION"}]},
        [{"pin": "7", "eventType": "INDUCTION"}],
        {"pin": "7", "eventType": "INDUCTION"},
    ],
)
def test_a_json_summary_is_found_wherever_it_is(body: object) -> None:
    summary = JsonDialect().read_tracking(json.dumps(body).encode())
    assert summary is not None
    assert (summary.pin, summary.event_type) == ("7", "INDUCTION")


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"pinSummary": []}', b"7", b"<html>"])
def test_a_body_without_a_summary_has_none(body: bytes) -> None:
    assert JsonDialect().read_tracking(body) is None
    assert XmlDialect().read_tracking(body) is None


@pytest.mark.parametrize("body", [b"[]", b"<html/>", b"<price-quotes><price-quote/></price-quotes>", b"<"])
def test_other_documents_are_not_read(body: bytes) -> None:
    xml = XmlDialect()
    read = (xml.read_price(body), xml.read_details(body), xml.read_ticket(body), xml.read_rates(body))
    assert read == (None, None, None, None)
    assert JsonDialect().read_ticket(body) is None


def test_a_request_for_prices_names_the_contract_if_there_is_one() -> None:
    body = json.loads(JsonDialect().rates_body(ACCOUNT, DESTINATION, REQUEST.parcel, ("DOM.EP",)))
    assert body == {
        "customerNumber": "2004381",
        "contractId": "42708517",
        "quoteType": "commercial",
        "parcelCharacteristics": {
            "weight": 1.2,
            "dimensions": {"length": 20.0, "width": 15.5, "height": 10.0},
        },
        "services": ["DOM.EP"],
        "originPostalCode": "H2B1A0",
        "destination": {"domestic": {"postalCode": "K1A0B1"}},
    }
    lean = replace(ACCOUNT, settlement=Settlement())
    document = XmlDialect().rates_body(lean, DESTINATION, REQUEST.parcel, ("DOM.EP", "DOM.XP")).decode()
    assert "contract-id" not in document
    assert (
        "<services><service-code>DOM.EP</service-code><service-code>DOM.XP</service-code></services>"
        in document
    )
