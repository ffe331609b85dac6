"""A label is bought by what the marketplace shows at that moment; an order that no parcel can carry is not accepted."""

from dataclasses import replace

import pytest

from shared.errors import Conflict
from tests.canada_post_support import SHIPMENTS
from tests.orders_support import ACCEPT, LABEL, MESSAGES, RECONCILE, TERMS, TRACK, RunningFulfillment


def line(fulfillment: RunningFulfillment, order: str, number: int, **change: object) -> None:
    fulfillment.market.control("PUT", f"orders/{order}/lines/{order}-{number}", change)


def change(fulfillment: RunningFulfillment, order: str, **facts: object) -> None:
    fulfillment.advance(1)
    fulfillment.market.control("PUT", f"orders/{order}", facts)


def weight(fulfillment: RunningFulfillment, order: str) -> str:
    return str(fulfillment.status(order)["shipment"]["request"]["parcel"]["weight"])


def size(fulfillment: RunningFulfillment, sku: str, weight: int) -> None:
    with fulfillment.database.connect() as connection:
        connection.execute("insert into parcel_sizes values (%s, %s, 20, 20, 10)", [sku, weight])


@pytest.mark.parametrize("state", ["REFUSED", "CANCELED", "REFUNDED"])
def test_lines_that_are_not_sent_are_not_weighed(fulfillment: RunningFulfillment, state: str) -> None:
    """A refused line of 20 kg was paid for."""
    size(fulfillment, "ANVIL", 20)
    size(fulfillment, "NAIL", 1)
    (order,) = fulfillment.accepted(lines=[{"sku": "NAIL"}, {"sku": "ANVIL"}])
    line(fulfillment, order, 2, state=state)
    fulfillment.fire(LABEL)
    assert weight(fulfillment, order) == "1.000"


@pytest.mark.parametrize("facts", [{"fully_refunded": True}, {"can_shop_ship": False}])
def test_an_order_that_may_not_ship_gets_no_label(
    fulfillment: RunningFulfillment, facts: dict[str, object]
) -> None:
    (order,) = fulfillment.accepted()
    change(fulfillment, order, **facts)
    fulfillment.fire(LABEL)
    assert (fulfillment.sold(order), fulfillment.state(order)) == (0, "accepted")
    fulfillment.advance(24 * 3600)
    assert fulfillment.reasons(order) == ["it has no label yet"]


def test_a_request_that_was_never_sent_is_built_anew(fulfillment: RunningFulfillment) -> None:
    (order,) = fulfillment.accepted()
    fulfillment.disturb("post", {"kind": "rate_limited", "path": SHIPMENTS["json"], "method": "POST"})
    fulfillment.fire(LABEL)
    shipment = fulfillment.status(order)["shipment"]
    assert (shipment["state"], shipment["called_at"], fulfillment.state(order)) == (
        "requested",
        None,
        "accepted",
    )
    fulfillment.disturb("post")
    change(fulfillment, order, address={"street_1": "77 New Street", "street_2": None})
    fulfillment.fire(LABEL)
    request = fulfillment.status(order)["shipment"]["request"]
    assert (request["request_id"], request["destination"]["line_1"]) == (f"{order}-1", "77 New Street")
    assert fulfillment.findings() == {}


def test_a_request_that_may_have_been_sent_is_not_changed(fulfillment: RunningFulfillment) -> None:
    (order,) = fulfillment.accepted()
    fulfillment.disturb(
        "post", {"kind": "error_before", "status": 503, "path": SHIPMENTS["json"], "method": "POST"}
    )
    fulfillment.fire(LABEL)
    fulfillment.disturb("post")
    before = fulfillment.status(order)["shipment"]["request"]
    change(fulfillment, order, address={"street_1": "77 New Street"})
    fulfillment.advance(900)
    fulfillment.fire(LABEL)
    assert fulfillment.status(order)["shipment"]["request"] == before
    assert fulfillment.findings() == {"address_changed": [order]}


def test_an_address_that_changes_after_the_label_is_a_person_s_business(
    fulfillment: RunningFulfillment,
) -> None:
    (order,) = fulfillment.labelled()
    change(fulfillment, order, address={"street_1": "77 New Street", "street_2": None})
    fulfillment.fire(ACCEPT)
    assert fulfillment.findings() == {"address_changed": [order]}
    fulfillment.store.relabel_order(order, "ana", "to the new address")
    assert fulfillment.findings() == {}
    fulfillment.fire(LABEL)
    status = fulfillment.status(order)
    assert status["shipment"]["request"]["destination"]["line_1"] == "77 New Street"
    assert [each["state"] for each in status["shipments"]] == ["undo_due", "bought"]
    assert fulfillment.sold(order) == 2
    fulfillment.fire(TRACK)
    assert (fulfillment.state(order), fulfillment.reasons(order)) == (
        "shipped",
        ["a label is paid for and not needed"],
    )


def test_an_order_that_no_parcel_can_carry_waits_for_a_person_before_its_deadline(
    fulfillment: RunningFulfillment,
) -> None:
    size(fulfillment, "ANVIL", 20)
    order, other = (
        fulfillment.waiting(1, lines=[{"sku": "ANVIL", "quantity": 2}])[0],
        fulfillment.waiting(1)[0],
    )
    fulfillment.cycle()
    assert fulfillment.market.state(order) == "WAITING_ACCEPTANCE"
    assert fulfillment.findings() == {"no_parcel": [order]}
    assert "40.000 kg, more than 30" in fulfillment.reasons(order)[0]
    assert fulfillment.state(other) == "shipped"


def test_a_person_mends_the_sizes_and_the_order_goes_on(fulfillment: RunningFulfillment) -> None:
    size(fulfillment, "ANVIL", 20)
    (order,) = fulfillment.waiting(1, lines=[{"sku": "ANVIL", "quantity": 2}])
    fulfillment.fire(ACCEPT)
    with fulfillment.database.connect() as connection:
        connection.execute("update parcel_sizes set weight = 2")
    fulfillment.cycle_until_settled(order)
    fulfillment.assert_shipped_with_one_label(order)
    assert fulfillment.findings() == {}


def test_a_person_refuses_an_order(fulfillment: RunningFulfillment) -> None:
    size(fulfillment, "ANVIL", 20)
    (order,) = fulfillment.waiting(1, lines=[{"sku": "ANVIL", "quantity": 2}])
    fulfillment.fire(ACCEPT)
    fulfillment.store.refuse_order(order, "ana", "too heavy")
    fulfillment.fire(ACCEPT)
    assert fulfillment.market.state(order) == "REFUSED"
    assert fulfillment.path(order) == ["pending_acceptance", "refused"]
    assert (fulfillment.is_with_a_person(order), fulfillment.findings()) == (False, {})


def test_a_person_accepts_it_all_the_same(fulfillment: RunningFulfillment) -> None:
    size(fulfillment, "ANVIL", 20)
    (order,) = fulfillment.waiting(1, lines=[{"sku": "ANVIL", "quantity": 2}])
    fulfillment.fire(ACCEPT)
    fulfillment.store.retry_order(order, "ana", "it goes as freight")
    fulfillment.cycle()
    assert fulfillment.state(order) == "label_failed"
    assert fulfillment.market.state(order) == "SHIPPING"


def test_the_skus_whose_size_is_guessed_are_listed(fulfillment: RunningFulfillment) -> None:
    size(fulfillment, "KNOWN", 1)
    fulfillment.accepted(lines=[{"sku": "KNOWN"}, {"sku": "GUESSED", "title": "A lamp"}])
    assert fulfillment.store.guessed_skus(10) == [{"sku": "GUESSED", "title": "A lamp", "orders": 1}]


def test_a_person_s_own_address_is_used_and_the_marketplace_s_is_kept(
    fulfillment: RunningFulfillment,
) -> None:
    (order,) = fulfillment.accepted(address={"country_iso_code": "USA", "zip_code": "90210"})
    fulfillment.fire(LABEL)
    assert fulfillment.state(order) == "label_failed"
    known = fulfillment.marketplace.orders([order]).orders[0].address
    assert known is not None
    own = replace(
        known,
        street_1="1 Own Street",
        street_2=None,
        city="Ottawa",
        state="ON",
        postal_code="K1P 1J1",
        country="CAN",
    )
    status = fulfillment.store.override_address(order, own, "ana", "by telephone")
    assert status["state"] == "accepted"
    fulfillment.cycle_until_settled(order)
    fulfillment.assert_shipped_with_one_label(order)
    status = fulfillment.status(order)
    assert status["shipment"]["request"]["destination"]["line_1"] == "1 Own Street"
    assert status["address"]["postal_code"] == "90210"
    assert (status["address_override"]["by"], status["address_override"]["note"]) == ("ana", "by telephone")


def test_the_service_follows_the_buyer_s_shipping_type(fulfillment: RunningFulfillment) -> None:
    fulfillment.terms = replace(TERMS, services={"EXPRESS": "DOM.XP"})
    fast, usual = fulfillment.accepted(1, shipping_type="EXPRESS")[0], fulfillment.accepted(1)[0]
    fulfillment.fire(LABEL)
    services = [fulfillment.status(each)["shipment"]["request"]["service_code"] for each in (fast, usual)]
    assert services == ["DOM.XP", "DOM.EP"]


def test_the_cheapest_service_that_keeps_the_promise_is_bought(fulfillment: RunningFulfillment) -> None:
    fulfillment.terms = replace(TERMS, candidates=["DOM.RP", "DOM.EP", "DOM.XP"])
    days = {"soon": "2026-11-22T05:00:00Z", "late": "2026-12-20T05:00:00Z", "never": "2026-11-20T13:00:00Z"}
    orders = {name: fulfillment.accepted(1, deliver_by=day)[0] for name, day in days.items()}
    fulfillment.fire(LABEL)
    chosen = {n: fulfillment.status(o)["shipment"]["request"]["service_code"] for n, o in orders.items()}
    assert chosen == {"soon": "DOM.XP", "late": "DOM.RP", "never": "DOM.EP"}


def test_an_order_is_shipped_when_the_carrier_has_it_if_that_is_set(fulfillment: RunningFulfillment) -> None:
    fulfillment.check_terms = replace(fulfillment.check_terms, looks_for_scans=True)
    (order,) = fulfillment.labelled()
    assert fulfillment.fire(TRACK)["awaiting_scan"] == 1
    fulfillment.fire(RECONCILE)
    assert fulfillment.fire(TRACK)["awaiting_scan"] == 1
    fulfillment.post.change(fulfillment.status(order)["shipment"]["shipment_id"], scanned=True)
    assert fulfillment.fire(RECONCILE)["scanned"] == 1
    assert fulfillment.fire(TRACK)["done"] == 1
    fulfillment.assert_shipped_with_one_label(order)


# --- several parcels ------------------------------------------------------------------------------------------


def parcels(fulfillment: RunningFulfillment, order: str) -> list[tuple[int, str, str]]:
    """(parcel, state, weight) of each shipment."""
    rows = fulfillment.rows(
        "select parcel, state::text, request -> 'parcel' ->> 'weight' from shipments"
        " where order_id = %s order by sequence",
        order,
    )
    return [(row[0], row[1], row[2]) for row in rows]


def test_by_a_rule_an_order_that_one_parcel_cannot_carry_goes_in_several(
    fulfillment: RunningFulfillment,
) -> None:
    size(fulfillment, "ANVIL", 20)
    fulfillment.most_parcels(3)
    (order,) = fulfillment.waiting(1, lines=[{"sku": "ANVIL", "quantity": 3}])
    fulfillment.cycle()
    assert fulfillment.state(order) == "shipped"
    assert parcels(fulfillment, order) == [(n, "bought", "20.000") for n in (1, 2, 3)]
    assert fulfillment.sold(order) == 3
    labels = fulfillment.status(order)["labels"]
    assert fulfillment.status(order)["tracking_number"] == labels[0]["tracking_number"]
    fulfillment.fire(MESSAGES)
    (thread,) = fulfillment.store.threads(order, 10, unanswered=False) or fulfillment.store.threads(
        None, 10, unanswered=False
    )
    (body,) = {reply["body"] for reply in thread["replies"]}
    assert all(label["tracking_number"] in body for label in labels)
    assert fulfillment.look_outside()["verdict"] == "balanced"


def test_by_hand_an_order_goes_in_as_many_parcels_as_a_person_says(fulfillment: RunningFulfillment) -> None:
    size(fulfillment, "ANVIL", 20)
    (order,) = fulfillment.waiting(1, lines=[{"sku": "ANVIL", "quantity": 2}, {"sku": "UNLISTED"}])
    fulfillment.fire(ACCEPT)
    assert fulfillment.findings() == {"no_parcel": [order]}
    fulfillment.store.set_parcels(order, 2, "ana", "two boxes")
    fulfillment.cycle_until_settled(order)
    assert parcels(fulfillment, order) == [(1, "bought", "21.000"), (2, "bought", "20.000")]
    assert (fulfillment.state(order), fulfillment.reasons(order)) == ("shipped", [])


@pytest.mark.parametrize(
    "fault",
    [{"kind": "lost_answer"}, {"kind": "error_before", "status": 503}, {"kind": "malformed"}],
    ids=str,
)
@pytest.mark.parametrize("which", [1, 2])
def test_each_parcel_gets_one_label_whatever_the_carrier_answers(
    fulfillment: RunningFulfillment, fault: dict[str, object], which: int
) -> None:
    orders = fulfillment.accepted(1, lines=[{"sku": "A", "quantity": 2}])
    (order,) = orders
    fulfillment.store.set_parcels(order, 2, "ana", "two boxes")
    fulfillment.disturb("post", {**fault, "path": SHIPMENTS["json"], "method": "POST", "every": which})
    fulfillment.fire(LABEL)
    fulfillment.disturb("post")
    fulfillment.cycle_until_settled(order)
    assert (fulfillment.state(order), fulfillment.sold(order)) == ("shipped", 2)
    assert [(n, state) for n, state, _ in parcels(fulfillment, order)] == [(1, "bought"), (2, "bought")]
    assert fulfillment.look_outside()["verdict"] == "balanced"


def test_a_cancelled_order_leaves_the_undo_of_each_of_its_labels(fulfillment: RunningFulfillment) -> None:
    (order,) = fulfillment.accepted(1, lines=[{"sku": "A", "quantity": 2}])
    fulfillment.store.set_parcels(order, 2, "ana", "two boxes")
    fulfillment.fire(LABEL)
    assert fulfillment.state(order) == "label_created"
    fulfillment.market.control("POST", f"orders/{order}/cancel")
    fulfillment.cycle()
    assert [state for _, state, _ in parcels(fulfillment, order)] == ["undo_due", "undo_due"]
    fulfillment.store.ask_undo(order, "ana", "cancelled")
    fulfillment.fire(LABEL)
    assert fulfillment.post.calls("refund") == 2


def test_the_parcels_of_an_order_that_has_a_label_are_settled(fulfillment: RunningFulfillment) -> None:
    (order,) = fulfillment.labelled()
    with pytest.raises(Conflict, match="parcels are settled"):
        fulfillment.store.set_parcels(order, 2, "ana", "too late")
