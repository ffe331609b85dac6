"""The client against a scripted server: answers that no faithful sandbox sends."""

import gzip
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import pytest

from shared.enrichment.ports import ErrorCategory, Found, Refused, Unavailable
from shared.errors import SettingsInvalid
from shared.vendors.digikey.account import DigiKeyCredentials
from shared.vendors.digikey.client import DigiKeyBounds, DigiKeyCatalogue
from tests.scripted_vendor import Script, respond, serving, trickling

SECRET = "our-very-secret"
MAKER = "Maker"
PRODUCT = json.dumps(
    {"Product": {"ManufacturerProductNumber": "PN", "Manufacturer": {"Name": MAKER}}}
).encode()


@contextmanager
def scripted(
    script: Script, bounds: DigiKeyBounds | None = None
) -> Iterator[tuple[DigiKeyCatalogue, list[str]]]:
    with (
        serving(script) as (url, asked),
        DigiKeyCatalogue(DigiKeyCredentials("app", SECRET), base_url=url, bounds=bounds) as digikey,
    ):
        yield digikey, asked


def test_a_redirect_is_not_followed() -> None:
    elsewhere = "https://elsewhere.example/steal"
    with scripted(lambda handler: respond(handler, 302, b"", location=elsewhere)) as (digikey, asked):
        refused = digikey.look_up("PN", None)
    assert isinstance(refused, Refused)
    assert refused.category is ErrorCategory.INVALID_RESPONSE
    assert len(asked) == 1


def test_a_compressed_answer_is_read() -> None:
    packed = gzip.compress(PRODUCT)
    with scripted(lambda handler: respond(handler, 200, packed, content_encoding="gzip")) as (digikey, _):
        assert isinstance(digikey.look_up("PN", MAKER), Found)


def test_an_answer_that_cannot_be_decompressed_is_refused() -> None:
    with scripted(lambda handler: respond(handler, 200, PRODUCT, content_encoding="gzip")) as (digikey, _):
        refused = digikey.look_up("PN", None)
    assert isinstance(refused, Refused)
    assert refused.category is ErrorCategory.INVALID_RESPONSE


@pytest.mark.parametrize("body", [b"x" * 3000, gzip.compress(b"x" * 3000)], ids=["plain", "packed"])
def test_an_answer_beyond_the_size_limit_is_refused(body: bytes) -> None:
    encoding = {} if body.startswith(b"x") else {"content_encoding": "gzip"}
    bounds = DigiKeyBounds(largest_answer=2000)
    with scripted(lambda handler: respond(handler, 200, body, **encoding), bounds) as (digikey, _):
        refused = digikey.look_up("PN", None)
    assert refused == Refused(ErrorCategory.INVALID_RESPONSE, "DigiKey's answer is larger than 2000 bytes")


def test_an_answer_that_breaks_off_is_unavailable() -> None:
    def cut_off(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", "1000")
        handler.end_headers()
        handler.wfile.write(PRODUCT)

    with scripted(cut_off) as (digikey, _):
        result = digikey.look_up("PN", None)
    assert isinstance(result, Unavailable)
    assert result.category is ErrorCategory.VENDOR_ERROR


def test_a_trickling_answer_is_given_up_in_time() -> None:
    ended = threading.Event()
    with scripted(trickling(ended), DigiKeyBounds(total=0.3)) as (digikey, _):
        result = digikey.look_up("PN", None)
        ended.set()
    assert isinstance(result, Unavailable)
    assert result.category is ErrorCategory.TIMEOUT


@pytest.mark.parametrize("manufacturer", [MAKER, None])
@pytest.mark.parametrize("body", [b"{}", b'{"Product": null}', b'{"Product": []}', b'{"Products": null}'])
def test_an_answer_without_a_product_or_a_search_is_refused(body: bytes, manufacturer: str | None) -> None:
    with scripted(lambda handler: respond(handler, 200, body)) as (digikey, _):
        refused = digikey.look_up("PN", manufacturer)
    assert isinstance(refused, Refused)
    assert refused.category is ErrorCategory.INVALID_RESPONSE
    assert refused.answer == json.loads(body)


def test_a_gateways_page_is_quoted_without_its_tags() -> None:
    page = b"<html><h1>502 Bad Gateway</h1></html>"
    with scripted(lambda handler: respond(handler, 502, page)) as (digikey, _):
        result = digikey.look_up("PN", None)
    assert isinstance(result, Unavailable)
    assert result.message == "DigiKey answered 502: 502 Bad Gateway"


def test_a_secret_that_a_gateway_quotes_is_masked() -> None:
    page = f"bad request: client_secret={SECRET} authorization=our-token".encode()
    with scripted(lambda handler: respond(handler, 403, page)) as (digikey, _):
        refused = digikey.look_up("PN", None)
    assert isinstance(refused, Refused)
    assert "client_secret=*** authorization=***" in refused.message
    assert SECRET not in repr(refused)
    assert "our-token" not in repr(refused)


def test_a_search_that_cannot_be_read_is_refused() -> None:
    def script(handler: BaseHTTPRequestHandler) -> None:
        respond(handler, 400 if handler.command == "GET" else 200, b"nothing to read")

    with scripted(script) as (digikey, _):
        refused = digikey.look_up("PN", None)
    assert isinstance(refused, Refused)
    assert refused.category is ErrorCategory.INVALID_RESPONSE


def test_an_unreachable_vendor_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as place:
        port = place.getsockname()[1]
    with DigiKeyCatalogue(DigiKeyCredentials("app", SECRET), base_url=f"http://127.0.0.1:{port}") as digikey:
        result = digikey.look_up("PN", None)
    assert isinstance(result, Unavailable)
    assert result.category is ErrorCategory.VENDOR_ERROR
    assert SECRET not in result.message


def test_a_client_that_was_never_asked_has_nothing_to_close() -> None:
    digikey = DigiKeyCatalogue(DigiKeyCredentials("app", SECRET))
    digikey.close()
    digikey.close()


def test_an_address_that_would_send_the_secret_unencrypted_stops_the_start() -> None:
    with pytest.raises(SettingsInvalid):
        DigiKeyCatalogue(DigiKeyCredentials("app", SECRET), base_url="http://api.digikey.com")


# --- pages of a search ------------------------------------------------------------------------------------


def paged(count: int, **makers: str) -> Script:
    """A search of `count` hits whose vendor lists no exact match; `makers` by place, as `at_0`."""
    numbered = {int(place.removeprefix("at_")): maker for place, maker in makers.items()}

    def script(handler: BaseHTTPRequestHandler) -> None:
        offset = handler.sent["Offset"]  # type: ignore[attr-defined]  # set by the scripted vendor
        products = [
            {
                "ManufacturerProductNumber": "PN" if place in numbered else f"PN-{place}",
                "Manufacturer": {"Name": numbered.get(place, "Other")},
            }
            for place in range(offset, min(offset + 50, count))
        ]
        found = {"Products": products, "ProductsCount": count, "ExactMatches": []}
        respond(handler, 200, json.dumps(found).encode())

    return script


@pytest.mark.parametrize(
    ("script", "manufacturer", "calls", "outcome"),
    [
        (paged(40, at_3="One"), None, 1, "One"),
        (paged(140, at_3="One"), None, 3, "One"),
        (paged(140, at_3="One", at_139="Two"), None, 3, ErrorCategory.AMBIGUOUS),
        (paged(151, at_3="One"), None, 3, ErrorCategory.AMBIGUOUS),  # the fourth page is not asked for
        (paged(5000), None, 1, ErrorCategory.NOT_FOUND),
    ],
)
def test_a_search_is_read_on_only_while_another_page_could_name_another_maker(
    script: Script, manufacturer: str | None, calls: int, outcome: str | ErrorCategory
) -> None:
    with scripted(script) as (digikey, asked):
        result = digikey.look_up("PN", manufacturer)
    assert len(asked) == calls
    if isinstance(result, Found):
        assert result.answer["Product"]["Manufacturer"]["Name"] == outcome
    else:
        assert isinstance(result, Refused)
        assert result.category is outcome


@pytest.mark.parametrize(
    ("pn", "manufacturer", "calls"),
    [
        ("P N", "Maker", ["GET", "GET"]),  # 404 twice
        ("P N", None, ["POST", "POST"]),
        ("PN", "Maker", ["GET"]),
        ("PN", None, ["POST"]),
        ("K N", "Maker", ["GET", "POST"]),  # known by others: the other spelling would not tell more
    ],
)
def test_a_number_is_asked_without_its_spaces_only_if_nobody_has_it_with_them(
    pn: str, manufacturer: str | None, calls: list[str]
) -> None:
    def script(handler: BaseHTTPRequestHandler) -> None:
        product = {"ManufacturerProductNumber": "K N", "Manufacturer": {"Name": "Another"}}
        if "/K%20N/" in handler.path:
            respond(handler, 200, json.dumps({"Product": product}).encode())
        elif handler.command == "GET":
            respond(handler, 404, b"{}")
        else:
            hits = [product] if pn == "K N" else []
            respond(handler, 200, json.dumps({"Products": hits, "ProductsCount": len(hits)}).encode())

    with scripted(script) as (digikey, asked):
        refused = digikey.look_up(pn, manufacturer)
    assert isinstance(refused, Refused)
    assert refused.category is ErrorCategory.NOT_FOUND
    assert [call.split()[0] for call in asked] == calls
