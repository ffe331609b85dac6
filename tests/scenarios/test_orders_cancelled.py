import pytest

from tests.canada_post_support import BACKENDS, SHIPMENTS
from tests.orders_support import ACCEPT, LABEL, TRACK, RunningFulfillment


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def cancel(fulfillment: RunningFulfillment, order: str) -> None:
    fulfillment.market.control("POST", f"orders/{order}/cancel")


def refuse(fulfillment: RunningFulfillment, order: str) -> None:
    """Cancels as a person does at the marketplace's site."""
    lines = [
        {"id": each.line_id, "accepted": False}
        for each in fulfillment.marketplace.orders([order]).orders[0].lines
    ]
    fulfillment.market.ask("PUT", f"orders/{order}/accept", json={"order_lines": lines}).raise_for_status()


def assert_undo_is_prepared(fulfillment: RunningFulfillment, order: str) -> None:
    """The order is with a person, and the prepared call gives the money back."""
    status = fulfillment.status(order)
    assert (status["state"], status["attention"], status["shipment"]["state"]) == (
        "cancelled",
        True,
        "undo_due",
    )
    assert fulfillment.assert_balanced()["labels"]["undo_due"] == 1
    undo = status["shipment"]["undo"]
    assert undo["method"] == "POST"
    assert undo["url"].endswith("/refund")
    assert undo["url"].startswith(fulfillment.post.url)


def test_an_order_refused_before_we_accept_it_gets_no_label(fulfillment: RunningFulfillment) -> None:
    (order,) = fulfillment.waiting()
    fulfillment.see([order])
    refuse(fulfillment, order)
    fulfillment.cycle()
    fulfillment.cycle()
    assert fulfillment.path(order) == ["pending_acceptance", "refused"]
    assert fulfillment.sold(order) == 0
    fulfillment.assert_balanced()


def test_an_order_not_accepted_within_its_24_hours_is_cancelled(fulfillment: RunningFulfillment) -> None:
    (order,) = fulfillment.waiting()
    fulfillment.disturb("market", {"kind": "error_before", "status": 503, "path": f"/api/orders/{order}"})
    fulfillment.cycle()
    assert fulfillment.state(order) == "pending_acceptance"
    fulfillment.advance(86_400)
    fulfillment.cycle()
    assert fulfillment.path(order) == ["pending_acceptance", "cancelled"]
    assert fulfillment.sold(order) == 0


def test_an_order_cancelled_between_accept_and_label_gets_no_label(fulfillment: RunningFulfillment) -> None:
    cancelled, other = fulfillment.waiting(2)
    fulfillment.fire(ACCEPT)
    fulfillment.advance(60)
    cancel(fulfillment, cancelled)
    fulfillment.fire(LABEL)
    assert (fulfillment.path(cancelled)[-2:], fulfillment.sold(cancelled)) == (["accepted", "cancelled"], 0)
    assert (fulfillment.state(other), fulfillment.sold(other)) == ("label_created", 1)
    assert not fulfillment.is_with_a_person(cancelled)


@pytest.mark.parametrize("stage", [ACCEPT, TRACK])
def test_an_order_cancelled_after_its_label(fulfillment: RunningFulfillment, stage: str) -> None:
    """Any stage can notice it first."""
    (order,) = fulfillment.labelled()
    cancel(fulfillment, order)
    fulfillment.fire(stage)
    fulfillment.fire(LABEL)
    assert_undo_is_prepared(fulfillment, order)
    assert fulfillment.market.state(order) == "CANCELED"


def test_an_order_cancelled_while_its_pdf_is_made(fulfillment: RunningFulfillment) -> None:
    fulfillment.post.behave(pending_labels=1000)
    (order,) = fulfillment.accepted()
    fulfillment.fire(LABEL)
    cancel(fulfillment, order)
    answer = fulfillment.fire(LABEL)
    assert answer["done"] == 0
    assert_undo_is_prepared(fulfillment, order)


def test_an_order_cancelled_while_the_carrier_does_not_say_what_it_sold(
    fulfillment: RunningFulfillment,
) -> None:
    fulfillment.post.behave(visibility_delay=240)
    (order,) = fulfillment.accepted()
    path = SHIPMENTS[fulfillment.backend]
    fulfillment.disturb("post", {"kind": "lost_answer", "path": path, "method": "POST"})
    fulfillment.fire(LABEL)
    cancel(fulfillment, order)
    fulfillment.fire(LABEL)
    assert (fulfillment.state(order), fulfillment.is_with_a_person(order)) == ("cancelled", False)
    fulfillment.advance(600)
    fulfillment.fire(LABEL)
    assert_undo_is_prepared(fulfillment, order)
    assert fulfillment.sold(order) == 1


def test_an_order_cancelled_after_a_failed_purchase_needs_no_person(
    fulfillment: RunningFulfillment,
) -> None:
    (order,) = fulfillment.accepted()
    path = SHIPMENTS[fulfillment.backend]
    fulfillment.disturb("post", {"kind": "error_before", "status": 503, "path": path, "method": "POST"})
    fulfillment.fire(LABEL)
    fulfillment.disturb("post")
    cancel(fulfillment, order)
    for _ in range(2):
        fulfillment.advance(600)
        fulfillment.fire(LABEL)
    status = fulfillment.status(order)
    assert (status["state"], status["attention"], status["shipment"]["state"]) == (
        "cancelled",
        False,
        "failed",
    )
    assert fulfillment.sold(order) == 0
    fulfillment.assert_balanced()


def test_a_person_who_has_undone_a_label_closes_it(fulfillment: RunningFulfillment) -> None:
    (order,) = fulfillment.labelled()
    cancel(fulfillment, order)
    fulfillment.fire(ACCEPT)
    fulfillment.fire(LABEL)
    fulfillment.store.note_undone(order, "refunded", "ana", "refund GT1 asked for")
    sides = fulfillment.assert_balanced()
    assert (sides["labels"]["undo_due"], sides["labels"]["undone"]) == (0, 1)
    assert not fulfillment.is_with_a_person(order)
