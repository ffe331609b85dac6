"""The deployed `workflow` on a real database and the vendors' sandboxes: the board, and the second person's word."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from pypdf import PdfReader

from cli.answers import parsed
from cli.order_answers import Board, OrderStatus
from tests.orders_support import LABEL, RunningFulfillment

Json = dict[str, Any]
ABROAD = {"country_iso_code": "USA", "zip_code": "90210"}


def test_the_board_tells_what_needs_a_person_and_when_the_system_acts(
    shop: RunningFulfillment, desk: FlaskClient
) -> None:
    (bad,) = shop.accepted(address=ABROAD)
    shop.fire(LABEL)
    (good,) = shop.accepted()
    answer = desk.get("/orders/board")
    assert answer.status_code == 200, answer.get_json()
    board = answer.get_json()
    parsed(Board, board)
    first, second = board["orders"]
    assert (first["order_id"], second["order_id"], board["total"]) == (bad, good, 2)
    assert (first["turn"], "retry" in first["actions"]) == (None, False)
    assert first["reasons"][0]["actions"] == ["address", "parcels"]
    at = datetime.fromisoformat(second["turn"]["at"])
    assert (second["turn"]["stage"], at > datetime.now(UTC) - timedelta(minutes=1)) == ("create-labels", True)
    assert at.minute % 15 == 3


def test_the_board_is_read_page_by_page(shop: RunningFulfillment, desk: FlaskClient) -> None:
    orders = {*shop.accepted(2, address=ABROAD)}
    shop.fire(LABEL)
    orders |= {*shop.accepted(3)}
    seen: list[str] = []
    query: Json = {"limit": 2}
    while True:
        page = desk.get("/orders/board", query_string=query).get_json()
        seen += [each["order_id"] for each in page["orders"]]
        if page["next"] is None:
            break
        query["after"] = page["next"]
    assert (set(seen), len(seen)) == (orders, 5)


@pytest.mark.parametrize("after", ["", "x", "!", "!infinity", "?infinity A", ".tomorrow A"])
def test_a_text_that_is_no_place_on_the_board_is_invalid(desk: FlaskClient, after: str) -> None:
    answer = desk.get("/orders/board", query_string={"after": after})
    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (422, "after")


def test_an_order_s_page_answers_all_that_its_reader_needs(
    shop: RunningFulfillment, desk: FlaskClient
) -> None:
    (order,) = shop.accepted()
    shop.fire(LABEL)
    answer = desk.get(f"/orders/{order}")
    page = answer.get_json()
    parsed(OrderStatus, page)
    (label,) = page["shipments"]
    assert (label["currency"], label["undo_state"], label["label_path"] is not None) == ("CAD", None, True)
    assert page["postage"]["bought_cents"] == round(label["price"] * 100) > 0
    assert page["turn"]["stage"] == "update-tracking"
    assert [(step["what"], step["person"]) for step in page["path"]][-1] == ("label_created", False)


def test_an_undo_for_much_money_is_sent_after_a_second_person_s_word_alone(
    shop: RunningFulfillment, desk: FlaskClient
) -> None:
    (order,) = shop.accepted()
    shop.fire(LABEL)
    desk.post(f"/orders/{order}/relabel", json={"by": "ana", "note": "heavier"})
    shop.fire(LABEL)
    shop.rows("update shipments set price = 60 where undo is not null returning id")
    asked = desk.post(f"/orders/{order}/undo", json={"by": "ana", "note": "heavier"})
    assert asked.status_code == 200
    assert asked.get_json()["reasons"][0]["what"] == "undo not approved"
    shop.fire(LABEL)
    assert undo_states(desk, order) == ["waits_for_approval", None]
    own = desk.post(f"/orders/{order}/undo/approve", json={"by": "ANA", "note": "fine"})
    assert (own.status_code, "another person must approve it" in own.get_json()["detail"]) == (409, True)
    assert desk.post(f"/orders/{order}/undo/approve", json={"by": "ben", "note": "fine"}).status_code == 200
    shop.fire(LABEL)
    assert undo_states(desk, order)[0] in ("sent", "voided", "refunded")
    late = desk.post(f"/orders/{order}/undo/decline", json={"by": "cleo", "note": "no"})
    assert late.status_code == 409


def undo_states(desk: FlaskClient, order: str) -> list[str | None]:
    return [each["undo_state"] for each in desk.get(f"/orders/{order}").get_json()["shipments"]]


def test_twenty_five_chosen_labels_are_one_file(shop: RunningFulfillment, desk: FlaskClient) -> None:
    orders = shop.accepted(26)
    shop.fire(LABEL)
    answer = desk.get("/labels", query_string={"orders": ",".join(orders[:25])})
    assert answer.status_code == 200
    assert len(PdfReader(io.BytesIO(answer.data)).pages) == 25


def test_a_stage_says_why_it_skips_an_order(shop: RunningFulfillment) -> None:
    (order,) = shop.accepted()
    shop.market.control("POST", f"orders/{order}/cancel")
    answer = shop.fire(LABEL)
    assert answer["skipped_because"] == {
        "it is CANCELED at the marketplace, not yet or no longer to be shipped": 1
    }
