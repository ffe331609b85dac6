"""The sandbox over HTTP: what both of its APIs sell, find, refund and refuse, and what it keeps."""

import re
import signal
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.laptop.vendors.sandboxes import CanadaPostSandbox, canada_post

KEY = ("our-key", "our-word")
MEDIA_TYPE = "application/vnd.cpc.shipment-v8+xml"
XML = {"Accept": MEDIA_TYPE, "Content-Type": MEDIA_TYPE}
JSON_SHIPMENTS = "/shipping/v1/2004381/2004381/shipments"
XML_SHIPMENTS = "/rs/2004381/2004381/shipment"
GROUPED = ("<transmit-shipment>true</transmit-shipment>", "<group-id>today</group-id>")
JsonApi = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CanadaPostSandbox]:
    with canada_post(tmp_path_factory.mktemp("canada-post")) as running:
        yield running


@pytest.fixture
def json_api(vendor: CanadaPostSandbox) -> JsonApi:
    vendor.calm()
    return json_api_of(vendor)


def json_api_of(vendor: CanadaPostSandbox) -> JsonApi:
    """Calls the JSON API by method, path and content, with a good token."""
    given = vendor.http.post(
        f"{vendor.url}/cpc-api-native-oauth-provider/oauth2/token",
        data={"grant_type": "client_credentials", "scope": "merchant"},
        headers={"X-IBM-Client-Id": "app", "X-IBM-Client-Secret": "word"},
    ).json()
    assert (given["token_type"], given["expires_in"]) == ("Bearer", 3600)
    token = {"Authorization": f"Bearer {given['access_token']}"}

    def call(method: str, path: str, media_type: str | None = None, **content: Any) -> httpx.Response:  # noqa: ANN401  # httpx's own
        headers = token | ({"Content-Type": media_type} if media_type else {})
        return vendor.http.request(method, f"{vendor.url}{path}", headers=headers, **content)

    return call


def order(request_id: str = "order", **changed: object) -> dict[str, Any]:
    """A good order of the JSON API."""
    to = {"provState": "ON", "countryCode": "CA", "postalZipCode": "K1A0B1", "city": "Ottawa"}
    sender = {"provState": "QC", "countryCode": "CA", "postalZipCode": "H2B1A0", "city": "Montreal"}
    spec = {
        "serviceCode": "DOM.EP",
        "sender": {
            "company": "Acme Parts",
            "contactPhone": "514-555-0100",
            "addressDetails": {"addressLine1": "502 Main St N", **sender},
        },
        "destination": {
            "name": "Alex Tremblay",
            "addressDetails": {"addressLine1": "123 Example Street", **to},
        },
        "options": [{"optionCode": "DC"}],
        "parcelCharacteristics": {"weight": 1.2, "dimensions": {"length": 20, "width": 15.5, "height": 10}},
        "printPreferences": {"outputFormat": "4x6", "encoding": "PDF"},
        "preferences": {"showPackingInstructions": False},
        "references": {"customerRef1": request_id},
        "settlementInfo": {
            "paidByCustomer": "2004381",
            "contractId": "42708517",
            "intendedMethodOfPayment": "Account",
        },
    }
    return {
        "customerRequestId": request_id,
        "transmitShipment": True,
        "requestedShippingPoint": "H2B1A0",
        "providePricingInfo": True,
        "deliverySpec": spec,
    } | changed


def xml_order(request_id: str, *changes: tuple[str, str]) -> str:
    """A good order of the XML API, with each first text of `changes` replaced by the second."""
    body = f"""<shipment xmlns="http://www.canadapost.ca/ws/shipment-v8">
<customer-request-id>{request_id}</customer-request-id><transmit-shipment>true</transmit-shipment>
<requested-shipping-point>H2B1A0</requested-shipping-point><provide-pricing-info>true</provide-pricing-info>
<delivery-spec><service-code>DOM.EP</service-code>
<sender><company>Acme Parts</company><contact-phone>514-555-0100</contact-phone><address-details>
<address-line-1>502 Main St N</address-line-1><city>Montreal</city><prov-state>QC</prov-state>
<country-code>CA</country-code><postal-zip-code>H2B1A0</postal-zip-code></address-details></sender>
<destination><name>Alex Tremblay</name><address-details><address-line-1>123 Example Street</address-line-1>
<city>Ottawa</city><prov-state>ON</prov-state><country-code>CA</country-code>
<postal-zip-code>K1A0B1</postal-zip-code></address-details></destination>
<parcel-characteristics><weight>1.200</weight></parcel-characteristics>
<print-preferences><output-format>4x6</output-format></print-preferences>
<preferences><show-packing-instructions>false</show-packing-instructions></preferences>
<settlement-info><paid-by-customer>2004381</paid-by-customer><contract-id>42708517</contract-id>
<intended-method-of-payment>Account</intended-method-of-payment></settlement-info>
</delivery-spec></shipment>"""
    for old, new in changes:
        assert old in body
        body = body.replace(old, new)
    return body


def buy_xml(vendor: CanadaPostSandbox, request_id: str, *changes: tuple[str, str]) -> str:
    """The shipment that is sold, as the XML API shows it."""
    answer = vendor.http.post(
        f"{vendor.url}{XML_SHIPMENTS}", content=xml_order(request_id, *changes), headers=XML, auth=KEY
    )
    return answer.raise_for_status().text


def text_of(element: str, document: str) -> str:
    found = re.search(f"<{element}>([^<]*)</{element}>", document)
    assert found, document
    return found[1]


def link_of(rel: str, document: str) -> str:
    found = re.search(rf'<link (?=[^>]*rel="{rel}")[^>]*href="([^"]*)"', document)
    assert found, document
    return found[1]


def test_a_sale_survives_a_kill(tmp_path: Path) -> None:
    with canada_post(tmp_path, "--seed", "7") as first:
        first.behave(pending_labels=3, visibility_delay=60)
        sold = json_api_of(first)("POST", JSON_SHIPMENTS, json=order("kept")).json()
        first.process.send_signal(signal.SIGKILL)
        first.process.wait(timeout=30)
    with canada_post(tmp_path) as second:
        assert second.sold("kept") == 1
        assert second.control("GET", "settings")["pending_labels"] == 3
        second.behave(pending_labels=0, visibility_delay=0)
        api = json_api_of(second)
        [link] = api("GET", JSON_SHIPMENTS, params={"request-id": "kept"}).json()
        found = api("GET", link["href"].removeprefix(second.url)).json()
    assert found["trackingPin"] == sold["trackingPin"]


def test_one_seed_gives_one_series_of_tracking_numbers(tmp_path: Path) -> None:
    numbers = []
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        with canada_post(tmp_path / name, "--seed", seed) as running:
            numbers.append(text_of("tracking-pin", buy_xml(running, "one")))
    assert numbers[0] == numbers[1] != numbers[2]


def test_the_price_depends_on_weight_and_province_alone(json_api: JsonApi, vendor: CanadaPostSandbox) -> None:
    def price(weight: float, province: str) -> Decimal:
        body = order("priced")
        body["deliverySpec"]["parcelCharacteristics"]["weight"] = weight
        body["deliverySpec"]["destination"]["addressDetails"]["provState"] = province
        return Decimal(str(json_api("POST", JSON_SHIPMENTS, json=body).json()["shipmentPrice"]["dueAmount"]))

    def xml_price(weight: str, province: str) -> Decimal:
        changes = (("1.200", weight), ("<prov-state>ON<", f"<prov-state>{province}<"))
        return Decimal(text_of("due-amount", buy_xml(vendor, "priced", *changes)))

    assert price(1, "ON") == xml_price("1", "ON") == Decimal("16.07")
    assert price(1, "ON") < price(2, "ON") < price(2, "NU")
    assert price(1, "AB") == xml_price("1", "BC")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("customerRequestId", "r" * 36),
        ("customerRequestId", 7),
        ("transmitShipment", False),
        ("transmitShipment", None),
        ("groupId", "both"),
        ("requestedShippingPoint", "H2B 1A0"),
        ("expectedMailingDate", "tomorrow"),
        ("unknownField", "x"),
        ("deliverySpec", None),
        ("deliverySpec.destination.addressDetails.addressLine1", "x" * 45),
        ("deliverySpec.destination.addressDetails.city", ""),
        ("deliverySpec.destination.addressDetails.countryCode", "CAN"),
        ("deliverySpec.destination.name", "two\nlines"),
        ("deliverySpec.sender.company", None),
        ("deliverySpec.options", [{"optionCode": "SO"}] * 21),
        ("deliverySpec.parcelCharacteristics.weight", 0),
        ("deliverySpec.parcelCharacteristics.weight", 1.0001),
        ("deliverySpec.references.customerRef1", "r" * 36),
        ("deliverySpec.printPreferences.outputFormat", "A4"),
        ("deliverySpec.settlementInfo.contractId", "x"),
    ],
)
def test_a_request_that_does_not_fit_the_schema_is_refused(
    json_api: JsonApi, vendor: CanadaPostSandbox, path: str, value: object
) -> None:
    body = order()
    place: Any = body
    *parents, last = path.split(".")
    for name in parents:
        place = place[name]
    place[last] = value
    before = vendor.books()["labels_sold"]
    refused = json_api("POST", JSON_SHIPMENTS, json=body)
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["errorCode"] == "BadRequest"
    assert vendor.books()["labels_sold"] == before


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("destination.addressDetails.provState", "XX", "1156"),
        ("destination.addressDetails.postalZipCode", "K1A 0B1", "1157"),
        ("destination.addressDetails.countryCode", "US", "3000"),
        ("destination.name", None, "1159"),
        ("settlementInfo.intendedMethodOfPayment", "Cash", "1711"),
        ("settlementInfo.contractId", None, "2506"),
        ("printPreferences.encoding", "ZPL", "9191"),
        ("serviceCode", "USA.XP", "10028"),
    ],
)
def test_a_broken_rule_is_refused_with_its_code(
    json_api: JsonApi, vendor: CanadaPostSandbox, path: str, value: object, code: str
) -> None:
    body = order("rule")
    place: Any = body["deliverySpec"]
    *parents, last = path.split(".")
    for name in parents:
        place = place[name]
    place[last] = value
    refused = json_api("POST", JSON_SHIPMENTS, json=body)
    assert refused.status_code == 400
    assert [error["errorCode"] for error in refused.json()["errors"]] == [code]
    assert vendor.sold("rule") == 0


def test_a_past_mailing_date_is_refused(json_api: JsonApi, vendor: CanadaPostSandbox) -> None:
    today = datetime.fromisoformat(vendor.control("PUT", "clock", {"advance": 0})["now"]).date()
    yesterday = (today - timedelta(days=1)).isoformat()
    refused = json_api("POST", JSON_SHIPMENTS, json=order(expectedMailingDate=yesterday))
    assert refused.json()["errors"][0]["errorCode"] == "1622"
    assert (
        json_api("POST", JSON_SHIPMENTS, json=order(expectedMailingDate=today.isoformat())).status_code == 200
    )


def test_a_shipment_for_a_manifest_can_be_void_once(json_api: JsonApi) -> None:
    body = order("manifest", groupId="today")
    del body["transmitShipment"]
    sold = json_api("POST", JSON_SHIPMENTS, json=body).json()
    assert sold["shipmentStatus"] == "created"
    own = f"{JSON_SHIPMENTS}/{sold['shipmentId']}"
    answers = [
        json_api("DELETE", own).status_code,
        json_api("DELETE", own).status_code,
        json_api("GET", own).status_code,
    ]
    assert answers == [204, 404, 404]
    assert json_api("GET", JSON_SHIPMENTS, params={"request-id": "manifest"}).json() == []


def test_a_transmitted_shipment_is_refunded_and_cannot_be_void(
    json_api: JsonApi, vendor: CanadaPostSandbox
) -> None:
    sold = json_api("POST", JSON_SHIPMENTS, json=order("refund")).json()
    own = f"{JSON_SHIPMENTS}/{sold['shipmentId']}"
    assert json_api("DELETE", own).json()["errors"][0]["errorCode"] == "8064"
    tickets = [json_api("POST", f"{own}/refund", json={"email": "a@b.ca"}).json() for _ in range(2)]
    assert tickets[0] == tickets[1]
    assert json_api("POST", f"{JSON_SHIPMENTS}/none/refund", json={}).status_code == 404
    assert vendor.books(reference="none")["labels_sold"] == 0
    assert vendor.books(request_id="refund")["shipments"][0]["status"] == "refund_asked"
    assert json_api("GET", own).json()["shipmentStatus"] == "transmitted"
    vendor.change(sold["shipmentId"], status="refunded")
    books = vendor.books(request_id="refund")
    assert (books["labels_sold"], books["live"], books["charged"]) == (1, 0, "0")
    assert json_api("GET", own).json()["shipmentStatus"] == "refunded"


@pytest.mark.parametrize(
    "query", [{}, {"request-id": "x" * 33}, {"request-id": "x", "limit": "1"}, {"request-id": ""}]
)
def test_a_look_up_takes_a_request_id_alone(json_api: JsonApi, query: dict[str, str]) -> None:
    assert json_api("GET", JSON_SHIPMENTS, params=query).status_code == 400


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_refused(json_api: JsonApi, body: bytes) -> None:
    assert json_api("POST", JSON_SHIPMENTS, content=body).status_code == 415
    assert json_api("POST", JSON_SHIPMENTS, content=body, media_type="application/json").status_code == 400


def test_the_price_is_shown_on_request(json_api: JsonApi) -> None:
    assert "shipmentPrice" in json_api("POST", JSON_SHIPMENTS, json=order()).json()
    assert "shipmentPrice" not in json_api("POST", JSON_SHIPMENTS, json=order(providePricingInfo=None)).json()


def test_the_xml_api_asks_for_exact_media_types(vendor: CanadaPostSandbox) -> None:
    vendor.calm()
    body = xml_order("typed")
    address = f"{vendor.url}{XML_SHIPMENTS}"
    for headers, status in (
        (XML | {"Accept": "*/*"}, 406),
        (XML | {"Content-Type": "text/xml"}, 415),
        (XML | {"Authorization": "Basic broken"}, 401),
        (XML | {"Authorization": "Bearer x"}, 401),
    ):
        auth = httpx.USE_CLIENT_DEFAULT if "Authorization" in headers else httpx.BasicAuth(*KEY)
        assert vendor.http.post(address, content=body, headers=headers, auth=auth).status_code == status
    assert vendor.sold("typed") == 0


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (("<transmit-shipment>true<", "<transmit-shipment>false<"), 500),
        (("<weight>", "<weigth>"), 500),
        (("<service-code>", "<service-code>DOM.XP</service-code><service-code>"), 500),
        (("shipment-v8", "shipment-v7"), 500),
        (("DOM.EP", "DOM.NO"), 400),
    ],
)
def test_the_xml_api_answers_500_to_a_schema_error_and_400_to_a_broken_rule(
    vendor: CanadaPostSandbox, change: tuple[str, str], status: int
) -> None:
    vendor.calm()
    body = xml_order("misfit", change)
    answer = vendor.http.post(f"{vendor.url}{XML_SHIPMENTS}", content=body, headers=XML, auth=KEY)
    assert answer.status_code == status
    assert vendor.sold("misfit") == 0


def test_the_xml_api_voids_and_refunds_as_the_json_api_does(vendor: CanadaPostSandbox) -> None:
    vendor.calm()
    own = link_of("self", buy_xml(vendor, "transmitted"))
    void = vendor.http.delete(own, headers={"Accept": MEDIA_TYPE}, auth=KEY)
    assert (void.status_code, b"8064" in void.content) == (400, True)
    missing = f"{vendor.url}{XML_SHIPMENTS}/none"
    assert vendor.http.delete(missing, headers={"Accept": MEDIA_TYPE}, auth=KEY).status_code == 404
    refund = (
        '<shipment-refund-request xmlns="http://www.canadapost.ca/ws/shipment-v8">'
        "<email>a@b.ca</email></shipment-refund-request>"
    )
    for address, body, status in ((missing, refund, 404), (own, "<x/>", 500), (own, refund, 200)):
        answer = vendor.http.post(f"{address}/refund", content=body, headers=XML, auth=KEY)
        assert answer.status_code == status
    grouped = buy_xml(vendor, "grouped", GROUPED)
    void = vendor.http.delete(link_of("self", grouped), headers={"Accept": MEDIA_TYPE}, auth=KEY)
    assert void.status_code == 204


def test_the_throttle_ends_with_the_minute(vendor: CanadaPostSandbox) -> None:
    vendor.calm()
    vendor.control("PUT", "clock", {"now": "2027-01-01T00:00:00Z"})
    vendor.behave(calls_per_minute=2)
    address = f"{vendor.url}{XML_SHIPMENTS}?requestId=none"

    def ask() -> int:
        return vendor.http.get(address, headers={"Accept": MEDIA_TYPE}, auth=KEY).status_code

    assert [ask() for _ in range(4)] == [200, 200, 500, 500]
    vendor.control("PUT", "clock", {"advance": 61})
    assert ask() == 200


def test_an_api_does_not_know_what_the_other_one_sold_unless_a_setting_says_so(
    json_api: JsonApi, vendor: CanadaPostSandbox
) -> None:
    own = link_of("self", buy_xml(vendor, "apart"))
    shipment_id = own.rpartition("/")[2]
    artifact = link_of("label", buy_xml(vendor, "apart-too")).split("/")[-2]
    label = f"/shipping/v1/artifacts/2004381/shipping/{artifact}/0"

    def known() -> tuple[int, int, int]:
        found = json_api("GET", JSON_SHIPMENTS, params={"request-id": "apart"}).json()
        shown = json_api("GET", f"{JSON_SHIPMENTS}/{shipment_id}").status_code
        return len(found), shown, json_api("GET", label).status_code

    assert known() == (0, 404, 404)
    vendor.behave(ledgers="shared")
    assert known() == (1, 200, 200)
    assert vendor.books(request_id="apart")["apis"] == {"xml": 1}


@pytest.mark.parametrize(
    "query",
    [
        {"no-manifest": "true"},
        {"no-manifest": "false", "date": "20270101"},
        {"no-manifest": "true", "date": "2027-01-01"},
        {"no-manifest": "true", "date": "20270101", "limit": "0"},
        {"no-manifest": "true", "date": "20270101", "limit": "x"},
        {"no-manifest": "true", "date": "20270101", "request-id": "x"},
    ],
)
def test_a_list_of_a_day_takes_a_day_and_a_limit_alone(json_api: JsonApi, query: dict[str, str]) -> None:
    refused = json_api("GET", JSON_SHIPMENTS, params=query)
    assert (refused.status_code, refused.json()["errors"][0]["errorCode"]) == (400, "9183")


def test_a_contract_alone_pays_and_an_empty_flag_is_true(vendor: CanadaPostSandbox) -> None:
    vendor.calm()
    lean = (
        ("<transmit-shipment>true</transmit-shipment>", "<transmit-shipment/>"),
        ("<paid-by-customer>2004381</paid-by-customer>", ""),
    )
    assert text_of("shipment-status", buy_xml(vendor, "lean", *lean)) == "transmitted"


def test_a_404_has_a_code_by_a_setting(json_api: JsonApi, vendor: CanadaPostSandbox) -> None:
    missing = f"{XML_SHIPMENTS}/none"

    def shown() -> tuple[bool, bool]:
        xml = vendor.http.get(f"{vendor.url}{missing}", headers={"Accept": MEDIA_TYPE}, auth=KEY)
        return "errors" in json_api("GET", f"{JSON_SHIPMENTS}/none").json(), "<code>" in xml.text

    assert shown() == (True, True)
    vendor.behave(not_found="uncoded")
    assert shown() == (False, False)


def test_the_parts_of_a_json_shipment_are_behind_its_links(
    json_api: JsonApi, vendor: CanadaPostSandbox
) -> None:
    body = order("parts", providePricingInfo=None, provideReceiptInfo=True)
    body["deliverySpec"]["settlementInfo"] = {"intendedMethodOfPayment": "CreditCard"}
    sold = json_api("POST", JSON_SHIPMENTS, json=body).json()
    parts = {link["rel"]: link["href"].removeprefix(vendor.url) for link in sold["links"]}
    due = json_api("GET", parts["price"]).json()["dueAmount"]
    assert due == sold["shipmentReceipt"]["ccReceiptDetails"]["chargeAmount"] == 16.41
    details = json_api("GET", parts["details"]).json()["shipmentDetail"]["deliverySpec"]
    assert details["references"] == {"customerRef1": "parts"}
    assert json_api("GET", f"{JSON_SHIPMENTS}/none/price").status_code == 404


@pytest.mark.parametrize(
    ("destination", "weight", "code"),
    [
        ({"domestic": {"postalCode": "K1A0B1"}}, 31, "9111"),
        ({"domestic": {"postalCode": "D1A0B1"}}, 1, "1157"),
        ({"domestic": {"postalCode": "K1A 0B1"}}, 1, "1157"),
        ({"unitedStates": {"zipCode": "10001"}}, 1, "9111"),
        ({"domestic": {}}, 1, "BadRequest"),
    ],
)
def test_a_request_for_prices_is_checked(
    json_api: JsonApi, destination: dict[str, object], weight: float, code: str
) -> None:
    asked = {
        "quoteType": "commercial",
        "parcelCharacteristics": {"weight": weight},
        "originPostalCode": "H2B1A0",
        "destination": destination,
    }
    refused = json_api("POST", "/rating/v1/prices", json=asked)
    assert (refused.status_code, refused.json()["errors"][0]["errorCode"]) == (400, code)
    assert json_api("POST", "/rating/v1/prices", content=b"{}").status_code == 415


def test_the_controls_sell_change_and_forget_a_shipment(json_api: JsonApi, vendor: CanadaPostSandbox) -> None:
    planted = vendor.plant("json", request_id="planted", reference="order-9", price="7.50")
    own = f"{JSON_SHIPMENTS}/{planted['shipment_id']}"
    assert json_api("GET", own).json()["shipmentPrice"]["dueAmount"] == 7.5
    vendor.change(planted["shipment_id"], price="8.25", status="suspended")
    shown = json_api("GET", own).json()
    assert (shown["shipmentPrice"]["dueAmount"], shown["shipmentStatus"]) == (8.25, "suspended")
    assert vendor.books(reference="order-9")["charged"] == "8.25"
    vendor.forget(planted["shipment_id"])
    assert json_api("GET", own).status_code == 404
    assert vendor.books(reference="order-9")["labels_sold"] == 0
    unknown = vendor.http.put(f"{vendor.url}/_control/shipments/none", json={"price": "1"})
    assert unknown.status_code == 404
    assert vendor.http.post(f"{vendor.url}/_control/shipments", json={"api": "fax"}).status_code == 422
    other = vendor.plant("json")["shipment_id"]
    assert vendor.http.put(f"{vendor.url}/_control/shipments/{other}", json={"price": -1}).status_code == 422


def test_cleared_books_leave_no_scan_to_the_next_sale_of_a_number(
    json_api: JsonApi, vendor: CanadaPostSandbox
) -> None:
    sold = vendor.plant("json")
    vendor.change(sold["shipment_id"], scanned=True)
    scan = f"/tracking/v1/pins/{sold['tracking_pin']}/summaries"
    assert json_api("GET", scan).status_code == 200
    vendor.control("DELETE", "books")
    assert vendor.plant("json")["tracking_pin"] == sold["tracking_pin"]
    assert json_api("GET", scan).status_code == 404


def test_the_controls_refuse_what_they_do_not_know(vendor: CanadaPostSandbox) -> None:
    assert vendor.http.put(f"{vendor.url}/_control/settings", json={"mood": "bad"}).status_code == 422
    assert vendor.http.put(f"{vendor.url}/_control/settings", json={"pending_labels": -1}).status_code == 422
    assert vendor.control("GET", "health") == {"status": "ok", "apis": ["json", "xml"], "seed": 0}


def test_each_api_refuses_an_unknown_path_in_its_own_shape(vendor: CanadaPostSandbox) -> None:
    answers = [vendor.http.get(f"{vendor.url}{path}") for path in ("/rs/nothing", "/nothing")]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert b"<messages" in answers[0].content
    assert answers[1].json()["httpCode"] == "404"
