"""Both clients against the running sandbox: the outcomes of purchases, look-ups and labels."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from pypdf import PdfReader

from shared.fulfillment.carrier import Bought, Carrier, NotReady, Pdf, Undone, Unknown
from shared.fulfillment.ports import Refused, Unclear
from shared.vendors.canada_post.account import Settlement
from shared.vendors.canada_post.carrier import CanadaPost
from shared.vendors.canada_post.xml_mapper import MEDIA_TYPE, XmlDialect
from tests.canada_post_support import (
    ACCOUNT,
    BACKENDS,
    DESTINATION,
    NEVER_LATE,
    PARCEL,
    XML_SHIPMENTS,
    client,
    label_request,
)
from tests.laptop.vendors.sandboxes import CanadaPostSandbox, canada_post


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CanadaPostSandbox]:
    with canada_post(tmp_path_factory.mktemp("canada-post")) as running:
        yield running


@pytest.fixture(params=BACKENDS)
def carrier(vendor: CanadaPostSandbox, request: pytest.FixtureRequest) -> Iterator[CanadaPost]:
    vendor.calm()
    with client(request.param, vendor.url) as built:
        yield built


def bought(outcome: object) -> Bought:
    assert isinstance(outcome, Bought)
    return outcome


def test_it_is_a_carrier(carrier: CanadaPost) -> None:
    port: Carrier = carrier
    assert port.name in {"canada_post_json", "canada_post_xml"}


def test_a_label_is_bought_once_at_the_price_to_pay(carrier: CanadaPost, vendor: CanadaPostSandbox) -> None:
    request = label_request()
    label = bought(carrier.buy(request, NEVER_LATE))
    assert (label.usable, label.status, label.also_sold) == (True, "transmitted", ())
    assert label.tracking_number is not None
    assert len(label.tracking_number) == 16
    books = vendor.books(request_id=request.request_id)
    assert books["labels_sold"] == 1
    assert label.price == Decimal(books["charged"])
    assert books["references"] == {request.reference: 1}


def test_a_purchase_is_found_by_its_request_id(carrier: CanadaPost) -> None:
    request = label_request()
    assert carrier.find(request.request_id) == Unknown()
    label = bought(carrier.buy(request, NEVER_LATE))
    assert carrier.find(request.request_id) == label


def test_every_character_that_a_name_can_have_reaches_the_label(carrier: CanadaPost) -> None:
    to = replace(
        DESTINATION, name='O\'Neil & "Fils" <Ltée>', company="Ça \\ (va)", additional_info="2e étage"
    )
    label = bought(carrier.buy(label_request(destination=to), NEVER_LATE))
    pdf = carrier.fetch_label(label.label_link or "")
    assert isinstance(pdf, Pdf)
    page = PdfReader(BytesIO(pdf.content)).pages[0]
    text = page.extract_text()
    for line in (to.name, to.company, to.additional_info, "123 Example Street", "Unit 4", "Ottawa ON K1A0B1"):
        assert line is not None
        assert line in text
    assert (label.tracking_number or "no number") in text
    assert [float(side) / 72 for side in page.mediabox[2:]] == [4, 6]


def test_a_label_that_is_still_made_is_asked_for_again(
    carrier: CanadaPost, vendor: CanadaPostSandbox
) -> None:
    vendor.behave(pending_labels=2)
    link = bought(carrier.buy(label_request(), NEVER_LATE)).label_link or ""
    answers = [carrier.fetch_label(link) for _ in range(4)]
    assert [type(answer) for answer in answers] == [NotReady, NotReady, Pdf, Pdf]
    assert answers[2] == answers[3]


def test_a_label_is_gone_after_ninety_days(carrier: CanadaPost, vendor: CanadaPostSandbox) -> None:
    link = bought(carrier.buy(label_request(), NEVER_LATE)).label_link or ""
    vendor.control("PUT", "clock", {"advance": 91 * 86_400, "running": True})
    vendor.control("DELETE", "tokens")
    assert isinstance(carrier.fetch_label(link), Refused)


@pytest.mark.parametrize("style", ["quoted", "relative"])
def test_untidy_links_are_understood(carrier: CanadaPost, vendor: CanadaPostSandbox, style: str) -> None:
    vendor.behave(link_style=style)
    request = label_request()
    label = bought(carrier.buy(request, NEVER_LATE))
    assert (label.label_link or "").startswith(vendor.url)
    assert carrier.find(request.request_id) == label
    assert isinstance(carrier.fetch_label(label.label_link or ""), Pdf)


def test_a_suspended_shipment_is_bought_but_not_usable(
    carrier: CanadaPost, vendor: CanadaPostSandbox
) -> None:
    vendor.behave(suspend=1)
    request = label_request()
    label = bought(carrier.buy(request, NEVER_LATE))
    assert (label.usable, label.status) == (False, "suspended")
    assert carrier.find(request.request_id) == label


def test_a_second_purchase_of_one_request_is_paid_twice_and_reported(
    carrier: CanadaPost, vendor: CanadaPostSandbox
) -> None:
    request = label_request()
    first, second = bought(carrier.buy(request, NEVER_LATE)), bought(carrier.buy(request, NEVER_LATE))
    assert vendor.sold(request.request_id) == 2
    assert carrier.find(request.request_id) == replace(first, also_sold=(second.shipment_id,))


def test_the_usable_one_of_two_is_adopted(carrier: CanadaPost, vendor: CanadaPostSandbox) -> None:
    request = label_request()
    vendor.behave(suspend=1)
    carrier.buy(request, NEVER_LATE)
    second = bought(carrier.buy(request, NEVER_LATE))
    assert carrier.find(request.request_id) == second


def test_a_carrier_that_refuses_repeats_leads_to_a_look_up(
    carrier: CanadaPost, vendor: CanadaPostSandbox
) -> None:
    request = label_request()
    vendor.behave(duplicates="refuse")
    first = bought(carrier.buy(request, NEVER_LATE))
    assert isinstance(carrier.buy(request, NEVER_LATE), Unclear)
    assert vendor.sold(request.request_id) == 1
    assert carrier.find(request.request_id) == first


@pytest.mark.parametrize("hidden_as", ["none", "not_found"])
def test_a_sale_may_show_only_after_a_while(
    carrier: CanadaPost, vendor: CanadaPostSandbox, hidden_as: str
) -> None:
    request = label_request()
    vendor.behave(visibility_delay=300, hidden_as=hidden_as)
    label = bought(carrier.buy(request, NEVER_LATE))
    assert carrier.find(request.request_id) == Unknown()
    vendor.control("PUT", "clock", {"advance": 301, "running": True})
    assert carrier.find(request.request_id) == label


def test_a_404_without_a_code_is_unclear_unless_a_setting_trusts_it(
    carrier: CanadaPost, vendor: CanadaPostSandbox
) -> None:
    request = label_request()
    vendor.behave(visibility_delay=300, hidden_as="not_found", not_found="uncoded")
    carrier.buy(request, NEVER_LATE)
    assert isinstance(carrier.find(request.request_id), Unclear)
    with client(carrier.name.removeprefix("canada_post_"), vendor.url, lookup_404="none") as trusting:
        assert trusting.find(request.request_id) == Unknown()


def test_a_look_up_while_the_carrier_works_is_unclear(vendor: CanadaPostSandbox) -> None:
    vendor.calm()
    vendor.behave(visibility_delay=300, hidden_as="working")
    request = label_request()
    with client("json", vendor.url) as carrier:
        carrier.buy(request, NEVER_LATE)
        assert carrier.find(request.request_id) == Unclear("Canada Post is still working on the request")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"service_code": "DOM.NO"}, "10028"),
        ({"options": ("NO",)}, "9109"),
        ({"parcel": replace(PARCEL, weight=Decimal("30.001"))}, "9111"),
    ],
)
def test_a_refusal_carries_the_vendors_code(
    carrier: CanadaPost, vendor: CanadaPostSandbox, fields: dict[str, Any], code: str
) -> None:
    request = label_request(**fields)
    refused = carrier.buy(request, NEVER_LATE)
    assert isinstance(refused, Refused)
    assert refused.code == code
    assert vendor.sold(request.request_id) == 0


def test_a_request_beyond_a_limit_is_never_sent(carrier: CanadaPost, vendor: CanadaPostSandbox) -> None:
    before = vendor.books()["calls"]
    refused = carrier.buy(label_request(destination=replace(DESTINATION, line_1="x" * 45)), NEVER_LATE)
    assert refused == Refused("destination.line_1 has 45 characters, at most 44 are allowed", "limit")
    assert carrier.find("x" * 33) == Unclear("a request id of 33 characters cannot be looked up")
    assert vendor.books()["calls"] == before


def test_without_a_contract_the_card_is_charged(carrier: CanadaPost, vendor: CanadaPostSandbox) -> None:
    request = label_request()
    account = replace(ACCOUNT, settlement=Settlement(paid_by_customer="2004381"), label_format="8.5x11")
    backend = carrier.name.removeprefix("canada_post_")
    with client(backend, vendor.url, account=account) as other:
        label = bought(other.buy(request, NEVER_LATE))
        pdf = other.fetch_label(label.label_link or "")
    assert isinstance(pdf, Pdf)
    assert [float(side) / 72 for side in PdfReader(BytesIO(pdf.content)).pages[0].mediabox[2:]] == [8.5, 11]


def test_a_prepared_refund_is_accepted_as_it_stands(carrier: CanadaPost, vendor: CanadaPostSandbox) -> None:
    request = label_request()
    label = bought(carrier.buy(request, NEVER_LATE))
    call = carrier.undo(label)
    assert call.method == "POST"
    sent = carrier.send_undo(call)
    assert isinstance(sent, Undone)
    assert sent.ticket is not None
    assert carrier.send_undo(call) == sent
    books = vendor.books(request_id=request.request_id)
    assert (books["labels_sold"], books["live"]) == (1, 1)  # a person at the carrier decides


def test_a_prepared_void_of_an_untransmitted_shipment_is_accepted(vendor: CanadaPostSandbox) -> None:
    vendor.calm()
    body = XmlDialect().create_body(label_request("grouped"), ACCOUNT).decode()
    body = body.replace("<transmit-shipment>true</transmit-shipment>", "<group-id>today</group-id>")
    key = ("our-key", "our-word")
    headers = {"Accept": MEDIA_TYPE, "Content-Type": MEDIA_TYPE}
    sold = vendor.http.post(f"{vendor.url}{XML_SHIPMENTS}", content=body, headers=headers, auth=key)
    sold.raise_for_status()
    with client("xml", vendor.url) as carrier:
        undo = carrier.undo(bought(carrier.find("grouped")))
        assert (undo.method, undo.body) == ("DELETE", None)
        assert carrier.send_undo(undo) == Undone()
        assert carrier.find("grouped") == Unknown()


def test_a_label_is_asked_for_on_the_carriers_host_alone(carrier: CanadaPost) -> None:
    for link in ("https://elsewhere.example/rs/artifact/1/1/0", "file:///etc/passwd", "/_control/books", ""):
        assert carrier.fetch_label(link) == Refused(
            "the label's link does not lead to the configured host", "link"
        )
