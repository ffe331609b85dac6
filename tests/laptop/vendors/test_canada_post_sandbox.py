"""The sandbox as a process: what it keeps, what it refuses, what can be told to it."""

import json
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.fulfillment.ports import Bought
from shared.vendors.canada_post.json_mapper import JsonDialect
from shared.vendors.canada_post.xml_mapper import MEDIA_TYPE, XmlDialect
from tests.canada_post_support import (
    ACCOUNT,
    DESTINATION,
    JSON_SHIPMENTS,
    PARCEL,
    ROOT,
    XML_SHIPMENTS,
    Running,
    client,
    command,
    label_request,
    sandbox,
)

KEY = ("our-key", "our-word")
XML = {"Accept": MEDIA_TYPE, "Content-Type": MEDIA_TYPE}


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with sandbox(tmp_path_factory.mktemp("canada-post")) as running:
        yield running


@pytest.fixture
def json_api(vendor: Running) -> Callable[..., httpx.Response]:
    """Calls the JSON API by method, path and content, with a good token."""
    vendor.calm()
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
    body: dict[str, Any] = json.loads(JsonDialect().create_body(label_request(request_id), ACCOUNT))
    return body | changed


def test_what_was_sold_survives_a_kill(tmp_path: Path) -> None:
    request = label_request()
    with sandbox(tmp_path, "--seed", "7") as first:
        first.behave(pending_labels=3, visibility_delay=60)
        with client("json", first.url) as carrier:
            label = carrier.buy(request)
        first.process.send_signal(signal.SIGKILL)
        first.process.wait(timeout=30)
    with sandbox(tmp_path) as second:
        assert second.sold(request.request_id) == 1
        assert second.control("GET", "settings")["pending_labels"] == 3
        second.calm()
        with client("json", second.url) as carrier:
            found = carrier.find(request.request_id)
    assert isinstance(found, Bought)
    assert isinstance(label, Bought)
    assert found.tracking_number == label.tracking_number


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_being_told_to_stop_is_no_failure(tmp_path: Path, number: int) -> None:
    with sandbox(tmp_path) as running:
        running.process.send_signal(number)
        assert running.process.wait(timeout=30) == 0


def test_a_taken_port_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = subprocess.run(
            command(tmp_path, "--port", port),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert ended.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in ended.stderr


def test_a_folder_that_cannot_be_used_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    place = command(tmp_path / "file" / "below")
    ended = subprocess.run(place, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)


def test_one_seed_gives_one_series_of_tracking_numbers(tmp_path: Path) -> None:
    numbers = []
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        with sandbox(tmp_path / name, "--seed", seed) as running, client("xml", running.url) as carrier:
            label = carrier.buy(label_request())
            assert isinstance(label, Bought)
            numbers.append(label.tracking_number)
    assert numbers[0] == numbers[1] != numbers[2]


def test_the_price_depends_on_weight_and_province_alone(vendor: Running) -> None:
    vendor.calm()

    def price(weight: str, province: str, backend: str = "json") -> Decimal:
        parcel = replace(PARCEL, weight=Decimal(weight))
        request = label_request(parcel=parcel, destination=replace(DESTINATION, province=province))
        with client(backend, vendor.url) as carrier:
            label = carrier.buy(request)
        assert isinstance(label, Bought)
        assert label.price is not None
        return label.price

    assert price("1", "ON") == price("1", "ON", "xml") == Decimal("16.07")
    assert price("1", "ON") < price("2", "ON") < price("2", "NU")
    assert price("1", "AB") == price("1", "BC", "xml")


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
def test_what_does_not_fit_the_schema_is_refused(
    json_api: Callable[..., httpx.Response], vendor: Running, path: str, value: object
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
def test_what_breaks_a_rule_is_refused_by_its_code(
    json_api: Callable[..., httpx.Response], vendor: Running, path: str, value: object, code: str
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


def test_a_past_mailing_date_is_refused(json_api: Callable[..., httpx.Response], vendor: Running) -> None:
    today = datetime.fromisoformat(vendor.control("PUT", "clock", {"advance": 0})["now"]).date()
    yesterday = (today - timedelta(days=1)).isoformat()
    refused = json_api("POST", JSON_SHIPMENTS, json=order(expectedMailingDate=yesterday))
    assert refused.json()["errors"][0]["errorCode"] == "1622"
    assert (
        json_api("POST", JSON_SHIPMENTS, json=order(expectedMailingDate=today.isoformat())).status_code == 200
    )


def test_a_shipment_for_a_manifest_can_be_void_once(json_api: Callable[..., httpx.Response]) -> None:
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


def test_what_is_transmitted_is_refunded_not_void(
    json_api: Callable[..., httpx.Response], vendor: Running
) -> None:
    sold = json_api("POST", JSON_SHIPMENTS, json=order("refund")).json()
    own = f"{JSON_SHIPMENTS}/{sold['shipmentId']}"
    assert json_api("DELETE", own).json()["errors"][0]["errorCode"] == "8064"
    tickets = [json_api("POST", f"{own}/refund", json={"email": "a@b.ca"}).json() for _ in range(2)]
    assert tickets[0] == tickets[1]
    assert json_api("POST", f"{JSON_SHIPMENTS}/none/refund", json={}).status_code == 404
    assert vendor.books(reference="none")["labels_sold"] == 0
    books = vendor.books(request_id="refund")
    assert (books["labels_sold"], books["live"], books["charged"]) == (1, 0, "0")
    assert books["shipments"][0]["status"] == "refunded"


@pytest.mark.parametrize(
    "query", [{}, {"request-id": "x" * 33}, {"request-id": "x", "limit": "1"}, {"request-id": ""}]
)
def test_a_look_up_takes_a_request_id_alone(
    json_api: Callable[..., httpx.Response], query: dict[str, str]
) -> None:
    assert json_api("GET", JSON_SHIPMENTS, params=query).status_code == 400


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(json_api: Callable[..., httpx.Response], body: bytes) -> None:
    assert json_api("POST", JSON_SHIPMENTS, content=body).status_code == 415
    assert json_api("POST", JSON_SHIPMENTS, content=body, media_type="application/json").status_code == 400


def test_the_price_is_told_to_those_who_ask(json_api: Callable[..., httpx.Response]) -> None:
    assert "shipmentPrice" in json_api("POST", JSON_SHIPMENTS, json=order()).json()
    assert "shipmentPrice" not in json_api("POST", JSON_SHIPMENTS, json=order(providePricingInfo=None)).json()


def test_the_xml_api_asks_for_exact_media_types(vendor: Running) -> None:
    vendor.calm()
    body = XmlDialect().create_body(label_request("typed"), ACCOUNT)
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
def test_the_xml_api_refuses_a_misfit_as_a_500_and_a_broken_rule_as_a_400(
    vendor: Running, change: tuple[str, str], status: int
) -> None:
    vendor.calm()
    body = XmlDialect().create_body(label_request("misfit"), ACCOUNT).decode().replace(*change)
    answer = vendor.http.post(f"{vendor.url}{XML_SHIPMENTS}", content=body, headers=XML, auth=KEY)
    assert answer.status_code == status
    assert vendor.sold("misfit") == 0


def test_the_xml_api_voids_and_refunds_as_the_json_api_does(vendor: Running) -> None:
    vendor.calm()
    with client("xml", vendor.url) as carrier:
        label = carrier.buy(label_request())
    assert isinstance(label, Bought)
    void = vendor.http.delete(label.links["self"], headers={"Accept": MEDIA_TYPE}, auth=KEY)
    assert (void.status_code, b"8064" in void.content) == (400, True)
    missing = f"{vendor.url}{XML_SHIPMENTS}/none"
    assert vendor.http.delete(missing, headers={"Accept": MEDIA_TYPE}, auth=KEY).status_code == 404
    refund = XmlDialect().refund_body("a@b.ca")
    for address, body, status in ((missing, refund, 404), (label.links["self"], "<x/>", 500)):
        answer = vendor.http.post(f"{address}/refund", content=body, headers=XML, auth=KEY)
        assert answer.status_code == status
    group = XmlDialect().create_body(label_request("grouped"), ACCOUNT).decode()
    group = group.replace("<transmit-shipment>true</transmit-shipment>", "<group-id>today</group-id>")
    vendor.http.post(f"{vendor.url}{XML_SHIPMENTS}", content=group, headers=XML, auth=KEY).raise_for_status()
    with client("xml", vendor.url) as carrier:
        created = carrier.find("grouped")
        assert isinstance(created, Bought)
        undo = carrier.undo(created)
    answer = vendor.http.request(undo.method, undo.url, headers={"Accept": MEDIA_TYPE}, auth=KEY)
    assert (undo.method, undo.body, answer.status_code) == ("DELETE", None, 204)


def test_the_throttle_ends_with_the_minute(vendor: Running) -> None:
    vendor.calm()
    vendor.control("PUT", "clock", {"now": "2027-01-01T00:00:00Z"})
    vendor.behave(calls_per_minute=2)
    address = f"{vendor.url}{XML_SHIPMENTS}?requestId=none"

    def ask() -> int:
        return vendor.http.get(address, headers={"Accept": MEDIA_TYPE}, auth=KEY).status_code

    assert [ask() for _ in range(4)] == [200, 200, 500, 500]
    vendor.control("PUT", "clock", {"advance": 61})
    assert ask() == 200


def test_the_controls_refuse_what_they_do_not_know(vendor: Running) -> None:
    assert vendor.http.put(f"{vendor.url}/_control/settings", json={"mood": "bad"}).status_code == 422
    assert vendor.http.put(f"{vendor.url}/_control/settings", json={"pending_labels": -1}).status_code == 422
    assert vendor.control("GET", "health") == {"status": "ok", "apis": ["json", "xml"], "seed": 0}


def test_an_unknown_path_is_refused_as_each_api_words_it(vendor: Running) -> None:
    answers = [vendor.http.get(f"{vendor.url}{path}") for path in ("/rs/nothing", "/nothing")]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert b"<messages" in answers[0].content
    assert answers[1].json()["httpCode"] == "404"
