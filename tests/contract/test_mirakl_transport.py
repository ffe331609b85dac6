"""The client against a scripted server: answers that no faithful sandbox sends."""

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler

import pytest

from shared.errors import SettingsInvalid, VendorUnavailable
from shared.fulfillment.ports import Unclear
from shared.vendors.mirakl.client import READS, MiraklBounds, MiraklMarketplace
from tests.laptop.vendors.sandboxes import SHOP_KEY
from tests.mirakl_support import marketplace
from tests.scripted_vendor import Script, respond, serving, trickling

ORDER = {
    "order_id": "X-A",
    "order_state": "SHIPPING",
    "total_price": 1249.99,
    "order_lines": [{"order_line_id": "X-A-1", "quantity": 1, "price": 1249.99}],
}
SINCE = datetime(2026, 11, 20, tzinfo=UTC)


def answering(answer: object, status: int = 200, **headers: str) -> Script:
    return lambda handler: respond(handler, status, json.dumps(answer).encode(), **headers)


@contextmanager
def scripted(
    script: Script, bounds: MiraklBounds | None = None
) -> Iterator[tuple[MiraklMarketplace, list[str]]]:
    with serving(script) as (url, asked), marketplace(f"{url}/", bounds=bounds) as client:
        yield client, asked


def test_a_redirect_is_not_followed() -> None:
    with scripted(answering({}, 302, location="https://elsewhere.example/steal")) as (client, asked):
        assert isinstance(client.ship("X-A"), Unclear)
        with pytest.raises(VendorUnavailable, match="Mirakl answered 302"):
            client.orders(["X-A"])
    assert len(asked) == 2


def test_a_compressed_answer_is_read() -> None:
    packed = gzip.compress(json.dumps({"orders": [ORDER], "total_count": 1}).encode())
    with scripted(lambda handler: respond(handler, 200, packed, content_encoding="gzip")) as (client, _):
        assert str(client.orders(["X-A"]).orders[0].total) == "1249.99"


def test_an_answer_that_cannot_be_decompressed_is_unclear() -> None:
    with scripted(lambda handler: respond(handler, 200, b"{}", content_encoding="gzip")) as (client, _):
        assert client.ship("X-A") == Unclear("Mirakl's answer cannot be decompressed")


@pytest.mark.parametrize("body", [b"x" * 3000, gzip.compress(b"x" * 3000)], ids=["plain", "packed"])
def test_an_answer_beyond_the_size_limit_is_not_taken(body: bytes) -> None:
    encoding = {} if body.startswith(b"x") else {"content_encoding": "gzip"}
    bounds = MiraklBounds(largest_answer=2000, retries=replace(READS, tries=2))
    with scripted(lambda handler: respond(handler, 200, body, **encoding), bounds) as (client, asked):
        with pytest.raises(VendorUnavailable, match="larger than 2000 bytes"):
            client.orders(["X-A"])
        assert isinstance(client.ship("X-A"), Unclear)
    assert len(asked) == 3


def test_an_answer_that_breaks_off_is_unclear() -> None:
    def cut_off(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", "1000")
        handler.end_headers()
        handler.wfile.write(b"{")

    with scripted(cut_off) as (client, _):
        assert client.ship("X-A") == Unclear("Mirakl's answer was lost (RemoteProtocolError)")


def test_a_trickling_answer_is_given_up_in_time() -> None:
    ended = threading.Event()
    with scripted(trickling(ended), MiraklBounds(total=0.3)) as (client, _):
        result = client.ship("X-A")
        ended.set()
    assert result == Unclear("Mirakl did not answer in time (ReadTimeout)")


@pytest.mark.parametrize(
    "answer", [{}, {"orders": None, "total_count": 0}, {"orders": [], "total_count": "many"}, {"orders": []}]
)
def test_an_answer_of_another_shape_is_reported_and_not_requested_again(answer: object) -> None:
    with (
        scripted(answering(answer)) as (client, asked),
        pytest.raises(VendorUnavailable, match="not the documented shape"),
    ):
        client.orders(["X-A"])
    assert len(asked) == 1


def test_orders_that_nobody_asked_for_are_left_out() -> None:
    with scripted(answering({"orders": [ORDER, ORDER | {"order_id": "Y-A"}], "total_count": 2})) as (
        client,
        _,
    ):
        assert [order.order_id for order in client.orders(["X-A"]).orders] == ["X-A"]


def test_an_order_on_two_pages_is_shown_once() -> None:
    with scripted(answering({"orders": [ORDER], "total_count": 101})) as (client, asked):
        pages = [[order.order_id for order in page.orders] for page in client.listed(["WAITING_ACCEPTANCE"])]
    assert pages == [["X-A"], []]
    assert "offset=100" in asked[1]


def test_a_count_that_promises_more_than_there_is_ends_at_an_empty_page() -> None:
    with scripted(answering({"orders": [], "total_count": 5000})) as (client, asked):
        assert [page.orders for page in client.listed(["WAITING_ACCEPTANCE"])] == [[]]
    assert len(asked) == 1


def test_a_listing_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.vendors.mirakl.client._MOST_PAGES", 3)
    tokens = iter(range(100))

    def endless(handler: BaseHTTPRequestHandler) -> None:
        inbox = {"data": [], "next_page_token": str(next(tokens))}
        orders = {"orders": [ORDER], "total_count": 10**9}
        respond(handler, 200, json.dumps(inbox if "inbox" in handler.path else orders).encode())

    with scripted(endless) as (client, asked):
        with pytest.raises(VendorUnavailable, match="more than 300 orders"):
            list(client.listed(["WAITING_ACCEPTANCE"]))
        with pytest.raises(VendorUnavailable, match="more than 3 pages"):
            list(client.threads(SINCE))
    assert len(asked) == 6


def test_an_inbox_that_repeats_a_page_is_given_up() -> None:
    with (
        scripted(answering({"data": [], "next_page_token": "again"})) as (client, asked),
        pytest.raises(VendorUnavailable, match="repeats a page"),
    ):
        list(client.threads(SINCE))
    assert len(asked) == 2


@pytest.mark.parametrize("token", [None, "", " "])
def test_a_blank_page_token_is_the_end(token: str | None) -> None:
    with scripted(answering({"data": [], "next_page_token": token})) as (client, _):
        assert len(list(client.threads(SINCE))) == 1


def test_a_key_that_an_answer_quotes_is_masked() -> None:
    with scripted(answering({"message": f"bad key {SHOP_KEY}"}, 401)) as (client, _):
        assert "bad key ***" in repr(client.ship("X-A"))
        with pytest.raises(VendorUnavailable, match=r"bad key \*\*\*"):
            client.shop()


def test_a_client_that_was_never_asked_has_nothing_to_close() -> None:
    client = MiraklMarketplace(SHOP_KEY)
    client.close()
    client.close()


@pytest.mark.parametrize(
    "address",
    ["http://marketplace.bestbuy.ca", "https://user:pass@x.example", "https://x.example?a=b", "https://x.example:port",
     "ftp://localhost", "", "https://"],
)  # fmt: skip
def test_an_address_that_would_send_the_key_unencrypted_stops_the_start(address: str) -> None:
    with pytest.raises(SettingsInvalid, match="Mirakl's address must be https"):
        MiraklMarketplace(SHOP_KEY, base_url=address)


@pytest.mark.parametrize(
    "address", ["http://localhost:1", "http://127.0.0.1:1", "http://[::1]:1", "https://x.example/"]
)
def test_this_machine_and_https_are_fine(address: str) -> None:
    MiraklMarketplace(SHOP_KEY, base_url=address).close()
