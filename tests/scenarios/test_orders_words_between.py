"""A person's word, or the world, changes an order while its labels are being bought, or after."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from shared.errors import Conflict
from shared.fulfillment import reconcile, track
from shared.fulfillment.carrier import Bought, LabelRequest
from shared.fulfillment.parcels import MOST_PIECES, ParcelSize, parcels_of
from shared.fulfillment.ports import Address, Cause, NotSent, Refused, Unclear
from tests.canada_post_support import SHIPMENTS
from tests.orders_support import ACCEPT, LABEL, RECONCILE, TRACK, RunningFulfillment
from tests.scenarios.test_orders_facts import change, line, parcels, size

OWN = "1 Own Street"


def before_next(fulfillment: RunningFulfillment, name: str, happens: Callable[[], object]) -> None:
    """Calls `happens` before the next call of this method of the store."""
    usual: Callable[..., object] = getattr(fulfillment.store, name)

    def call(*given: object, **named: object) -> object:
        object.__setattr__(fulfillment.store, name, usual)
        happens()
        return usual(*given, **named)

    object.__setattr__(fulfillment.store, name, call)


def own_address(fulfillment: RunningFulfillment, order: str) -> Address:
    known = fulfillment.marketplace.orders([order]).orders[0].address
    assert known
    return replace(known, street_1=OWN, street_2=None)


def streets(fulfillment: RunningFulfillment, order: str) -> list[str]:
    rows = fulfillment.rows(
        "select request -> 'destination' ->> 'line_1' from shipments"
        " where order_id = %s and wanted order by sequence",
        order,
    )
    return [street for (street,) in rows]


def half_bought(fulfillment: RunningFulfillment, *, lines: list[dict[str, Any]]) -> str:
    """An order of two parcels; the label of the first one is bought, the other one's call was throttled."""
    (order_id,) = fulfillment.accepted(1, lines=lines)
    fulfillment.store.set_parcels(order_id, 2, "ana", "two boxes")
    usual = fulfillment.carrier.buy
    calls: list[int] = []

    def buy(request: LabelRequest, not_after: datetime) -> Bought | Refused | Unclear | NotSent:
        calls.append(1)
        if len(calls) == 2:
            del fulfillment.carrier.buy
            return NotSent("throttled", cause=Cause.THROTTLED)
        return usual(request, not_after)

    fulfillment.carrier.buy = buy  # type: ignore[method-assign] # for two calls
    fulfillment.fire(LABEL)
    assert fulfillment.sold(order_id) == 1
    return order_id


def test_parcels_said_after_the_stage_has_read_the_order_count(fulfillment: RunningFulfillment) -> None:
    size(fulfillment, "ANVIL", 5)
    (order,) = fulfillment.accepted(1, lines=[{"sku": "ANVIL", "quantity": 4}])
    before_next(
        fulfillment, "open_shipment", lambda: fulfillment.store.set_parcels(order, 2, "ana", "two boxes")
    )
    fulfillment.fire(LABEL)
    assert fulfillment.sold(order) == 0
    fulfillment.cycle_until_settled(order)
    assert [weight for _, _, weight in parcels(fulfillment, order)] == ["10.000", "10.000"]


def test_an_address_said_after_the_stage_has_read_the_order_counts(fulfillment: RunningFulfillment) -> None:
    (order,) = fulfillment.accepted()
    own = own_address(fulfillment, order)
    before_next(
        fulfillment, "open_shipment", lambda: fulfillment.store.override_address(order, own, "ana", "moved")
    )
    fulfillment.fire(LABEL)
    assert fulfillment.sold(order) == 0
    fulfillment.fire(LABEL)
    assert streets(fulfillment, order) == [OWN]


def test_an_address_said_when_a_label_is_bought_asks_for_another_label(
    fulfillment: RunningFulfillment,
) -> None:
    (order,) = fulfillment.labelled()
    own = own_address(fulfillment, order)
    fulfillment.store.override_address(order, own, "ana", "moved")
    assert fulfillment.findings() == {"address_changed": [order]}
    fulfillment.store.relabel_order(order, "ana", "to the own address")
    fulfillment.cycle_until_settled(order)
    assert streets(fulfillment, order) == [OWN]


def test_an_address_said_between_two_parcels_asks_for_another_label(fulfillment: RunningFulfillment) -> None:
    order = half_bought(fulfillment, lines=[{"sku": "A", "quantity": 2}])
    fulfillment.store.override_address(order, own_address(fulfillment, order), "ana", "moved")
    assert fulfillment.findings() == {"address_changed": [order]}


def test_an_order_with_a_label_of_unknown_outcome_gets_no_other_label(
    fulfillment: RunningFulfillment,
) -> None:
    (order,) = fulfillment.accepted(1, lines=[{"sku": "A", "quantity": 2}])
    fulfillment.store.set_parcels(order, 2, "ana", "two boxes")
    fulfillment.disturb(
        "post", {"kind": "lost_answer", "path": SHIPMENTS["json"], "method": "POST", "every": 2}
    )
    fulfillment.fire(LABEL)
    fulfillment.disturb("post")
    assert [state for _, state, _ in parcels(fulfillment, order)] == ["bought", "unknown"]
    change(fulfillment, order, address={"street_1": "77 New Street", "street_2": None})
    fulfillment.fire(ACCEPT)
    with pytest.raises(Conflict, match="unknown outcome"):
        fulfillment.store.relabel_order(order, "ana", "to the new address")
    assert fulfillment.findings() == {"address_changed": [order]}


def test_pieces_that_change_between_two_parcels_stop_the_second_label(
    fulfillment: RunningFulfillment,
) -> None:
    order = half_bought(fulfillment, lines=[{"sku": "A"}, {"sku": "B"}, {"sku": "C"}])
    size(fulfillment, "B", 5)
    fulfillment.cycle_until_settled(order)
    assert (fulfillment.state(order), fulfillment.sold(order)) == ("label_failed", 1)
    assert "changed after the label of parcel 1" in str(fulfillment.reasons(order))
    fulfillment.store.relabel_order(order, "ana", "the sizes are right now")
    fulfillment.cycle_until_settled(order)
    assert fulfillment.state(order) == "shipped"
    bought = [Decimal(weight) for _, state, weight in parcels(fulfillment, order) if state == "bought"]
    assert sum(bought) == 7


def test_a_line_cancelled_between_two_parcels_stops_the_second_label(
    fulfillment: RunningFulfillment,
) -> None:
    size(fulfillment, "ANVIL", 20)
    order = half_bought(fulfillment, lines=[{"sku": "ANVIL"}, {"sku": "NAIL"}, {"sku": "NUT"}])
    line(fulfillment, order, 1, state="CANCELED")
    fulfillment.cycle_until_settled(order)
    assert (fulfillment.state(order), fulfillment.sold(order)) == ("label_failed", 1)


def test_after_a_refused_second_parcel_a_person_can_begin_again_with_other_parcels(
    fulfillment: RunningFulfillment,
) -> None:
    (order,) = fulfillment.accepted(1, lines=[{"sku": "A", "quantity": 3}])
    fulfillment.store.set_parcels(order, 2, "ana", "two boxes")
    fault = {"kind": "error_before", "status": 400, "path": SHIPMENTS["json"], "method": "POST", "every": 2}
    fulfillment.disturb("post", fault)
    fulfillment.fire(LABEL)
    fulfillment.disturb("post")
    assert (fulfillment.state(order), parcels(fulfillment, order)[0][1]) == ("label_failed", "bought")
    with pytest.raises(Conflict, match="relabel it first"):
        fulfillment.store.set_parcels(order, 3, "ana", "three boxes")
    fulfillment.store.relabel_order(order, "ana", "three boxes")
    fulfillment.store.set_parcels(order, 3, "ana", "three boxes")
    fulfillment.cycle_until_settled(order)
    assert (fulfillment.state(order), fulfillment.sold(order)) == ("shipped", 4)


def test_too_few_parcels_said_leave_the_reason_open(fulfillment: RunningFulfillment) -> None:
    size(fulfillment, "ANVIL", 20)
    (order,) = fulfillment.waiting(1, lines=[{"sku": "ANVIL", "quantity": 4}])
    fulfillment.fire(ACCEPT)
    fulfillment.store.set_parcels(order, 2, "ana", "two boxes")
    fulfillment.fire(ACCEPT)
    assert fulfillment.findings() == {"no_parcel": [order]}


def test_no_piece_is_left_out_of_a_long_line() -> None:
    tiny = ParcelSize(weight=Decimal("0.01"), length=Decimal(1), width=Decimal(1), height=Decimal("0.1"))
    assert "more than" in str(parcels_of([(tiny, MOST_PIECES + 500)], tiny, 2))


def test_a_suspended_label_never_gets_another_shipment_s_pdf(fulfillment: RunningFulfillment) -> None:
    fulfillment.post.behave(suspend=1)
    (order,) = fulfillment.accepted()
    fulfillment.fire(LABEL)
    other = fulfillment.post.plant("json", request_id=f"{order}-1", reference=order)
    fulfillment.fire(LABEL)
    shipment = fulfillment.status(order)["shipment"]
    assert (shipment["label_path"], shipment["also_sold"]) == (None, [other["shipment_id"]])
    assert fulfillment.reasons(order)


def test_an_undo_that_the_carrier_does_not_take_asks_for_a_person(fulfillment: RunningFulfillment) -> None:
    (order,) = fulfillment.labelled()
    fulfillment.market.control("POST", f"orders/{order}/cancel")
    fulfillment.cycle()
    fulfillment.store.ask_undo(order, "ana", "cancelled")
    fulfillment.disturb("post", {"kind": "error_before", "status": 503, "path": "/", "method": "POST"})
    for _ in range(8):
        fulfillment.cycle()
    fulfillment.disturb("post")
    assert fulfillment.status(order)["shipment"]["undo_sent_at"] is None
    assert "has not taken the undo call" in str(fulfillment.reasons(order))


def test_a_call_without_an_answer_of_a_cancelled_order_asks_for_a_person(
    fulfillment: RunningFulfillment,
) -> None:
    (order,) = fulfillment.accepted()
    fulfillment.store.open_shipment(order, f"{order}-1", 1, request_hash="x", request={}, backend="json")
    fulfillment.market.control("POST", f"orders/{order}/cancel")
    fulfillment.carrier, fulfillment.backend = fulfillment.other, "xml"  # without the other's credentials
    for _ in range(9):
        fulfillment.cycle()
    assert fulfillment.state(order) == "cancelled"
    assert fulfillment.reasons(order)


def test_a_message_in_other_words_stops_no_other_order(
    fulfillment: RunningFulfillment, monkeypatch: pytest.MonkeyPatch
) -> None:
    (order,) = fulfillment.accepted(1, lines=[{"sku": "A"}, {"sku": "B"}])
    fulfillment.store.set_parcels(order, 2, "ana", "two boxes")
    fulfillment.fire(LABEL)
    fulfillment.disturb(
        "market",
        {"kind": "error_before", "status": 503, "path": f"/api/orders/{order}/ship", "method": "PUT"},
    )
    fulfillment.fire(TRACK)
    fulfillment.disturb("market")
    monkeypatch.setattr(track, "PARCELS", "Better words: {number} {carrier} {numbers}")
    (later,) = fulfillment.labelled()
    fulfillment.cycle()
    assert (fulfillment.state(order), fulfillment.state(later)) == ("shipped", "shipped")


def test_an_order_that_is_refunded_after_its_label_is_not_shipped(fulfillment: RunningFulfillment) -> None:
    (order,) = fulfillment.labelled()
    change(fulfillment, order, fully_refunded=True)
    fulfillment.cycle()
    assert fulfillment.state(order) == "label_created"
    fulfillment.advance(7200)
    assert fulfillment.reasons(order)


def test_a_refund_of_one_label_is_none_of_another_whose_refund_was_refused(
    fulfillment: RunningFulfillment,
) -> None:
    (order,) = fulfillment.accepted(1, lines=[{"sku": "A", "quantity": 2}])
    fulfillment.store.set_parcels(order, 2, "ana", "two boxes")
    fulfillment.fire(LABEL)
    fulfillment.market.control("POST", f"orders/{order}/cancel")
    fulfillment.cycle()
    fulfillment.store.ask_undo(order, "ana", "cancelled")
    fulfillment.disturb(
        "post", {"kind": "error_before", "status": 400, "path": "/", "method": "POST", "times": 1}
    )
    fulfillment.fire(LABEL)
    fulfillment.disturb("post")
    for _ in range(2):  # repeated, it says no more
        fulfillment.store.note_undone(order, "refunded", "ana", "credit note of the second label")
        assert sorted(state for _, state, _ in parcels(fulfillment, order)) == ["disputed", "refunded"]
    assert fulfillment.findings() == {"undo_refused": [order]}
    fulfillment.store.note_undone(order, "disputed", "ana", "given up")
    assert sorted(state for _, state, _ in parcels(fulfillment, order)) == ["disputed", "refunded"]
    assert fulfillment.findings() == {}


def test_a_repeated_relabel_buys_no_third_label(fulfillment: RunningFulfillment) -> None:
    (order,) = fulfillment.labelled()
    fulfillment.store.relabel_order(order, "ana", "damaged")
    fulfillment.fire(LABEL)
    fulfillment.store.relabel_order(order, "ana", "damaged")  # its answer was lost
    fulfillment.fire(LABEL)
    assert fulfillment.sold(order) == 2


def test_a_person_s_parcels_come_before_the_rule_s(fulfillment: RunningFulfillment) -> None:
    size(fulfillment, "ANVIL", 20)
    fulfillment.most_parcels(3)
    (order,) = fulfillment.accepted(1, lines=[{"sku": "ANVIL"}, {"sku": "ANVIL"}, {"sku": "NAIL"}])
    before_next(
        fulfillment, "set_parcels", lambda: fulfillment.store.set_parcels(order, 3, "ana", "three boxes")
    )
    fulfillment.fire(LABEL)
    assert fulfillment.sold(order) == 0
    fulfillment.fire(LABEL)
    assert fulfillment.sold(order) == 3


def test_parcels_without_a_scan_do_not_keep_later_ones_from_being_looked_at(
    fulfillment: RunningFulfillment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "GROUP", 1)
    fulfillment.check_terms = replace(fulfillment.check_terms, looks_for_scans=True)
    fulfillment.labelled()
    fulfillment.advance(5)
    (later,) = fulfillment.labelled()
    fulfillment.post.change(fulfillment.status(later)["shipment"]["shipment_id"], scanned=True)
    assert fulfillment.fire(RECONCILE)["scanned"] == 1
