"""The meaning of an answer for the money: each documented row, for both APIs."""

import json
from decimal import Decimal

import pytest

from shared.fulfillment.carrier import Bought, NotReady, Pdf, Progress
from shared.fulfillment.ports import Cause, NotSent, Refused, Unclear
from shared.vendors.canada_post.answers import SearchHits, TrackingSummary
from shared.vendors.canada_post.json_mapper import JsonDialect
from shared.vendors.canada_post.links import LinkRule
from shared.vendors.canada_post.outcomes import Dialect, chosen, creation, label, progress, search_result
from shared.vendors.canada_post.xml_mapper import XmlDialect
from shared.vendors.response import Response

JSON, XML = JsonDialect(), XmlDialect()
DIALECTS: dict[str, Dialect] = {"json": JSON, "xml": XML}
RULE = LinkRule("https://host.example", "/rs/")
PAGE = b"<!DOCTYPE html><html><body>Bad gateway</body></html>"


def xml_messages(*messages: tuple[str, str]) -> bytes:
    inner = "".join(f"<message><code>{c}</code><description>{d}</description></message>" for c, d in messages)
    return f'<messages xmlns="http://www.canadapost.ca/ws/messages">{inner}</messages>'.encode()


def json_errors(*errors: tuple[str, str]) -> bytes:
    listed = [{"errorCode": code, "message": text} for code, text in errors]
    return json.dumps({"title": "Bad Request", "detail": "no", "errors": listed}).encode()


def gateway(status: int, more: str = "no") -> bytes:
    return json.dumps({"httpCode": str(status), "httpMessage": "Refused", "moreInformation": more}).encode()


def created(backend: str, status: int, body: bytes, **headers: str) -> object:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return creation(Response(status, named, body), DIALECTS[backend], RULE, "order-A-1")


def errors(backend: str, *listed: tuple[str, str]) -> bytes:
    return xml_messages(*listed) if backend == "xml" else json_errors(*listed)


@pytest.mark.parametrize("backend", DIALECTS)
@pytest.mark.parametrize(
    "code",
    ["1156", "1622", "3000", "8064", "9108", "9111", "9162", "9191", "10028"],
)
def test_a_coded_4xx_is_refused(backend: str, code: str) -> None:
    refused = created(backend, 400, errors(backend, (code, "Not so")))
    assert refused == Refused(f"Canada Post answered 400: {code} Not so", code)


@pytest.mark.parametrize("backend", DIALECTS)
@pytest.mark.parametrize("code", ["9150", "9151", "9153", "9155"])
@pytest.mark.parametrize("status", [400, 500])
def test_a_rendering_fault_is_unclear_since_a_label_may_be_sold(backend: str, code: str, status: int) -> None:
    assert isinstance(created(backend, status, errors(backend, (code, "PDF rendering failed"))), Unclear)


@pytest.mark.parametrize("backend", DIALECTS)
@pytest.mark.parametrize(
    "code",
    ["E002", "AA001", "AA006", "1653", "1702", "1711", "2506", "2550", "9112", "9173", "9174", "9186"],
)
@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_fault_of_the_account_does_not_refuse_the_order(backend: str, code: str, status: int) -> None:
    unsent = created(backend, status, errors(backend, (code, "Not so")))
    assert unsent == NotSent(f"Canada Post answered {status}: {code} Not so", 300, Cause.ACCOUNT)


def test_a_server_error_tells_of_the_account_in_the_xml_api_alone() -> None:
    assert isinstance(created("xml", 500, xml_messages(("E002", "no"))), NotSent)
    assert isinstance(created("xml", 503, xml_messages(("E002", "no"))), Unclear)
    assert isinstance(created("json", 500, json_errors(("E002", "no"))), Unclear)


@pytest.mark.parametrize("backend", DIALECTS)
@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("body", [b"", PAGE, gateway(403)])
def test_a_caller_who_is_not_allowed_in_has_a_wrong_account(backend: str, status: int, body: bytes) -> None:
    unsent = created(backend, status, body)
    assert isinstance(unsent, NotSent)
    assert (unsent.retry_after, unsent.cause) == (300, Cause.ACCOUNT)


@pytest.mark.parametrize("backend", DIALECTS)
@pytest.mark.parametrize(
    "text",
    [
        "Duplicate request",
        "The customer request id was ALREADY used",
        "must be unique",
        "duplicated shipment",
    ],
)
@pytest.mark.parametrize("status", [400, 422, 500])
def test_a_refusal_that_may_be_a_repeat_is_unclear(backend: str, text: str, status: int) -> None:
    assert isinstance(created(backend, status, errors(backend, ("9199", text))), Unclear)


@pytest.mark.parametrize(
    ("backend", "status", "body"),
    [
        ("json", 429, gateway(429)),
        ("json", 429, b""),
        ("json", 503, gateway(503, "Rejected by SLM Monitor")),
        ("xml", 429, PAGE),
        ("xml", 500, xml_messages(("Server", "Rejected by SLM Monitor"))),
        ("xml", 400, xml_messages(("Server", "rejected by SLM monitor"))),
    ],
)
def test_a_throttled_key_waits(backend: str, status: int, body: bytes) -> None:
    limited = created(backend, status, body)
    assert isinstance(limited, NotSent)
    assert (limited.retry_after, limited.cause) == (60, Cause.THROTTLED)


@pytest.mark.parametrize(
    ("given", "seconds"), [("90", 90), ("0", 1), ("999999", 3600), ("soon", 60), ("-5", 60), ("", 60)]
)
def test_a_retry_after_is_obeyed_within_bounds(given: str, seconds: float) -> None:
    limited = created("json", 429, b"", retry_after=given)
    assert isinstance(limited, NotSent)
    assert limited.retry_after == seconds


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (500, xml_messages(("9111", "no service")), Refused),
        (500, xml_messages(("Server", "/rs/1/1/shipment: cvc-pattern-valid: Value")), Refused),
        (500, xml_messages(("Server", "Failed to process response headers")), Unclear),
        (500, xml_messages(), Unclear),
        (500, xml_messages(("", "no code")), Unclear),
        (500, b"", Unclear),
        (500, PAGE, Unclear),
        (502, xml_messages(("9111", "no service")), Unclear),
        (400, xml_messages(), Unclear),
        (400, xml_messages(("Server", "Failed to process response headers")), Unclear),
        (400, PAGE, Unclear),
        (404, b"", Unclear),
        (406, b"", Refused),
        (415, PAGE, Refused),
        (412, xml_messages(("412", "pre-condition")), Unclear),
        (302, b"", Unclear),
        (200, xml_messages(("9111", "no service")), Unclear),
    ],
)
def test_the_xml_apis_statuses(status: int, body: bytes, outcome: type) -> None:
    assert isinstance(created("xml", status, body), outcome)


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (500, json_errors(("9111", "no service")), Unclear),
        (500, gateway(500), Unclear),
        (504, b"", Unclear),
        (400, b'{"messages": [{"code": "9111", "description": "no service"}]}', Refused),
        (400, b'{"errors": [{"code": "9111", "message": "no service"}, "odd"]}', Refused),
        (400, b'{"title": "Bad Request", "detail": "no service"}', Unclear),
        (400, b'{"errors": "odd"}', Unclear),
        (400, b"{}", Unclear),
        (400, b"[]", Unclear),
        (400, PAGE, Unclear),
        (400, gateway(400), Unclear),
        (404, gateway(404), Unclear),
        (409, json_errors(("409", "conflict")), Unclear),
        (413, PAGE, Refused),
        (202, b"", Unclear),
        (200, b"", Unclear),
        (200, b"[]", Unclear),
        (200, b'{"shipmentId": null}', Unclear),
        (200, b'{"shipmentId": {}}', Unclear),
        (200, b'{"shipmentId": "1", "customerRequestId": "another"}', Unclear),
        (200, b'{"shipmentId": "1"', Unclear),
        (200, b"[" * 100_000, Unclear),
        (200, b'{"shipmentId": "1", "weight": 1e99999999999999999999}', Unclear),
        (201, b'{"shipmentId": "1"}', Bought),
    ],
)
def test_the_json_apis_statuses(status: int, body: bytes, outcome: type) -> None:
    assert isinstance(created("json", status, body), outcome)


def test_an_unexplained_refusal_says_so() -> None:
    assert created("xml", 400, xml_messages()) == Unclear("Canada Post answered 400: no explanation")
    unread = "Canada Post answered 500 without an explanation that can be read"
    assert created("json", 500, PAGE) == Unclear(unread)


@pytest.mark.parametrize(
    ("status", "usable"),
    [("created", True), ("Transmitted", True), ("SUSPENDED", False), ("void", False), ("new-state", True)],
)
def test_the_status_decides_whether_the_label_is_usable(status: str, usable: bool) -> None:  # noqa: FBT001  # a table
    sold = created("json", 200, json.dumps({"shipmentId": 7, "shipmentStatus": status}).encode())
    assert sold == Bought("7", None, None, None, usable, status.lower())


def test_missing_and_odd_fields_are_absent_and_new_ones_ignored() -> None:
    body = {
        "shipmentId": "7",
        "trackingPin": None,
        "shipmentPrice": [],
        "shipmentReceipt": {"ccReceiptDetails": {"chargeAmount": 31.58}},
        "links": [
            1,
            {"rel": "label"},
            {"href": "/rs/a"},
            {"rel": "label", "href": "https://else.example/rs/a"},
        ],
        "brandNew": True,
    }
    assert created("json", 200, json.dumps(body).encode()) == Bought(
        "7", None, None, Decimal("31.58"), True, "unknown"
    )


@pytest.mark.parametrize(
    ("due", "price"),
    [
        ("31.58", "31.58"),
        ('"31.58"', "31.58"),
        ("0.1", "0.1"),
        ("12", "12"),
        ("-1", None),
        ("true", None),
        ("NaN", None),
        ('"x"', None),
        ("1e99", None),
        ("null", None),
    ],
)
def test_the_price_is_exact_or_absent(due: str, price: str | None) -> None:
    sold = created("json", 200, f'{{"shipmentId": "7", "shipmentPrice": {{"dueAmount": {due}}}}}'.encode())
    assert isinstance(sold, Bought)
    assert sold.price == (None if price is None else Decimal(price))


def test_text_that_a_database_refuses_is_cleaned() -> None:
    sold = created("json", 200, b'{"shipmentId": "7\\u0000", "trackingPin": "\\ud800 1"}')
    assert sold == Bought("7", "? 1", None, None, usable=True, status="unknown")


def test_a_deeply_nested_answer_is_read() -> None:
    deep = "<a>" * 5000 + "</a>" * 5000
    body = f"<shipment-info>{deep}<shipment-id>7</shipment-id></shipment-info>".encode()
    assert isinstance(created("xml", 200, body), Bought)


# --- look-ups --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("backend", "status", "body"),
    [
        ("json", 200, b"[]"),
        ("json", 404, json_errors(("404", "none"))),
        ("xml", 200, b'<shipments xmlns="http://www.canadapost.ca/ws/shipment-v8"/>'),
        ("xml", 404, xml_messages(("9184", "none"))),
    ],
)
def test_an_answer_without_shipments_is_empty(backend: str, status: int, body: bytes) -> None:
    assert search_result(Response(status, {}, body), DIALECTS[backend]) == SearchHits()


@pytest.mark.parametrize(
    ("backend", "status", "body"),
    [
        ("json", 200, b"{}"),
        ("json", 200, b'[{"rel": "self"}]'),
        ("json", 200, PAGE),
        ("json", 202, b""),
        ("json", 204, b""),
        ("json", 404, PAGE),
        ("json", 404, gateway(404)),
        ("json", 500, b""),
        ("xml", 200, xml_messages()),
        ("xml", 200, b"<shipments><other/></shipments>"),
        ("json", 404, b""),
        ("json", 404, b'{"title": "Not Found"}'),
        ("xml", 404, PAGE),
        ("xml", 404, b""),
        ("xml", 404, xml_messages()),
        ("xml", 404, xml_messages(("Server", "no such resource"))),
        ("xml", 500, xml_messages(("9111", "no"))),
    ],
)
def test_an_answer_that_does_not_fit_a_look_up_is_unclear(backend: str, status: int, body: bytes) -> None:
    assert isinstance(search_result(Response(status, {}, body), DIALECTS[backend]), Unclear)


@pytest.mark.parametrize(
    ("backend", "body", "outcome"),
    [
        ("json", b"", SearchHits),
        ("json", b'{"title": "Not Found"}', SearchHits),
        ("json", PAGE, Unclear),
        ("json", gateway(404), Unclear),
        ("xml", b"", SearchHits),
        ("xml", xml_messages(), SearchHits),
        ("xml", PAGE, Unclear),
    ],
)
def test_by_a_setting_a_404_that_is_no_page_means_never_sold(
    backend: str, body: bytes, outcome: type
) -> None:
    assert isinstance(search_result(Response(404, {}, body), DIALECTS[backend], "none"), outcome)


@pytest.mark.parametrize(
    ("backend", "status", "body", "cause", "seconds"),
    [
        ("json", 401, b"", Cause.ACCOUNT, 300),
        ("json", 403, PAGE, Cause.ACCOUNT, 300),
        ("json", 429, gateway(429), Cause.THROTTLED, 60),
        ("xml", 400, xml_messages(("AA004", "no")), Cause.ACCOUNT, 300),
        ("xml", 500, xml_messages(("Server", "Rejected by SLM Monitor")), Cause.THROTTLED, 60),
    ],
)
def test_a_look_up_that_the_carrier_did_not_process_is_not_sent(
    backend: str, status: int, body: bytes, cause: Cause, seconds: float
) -> None:
    unsent = search_result(Response(status, {}, body), DIALECTS[backend])
    assert isinstance(unsent, NotSent)
    assert (unsent.cause, unsent.retry_after) == (cause, seconds)


def test_a_look_up_may_hold_the_shipments_themselves() -> None:
    info = "<shipment-info><shipment-id>7</shipment-id><shipment-status>created</shipment-status></shipment-info>"
    hits = search_result(Response(200, {}, f"<shipments>{info}</shipments>".encode()), XML)
    assert isinstance(hits, SearchHits)
    assert [shipment.shipment_id for shipment in hits.shipments] == ["7"]


def test_of_several_shipments_the_usable_then_the_complete_then_the_lowest_is_chosen() -> None:
    suspended = Bought("1", "pin", "link", None, usable=False, status="suspended")
    bare = Bought("2", None, "link", None, usable=True, status="created")
    without_label = Bought("3", "pin", None, None, usable=True, status="created")
    whole = Bought("5", "pin", "link", None, usable=True, status="created")
    another = Bought("4", "pin", "link", None, usable=True, status="created")
    best = chosen([suspended, bare, without_label, whole, another])
    assert (best.shipment_id, best.also_sold) == ("4", ("5", "3", "2"))
    assert chosen([suspended]) == suspended


# --- labels ----------------------------------------------------------------------------------------------------

LONG = b"%PDF-1.4" + b" " * 100


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, LONG, Pdf(LONG)),
        (200, b"%PDF-1.4", NotReady()),
        (200, PAGE + b" " * 100, NotReady()),
        (202, LONG, NotReady()),
        (300, b"", Unclear("Canada Post answered 300 without an explanation that can be read")),
        (404, b"", Refused("Canada Post answered 404 without an explanation that can be read")),
        (410, xml_messages(("1", "gone")), Refused("Canada Post answered 410: 1 gone", "1")),
        (500, xml_messages(("9150", "rendering")), NotReady("Canada Post answered 500: 9150 rendering")),
        (404, PAGE, Unclear("Canada Post answered 404 without an explanation that can be read")),
        (
            401,
            xml_messages(("E002", "no")),
            NotSent("Canada Post answered 401: E002 no", 300, Cause.ACCOUNT),
        ),
    ],
)
def test_each_answer_to_a_label_request_has_one_outcome(status: int, body: bytes, outcome: object) -> None:
    assert label(Response(status, {}, body), XML) == outcome


def test_a_gateways_404_does_not_mean_that_the_label_is_gone() -> None:
    assert isinstance(label(Response(404, {}, gateway(404)), JSON), Unclear)


# --- scans -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"eventDescription": "Item processed", "eventType": "INFO"}, Progress(handed_over=True)),
        ({"eventType": "INDUCTION"}, Progress(handed_over=True)),
        ({"eventDescription": "Electronic information submitted by shipper"}, Progress(handed_over=False)),
        ({"eventDescription": "Shipping label created", "eventType": "INFO"}, Progress(handed_over=False)),
        ({}, Progress(handed_over=False)),
        ({"eventType": "DELIVERED"}, Progress(handed_over=True, delivered=True)),
        ({"actualDeliveryDate": "2026-11-24"}, Progress(handed_over=True, delivered=True)),
    ],
)
def test_an_announcement_is_no_scan(fields: dict[str, str], expected: Progress) -> None:
    assert progress(TrackingSummary.model_validate(fields)) == expected
