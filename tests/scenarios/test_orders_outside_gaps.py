"""The outside check says balanced only when it has looked at everything: days, closed orders, and people's words."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from flask.testing import FlaskClient

from shared.errors import Conflict, SwitchyardError
from shared.fulfillment.reconcile import CALENDAR
from tests.canada_post_support import SHIPMENTS
from tests.orders_support import LABEL, RECONCILE, RunningFulfillment

A_DAY = 86_400
Start = Callable[[str], FlaskClient]


def today(fulfillment: RunningFulfillment) -> date:
    return fulfillment.clock.now.astimezone(CALENDAR).date()


def is_known(fulfillment: RunningFulfillment, order: str) -> bool:
    return (order,) in fulfillment.rows("select order_id from orders")


def cancelled(fulfillment: RunningFulfillment) -> str:
    (order,) = fulfillment.labelled()
    fulfillment.market.control("POST", f"orders/{order}/cancel")
    fulfillment.fire(LABEL)
    fulfillment.cycle()
    return order


def test_a_look_at_one_day_does_not_hide_the_days_of_an_outage(fulfillment: RunningFulfillment) -> None:
    fulfillment.look_outside()
    fulfillment.advance(A_DAY)
    sold = fulfillment.post.plant(fulfillment.backend, request_id="stranger-1")
    fulfillment.advance(6 * A_DAY)
    assert fulfillment.look_outside(day=today(fulfillment))["verdict"] == "unverified"
    fulfillment.advance(A_DAY)
    assert fulfillment.look_outside()["verdict"] == "unbalanced"
    assert fulfillment.findings() == {"sold_unknown": [sold["shipment_id"]]}


@pytest.mark.parametrize("days", [-50, 5])
def test_a_look_at_a_day_without_labels_verifies_nothing(fulfillment: RunningFulfillment, days: int) -> None:
    fulfillment.post.plant(fulfillment.backend, request_id="stranger-1")
    fulfillment.advance(60)
    account = fulfillment.look_outside(day=today(fulfillment) + timedelta(days=days))
    assert account["verdict"] == "unverified"


def test_an_outage_of_20_days_hides_no_sale(fulfillment: RunningFulfillment) -> None:
    fulfillment.look_outside()
    fulfillment.advance(A_DAY)
    fulfillment.post.plant(fulfillment.backend, request_id="stranger-1")
    fulfillment.advance(20 * A_DAY)
    assert fulfillment.look_outside()["verdict"] == "unbalanced"


def test_a_closed_order_dated_in_the_future_hides_no_other(fulfillment: RunningFulfillment) -> None:
    fulfillment.fire(RECONCILE)
    fulfillment.advance(60)
    in_a_year = (fulfillment.clock.now + timedelta(days=365)).strftime("%Y-%m-%dT%H:%M:%SZ")
    fulfillment.waiting(1, state="SHIPPED", overrides={"last_updated_date": in_a_year})
    fulfillment.fire(RECONCILE)
    fulfillment.advance(3600)
    (order,) = fulfillment.waiting(1, state="SHIPPED")
    fulfillment.look_outside()
    assert is_known(fulfillment, order)


def test_a_first_look_that_fails_loses_no_closed_order(fulfillment: RunningFulfillment) -> None:
    fulfillment.disturb("market", {"kind": "error_before", "status": 400, "path": "/api/orders"})
    with pytest.raises(SwitchyardError):
        fulfillment.fire(RECONCILE)
    (order,) = fulfillment.waiting(1, state="SHIPPED")
    fulfillment.advance(3600)
    fulfillment.disturb("market")
    fulfillment.look_outside()
    assert is_known(fulfillment, order)


@pytest.mark.parametrize("calls", range(2, 9))
def test_a_look_whose_time_is_up_is_not_complete(fulfillment: RunningFulfillment, calls: int) -> None:
    fulfillment.look_outside()
    fulfillment.advance(1800)
    fulfillment.fire(RECONCILE)
    fulfillment.advance(3000)
    (vanished,) = fulfillment.accepted()
    fulfillment.market.control(
        "PUT", f"orders/{vanished}/overrides", {"overrides": {"order_id": "another-id"}}
    )
    fulfillment.advance(1000)  # the last look is too old
    seen: list[int] = []

    def clock() -> datetime:
        seen.append(1)
        return fulfillment.clock.now + (timedelta(hours=1) if len(seen) > calls else timedelta())

    fulfillment.fire(RECONCILE, clock=clock)
    assert fulfillment.store.reconcile_orders(None)["verdict"] != "balanced"


def test_a_label_that_the_carrier_lists_cannot_be_said_to_be_unsold(fulfillment: RunningFulfillment) -> None:
    (order,) = fulfillment.accepted()
    fault = {"kind": "lost_answer", "path": SHIPMENTS[fulfillment.backend], "method": "POST", "times": 1}
    fulfillment.disturb("post", fault)
    fulfillment.fire(LABEL)
    fulfillment.disturb("post")
    fulfillment.advance(3600)
    fulfillment.look_outside()
    fulfillment.advance(3 * A_DAY)
    with pytest.raises(Conflict, match="the carrier lists shipment"):
        fulfillment.store.note_not_sold(order, "ana", "nothing there")
    fulfillment.fire(LABEL)
    assert fulfillment.sold(order) == 1


def test_a_shipment_that_the_carrier_lists_and_does_not_show_is_found(
    fulfillment: RunningFulfillment,
) -> None:
    fulfillment.look_outside()
    sold = fulfillment.post.plant(fulfillment.backend, request_id="stranger-1")
    path = f"{SHIPMENTS[fulfillment.backend]}/{sold['shipment_id']}"
    fulfillment.disturb("post", {"kind": "error_before", "status": 404, "path": path, "method": "GET"})
    fulfillment.advance(A_DAY)
    fulfillment.look_outside()
    fulfillment.advance(A_DAY)
    assert fulfillment.look_outside()["verdict"] == "unbalanced"
    fulfillment.disturb("post")


def test_a_label_said_to_be_voided_that_the_carrier_still_lists_is_found(
    fulfillment: RunningFulfillment,
) -> None:
    order = cancelled(fulfillment)
    fulfillment.store.note_undone(order, "voided", "ana", "voided at the site")
    fulfillment.advance(3600)
    assert fulfillment.look_outside()["verdict"] == "unbalanced"
    assert list(fulfillment.findings()) == ["price_differs"]


def test_a_label_voided_days_later_leaves_the_ledger_right(fulfillment: RunningFulfillment) -> None:
    order = cancelled(fulfillment)
    sale = today(fulfillment)
    fulfillment.advance(60)
    fulfillment.look_outside()
    fulfillment.advance(5 * A_DAY)
    fulfillment.look_outside()
    shipment = fulfillment.status(order)["shipment"]["shipment_id"]
    fulfillment.post.change(shipment, status="void")
    fulfillment.store.note_undone(order, "voided", "ana", "voided at the site")
    fulfillment.advance(A_DAY)
    assert fulfillment.look_outside()["verdict"] == "balanced"
    assert fulfillment.store.postage(sale, today(fulfillment), "day")["carrier"]["agrees"]


@pytest.mark.parametrize(
    ("here", "there"), [("shipped", "CANCELED"), ("shipped", "REFUSED"), ("cancelled", "SHIPPED")]
)
def test_an_order_that_ended_otherwise_there_is_found(
    fulfillment: RunningFulfillment, here: str, there: str
) -> None:
    (order,) = fulfillment.accepted()
    if here == "cancelled":
        fulfillment.market.control("POST", f"orders/{order}/cancel")
    fulfillment.cycle()
    fulfillment.cycle()
    assert fulfillment.state(order) == here
    fulfillment.advance(60)
    fulfillment.market.control("PUT", f"orders/{order}", {"state": there})
    fulfillment.advance(60)
    assert fulfillment.look_outside()["verdict"] == "unbalanced"


def test_a_finding_that_a_person_closed_does_not_hide_the_next_time(fulfillment: RunningFulfillment) -> None:
    (order,) = fulfillment.waiting()
    fulfillment.cycle()
    fulfillment.cycle()
    for _ in range(2):
        fulfillment.market.control("PUT", f"orders/{order}", {"state": "SHIPPING"})
        fulfillment.advance(60)
        assert fulfillment.look_outside()["verdict"] == "unbalanced"
        (one,) = fulfillment.store.findings(None, 10, 0)["findings"]
        fulfillment.store.close_finding(one["id"], "ana", "shipped it there by hand")
        fulfillment.market.control("PUT", f"orders/{order}", {"state": "SHIPPED"})
        fulfillment.advance(A_DAY)
        assert fulfillment.look_outside()["verdict"] == "balanced"


def test_an_order_closed_as_unreadable_does_not_hide_the_next_time(fulfillment: RunningFulfillment) -> None:
    (order,) = fulfillment.accepted()
    for _ in range(2):
        fulfillment.market.control("PUT", f"orders/{order}/overrides", {"overrides": {"total_price": "much"}})
        fulfillment.advance(60)
        assert fulfillment.look_outside()["verdict"] == "unbalanced"
        (one,) = fulfillment.store.findings(None, 10, 0)["findings"]
        fulfillment.store.close_finding(one["id"], "ana", "asked the marketplace")
        fulfillment.market.control("PUT", f"orders/{order}/overrides", {"overrides": {}})
        fulfillment.advance(60)
        assert fulfillment.look_outside()["verdict"] == "balanced"


def test_a_look_by_a_clock_that_is_ahead_does_not_stand_for_the_year(fulfillment: RunningFulfillment) -> None:
    def ahead() -> datetime:
        return fulfillment.clock.now + timedelta(days=365)

    fulfillment.fire(RECONCILE, clock=ahead)
    fulfillment.advance(2 * A_DAY)
    assert fulfillment.store.reconcile_orders(None)["verdict"] == "unverified"
    fulfillment.post.plant(fulfillment.backend, request_id="stranger-1")
    fulfillment.advance(60)
    fulfillment.fire(RECONCILE)
    assert fulfillment.store.reconcile_orders(None)["verdict"] == "unbalanced"


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_a_day_beyond_the_calendar_is_refused(deployed: Start, day: str) -> None:
    assert deployed("reconcile_orders").post("/", json={"day": day}).status_code == 422


@pytest.mark.parametrize(
    "path",
    [
        "/labels?orders=a%00b",
        "/orders?after=2026-W01-1T00:00%2B00:00%20X",
        "/orders?after=2026-01-01T00:00:00,5%2B00:00%20X",
        "/orders?after=2026-01-01T00:00:00%2B23:59%20X",
        "/orders?ship_before=9999-12-31T23:59:59-23:59",
        "/orders?ship_before=0001-01-01T00:00:00%2B23:59",
    ],
)
def test_a_value_that_the_database_cannot_take_is_no_error_of_ours(deployed: Start, path: str) -> None:
    assert deployed("workflow").get(path).status_code < 500
