"""An order changes between the stage's reading and its action."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.errors import StoreRefused
from shared.fulfillment.carrier import Bought, LabelRequest
from shared.fulfillment.label import CALL_WITHIN, SETTLING, LabelPurchase
from shared.fulfillment.orders import Move, OrderState, ShipmentFacts
from shared.fulfillment.ports import NotSent, Refused, Unclear
from shared.fulfillment.sequence import LEASE, StageRun
from shared.fulfillment.shelving import Shelving
from tests.canada_post_support import SHIPMENTS
from tests.orders_support import LABEL, RunningFulfillment

A_SECOND = timedelta(seconds=1)
Purchase = Bought | Refused | Unclear | NotSent


def before_the_first_purchase(fulfillment: RunningFulfillment, happens: Callable[[], object]) -> None:
    """Calls `happens` once, just before the real client's first purchase."""
    usual = fulfillment.carrier.buy

    def buy(request: LabelRequest, not_after: datetime) -> Purchase:
        fulfillment.carrier.buy = usual  # type: ignore[method-assign]  # a hook, taken out again
        happens()
        return usual(request, not_after)

    fulfillment.carrier.buy = buy  # type: ignore[method-assign]  # the same


def move(fulfillment: RunningFulfillment, order: str, from_state: OrderState, to_state: OrderState) -> None:
    fulfillment.store.move_orders([Move(order, from_state, to_state, "by somebody else")], "elsewhere")


def test_an_order_cancelled_while_another_is_bought_gets_no_label(fulfillment: RunningFulfillment) -> None:
    first, second = fulfillment.accepted(2)
    before_the_first_purchase(
        fulfillment, lambda: move(fulfillment, second, OrderState.ACCEPTED, OrderState.CANCELLED)
    )
    answer = fulfillment.fire(LABEL)
    assert (answer["done"], answer["skipped"]) == (1, 1)
    assert (fulfillment.sold(first), fulfillment.sold(second)) == (1, 0)


def test_an_order_cancelled_before_its_second_try_gets_no_label(fulfillment: RunningFulfillment) -> None:
    first, second = fulfillment.accepted(2)
    fault = {"kind": "rate_limited", "path": SHIPMENTS["json"], "method": "POST"}
    fulfillment.disturb("post", fault)
    fulfillment.fire(LABEL)
    assert fulfillment.status(first)["shipment"]["called_at"] is None
    fulfillment.fire(LABEL)
    fulfillment.disturb("post")
    before_the_first_purchase(
        fulfillment, lambda: move(fulfillment, second, OrderState.ACCEPTED, OrderState.CANCELLED)
    )
    fulfillment.fire(LABEL)
    assert (fulfillment.sold(first), fulfillment.sold(second)) == (1, 0)
    assert fulfillment.state(second) == "cancelled"


def test_an_order_cancelled_while_its_own_label_is_bought_leaves_the_undo_call(
    fulfillment: RunningFulfillment,
) -> None:
    (order,) = fulfillment.accepted()
    before_the_first_purchase(
        fulfillment, lambda: move(fulfillment, order, OrderState.ACCEPTED, OrderState.CANCELLED)
    )
    answer = fulfillment.fire(LABEL)
    assert "cancelled after its label was bought" in answer["errors"][0]["message"]
    status = fulfillment.status(order)
    assert (status["state"], status["attention"], status["shipment"]["state"]) == (
        "cancelled",
        True,
        "undo_due",
    )
    assert fulfillment.assert_balanced()["labels"]["sold"] == 1


@pytest.mark.parametrize(
    ("slept", "left", "adopted"), [(CALL_WITHIN + A_SECOND, 1, 0), (SETTLING + LEASE, 0, 1)]
)
def test_a_process_that_slept_between_its_intent_and_its_call_does_not_call(
    fulfillment: RunningFulfillment, slept: timedelta, left: int, adopted: int
) -> None:
    """The carrier sells a repeated request again, and by then another run may have bought the label."""
    (order,) = fulfillment.accepted()
    usual = fulfillment.store.open_shipment

    def open_and_sleep(*order: Any, **terms: Any) -> tuple[ShipmentFacts, bool]:  # noqa: ANN401  # the store's own
        fulfillment.store.open_shipment = usual  # type: ignore[method-assign]  # a hook, taken out again
        opened = usual(*order, **terms)
        fulfillment.advance(slept.total_seconds())
        fulfillment.fire(LABEL)
        return opened

    fulfillment.store.open_shipment = open_and_sleep  # type: ignore[method-assign]  # the same
    answer = fulfillment.fire(LABEL)
    assert (answer["left"], answer.get("adopted", 0)) == (left, adopted)
    fulfillment.cycle_until_settled(order)
    fulfillment.assert_shipped_with_one_label(order)


def test_an_unknown_label_is_not_bought_again_while_the_marketplace_does_not_show_its_order(
    fulfillment: RunningFulfillment,
) -> None:
    (order,) = fulfillment.accepted()
    path = SHIPMENTS["json"]
    fulfillment.disturb("post", {"kind": "error_before", "status": 503, "path": path, "method": "POST"})
    fulfillment.fire(LABEL)
    fulfillment.disturb("post")
    fulfillment.market.control("PUT", f"orders/{order}/overrides", {"overrides": {"order_lines": "none"}})
    fulfillment.advance(1200)
    fulfillment.fire(LABEL)
    assert (fulfillment.state(order), fulfillment.sold(order)) == ("label_unknown", 0)

    fulfillment.market.control("PUT", f"orders/{order}/overrides", {"overrides": {}})
    fulfillment.cycle_until_settled(order)
    fulfillment.assert_shipped_with_one_label(order)


def test_a_label_that_the_shelf_refuses_keeps_no_other_waiting(fulfillment: RunningFulfillment) -> None:
    orders = fulfillment.accepted(3)
    fulfillment.disturb("rest", {"kind": "error_before", "status": 400, "path": "/storage/v1", "times": 1})
    answer = fulfillment.fire(LABEL)
    assert (answer["done"], answer["failed"]) == (2, 1)
    assert answer["errors"] == [
        {"order_id": orders[0], "message": "the store refused the result; the log says why"}
    ]
    fulfillment.cycle_until_settled(*orders)
    fulfillment.assert_shipped_with_one_label(*orders)


def test_a_label_that_the_shelf_refuses_in_a_later_round_keeps_no_other_waiting(
    fulfillment: RunningFulfillment,
) -> None:
    fulfillment.post.behave(pending_labels=1)
    orders = fulfillment.accepted(3)
    fulfillment.disturb("rest", {"kind": "error_before", "status": 400, "path": "/storage/v1", "times": 1})
    answer = fulfillment.fire(LABEL)
    assert (answer["done"], answer["failed"], answer["label_pending"]) == (2, 1, 0)
    fulfillment.cycle_until_settled(*orders)
    fulfillment.assert_shipped_with_one_label(*orders)


def test_a_limit_bounds_the_pdfs_that_are_asked_for_again(fulfillment: RunningFulfillment) -> None:
    fulfillment.post.behave(pending_labels=1)
    fulfillment.accepted(5)
    assert fulfillment.fire(LABEL, limit=2)["done"] == 2
    fulfillment.post.behave(pending_labels=1000)
    answer = fulfillment.fire(LABEL, limit=3)
    assert (answer["done"], answer["left"], answer["label_pending"]) == (0, 3, 3)


def test_an_ended_order_that_the_store_refuses_delays_no_other(
    fulfillment: RunningFulfillment,
) -> None:
    ended, other = fulfillment.accepted(2)
    path = SHIPMENTS["json"]
    fulfillment.disturb("post", {"kind": "lost_answer", "path": path, "method": "POST", "times": 1})
    fulfillment.fire(LABEL)
    move(fulfillment, ended, OrderState.LABEL_UNKNOWN, OrderState.CANCELLED)
    usual = fulfillment.store.note_label_bought

    def refuse(*_arguments: object) -> str:
        raise StoreRefused("note_label_bought: 22P05: unsupported")

    fulfillment.store.note_label_bought = refuse  # type: ignore[method-assign, assignment]  # what no carrier sends us
    answer = fulfillment.fire(LABEL)
    assert [error["order_id"] for error in answer["errors"]] == [ended]
    fulfillment.store.note_label_bought = usual  # type: ignore[method-assign]  # the hook taken out again
    fulfillment.fire(LABEL)
    assert fulfillment.status(ended)["shipment"]["state"] == "undo_due"
    assert fulfillment.state(other) == "label_created"


@pytest.mark.parametrize("seed", [1, 2])
def test_five_workers_without_a_lease_and_with_lost_answers_sell_one_label_each(
    fulfillment: RunningFulfillment, seed: int
) -> None:
    """The lease is bypassed, and three of ten answers of the carrier are lost, to purchases and look-ups."""
    orders = fulfillment.accepted(25)
    fulfillment.post.behave(duplicates="sell")
    fulfillment.disturb(
        "post", {"kind": "lost_answer", "path": SHIPMENTS["json"], "probability": 0.3}, seed=seed
    )

    def work(number: int) -> None:
        run = StageRun(
            stage=LABEL,
            limit=1000,
            deadline=fulfillment.clock.now + timedelta(hours=1),
            clock=fulfillment.clock,
            renew=lambda: True,
            renew_at=fulfillment.clock.now + timedelta(hours=1),
            cycle=f"worker-{number}",
            pause=lambda _seconds: None,
        )
        shelving = Shelving(fulfillment.carriers, fulfillment.store, fulfillment.shelf, lambda _seconds: None)
        LabelPurchase(
            fulfillment.marketplace,
            fulfillment.carriers,
            fulfillment.store,
            shelving,
            fulfillment.terms,
            fulfillment.clock,
            lambda _seconds: None,
        )(run)

    for _ in range(4):
        with ThreadPoolExecutor(5) as pool:
            list(pool.map(work, range(5)))
        fulfillment.advance(900)
    assert fulfillment.struck("post") > 10
    assert fulfillment.post.books()["sold_twice"] == []
    fulfillment.disturb("post")
    fulfillment.cycle_until_settled(*orders)
    fulfillment.assert_shipped_with_one_label(*orders)
    assert fulfillment.look_outside()["verdict"] == "balanced"
