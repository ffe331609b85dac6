"""The deployed `workflow` beside the vendors' sandboxes: labels, slips, the ledger, messages and their files."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from pypdf import PdfReader
from werkzeug.test import TestResponse

from tests.orders_support import MESSAGES, TRACK, RunningFulfillment, shop_day
from tests.web_support import Log

Json = dict[str, Any]
SIGNED = {"by": "marie", "note": "the printer ate it"}


def pages(answer: TestResponse) -> int:
    assert answer.status_code == 200, answer.get_json()
    return len(PdfReader(io.BytesIO(answer.data)).pages)


def assert_a_file(answer: TestResponse, name: str, media_type: str = "application/pdf") -> None:
    """It is saved and not shown, and nobody on the way keeps it."""
    assert answer.status_code == 200, answer.get_json()
    assert answer.headers["Content-Type"] == media_type
    assert answer.headers["Content-Disposition"].startswith(f'attachment; filename="{name}"')
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_labels_of_all_waiting_orders_are_one_pdf(
    shop: RunningFulfillment, desk: FlaskClient, log: Log
) -> None:
    orders = shop.labelled(3)
    answer = desk.get("/labels")
    assert_a_file(answer, f"labels {shop_day()} (3 orders).pdf")
    assert pages(answer) == 3 * pages(desk.get(f"/orders/{orders[0]}/label"))
    titles = [mark["/Title"] for mark in PdfReader(io.BytesIO(answer.data)).outline if isinstance(mark, dict)]
    assert sorted(str(title).partition(" ")[0] for title in titles) == sorted(orders)
    assert log.entries[0]["labels"] == 3


def test_labels_can_be_chosen_and_one_that_is_missing_is_named(
    shop: RunningFulfillment, desk: FlaskClient
) -> None:
    one, _other = shop.labelled(2)
    (without,) = shop.accepted()
    assert_a_file(desk.get(f"/labels?orders={one},"), f"labels {shop_day()} (1 order).pdf")
    answer = desk.get(f"/labels?orders={one},{without}")
    assert (answer.status_code, answer.get_json()["detail"]) == (409, f"no label of {without}")
    assert desk.get("/labels?orders=nobody").status_code == 409


def test_shipped_orders_have_their_labels_by_the_day(shop: RunningFulfillment, desk: FlaskClient) -> None:
    shop.labelled(2)
    shop.fire(TRACK)
    assert desk.get("/labels").status_code == 404
    assert "(2 orders)" in desk.get(f"/labels?day={shop_day()}").headers["Content-Disposition"]
    assert desk.get(f"/labels?day={shop_day() - timedelta(days=2)}").status_code == 404


def test_more_orders_than_one_pdf_holds_are_refused(desk: FlaskClient) -> None:
    answer = desk.get("/labels", query_string={"orders": ",".join(map(str, range(201)))})
    assert (answer.status_code, answer.get_json()["detail"]) == (422, "at most 200 orders")


def test_a_label_that_is_given_up_is_not_offered(shop: RunningFulfillment, desk: FlaskClient) -> None:
    (order,) = shop.labelled()
    assert_a_file(desk.get(f"/orders/{order}/label"), f"label {order}.pdf")
    assert desk.post(f"/orders/{order}/relabel", json=SIGNED).status_code == 200
    assert desk.get(f"/orders/{order}/label").status_code == 404
    assert desk.get(f"/labels?orders={order}").status_code == 409
    assert desk.get("/labels").status_code == 404


def test_a_packing_slip_shows_the_items_and_the_persons_address(
    shop: RunningFulfillment, desk: FlaskClient
) -> None:
    (order,) = shop.accepted(lines=[{"sku": "DISC", "quantity": 3}])
    own = {"name": "Ben Roy", "street_1": "12 Rue Peel", "city": "Montreal", "postal_code": "H2X 1Y4"}
    desk.post(f"/orders/{order}/address", json=SIGNED | {"address": own | {"state": "QC"}})
    answer = desk.get(f"/orders/{order}/packing-slip")
    assert_a_file(answer, f"packing slip {order}.pdf")
    text = PdfReader(io.BytesIO(answer.data)).pages[0].extract_text()
    assert "DISC" in text
    assert "Ben Roy" in text
    assert "12 Rue Peel" in text


def test_an_order_without_an_address_has_no_packing_slip(shop: RunningFulfillment, desk: FlaskClient) -> None:
    (order,) = shop.accepted()
    shop.rows("update orders set address = null where order_id = %s returning order_id", order)
    assert desk.get(f"/orders/{order}/packing-slip").status_code == 409


def test_the_ledger_counts_what_labels_cost_by_day_and_by_label(
    shop: RunningFulfillment, desk: FlaskClient
) -> None:
    orders = shop.labelled(2)
    around = {"first": _day(-2), "last": _day(1)}
    by_day = desk.get("/postage", query_string=around).get_json()
    by_label = desk.get("/postage", query_string=around | {"by": "label"}).get_json()
    assert (by_day["currency"], by_day["totals"]["labels"]) == ("CAD", 2)
    assert by_day["totals"] == by_label["totals"]
    assert sum(row["cents"] for row in by_label["rows"]) == by_day["totals"]["purchases_cents"] > 0
    assert sorted(row["order_id"] for row in by_label["rows"]) == sorted(orders)


def test_the_ledger_as_csv_holds_no_formula(shop: RunningFulfillment, desk: FlaskClient) -> None:
    (order,) = shop.labelled()
    shop.rows("update shipments set tracking_number = '=1+1' where order_id = %s returning id", order)
    around = {"first": _day(-2), "last": _day(1)}
    answer = desk.get("/postage", query_string=around | {"by": "label", "csv": "true"})
    name = f"postage {around['first']} to {around['last']} by label.csv"
    assert_a_file(answer, name, "text/csv; charset=utf-8")
    (row,) = csv.DictReader(io.StringIO(answer.get_data(as_text=True)))
    assert row["order_id"] == order
    assert row["tracking_number"] == "'=1+1"
    assert int(row["cents"]) > 0


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("first=2026-11-02&last=2026-11-01", "first"),
        ("first=2025-01-01&last=2026-11-01", "first"),
        ("by=year", "by"),
        ("csv=maybe", "csv"),
    ],
)
def test_a_wrong_period_of_the_ledger_is_invalid(desk: FlaskClient, query: str, field: str) -> None:
    answer = desk.get(f"/postage?{query}")
    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (422, field)


def _day(days: int) -> str:
    return str(datetime.now(UTC).date() + timedelta(days=days))


# --- messages


def talk(shop: RunningFulfillment, order: str, thread_id: str) -> None:
    """A customer's message with a file, as sync-messages stores it."""
    file = {"id": f"f-{thread_id}", "name": "photo.html", "size": 12}
    said = {"body": "Where is it?", "attachments": [file]}
    thread = {"thread_id": thread_id, "order_id": order, "messages": [said]}
    shop.market.control("POST", "threads", {"threads": [thread]})
    shop.fire(MESSAGES)


def reply(
    desk: FlaskClient, thread_id: str, ident: str, body: str = "On its way.", **more: object
) -> TestResponse:
    return desk.post(
        f"/threads/{thread_id}/reply", json={"reply_id": ident, "body": body, "by": "marie"} | more
    )


def test_messages_are_listed_by_order(shop: RunningFulfillment, desk: FlaskClient) -> None:
    one, other = shop.accepted(2)
    talk(shop, one, "T-1")
    talk(shop, other, "T-2")
    (thread,) = desk.get(f"/threads?order={one}").get_json()["threads"]
    assert (thread["thread_id"], thread["order_ids"]) == ("T-1", [one])
    assert [message["body_text"] for message in thread["messages"]] == ["Where is it?"]
    assert len(desk.get("/threads").get_json()["threads"]) == 2
    assert len(desk.get("/threads?limit=1").get_json()["threads"]) == 1
    assert desk.get("/threads?order=nobody").get_json() == {"threads": []}


def test_a_reply_is_written_once_whatever_is_repeated(shop: RunningFulfillment, desk: FlaskClient) -> None:
    (order,) = shop.accepted()
    talk(shop, order, "T-1")
    ident = str(uuid4())
    first, second = reply(desk, "T-1", ident), reply(desk, "T-1", ident)
    assert (first.status_code, first.get_json()) == (200, second.get_json())
    assert shop.rows("select body, written_by from replies") == [("On its way.", "marie")]
    another = reply(desk, "T-1", ident, "It is lost.")
    assert (another.status_code, another.get_json()["code"]) == (409, "conflict")
    assert reply(desk, "T-1", ident, to=["OPERATOR"]).status_code == 409
    shop.fire(MESSAGES)
    (thread,) = desk.get("/threads").get_json()["threads"]
    (written,) = thread["replies"]
    assert written["sent_at"] is not None
    assert reply(desk, "T-1", ident).get_json()["message_id"] == written["message_id"]


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"reply_id": "1"}, "reply_id"),
        ({"body": " a "}, "body"),
        ({"body": "x" * 50_001}, "body"),
        ({"to": []}, "to"),
        ({"to": ["EVERYBODY"]}, "to.0"),
        ({"by": ""}, "by"),
    ],
)
def test_a_wrong_reply_is_invalid(desk: FlaskClient, more: Json, field: str) -> None:
    answer = reply(desk, "T-1", str(uuid4()), **more)
    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (422, field)


def to_buyer(
    desk: FlaskClient, order: str, ident: str, topic: str = "Your order", body: str = "On its way."
) -> TestResponse:
    return desk.post(
        f"/orders/{order}/message", json={"reply_id": ident, "topic": topic, "body": body, "by": "marie"}
    )


def test_a_message_to_a_buyer_is_written_once_and_opens_a_thread(
    shop: RunningFulfillment, desk: FlaskClient
) -> None:
    (order,) = shop.accepted()
    ident = str(uuid4())
    first, second = to_buyer(desk, order, ident), to_buyer(desk, order, ident)
    assert (first.status_code, first.get_json()) == (200, second.get_json())
    another = to_buyer(desk, order, ident, "Another topic")
    assert (another.status_code, another.get_json()["code"]) == (409, "conflict")
    assert reply(desk, "T-1", ident).status_code == 404
    for _ in range(2):
        shop.fire(MESSAGES)
    (thread,) = desk.get(f"/threads?order={order}").get_json()["threads"]
    assert (thread["topic"], [each["reply_id"] for each in thread["replies"]]) == ("Your order", [ident])
    assert [message["body_text"] for message in thread["messages"]] == ["On its way."]


@pytest.mark.parametrize(
    ("topic", "body", "field"), [(" ", "Hello", "topic"), ("x" * 201, "Hello", "topic"), ("x", "ab", "body")]
)
def test_a_wrong_message_to_a_buyer_is_invalid(desk: FlaskClient, topic: str, body: str, field: str) -> None:
    answer = to_buyer(desk, "A", str(uuid4()), topic, body)
    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (422, field)


@pytest.mark.parametrize("name", ["nobody", "%00", "x" * 201])
def test_nobody_is_written_to_about_an_unknown_order(desk: FlaskClient, name: str) -> None:
    assert to_buyer(desk, name, str(uuid4())).status_code == 404


@pytest.mark.parametrize("name", ["nobody", "%00", "x" * 201])
def test_an_unknown_thread_or_file_is_not_found(desk: FlaskClient, name: str) -> None:
    assert reply(desk, name, str(uuid4())).status_code == 404
    assert desk.get(f"/files/{name}").status_code == 404


def test_a_customers_file_is_saved_and_never_shown(shop: RunningFulfillment, desk: FlaskClient) -> None:
    (order,) = shop.accepted()
    talk(shop, order, "T-1")
    (thread,) = desk.get("/threads").get_json()["threads"]
    (file,) = thread["messages"][0]["files"]
    assert (file["name"], file["problem"]) == ("photo.html", None)
    answer = desk.get(f"/files/{file['attachment_id']}")
    assert_a_file(answer, "photo.html", "application/octet-stream")
    assert answer.data


def test_a_file_that_is_not_fetched_yet_is_not_found(shop: RunningFulfillment, desk: FlaskClient) -> None:
    (order,) = shop.accepted()
    talk(shop, order, "T-1")
    shop.rows("update message_files set path = null where true returning attachment_id")
    answer = desk.get("/files/f-T-1")
    assert (answer.status_code, answer.get_json()["detail"]) == (404, "the file is not fetched yet")
