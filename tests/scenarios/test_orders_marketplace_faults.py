"""Repeats and lost answers of OR21, OR23 and OR24 never change what becomes of an order."""

from collections.abc import Mapping
from itertools import product

import pytest

from shared.errors import VendorUnavailable
from shared.fulfillment.ports import Tracking
from tests.orders_support import ACCEPT, LABEL, TRACK, OrderLine, held, rpc

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
DONE_AT_THE_MARKETPLACE = {"accept": "OR21", "tracking": "OR23", "ship": "OR24"}


def on(order: str, action: str, fault: Fault, times: int = 1) -> Fault:
    return {**fault, "path": f"/api/orders/{order}/{action}", "method": "PUT", "times": times}


def done(line: OrderLine, order: str, action: str) -> int:
    """How often the marketplace did it, by its books."""
    return int(line.market.control("GET", "books")["orders"][order][action]["done"])


@pytest.mark.parametrize(("action", "fault"), list(product(PUSHES, CHANGE)))
def test_one_call_that_meets(order_line: OrderLine, action: str, fault: str) -> None:
    orders = order_line.waiting(2)
    order_line.disturb("market", on(orders[0], action, CHANGE[fault]))
    order_line.cycle_until_settled(*orders)
    assert order_line.struck("market") == 1
    order_line.assert_shipped_with_one_label(*orders)
    assert {done(order_line, orders[0], each) for each in ("accept", "ship")} == {1}


@pytest.mark.parametrize(("first", "second"), list(product(CHANGE, CHANGE)))
def test_two_calls_in_a_row_that_meet(order_line: OrderLine, first: str, second: str) -> None:
    """Of each action, where the first leaves a second to be made."""
    (order,) = order_line.waiting()
    faults = [on(order, action, CHANGE[each]) for action in PUSHES for each in (first, second)]
    order_line.disturb("market", *faults)
    order_line.cycle_until_settled(order)
    order_line.assert_shipped_with_one_label(order)
    assert {done(order_line, order, each) for each in ("accept", "ship")} == {1}


@pytest.mark.parametrize("fault", [{"kind": "error_before", "status": 503}, {"kind": "malformed"}])
@pytest.mark.parametrize("stage", [ACCEPT, LABEL, TRACK])
def test_reads_that_all_fail_end_the_stage_and_the_next_firing_goes_on(
    order_line: OrderLine, stage: str, fault: Fault
) -> None:
    (order,) = {ACCEPT: order_line.waiting, LABEL: order_line.accepted, TRACK: order_line.labelled}[stage]()
    order_line.disturb("market", {**fault, "path": "/api/orders", "method": "GET"})
    with pytest.raises(VendorUnavailable):
        order_line.fire(stage)
    order_line.disturb("market")
    order_line.cycle_until_settled(order)
    order_line.assert_shipped_with_one_label(order)


def test_what_was_done_by_hand_is_followed(order_line: OrderLine) -> None:
    """Somebody accepted one order, shipped another, and set the tracking number of a third at the marketplace."""
    by_hand, shipped, tracked = (*order_line.waiting(1), *order_line.labelled(1), *order_line.labelled(1))
    order_line.see([by_hand])
    lines = [line.line_id for line in order_line.marketplace.orders([by_hand]).orders[0].lines]
    order_line.marketplace.accept(by_hand, lines)
    order_line.marketplace.ship(shipped)
    number = order_line.told(tracked)["shipment"]["tracking_number"]
    order_line.marketplace.set_tracking(tracked, Tracking(number, "CPCL"))

    order_line.cycle_until_settled(by_hand, shipped, tracked)
    assert {order_line.state(each) for each in (by_hand, shipped, tracked)} == {"shipped"}
    assert done(order_line, tracked, "tracking") == 1


@pytest.mark.parametrize(
    ("function", "action", "effect"),
    [(*each, effect) for each in (("accept_orders", "accept"), ("update_tracking", "tracking"),
                                  ("update_tracking", "ship")) for effect in ("none", "before")],
)  # fmt: skip
def test_a_stage_killed_while_it_tells_the_marketplace(
    order_line: OrderLine, function: str, action: str, effect: str
) -> None:
    order_line.at_the_real_time()
    orders = order_line.waiting(3) if action == "accept" else order_line.labelled(3)
    path = f"/api/orders/{orders[1]}/{action}"
    order_line.kill_while_held(function, "market", held(path, effect=effect, method="PUT"))
    order_line.outlive_the_lease(function.replace("_", "-"))
    order_line.cycle_until_settled(*orders)
    order_line.assert_shipped_with_one_label(*orders)


@pytest.mark.parametrize("function", ["store_orders", "move_orders", "end_stage"])
@pytest.mark.parametrize("effect", ["none", "before"])
def test_accept_orders_killed_while_it_writes(order_line: OrderLine, function: str, effect: str) -> None:
    order_line.at_the_real_time()
    orders = order_line.waiting(3)
    order_line.kill_while_held("accept_orders", "rest", held(rpc(function), effect=effect))
    if (function, effect) != ("end_stage", "before"):
        order_line.outlive_the_lease(ACCEPT)
    order_line.cycle_until_settled(*orders)
    order_line.assert_shipped_with_one_label(*orders)
