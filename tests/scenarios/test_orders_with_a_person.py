"""An order that fulfillment cannot finish goes to a person with the reason, and continues after a retry."""

import pytest

from tests.canada_post_support import BACKENDS, SHIPMENTS, label_request
from tests.orders_support import CYCLE, LABEL, TRACK, RunningFulfillment


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def assert_with_a_person(fulfillment: RunningFulfillment, order: str, state: str, reason: str) -> None:
    status = fulfillment.status(order)
    assert (status["state"], status["attention"]) == (state, True)
    assert any(reason in each["reason"] for each in status["reasons"]), status["reasons"]
    assert fulfillment.assert_balanced()["with_a_person"] == 1


def test_an_order_that_the_marketplace_does_not_let_us_accept(fulfillment: RunningFulfillment) -> None:
    (order,) = fulfillment.waiting()
    fault = {"kind": "error_before", "status": 400, "path": f"/api/orders/{order}/accept"}
    fulfillment.disturb("market", fault)
    answers = fulfillment.cycle()
    assert_with_a_person(fulfillment, order, "acceptance_failed", "refused: ")
    assert answers["accept-orders"]["errors"][0]["order_id"] == order
    fulfillment.cycle()
    assert (fulfillment.struck("market"), fulfillment.sold(order)) == (1, 0)

    fulfillment.disturb("market")
    fulfillment.store.retry_order(order, "ana", "the marketplace has mended it")
    fulfillment.cycle_until_settled(order)
    fulfillment.assert_shipped_with_one_label(order)


def test_an_order_that_the_carrier_refuses(fulfillment: RunningFulfillment) -> None:
    (order,) = fulfillment.accepted()
    path = SHIPMENTS[fulfillment.backend]
    fulfillment.disturb("post", {"kind": "error_before", "status": 400, "path": path, "method": "POST"})
    fulfillment.fire(LABEL)
    fulfillment.fire(LABEL)
    assert_with_a_person(fulfillment, order, "label_failed", "9111")
    assert fulfillment.struck("post") == 1

    fulfillment.disturb("post")
    fulfillment.store.retry_order(order, "ana", "the account is mended")
    fulfillment.cycle_until_settled(order)
    fulfillment.assert_shipped_with_one_label(order)
    assert fulfillment.status(order)["shipment"]["request_id"] == f"{order}-2"


@pytest.mark.parametrize("action", ["tracking", "ship"])
def test_an_order_whose_shipping_the_marketplace_refuses(
    fulfillment: RunningFulfillment, action: str
) -> None:
    (order,) = fulfillment.labelled()
    fault = {"kind": "error_before", "status": 400, "path": f"/api/orders/{order}/{action}"}
    fulfillment.disturb("market", fault)
    fulfillment.fire(TRACK)
    assert_with_a_person(fulfillment, order, "tracking_failed", "refused: ")

    fulfillment.disturb("market")
    fulfillment.store.retry_order(order, "ana", "the carrier's code is mended")
    fulfillment.cycle_until_settled(order)
    fulfillment.assert_shipped_with_one_label(order)


def test_a_label_that_the_carrier_has_suspended(fulfillment: RunningFulfillment) -> None:
    fulfillment.post.behave(suspend=1)
    (order,) = fulfillment.accepted()
    fulfillment.fire(LABEL)
    fulfillment.fire(LABEL)
    assert_with_a_person(fulfillment, order, "accepted", "no label that can be used")
    assert fulfillment.sold(order) == 1


def test_a_label_sold_twice_by_a_carrier_that_was_called_by_hand(fulfillment: RunningFulfillment) -> None:
    """A person bought it again on the carrier's site while our outcome was unknown."""
    (order,) = fulfillment.accepted()
    path = SHIPMENTS[fulfillment.backend]
    fulfillment.disturb("post", {"kind": "lost_answer", "path": path, "method": "POST"})
    fulfillment.fire(LABEL)
    fulfillment.disturb("post")
    fulfillment.carrier.buy(label_request(f"{order}-1", reference=order), fulfillment.clock.now + CYCLE)
    fulfillment.advance(60)
    fulfillment.fire(LABEL)
    status = fulfillment.status(order)
    assert (status["state"], status["attention"], len(status["shipment"]["also_sold"])) == (
        "label_created",
        True,
        1,
    )
    assert fulfillment.assert_balanced()["labels"]["sold_twice"] == 1


def test_a_purchase_whose_outcome_stays_unknown(fulfillment: RunningFulfillment) -> None:
    (order,) = fulfillment.accepted()
    path = SHIPMENTS[fulfillment.backend]
    fulfillment.disturb("post", {"kind": "lost_answer", "path": path, "method": "POST"})
    fulfillment.fire(LABEL)
    fulfillment.disturb("post", {"kind": "error_before", "status": 503, "path": path, "method": "GET"})
    cycles = 0
    while not fulfillment.is_with_a_person(order):
        fulfillment.cycle()
        cycles += 1
    assert cycles == 8
    assert_with_a_person(fulfillment, order, "label_unknown", "does not say whether it sold")

    fulfillment.disturb("post")
    fulfillment.cycle()
    fulfillment.assert_shipped_with_one_label(order)


def test_a_paid_label_whose_pdf_is_not_made_within_two_hours(fulfillment: RunningFulfillment) -> None:
    fulfillment.post.behave(pending_labels=1000)
    (order,) = fulfillment.accepted()
    fulfillment.fire(LABEL)
    assert not fulfillment.is_with_a_person(order)
    fulfillment.advance(2 * 3600)
    fulfillment.fire(LABEL)
    assert_with_a_person(fulfillment, order, "accepted", "no PDF")

    fulfillment.post.behave(pending_labels=0)
    fulfillment.cycle()
    fulfillment.assert_shipped_with_one_label(order)
