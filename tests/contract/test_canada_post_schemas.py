"""Every XML document, of client and sandbox, against the carrier's published schemas."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from shared.fulfillment.carrier import Bought, LabelRequest
from shared.vendors.canada_post.account import Settlement, ShippingAccount
from shared.vendors.canada_post.xml_mapper import MEDIA_TYPE, XmlDialect
from tests.canada_post_support import (
    ACCOUNT,
    DESTINATION,
    NEVER_LATE,
    SCHEMAS,
    XML_SHIPMENTS,
    client,
    label_request,
)
from tests.laptop.vendors.sandboxes import CanadaPostSandbox, canada_post
from tests.processes import PROJECT

pytestmark = pytest.mark.skipif(not SCHEMAS.is_dir(), reason="the carrier's schemas are not on this machine")
KEY = ("our-key", "our-word")
LINE = "é" * 44


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CanadaPostSandbox]:
    with canada_post(tmp_path_factory.mktemp("canada-post")) as running:
        running.calm()
        yield running


def check(body: bytes, schema: str) -> etree._Element:
    document = etree.fromstring(body)
    etree.XMLSchema(etree.parse(str(SCHEMAS / schema))).assertValid(document)
    return document


@pytest.mark.parametrize(
    "request_", [label_request(), label_request("r" * 32, options=()), label_request(options=("SO", "PA18"))]
)
@pytest.mark.parametrize(
    "account",
    [
        ACCOUNT,
        replace(ACCOUNT, settlement=Settlement(), label_format="8.5x11"),
        replace(ACCOUNT, settlement=Settlement("1", "2", "SupplierAccount"), mobo="3"),
    ],
)
@pytest.mark.parametrize(
    "to",
    [
        DESTINATION,
        replace(DESTINATION, name=LINE, company=LINE, line_1=LINE, line_2=LINE, additional_info=LINE),
        replace(DESTINATION, name=None, company="<&>", line_2=None, phone=None),
    ],
)
def test_every_request_fits_the_schema(request_: LabelRequest, account: ShippingAccount, to: object) -> None:
    body = XmlDialect().create_body(replace(request_, destination=to), account)  # type: ignore[arg-type]  # a Party
    check(body, "shipment.xsd")


def test_the_prepared_refund_fits_the_schema() -> None:
    check(XmlDialect().refund_body("desk@acme.example").encode(), "shipment.xsd")


def test_the_sandboxs_answers_fit_the_schema(vendor: CanadaPostSandbox) -> None:
    request = label_request(options=("SO", "DC"))
    headers = {"Accept": MEDIA_TYPE}
    with client("xml", vendor.url) as carrier:
        label = carrier.buy(request, NEVER_LATE)
        assert isinstance(label, Bought)
    own = check(vendor.http.get(label.links["self"], headers=headers, auth=KEY).content, "shipment.xsd")
    assert own.tag.endswith("shipment-info")
    search = f"{vendor.url}{XML_SHIPMENTS}"
    for query in (
        {"requestId": request.request_id},
        {"requestId": "none"},
        {"trackingPIN": label.tracking_number},
    ):
        found = vendor.http.get(search, params=query, headers=headers, auth=KEY)
        assert check(found.content, "shipment.xsd").tag.endswith("shipments")
    today = vendor.control("PUT", "clock", {"advance": 0})["now"][:10].replace("-", "")
    listed = vendor.http.get(search, params={"noManifest": "true", "date": today}, headers=headers, auth=KEY)
    assert check(listed.content, "shipment.xsd").tag.endswith("shipments")
    with client("xml", vendor.url) as carrier:
        undo = carrier.undo(label)
    content_type = {"Content-Type": MEDIA_TYPE}
    refund = vendor.http.post(undo.url, content=undo.body, headers=headers | content_type, auth=KEY)
    assert check(refund.content, "shipment.xsd").tag.endswith("shipment-refund-request-info")


@pytest.mark.parametrize(
    ("settlement", "parts"),
    [
        (ACCOUNT.settlement, ("details", "price")),
        (Settlement("42708517"), ("details", "price")),
        (Settlement(), ("details", "price", "receipt")),
    ],
)
def test_the_parts_of_a_shipment_fit_the_schema(
    vendor: CanadaPostSandbox, settlement: Settlement, parts: tuple[str, ...]
) -> None:
    headers = {"Accept": MEDIA_TYPE}
    with client("xml", vendor.url, account=replace(ACCOUNT, settlement=settlement)) as carrier:
        label = carrier.buy(label_request(options=("SO", "DC")), NEVER_LATE)
        assert isinstance(label, Bought)
        assert {"receipt", *parts} & set(label.links) == set(parts)
        carrier.send_undo(carrier.undo(label))
    for part in parts:
        document = check(
            vendor.http.get(label.links[part], headers=headers, auth=KEY).content, "shipment.xsd"
        )
        assert document.tag.endswith(f"shipment-{part}")
    receipt = vendor.http.get(f"{label.links['self']}/receipt", headers=headers, auth=KEY)
    assert receipt.status_code == (200 if "receipt" in parts else 404)


def test_the_sandboxs_errors_fit_the_schema(vendor: CanadaPostSandbox) -> None:
    headers = {"Accept": MEDIA_TYPE, "Content-Type": MEDIA_TYPE}
    address = f"{vendor.url}{XML_SHIPMENTS}"
    answers = [
        vendor.http.post(address, content="<shipment/>", headers=headers, auth=KEY),
        vendor.http.post(address, content="<", headers=headers, auth=KEY),
        vendor.http.get(f"{address}/none", headers=headers, auth=KEY),
        vendor.http.get(address, headers=headers, auth=KEY),
        vendor.http.get(address, headers=headers),
    ]
    assert [answer.status_code for answer in answers] == [500, 500, 404, 400, 401]
    for answer in answers:
        check(answer.content, "messages.xsd")


def test_the_sandbox_takes_what_the_schema_allows_in_any_order(vendor: CanadaPostSandbox) -> None:
    body = etree.fromstring(XmlDialect().create_body(label_request(), ACCOUNT))
    for element in (body, body[-1]):
        for child in reversed(list(element)):
            element.append(child)  # which moves it
    document = etree.tostring(body)
    check(document, "shipment.xsd")
    headers = {"Accept": MEDIA_TYPE, "Content-Type": MEDIA_TYPE}
    answer = vendor.http.post(f"{vendor.url}{XML_SHIPMENTS}", content=document, headers=headers, auth=KEY)
    assert answer.status_code == 200


def test_nothing_that_is_deployed_needs_the_schema_checker() -> None:
    for source in (*Path(PROJECT / "shared").rglob("*.py"), *Path(PROJECT / "functions").rglob("*.py")):
        assert "lxml" not in source.read_text(encoding="utf-8")
    assert "lxml" not in (PROJECT / "requirements.txt").read_text(encoding="utf-8")
