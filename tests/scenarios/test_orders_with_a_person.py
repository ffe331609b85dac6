"""What the line cannot finish is with a person, with the reason, and goes on when the person says so."""

import pytest

from tests.canada_post_support import BACKENDS, SHIPMENTS, label_request
from tests.orders_support import LABEL, TRACK, OrderLine


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def assert_with_a_person(line: OrderLine, order: str, state: str, reason: str) -> None:
    told = line.told(order)
    assert (told["state"], told["attention"]) == (state, True)
    assert reason in told["reason"]
    assert line.assert_balanced()["with_a_person"] == 1


def test_an_order_that_the_marketplace_does_not_let_us_accept(order_line: OrderLine) -> None:
    (order,) = order_line.waiting()
    fault = {"kind": "error_before", "status": 400, "path": f"/api/orders/{order}/accept"}
    order_line.disturb("market", fault)
    answers = order_line.cycle()
    assert_with_a_person(order_line, order, "acceptance_failed", "refused: ")
    assert answers["accept-orders"]["errors"][0]["order_id"] == order
    order_line.cycle()
    assert (order_line.struck("market"), order_line.sold(order)) == (1, 0)

    order_line.disturb("market")
    order_line.store.retry_order(order, "the marketplace has mended it")
    order_line.cycle_until_settled(order)
    order_line.assert_shipped_with_one_label(order)


def test_an_order_that_the_carrier_refuses(order_line: OrderLine) -> None:
    (order,) = order_line.accepted()
    path = SHIPMENTS[order_line.backend]
    order_line.disturb("post", {"kind": "error_before", "status": 400, "path": path, "method": "POST"})
    order_line.fire(LABEL)
    order_line.fire(LABEL)
    assert_with_a_person(order_line, order, "label_failed", "9111")
    assert order_line.struck("post") == 1

    order_line.disturb("post")
    order_line.store.retry_order(order, "the account is mended")
    order_line.cycle_until_settled(order)
    order_line.assert_shipped_with_one_label(order)
    assert order_line.told(order)["shipment"]["request_id"] == f"{order}-2"


@pytest.mark.parametrize("action", ["tracking", "ship"])
def test_an_order_whose_shipping_the_marketplace_refuses(order_line: OrderLine, action: str) -> None:
    (order,) = order_line.labelled()
    fault = {"kind": "error_before", "status": 400, "path": f"/api/orders/{order}/{action}"}
    order_line.disturb("market", fault)
    order_line.fire(TRACK)
    assert_with_a_person(order_line, order, "tracking_failed", "refused: ")

    order_line.disturb("market")
    order_line.store.retry_order(order, "the carrier's code is mended")
    order_line.cycle_until_settled(order)
    order_line.assert_shipped_with_one_label(order)


def test_a_label_that_the_carrier_has_suspended(order_line: OrderLine) -> None:
    order_line.post.behave(suspend=1)
    (order,) = order_line.accepted()
    order_line.fire(LABEL)
    order_line.fire(LABEL)
    assert_with_a_person(order_line, order, "accepted", "no label that can be used")
    assert order_line.sold(order) == 1


def test_a_label_sold_twice_by_a_carrier_that_was_called_by_hand(order_line: OrderLine) -> None:
    """Somebody bought it again on the carrier's site while we did not know what we had."""
    (order,) = order_line.accepted()
    path = SHIPMENTS[order_line.backend]
    order_line.disturb("post", {"kind": "lost_answer", "path": path, "method": "POST"})
    order_line.fire(LABEL)
    order_line.disturb("post")
    order_line.carrier.buy(label_request(f"{order}-1", reference=order))
    order_line.advance(60)
    order_line.fire(LABEL)
    told = order_line.told(order)
    assert (told["state"], told["attention"], len(told["shipment"]["also_sold"])) == (
        "label_created",
        True,
        1,
    )
    assert order_line.assert_balanced()["labels"]["sold_twice"] == 1


def test_a_purchase_whose_outcome_stays_unknown(order_line: OrderLine) -> None:
    (order,) = order_line.accepted()
    path = SHIPMENTS[order_line.backend]
    order_line.disturb(
        "post",
        {"kind": "lost_answer", "path": path, "method": "POST"},
        {"kind": "error_before", "status": 503, "path": path, "method": "GET"},
    )
    cycles = 0
    while not order_line.is_with_a_person(order):
        order_line.cycle()
        cycles += 1
    assert cycles == 8
    assert_with_a_person(order_line, order, "label_unknown", "503")

    order_line.disturb("post")
    order_line.cycle()
    order_line.assert_shipped_with_one_label(order)


def test_a_paid_label_whose_pdf_is_not_made_within_two_hours(order_line: OrderLine) -> None:
    order_line.post.behave(pending_labels=1000)
    (order,) = order_line.accepted()
    order_line.fire(LABEL)
    assert not order_line.is_with_a_person(order)
    order_line.advance(2 * 3600)
    order_line.fire(LABEL)
    assert_with_a_person(order_line, order, "accepted", "no PDF yet")

    order_line.post.behave(pending_labels=0)
    order_line.cycle()
    order_line.assert_shipped_with_one_label(order)
