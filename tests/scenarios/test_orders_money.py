"""Needless labels are undone on a person's word and followed to their end, and the ledger agrees with the carrier."""

import csv
import io
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from flask.testing import FlaskClient

from shared.fulfillment.reconcile import CALENDAR
from tests.canada_post_support import BACKENDS, SHIPMENTS
from tests.orders_support import LABEL, RunningFulfillment

Start = Callable[[str], FlaskClient]


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def needless(fulfillment: RunningFulfillment) -> str:
    """An order that was cancelled after its label."""
    (order,) = fulfillment.labelled()
    fulfillment.market.control("POST", f"orders/{order}/cancel")
    fulfillment.fire(LABEL)
    fulfillment.cycle()
    assert fulfillment.status(order)["shipment"]["state"] == "undo_due"
    return order


def shipment(fulfillment: RunningFulfillment, order: str) -> dict[str, object]:
    found: dict[str, object] = fulfillment.status(order)["shipment"]
    return found


def refunds(fulfillment: RunningFulfillment) -> int:
    return fulfillment.post.calls("refund")


def today(fulfillment: RunningFulfillment) -> date:
    return fulfillment.clock.now.astimezone(CALENDAR).date()


def test_no_money_is_asked_for_without_a_person_s_word(fulfillment: RunningFulfillment) -> None:
    order = needless(fulfillment)
    for _ in range(3):
        fulfillment.cycle()
    assert (refunds(fulfillment), fulfillment.reasons(order)) == (0, ["a label is paid for and not needed"])


def test_a_refund_is_asked_for_once_and_followed_to_its_end(fulfillment: RunningFulfillment) -> None:
    order = needless(fulfillment)
    fulfillment.store.ask_undo(order, "ana", "cancelled by the buyer")
    fulfillment.fire(LABEL)
    fulfillment.fire(LABEL)
    asked = shipment(fulfillment, order)
    assert (asked["state"], asked["undo_by"], bool(asked["undo_ticket"])) == ("undo_asked", "ana", True)
    assert (refunds(fulfillment), fulfillment.reasons(order)) == (1, [])
    fulfillment.advance(timedelta(days=31).total_seconds())
    assert fulfillment.reasons(order) == ["the carrier has not decided about the refund"]
    fulfillment.store.note_undone(order, "refunded", "ana", "credit note 77")
    assert (shipment(fulfillment, order)["state"], fulfillment.reasons(order)) == ("refunded", [])


def test_a_lost_answer_to_a_refund_asks_again_and_harms_nothing(fulfillment: RunningFulfillment) -> None:
    order = needless(fulfillment)
    fulfillment.store.ask_undo(order, "ana", "cancelled")
    fulfillment.disturb("post", {"kind": "lost_answer", "path": "/", "method": "POST", "times": 1})
    fulfillment.fire(LABEL)
    assert shipment(fulfillment, order)["undo_ticket"] is None
    fulfillment.fire(LABEL)
    assert shipment(fulfillment, order)["undo_ticket"]


def test_a_refund_that_the_carrier_refuses_stays_with_a_person(fulfillment: RunningFulfillment) -> None:
    order = needless(fulfillment)
    fulfillment.store.ask_undo(order, "ana", "cancelled")
    fulfillment.disturb(
        "post", {"kind": "error_before", "status": 400, "path": "/", "method": "POST", "times": 1}
    )
    fulfillment.fire(LABEL)
    assert shipment(fulfillment, order)["state"] == "disputed"
    assert any("refused to undo" in reason for reason in fulfillment.reasons(order))
    fulfillment.store.note_undone(order, "refunded", "ana", "after a call")
    assert (shipment(fulfillment, order)["state"], fulfillment.reasons(order)) == ("refunded", [])


def test_the_ledger_agrees_with_the_carrier_and_each_label_has_one_end(
    fulfillment: RunningFulfillment,
) -> None:
    shipped = fulfillment.waiting(5)
    fulfillment.cycle()
    refunded, disputed, waiting = needless(fulfillment), needless(fulfillment), needless(fulfillment)
    for order in (refunded, disputed):
        fulfillment.store.ask_undo(order, "ana", "cancelled")
    fulfillment.fire(LABEL)
    fulfillment.store.note_undone(refunded, "refunded", "ana", "credit note")
    fulfillment.store.note_undone(disputed, "disputed", "ana", "refused by telephone")
    (unsent,) = fulfillment.labelled()
    fulfillment.advance(60)
    fulfillment.look_outside()

    day = today(fulfillment)
    ledger = fulfillment.store.postage(day, day, "day")
    books = fulfillment.post.books()
    assert ledger["carrier"]["agrees"], ledger
    assert ledger["totals"]["labels"] == books["labels_sold"] == 9
    assert ledger["totals"]["ends"] == {"shipped": 5, "refunded": 1, "disputed": 1, "open": 2}
    (row,) = ledger["rows"]
    assert row["total_cents"] == row["purchases_cents"] + row["refunds_cents"] + row["voids_cents"]
    assert (row["refunds_cents"] < 0, row["voids_cents"]) == (True, 0)
    labels = fulfillment.store.postage(day, day, "label")["rows"]
    assert {e["order_id"]: e["ends"] for e in labels if e["kind"] == "purchase"} == {
        **dict.fromkeys(shipped, "shipped"),
        refunded: "refunded",
        disputed: "disputed",
        waiting: "open",
        unsent: "open",
    }
    assert sum(e["cents"] for e in labels) == ledger["totals"]["total_cents"]
    month = fulfillment.store.postage(day.replace(day=1), day, "month")["rows"]
    assert month == [{**row, "period": day.isoformat()[:7]}]


def test_the_ledger_differs_when_the_carrier_charges_otherwise(fulfillment: RunningFulfillment) -> None:
    (order,) = fulfillment.labelled()
    fulfillment.post.change(str(shipment(fulfillment, order)["shipment_id"]), price="99.99")
    fulfillment.post.plant(fulfillment.backend, request_id="stranger", price="5.00")
    fulfillment.look_outside()
    day = today(fulfillment)
    ledger = fulfillment.store.postage(day, day, "day")
    assert ledger["carrier"]["listed_cents"] == 9999 + 500
    assert not ledger["carrier"]["agrees"]


def test_the_ledger_as_csv(fulfillment: RunningFulfillment, deployed: Start) -> None:
    fulfillment.labelled(2)
    day = today(fulfillment).isoformat()
    answer = deployed("workflow").get(f"/postage?first={day}&last={day}&by=label&csv=true")
    rows = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True))))
    assert answer.mimetype == "text/csv"
    assert [(row["kind"], row["ends"]) for row in rows] == [("purchase", "open")] * 2


def test_a_suspended_label_is_used_when_the_carrier_releases_it(fulfillment: RunningFulfillment) -> None:
    fulfillment.post.behave(suspend=1)
    (order,) = fulfillment.accepted()
    fulfillment.fire(LABEL)
    assert fulfillment.findings() == {"label_unusable": [order]}
    fulfillment.post.change(str(shipment(fulfillment, order)["shipment_id"]), status="transmitted")
    fulfillment.cycle_until_settled(order)
    fulfillment.assert_shipped_with_one_label(order)
    assert fulfillment.findings() == {}


def test_a_suspended_label_is_replaced_on_a_person_s_word(fulfillment: RunningFulfillment) -> None:
    fulfillment.post.behave(suspend=1)
    (order,) = fulfillment.accepted()
    fulfillment.fire(LABEL)
    fulfillment.store.relabel_order(order, "ana", "the carrier keeps it suspended")
    fulfillment.cycle_until_settled(order)
    status = fulfillment.status(order)
    assert (status["state"], [each["state"] for each in status["shipments"]]) == (
        "shipped",
        ["undo_due", "bought"],
    )


def test_a_label_that_was_sold_after_its_refusal_is_used_when_a_person_retries(
    fulfillment: RunningFulfillment,
) -> None:
    """It ended as undo_due, and the retried order stood still for ever."""
    (order,) = fulfillment.accepted()
    path = SHIPMENTS[fulfillment.backend]
    fault = {"kind": "error_before", "status": 400, "path": path, "method": "POST", "times": 1}
    fulfillment.disturb("post", fault)
    fulfillment.fire(LABEL)
    assert fulfillment.state(order) == "label_failed"
    fulfillment.disturb("post")
    fulfillment.post.plant(fulfillment.backend, request_id=f"{order}-2", reference=order)
    fulfillment.store.retry_order(order, "ana", "mended")
    fulfillment.cycle_until_settled(order)
    fulfillment.assert_shipped_with_one_label(order)
