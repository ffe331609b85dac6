"""The clients against a scripted server: answers that no sandbox sends."""

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from decimal import Decimal
from http.server import BaseHTTPRequestHandler

import pytest

from shared.fulfillment.carrier import Bought, NotReady, UndoCall
from shared.fulfillment.ports import NotSent, Refused, Unclear
from shared.retries import RetryPolicy
from shared.vendors.canada_post.carrier import CanadaPost
from shared.vendors.canada_post.transport import CanadaPostBounds
from tests.canada_post_support import (
    ACCOUNT,
    CUSTOMER,
    JSON_SHIPMENTS,
    NEVER_LATE,
    bounds,
    client,
    label_request,
)
from tests.scripted_vendor import Script, respond, serving, trickling


@contextmanager
def scripted(
    script: Script, bounded: CanadaPostBounds | None = None, prefix: str = ""
) -> Iterator[tuple[CanadaPost, list[str]]]:
    with serving(script) as (url, asked), client("json", f"{url}{prefix}", bounded=bounded) as carrier:
        yield carrier, asked


def answering(*bodies: object) -> Script:
    """Each call gets the next body, the last one for ever."""
    left = list(bodies)

    def script(handler: BaseHTTPRequestHandler) -> None:
        body = left.pop(0) if len(left) > 1 else left[0]
        respond(handler, 200, body if isinstance(body, bytes) else json.dumps(body).encode())

    return script


def shipment(number: int, request_id: str | None = "order", **fields: object) -> dict[str, object]:
    return {
        "shipmentId": str(number),
        "customerRequestId": request_id,
        "shipmentStatus": "transmitted",
    } | fields


def links(*numbers: int) -> list[dict[str, str]]:
    return [{"rel": "shipment", "href": f"{JSON_SHIPMENTS}/{number}"} for number in numbers]


def test_a_redirect_is_not_followed() -> None:
    elsewhere = "https://elsewhere.example/steal"
    with scripted(lambda handler: respond(handler, 302, b"", location=elsewhere)) as (carrier, asked):
        assert isinstance(carrier.buy(label_request(), NEVER_LATE), Unclear)
        assert isinstance(carrier.find("order"), Unclear)
    assert len(asked) == 2


def test_a_gateway_with_a_path_is_asked_below_it() -> None:
    with scripted(answering(links(7), shipment(7)), prefix="/prod/portal") as (carrier, asked):
        assert isinstance(carrier.find("order"), Bought)
    assert asked == [
        f"GET /prod/portal{JSON_SHIPMENTS}?request-id=order",
        f"GET /prod/portal{JSON_SHIPMENTS}/7",
    ]


def test_a_request_id_is_quoted_in_the_look_up() -> None:
    with scripted(answering([])) as (carrier, asked):
        carrier.find("a&b=c/d?e#f%")
    assert asked == [f"GET {JSON_SHIPMENTS}?request-id=a%26b%3Dc%2Fd%3Fe%23f%25"]


@pytest.mark.parametrize(
    ("bodies", "expected"),
    [
        ([links(7), shipment(7, "another")], "found only shipments of other requests"),
        ([[{"rel": "shipment", "href": "https://elsewhere.example/shipping/1"}]], "leads to another host"),
        ([links(*range(11))], "found 11 shipments of one request"),
        ([[{"rel": "group", "href": "/shipping/v1/group"}]], "lead to no shipment"),
        ([links(7), {"title": "odd"}], "odd"),
    ],
)
def test_a_look_up_that_leads_nowhere_is_unclear(bodies: list[object], expected: str) -> None:
    with scripted(answering(*bodies)) as (carrier, _):
        unclear = carrier.find("order")
    assert isinstance(unclear, Unclear)
    assert expected in unclear.message


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ([{"rel": "shipment", "href": "https://elsewhere.example/shipping/1"}], "leads to no shipment here"),
        ([{"rel": "group", "href": "/shipping/v1/group"}], "leads to no shipment here"),
        ({"title": "odd"}, "with nothing that can be read"),
    ],
)
def test_a_list_that_holds_anything_else_is_unclear(body: object, expected: str) -> None:
    with scripted(answering(body)) as (carrier, _):
        unclear = carrier.listed(date(2026, 11, 20))
    assert isinstance(unclear, Unclear)
    assert expected in unclear.message


def test_the_days_list_is_asked_for_with_a_limit() -> None:
    with scripted(answering(links(7, 8, 8)), bounds(listed=50)) as (carrier, asked):
        found = carrier.listed(date(2026, 11, 20))
    assert not isinstance(found, Unclear | NotSent)
    assert [one.shipment_id for one in found] == ["7", "8"]
    assert asked == [f"GET {JSON_SHIPMENTS}?no-manifest=true&date=20261120&limit=50"]


@pytest.mark.parametrize(
    ("page", "price"), [({"dueAmount": 31.58}, Decimal("31.58")), ({"title": "odd"}, None), (b"<", None)]
)
def test_a_price_that_a_shipment_does_not_show_is_asked_for(page: object, price: Decimal | None) -> None:
    own = f"{JSON_SHIPMENTS}/7"
    shown = shipment(7, links=[{"rel": "price", "href": f"{own}/price"}])
    with scripted(answering(shown, page)) as (carrier, asked):
        read = carrier.read(own)
    assert isinstance(read, Bought)
    assert read.price == price
    assert asked == [f"GET {own}", f"GET {own}/price"]


def test_a_reference_that_cannot_be_read_is_absent() -> None:
    own = f"{JSON_SHIPMENTS}/7"
    shown = shipment(
        7, None, shipmentPrice={"dueAmount": 1}, links=[{"rel": "details", "href": f"{own}/details"}]
    )
    with scripted(answering(shown, [])) as (carrier, _):
        read = carrier.read(own)
    assert isinstance(read, Bought)
    assert (read.price, read.reference) == (Decimal(1), None)


def test_shipments_of_other_requests_are_left_out() -> None:
    with scripted(answering(links(7, 8, 8), shipment(7, "another"), shipment(8, None))) as (carrier, asked):
        found = carrier.find("order")
    assert isinstance(found, Bought)
    assert (found.shipment_id, found.also_sold, len(asked)) == ("8", (), 3)


def test_a_void_one_gives_way_to_a_live_one() -> None:
    with scripted(answering(links(7, 8), shipment(7, shipmentStatus="void"), shipment(8))) as (carrier, _):
        found = carrier.find("order")
    assert isinstance(found, Bought)
    assert (found.shipment_id, found.usable, found.also_sold) == ("8", True, ())


def test_an_endless_answer_is_given_up() -> None:
    bounded = bounds(largest_answer=2000)
    with scripted(answering(b"%PDF-" + b"x" * 3000), bounded) as (carrier, _):
        refused = carrier.fetch_label("/shipping/v1/artifacts/1/2/0")
        assert refused == Refused("Canada Post's answer is larger than 2000 bytes", "size")
        assert isinstance(carrier.buy(label_request(), NEVER_LATE), Unclear)
        assert isinstance(carrier.find("order"), Unclear)


def test_an_answer_that_cannot_be_decompressed_leaves_a_purchase_unclear() -> None:
    with scripted(lambda handler: respond(handler, 200, b"plain", content_encoding="gzip")) as (carrier, _):
        assert isinstance(carrier.buy(label_request(), NEVER_LATE), Unclear)


def test_a_compressed_answer_is_read() -> None:
    packed = gzip.compress(json.dumps(shipment(7, None)).encode())
    with scripted(lambda handler: respond(handler, 200, packed, content_encoding="gzip")) as (carrier, _):
        assert isinstance(carrier.buy(label_request(), NEVER_LATE), Bought)


def test_a_trickling_answer_is_given_up_in_time() -> None:
    ended = threading.Event()
    with scripted(trickling(ended), bounds(total=0.3, retries=RetryPolicy(tries=1, first_pause=1))) as (
        carrier,
        _,
    ):
        outcome = carrier.buy(label_request(), NEVER_LATE)
        ended.set()
    assert isinstance(outcome, Unclear)


def test_a_refusal_that_quotes_the_addressee_and_our_token_shows_neither() -> None:
    text = "No service for ALEX TREMBLAY at 123 example street, K1A 0B1 (our-token)"
    body = json.dumps({"errors": [{"errorCode": "9111", "message": text}]}).encode()
    with scripted(lambda handler: respond(handler, 400, body)) as (carrier, _):
        refused = carrier.buy(label_request(), NEVER_LATE)
    assert refused == Refused("Canada Post answered 400: 9111 No service for *** at ***, *** (***)", "9111")


def test_a_label_shorter_than_any_page_is_not_ready() -> None:
    with scripted(answering(b"%PDF-1.4")) as (carrier, _):
        assert carrier.fetch_label("/shipping/v1/artifacts/1/2/0") == NotReady()


def test_an_undo_call_is_prepared_from_what_is_known() -> None:
    bare = Bought("7/8", None, None, None, usable=True, status="transmitted")
    base = "https://api.example/portal"
    with client("json", base) as carrier:
        assert carrier.undo(bare) == UndoCall(
            "POST",
            f"{base}/shipping/v1/{CUSTOMER}/{CUSTOMER}/shipments/7%2F8/refund",
            '{"email": "desk@acme.example"}',
            "Asks for a refund; send as application/json. The answer holds a service ticket.",
        )
        void = carrier.undo(Bought("7", None, None, None, usable=True, status="created"))
    assert (void.method, void.body) == ("DELETE", None)


def test_an_undo_call_without_our_email_says_what_to_fill_in() -> None:
    with client("xml", "https://soa.example", account=replace(ACCOUNT, email=None)) as carrier:
        call = carrier.undo(Bought("7", None, None, None, usable=True, status="transmitted"))
    assert "<email>name@example.com</email>" in (call.body or "")
    assert call.note.endswith("Put your own e-mail address into the body first.")
