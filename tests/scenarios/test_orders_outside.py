"""The account is held against what the marketplace and the carrier list, not against itself."""

from datetime import timedelta

import pytest

from shared.fulfillment.ports import Tracking
from tests.canada_post_support import BACKENDS, SHIPMENTS
from tests.orders_support import ACCEPT, LABEL, RECONCILE, TRACK, RunningFulfillment

A_DAY = 86_400


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def sold_a_day_ago(fulfillment: RunningFulfillment, number: int) -> list[str]:
    orders = fulfillment.waiting(number)
    fulfillment.cycle()
    fulfillment.cycle()
    assert {fulfillment.state(order) for order in orders} == {"shipped"}
    fulfillment.advance(A_DAY)
    return orders


def carriers_id(fulfillment: RunningFulfillment, order: str) -> str:
    return str(fulfillment.status(order)["shipment"]["shipment_id"])


def test_without_a_fresh_look_the_account_is_unverified(fulfillment: RunningFulfillment) -> None:
    fulfillment.labelled(2)
    never = fulfillment.store.reconcile_orders(None)
    assert (never["verdict"], never["balanced"], never["adds_up"]) == ("unverified", False, True)
    looked = fulfillment.look_outside()
    assert (looked["verdict"], looked["balanced"]) == ("balanced", True)
    assert looked["outside"]["carrier"]["result"]["listed"] == 2

    fulfillment.advance(3601)
    old = fulfillment.store.reconcile_orders(None)
    assert old["verdict"] == "unverified"
    assert (old["outside"]["marketplace"]["fresh"], old["outside"]["carrier"]["fresh"]) == (False, True)
    assert old["outside"]["marketplace"]["age_seconds"] >= 3601
    fulfillment.fire(RECONCILE)
    assert fulfillment.store.reconcile_orders(None)["verdict"] == "balanced"


def test_the_look_at_the_carrier_is_once_a_day(fulfillment: RunningFulfillment) -> None:
    fulfillment.labelled(1)
    lists = [fulfillment.fire(RECONCILE).get("labels_listed", 0) for _ in range(3)]
    assert lists == [1, 0, 0]
    fulfillment.advance(A_DAY)
    assert fulfillment.fire(RECONCILE)["labels_listed"] == 1
    assert fulfillment.fire(RECONCILE).get("labels_read", 0) == 0, "what was read is not read again"


@pytest.mark.parametrize("twice", ["under another id", "under the same id", "at the other API", "by hand"])
def test_a_second_label_of_an_order_is_found(fulfillment: RunningFulfillment, twice: str) -> None:
    """Four ways in which two labels were sold for one order while the account said that it balances."""
    (order,) = sold_a_day_ago(fulfillment, 1)
    api = fulfillment.backend
    match twice:
        case "under another id":
            sold = fulfillment.post.plant(api, request_id=f"{order}-7", reference=order)
        case "under the same id":
            sold = fulfillment.post.plant(api, request_id=f"{order}-1", reference=order)
        case "at the other API":
            fulfillment.other_carriers = [fulfillment.other]
            sold = fulfillment.post.plant({"json": "xml", "xml": "json"}[api], request_id=f"{order}-1")
        case _:
            sold = fulfillment.post.plant(api, reference=order)
    account = fulfillment.look_outside()
    assert (account["verdict"], account["balanced"]) == ("unbalanced", False)
    assert fulfillment.findings() == {"sold_unknown": [sold["shipment_id"]]}
    assert fulfillment.is_with_a_person(order), fulfillment.store.findings(None, 10, 0)


def test_a_day_of_200_orders_with_12_discrepancies(fulfillment: RunningFulfillment) -> None:
    """Each is found, and none is invented."""
    orders = sold_a_day_ago(fulfillment, 200)
    assert fulfillment.look_outside()["verdict"] == "balanced"
    ids = {order: carriers_id(fulfillment, order) for order in orders}
    post, market, api = fulfillment.post, fulfillment.market, fulfillment.backend
    unknown = [post.plant(api, request_id=f"stranger-{n}")["shipment_id"] for n in range(3)]
    for order in orders[:2]:
        post.forget(ids[order])
    for order in orders[2:4]:
        post.change(ids[order], price="99.99")
    unreadable = fulfillment.waiting(2)
    for order in unreadable:
        market.control("PUT", f"orders/{order}/overrides", {"overrides": {"total_price": "much"}})
    reopened = orders[4]
    market.control("PUT", f"orders/{reopened}", {"state": "SHIPPING"})
    vanished = fulfillment.accepted(1)
    market.control("PUT", f"orders/{vanished[0]}/overrides", {"overrides": {"order_id": "another-id"}})
    late = fulfillment.waiting(1, state="SHIPPED")

    with fulfillment.database.connect() as connection:  # a price that is read anew, as on the day of the sale
        connection.execute("update carrier_shipments set read_at = null")
    fulfillment.advance(60)
    account = fulfillment.look_outside()
    assert fulfillment.findings() == {
        "sold_unknown": unknown,
        "not_sold": sorted(ids[order] for order in orders[:2]),
        "price_differs": sorted(ids[order] for order in orders[2:4]),
        "unreadable": sorted(unreadable),
        "open_at_marketplace": [reopened],
        "not_at_marketplace": vanished,
        "ended_without_us": late,
    }
    assert (account["verdict"], account["outside"]["unmatched"]) == ("unbalanced", 11)


def test_orders_that_the_marketplace_accepted_without_us_are_taken_in(
    fulfillment: RunningFulfillment,
) -> None:
    """Accepted by the operator, by hand, or during an outage, before a stage had seen them."""
    orders = [*fulfillment.waiting(2, state="WAITING_DEBIT"), *fulfillment.waiting(2, state="SHIPPING")]
    assert fulfillment.fire(ACCEPT)["new"] == 0
    assert fulfillment.fire(RECONCILE)["taken_in"] == 4
    assert {fulfillment.path(order)[-1] for order in orders} == {"accepted"}
    fulfillment.cycle_until_settled(*orders)
    fulfillment.assert_shipped_with_one_label(*orders)


def test_an_order_that_ended_before_we_saw_it_is_accounted_for(fulfillment: RunningFulfillment) -> None:
    fulfillment.fire(RECONCILE)
    fulfillment.advance(60)
    shipped, cancelled = (
        fulfillment.waiting(1, state="SHIPPED")[0],
        fulfillment.waiting(1, state="CANCELED")[0],
    )
    fulfillment.fire(RECONCILE)
    assert fulfillment.path(shipped) == ["pending_acceptance", "accepted", "shipped"]
    assert fulfillment.path(cancelled) == ["pending_acceptance", "cancelled"]
    assert (fulfillment.is_with_a_person(shipped), fulfillment.is_with_a_person(cancelled)) == (True, False)


def test_an_order_that_cannot_be_read_is_a_finding_until_it_can(fulfillment: RunningFulfillment) -> None:
    """It was cancelled after 100 cycles and never appeared anywhere."""
    (order,) = fulfillment.waiting()
    fulfillment.market.control("PUT", f"orders/{order}/overrides", {"overrides": {"order_lines": "none"}})
    fulfillment.fire(ACCEPT)
    assert fulfillment.findings() == {"unreadable": [order]}
    ((raw,),) = fulfillment.rows("select raw ->> 'order_state' from findings where closed_at is null")
    assert raw == "WAITING_ACCEPTANCE"
    assert fulfillment.look_outside()["verdict"] == "unbalanced"
    assert fulfillment.store.figures()["orders_unmatched"] == 1

    fulfillment.market.control("PUT", f"orders/{order}/overrides", {"overrides": {}})
    fulfillment.cycle_until_settled(order)
    assert fulfillment.findings() == {}
    fulfillment.assert_shipped_with_one_label(order)


def test_a_carrier_that_cannot_be_asked_leaves_the_account_unverified(
    fulfillment: RunningFulfillment,
) -> None:
    sold_a_day_ago(fulfillment, 1)
    fulfillment.advance(3 * 3600)
    fault = {"kind": "error_before", "status": 503, "path": SHIPMENTS[fulfillment.backend], "method": "GET"}
    fulfillment.disturb("post", fault)
    account = fulfillment.look_outside()
    assert account["verdict"] == "unverified"
    fulfillment.disturb("post")
    assert fulfillment.look_outside()["verdict"] == "balanced"


def test_a_label_at_an_api_without_credentials_leaves_the_account_unverified(
    fulfillment: RunningFulfillment,
) -> None:
    fulfillment.labelled(1)
    fulfillment.carrier, fulfillment.other = fulfillment.other, fulfillment.carrier
    assert fulfillment.look_outside()["verdict"] == "unverified"
    fulfillment.other_carriers = [fulfillment.other]
    assert fulfillment.look_outside()["verdict"] == "balanced"


def test_apis_that_share_one_ledger_double_nothing(fulfillment: RunningFulfillment) -> None:
    """Whether they do is unconfirmed: then both list every label."""
    fulfillment.post.behave(ledgers="shared")
    fulfillment.other_carriers = [fulfillment.other]
    fulfillment.labelled(3)
    account = fulfillment.look_outside()
    assert (account["verdict"], account["outside"]["carrier"]["result"]["listed"]) == ("balanced", 6)
    day = fulfillment.clock.now.date()
    ledger = fulfillment.store.postage(day, day, "day")
    assert (ledger["carrier"]["agrees"], ledger["totals"]["labels"]) == (True, 3)


def test_clocks_that_are_3_minutes_off_lose_no_order_and_no_label(fulfillment: RunningFulfillment) -> None:
    fulfillment.fire(RECONCILE)
    for cycle, minutes in enumerate((-3, 3, -3, 3)):
        for vendor in (fulfillment.market, fulfillment.post):
            skewed = fulfillment.clock.now + timedelta(
                minutes=minutes if vendor is fulfillment.market else -minutes
            )
            vendor.control("PUT", "clock", {"now": skewed.isoformat()})
        if cycle < 3:
            fulfillment.waiting(2)
        closed = fulfillment.waiting(1, state="SHIPPED") if cycle < 3 else []
        for stage in (ACCEPT, LABEL, TRACK, RECONCILE):
            fulfillment.fire(stage)
        assert {fulfillment.state(order) for order in closed} <= {"shipped"}
        fulfillment.clock.now += timedelta(minutes=15)
    assert fulfillment.rows("select count(*) from orders") == [(9,)]
    assert fulfillment.look_outside()["outside"]["unmatched"] == 0
    labels = fulfillment.post.books()
    assert labels["sold_twice"] == []


def test_an_order_shipped_under_another_number_leaves_our_label_to_a_person(
    fulfillment: RunningFulfillment,
) -> None:
    (order,) = fulfillment.labelled()
    fulfillment.marketplace.set_tracking(order, Tracking("999888777666", "CPCL"))
    fulfillment.marketplace.ship(order)
    fulfillment.fire(ACCEPT)
    assert fulfillment.state(order) == "shipped"
    assert any("another number" in reason for reason in fulfillment.reasons(order))
    fulfillment.fire(LABEL)
    assert fulfillment.status(order)["shipment"]["state"] == "undo_due"
    fulfillment.advance(7 * A_DAY)
    assert fulfillment.is_with_a_person(order), "until a person says so"
