"""Something happens to an order between the stage's look at it and what the stage does."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from shared.errors import StoreRefused
from shared.fulfillment.label import CALL_WITHIN, SETTLING
from shared.fulfillment.orders import Move, OrderState, ShipmentFacts
from shared.fulfillment.ports import Bought, LabelRequest, NotSent, Refused, Unclear
from shared.fulfillment.sequence import LEASE
from tests.canada_post_support import SHIPMENTS
from tests.orders_support import LABEL, OrderLine

Purchase = Bought | Refused | Unclear | NotSent


def before_the_first_purchase(line: OrderLine, happens: Callable[[], object]) -> None:
    """The carrier is the real client; something else happens just before it is called once."""
    usual = line.carrier.buy

    def buy(request: LabelRequest) -> Purchase:
        line.carrier.buy = usual  # type: ignore[method-assign]  # a hook, taken out again
        happens()
        return usual(request)

    line.carrier.buy = buy  # type: ignore[method-assign]  # the same


def move(line: OrderLine, order: str, from_state: OrderState, to_state: OrderState) -> None:
    line.store.move_orders([Move(order, from_state, to_state, "by somebody else")], "elsewhere")


def test_an_order_cancelled_while_another_is_bought_gets_no_label(order_line: OrderLine) -> None:
    first, second = order_line.accepted(2)
    before_the_first_purchase(
        order_line, lambda: move(order_line, second, OrderState.ACCEPTED, OrderState.CANCELLED)
    )
    answer = order_line.fire(LABEL)
    assert (answer["done"], answer["skipped"]) == (1, 1)
    assert (order_line.sold(first), order_line.sold(second)) == (1, 0)


def test_an_order_cancelled_before_its_second_try_gets_no_label(order_line: OrderLine) -> None:
    first, second = order_line.accepted(2)
    fault = {"kind": "rate_limited", "path": SHIPMENTS["json"], "method": "POST"}
    order_line.disturb("post", fault)
    order_line.fire(LABEL)
    assert order_line.told(first)["shipment"]["called_at"] is None
    order_line.fire(LABEL)
    order_line.disturb("post")
    before_the_first_purchase(
        order_line, lambda: move(order_line, second, OrderState.ACCEPTED, OrderState.CANCELLED)
    )
    order_line.fire(LABEL)
    assert (order_line.sold(first), order_line.sold(second)) == (1, 0)
    assert order_line.state(second) == "cancelled"


def test_an_order_cancelled_while_its_own_label_is_bought_leaves_the_undo_call(order_line: OrderLine) -> None:
    (order,) = order_line.accepted()
    before_the_first_purchase(
        order_line, lambda: move(order_line, order, OrderState.ACCEPTED, OrderState.CANCELLED)
    )
    answer = order_line.fire(LABEL)
    assert "cancelled after its label was bought" in answer["errors"][0]["message"]
    told = order_line.told(order)
    assert (told["state"], told["attention"], told["shipment"]["state"]) == ("cancelled", True, "undo_due")
    assert order_line.assert_balanced()["labels"]["sold"] == 1


@pytest.mark.parametrize("slept", [CALL_WITHIN, SETTLING + LEASE])
def test_a_process_that_slept_between_its_intent_and_its_call_does_not_call(
    order_line: OrderLine, slept: timedelta
) -> None:
    """The carrier sells a repeated request again, and by then another run may have bought the label."""
    (order,) = order_line.accepted()
    usual = order_line.store.open_shipment

    def open_and_sleep(*order: Any, **terms: Any) -> tuple[ShipmentFacts, bool]:  # noqa: ANN401  # the store's own
        order_line.store.open_shipment = usual  # type: ignore[method-assign]  # a hook, taken out again
        opened = usual(*order, **terms)
        order_line.advance(slept.total_seconds())
        order_line.fire(LABEL)
        return opened

    order_line.store.open_shipment = open_and_sleep  # type: ignore[method-assign]  # the same
    answer = order_line.fire(LABEL)
    assert (answer["left"], answer.get("bought", 0)) == (1, 0)
    order_line.cycle_until_settled(order)
    order_line.assert_shipped_with_one_label(order)


def test_an_unknown_label_is_not_bought_again_while_the_marketplace_does_not_show_its_order(
    order_line: OrderLine,
) -> None:
    (order,) = order_line.accepted()
    path = SHIPMENTS["json"]
    order_line.disturb("post", {"kind": "error_before", "status": 503, "path": path, "method": "POST"})
    order_line.fire(LABEL)
    order_line.disturb("post")
    order_line.market.control("PUT", f"orders/{order}/overrides", {"overrides": {"order_lines": "none"}})
    order_line.advance(1200)
    order_line.fire(LABEL)
    assert (order_line.state(order), order_line.sold(order)) == ("label_unknown", 0)

    order_line.market.control("PUT", f"orders/{order}/overrides", {"overrides": {}})
    order_line.cycle_until_settled(order)
    order_line.assert_shipped_with_one_label(order)


def test_a_label_that_the_shelf_refuses_keeps_no_other_waiting(order_line: OrderLine) -> None:
    orders = order_line.accepted(3)
    order_line.disturb("rest", {"kind": "error_before", "status": 400, "path": "/storage/v1", "times": 1})
    answer = order_line.fire(LABEL)
    assert (answer["done"], answer["failed"]) == (2, 1)
    assert answer["errors"] == [
        {"order_id": orders[0], "message": "the store refused what was to be kept; the log says why"}
    ]
    order_line.cycle_until_settled(*orders)
    order_line.assert_shipped_with_one_label(*orders)


def test_a_label_that_the_shelf_refuses_in_a_later_round_keeps_no_other_waiting(
    order_line: OrderLine,
) -> None:
    order_line.post.behave(pending_labels=1)
    orders = order_line.accepted(3)
    order_line.disturb("rest", {"kind": "error_before", "status": 400, "path": "/storage/v1", "times": 1})
    answer = order_line.fire(LABEL)
    assert (answer["done"], answer["failed"], answer["label_pending"]) == (2, 1, 0)
    order_line.cycle_until_settled(*orders)
    order_line.assert_shipped_with_one_label(*orders)


def test_a_limit_bounds_the_pdfs_that_are_asked_for_again(order_line: OrderLine) -> None:
    order_line.post.behave(pending_labels=1)
    order_line.accepted(5)
    assert order_line.fire(LABEL, limit=2)["done"] == 2
    order_line.post.behave(pending_labels=1000)
    answer = order_line.fire(LABEL, limit=3)
    assert (answer["done"], answer["left"], answer["label_pending"]) == (0, 3, 3)


def test_what_the_store_refuses_of_an_ended_order_keeps_no_other_waiting(order_line: OrderLine) -> None:
    ended, other = order_line.accepted(2)
    path = SHIPMENTS["json"]
    order_line.disturb("post", {"kind": "lost_answer", "path": path, "method": "POST", "times": 1})
    order_line.fire(LABEL)
    move(order_line, ended, OrderState.LABEL_UNKNOWN, OrderState.CANCELLED)
    usual = order_line.store.note_label_bought

    def refuse(*_arguments: object) -> str:
        raise StoreRefused("note_label_bought: 22P05: unsupported")

    order_line.store.note_label_bought = refuse  # type: ignore[method-assign, assignment]  # what no carrier sends us
    answer = order_line.fire(LABEL)
    assert [error["order_id"] for error in answer["errors"]] == [ended]
    order_line.store.note_label_bought = usual  # type: ignore[method-assign]  # the hook taken out again
    order_line.fire(LABEL)
    assert order_line.told(ended)["shipment"]["state"] == "undo_due"
    assert order_line.state(other) == "label_created"
