"""Repeats and lost answers of OR21, OR23 and OR24 never change an order's end."""

from collections.abc import Mapping
from itertools import product

import pytest

from shared.errors import VendorUnavailable
from shared.fulfillment.ports import Tracking
from tests.faults import held, rpc
from tests.orders_support import ACCEPT, LABEL, TRACK, RunningFulfillment

Fault = Mapping[str, object]

CHANGE: Mapping[str, Fault] = {
    "a timeout before it acts": {"kind": "timeout", "effect": "none", "seconds": 0.1},
    "a timeout after it acts": {"kind": "timeout", "effect": "before", "seconds": 0.1},
    "a 500 before it acts": {"kind": "error_before", "status": 500},
    "a 500 after it acts": {"kind": "error_after", "status": 500},
    "an unreadable 200": {"kind": "malformed"},
    "a web page as 200": {"kind": "html", "effect": "before"},
    "a 403 of a gateway": {"kind": "html", "status": 403, "effect": "none"},
    "a 429": {"kind": "rate_limited", "seconds": 1},
}
PUSHES = ("accept", "tracking", "ship")


def on(order: str, action: str, fault: Fault, times: int = 1) -> Fault:
    return {**fault, "path": f"/api/orders/{order}/{action}", "method": "PUT", "times": times}


def done(fulfillment: RunningFulfillment, order: str, action: str) -> int:
    """The number of such changes in the marketplace's log."""
    return int(fulfillment.market.control("GET", "books")["orders"][order][action]["done"])


@pytest.mark.parametrize(("action", "fault"), list(product(PUSHES, CHANGE)))
def test_one_call_that_meets(fulfillment: RunningFulfillment, action: str, fault: str) -> None:
    orders = fulfillment.waiting(2)
    fulfillment.disturb("market", on(orders[0], action, CHANGE[fault]))
    fulfillment.cycle_until_settled(*orders)
    assert fulfillment.struck("market") == 1
    fulfillment.assert_shipped_with_one_label(*orders)
    assert {done(fulfillment, orders[0], each) for each in ("accept", "ship")} == {1}


@pytest.mark.parametrize(("first", "second"), list(product(CHANGE, CHANGE)))
def test_two_calls_in_a_row_that_meet(fulfillment: RunningFulfillment, first: str, second: str) -> None:
    """Pairs of faults for each action whose first leads to a second try."""
    (order,) = fulfillment.waiting()
    faults = [on(order, action, CHANGE[each]) for action in PUSHES for each in (first, second)]
    fulfillment.disturb("market", *faults)
    fulfillment.cycle_until_settled(order)
    fulfillment.assert_shipped_with_one_label(order)
    assert {done(fulfillment, order, each) for each in ("accept", "ship")} == {1}


@pytest.mark.parametrize("fault", [{"kind": "error_before", "status": 503}, {"kind": "malformed"}])
@pytest.mark.parametrize("stage", [ACCEPT, LABEL, TRACK])
def test_reads_that_all_fail_end_the_stage_and_the_next_firing_goes_on(
    fulfillment: RunningFulfillment, stage: str, fault: Fault
) -> None:
    (order,) = {ACCEPT: fulfillment.waiting, LABEL: fulfillment.accepted, TRACK: fulfillment.labelled}[
        stage
    ]()
    fulfillment.disturb("market", {**fault, "path": "/api/orders", "method": "GET"})
    with pytest.raises(VendorUnavailable):
        fulfillment.fire(stage)
    fulfillment.disturb("market")
    fulfillment.cycle_until_settled(order)
    fulfillment.assert_shipped_with_one_label(order)


def test_changes_by_hand_are_followed(fulfillment: RunningFulfillment) -> None:
    """Somebody accepted one order, shipped another, and set the tracking number of a third at the marketplace."""
    by_hand, shipped, tracked = (*fulfillment.waiting(1), *fulfillment.labelled(1), *fulfillment.labelled(1))
    fulfillment.see([by_hand])
    lines = [line.line_id for line in fulfillment.marketplace.orders([by_hand]).orders[0].lines]
    fulfillment.marketplace.accept(by_hand, lines)
    fulfillment.marketplace.ship(shipped)
    number = fulfillment.status(tracked)["shipment"]["tracking_number"]
    fulfillment.marketplace.set_tracking(tracked, Tracking(number, "CPCL"))

    fulfillment.cycle_until_settled(by_hand, shipped, tracked)
    assert {fulfillment.state(each) for each in (by_hand, shipped, tracked)} == {"shipped"}
    assert done(fulfillment, tracked, "tracking") == 1


@pytest.mark.parametrize(
    ("function", "action", "effect"),
    [(*each, effect) for each in (("accept_orders", "accept"), ("update_tracking", "tracking"),
                                  ("update_tracking", "ship")) for effect in ("none", "before")],
)  # fmt: skip
def test_a_stage_killed_while_it_tells_the_marketplace(
    fulfillment: RunningFulfillment, function: str, action: str, effect: str
) -> None:
    fulfillment.at_the_real_time()
    orders = fulfillment.waiting(3) if action == "accept" else fulfillment.labelled(3)
    path = f"/api/orders/{orders[1]}/{action}"
    fulfillment.kill_while_held(function, "market", held(path, effect=effect, method="PUT"))
    fulfillment.outlive_the_lease(function.replace("_", "-"))
    fulfillment.cycle_until_settled(*orders)
    fulfillment.assert_shipped_with_one_label(*orders)


@pytest.mark.parametrize("function", ["store_orders", "move_orders", "end_stage"])
@pytest.mark.parametrize("effect", ["none", "before"])
def test_accept_orders_killed_while_it_writes(
    fulfillment: RunningFulfillment, function: str, effect: str
) -> None:
    fulfillment.at_the_real_time()
    orders = fulfillment.waiting(3)
    fulfillment.kill_while_held("accept_orders", "rest", held(rpc(function), effect=effect))
    if (function, effect) != ("end_stage", "before"):
        fulfillment.outlive_the_lease(ACCEPT)
    fulfillment.cycle_until_settled(*orders)
    fulfillment.assert_shipped_with_one_label(*orders)
