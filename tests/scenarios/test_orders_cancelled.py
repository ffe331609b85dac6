import pytest

from tests.canada_post_support import BACKENDS, SHIPMENTS
from tests.orders_support import ACCEPT, LABEL, TRACK, OrderLine


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def cancel(line: OrderLine, order: str) -> None:
    line.market.control("POST", f"orders/{order}/cancel")


def refuse(line: OrderLine, order: str) -> None:
    """As a person does at the marketplace's own site."""
    lines = [
        {"id": each.line_id, "accepted": False} for each in line.marketplace.orders([order]).orders[0].lines
    ]
    line.market.ask("PUT", f"orders/{order}/accept", json={"order_lines": lines}).raise_for_status()


def assert_undo_is_prepared(line: OrderLine, order: str) -> None:
    """The order is with a person, and the prepared call gives the money back."""
    told = line.told(order)
    assert (told["state"], told["attention"], told["shipment"]["state"]) == ("cancelled", True, "undo_due")
    assert line.assert_balanced()["labels"]["undo_due"] == 1
    undo = told["shipment"]["undo"]
    assert undo["method"] == "POST"
    assert undo["url"].endswith("/refund")
    assert undo["url"].startswith(line.post.url)


def test_an_order_refused_before_we_accept_it_gets_no_label(order_line: OrderLine) -> None:
    (order,) = order_line.waiting()
    order_line.see([order])
    refuse(order_line, order)
    order_line.cycle()
    order_line.cycle()
    assert order_line.path(order) == ["pending_acceptance", "refused"]
    assert order_line.sold(order) == 0
    order_line.assert_balanced()


def test_an_order_not_accepted_within_its_24_hours_is_cancelled(order_line: OrderLine) -> None:
    (order,) = order_line.waiting()
    order_line.disturb("market", {"kind": "error_before", "status": 503, "path": f"/api/orders/{order}"})
    order_line.cycle()
    assert order_line.state(order) == "pending_acceptance"
    order_line.advance(86_400)
    order_line.cycle()
    assert order_line.path(order) == ["pending_acceptance", "cancelled"]
    assert order_line.sold(order) == 0


def test_an_order_cancelled_between_accept_and_label_gets_no_label(order_line: OrderLine) -> None:
    cancelled, other = order_line.waiting(2)
    order_line.fire(ACCEPT)
    order_line.advance(60)
    cancel(order_line, cancelled)
    order_line.fire(LABEL)
    assert (order_line.path(cancelled)[-2:], order_line.sold(cancelled)) == (["accepted", "cancelled"], 0)
    assert (order_line.state(other), order_line.sold(other)) == ("label_created", 1)
    assert not order_line.is_with_a_person(cancelled)


@pytest.mark.parametrize("stage", [ACCEPT, TRACK])
def test_an_order_cancelled_after_its_label(order_line: OrderLine, stage: str) -> None:
    """Whichever stage notices it first."""
    (order,) = order_line.labelled()
    cancel(order_line, order)
    order_line.fire(stage)
    order_line.fire(LABEL)
    assert_undo_is_prepared(order_line, order)
    assert order_line.market.state(order) == "CANCELED"


def test_an_order_cancelled_while_its_pdf_is_made(order_line: OrderLine) -> None:
    order_line.post.behave(pending_labels=1000)
    (order,) = order_line.accepted()
    order_line.fire(LABEL)
    cancel(order_line, order)
    answer = order_line.fire(LABEL)
    assert answer["done"] == 0
    assert_undo_is_prepared(order_line, order)


def test_an_order_cancelled_while_the_carrier_does_not_say_what_it_sold(order_line: OrderLine) -> None:
    order_line.post.behave(visibility_delay=240)
    (order,) = order_line.accepted()
    path = SHIPMENTS[order_line.backend]
    order_line.disturb("post", {"kind": "lost_answer", "path": path, "method": "POST"})
    order_line.fire(LABEL)
    cancel(order_line, order)
    order_line.fire(LABEL)
    assert (order_line.state(order), order_line.is_with_a_person(order)) == ("cancelled", False)
    order_line.advance(600)
    order_line.fire(LABEL)
    assert_undo_is_prepared(order_line, order)
    assert order_line.sold(order) == 1


def test_an_order_cancelled_after_a_purchase_that_came_to_nothing_needs_nobody(order_line: OrderLine) -> None:
    (order,) = order_line.accepted()
    path = SHIPMENTS[order_line.backend]
    order_line.disturb("post", {"kind": "error_before", "status": 503, "path": path, "method": "POST"})
    order_line.fire(LABEL)
    order_line.disturb("post")
    cancel(order_line, order)
    for _ in range(2):
        order_line.advance(600)
        order_line.fire(LABEL)
    told = order_line.told(order)
    assert (told["state"], told["attention"], told["shipment"]["state"]) == ("cancelled", False, "failed")
    assert order_line.sold(order) == 0
    order_line.assert_balanced()


def test_a_person_who_has_undone_a_label_closes_it(order_line: OrderLine) -> None:
    (order,) = order_line.labelled()
    cancel(order_line, order)
    order_line.fire(ACCEPT)
    order_line.fire(LABEL)
    order_line.store.note_undone(order, "refund GT1 asked for")
    sides = order_line.assert_balanced()
    assert (sides["labels"]["undo_due"], sides["labels"]["undone"]) == (0, 1)
    assert not order_line.is_with_a_person(order)
