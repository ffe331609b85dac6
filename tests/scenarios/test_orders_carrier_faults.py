"""The carrier sells a second label for a repeated request id, and its look-ups are late: the worst there is."""

import itertools
from collections.abc import Mapping

import pytest

from tests.canada_post_support import BACKENDS, SHIPMENTS, bounds
from tests.canada_post_support import client as carrier_client
from tests.orders_support import LABEL, OrderLine

Fault = Mapping[str, object]

PURCHASE: Mapping[str, Fault] = {
    "a timeout before it sells": {"kind": "timeout", "effect": "none", "seconds": 0.1},
    "a timeout after it sells": {"kind": "timeout", "effect": "before", "seconds": 0.1},
    "a 500 before it sells": {"kind": "error_before", "status": 500},
    "a 500 after it sells": {"kind": "error_after", "status": 500},
    "a 503 after it sells": {"kind": "error_after", "status": 503},
    "an unreadable 200": {"kind": "malformed"},
    "a web page as 200": {"kind": "html", "effect": "before"},
    "a 429": {"kind": "rate_limited"},
}
UNSOLD = ("a timeout before it sells", "a 500 before it sells", "a 429")
"""After these there is a second try."""

LOOK_UP: Mapping[str, Fault] = {
    "a look-up that times out": {"kind": "timeout", "effect": "none", "seconds": 0.1},
    "a look-up that fails": {"kind": "error_before", "status": 503},
    "an unreadable look-up": {"kind": "malformed"},
    "a look-up that is throttled": {"kind": "rate_limited"},
}
TRIES = 3
"""Of one look-up, so that all of it fails."""


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["none", "not_found"])
def line(order_line: OrderLine, request: pytest.FixtureRequest) -> OrderLine:
    """What is sold is shown only four minutes later; hidden shipments are no hits, or a 404."""
    order_line.post.behave(visibility_delay=240, hidden_as=request.param, duplicates="sell")
    return order_line


def buying(line: OrderLine, fault: Fault) -> Fault:
    return {**fault, "path": SHIPMENTS[line.backend], "method": "POST", "times": 1}


def looking_up(line: OrderLine, fault: Fault) -> Fault:
    return {**fault, "path": SHIPMENTS[line.backend], "method": "GET", "times": TRIES}


def look_too_early(line: OrderLine) -> None:
    """While what was sold is not shown yet."""
    line.advance(60)
    line.fire(LABEL)


@pytest.mark.parametrize("fault", PURCHASE)
def test_a_purchase_that_meets(line: OrderLine, fault: str) -> None:
    (order,) = line.accepted()
    line.disturb("post", buying(line, PURCHASE[fault]))
    line.fire(LABEL)
    assert line.struck("post") == 1
    look_too_early(line)
    assert line.state(order) == ("label_created" if fault == "a 429" else "label_unknown")

    line.cycle_until_settled(order)
    line.assert_shipped_with_one_label(order)


@pytest.mark.parametrize(("first", "second"), list(itertools.product(UNSOLD, PURCHASE)))
def test_a_purchase_and_its_second_try_that_meet(order_line: OrderLine, first: str, second: str) -> None:
    line = order_line
    line.post.behave(visibility_delay=240)
    (order,) = line.accepted()
    line.disturb("post", buying(line, PURCHASE[first]), buying(line, PURCHASE[second]))
    line.fire(LABEL)
    look_too_early(line)

    line.cycle_until_settled(order)
    assert line.struck("post") == 2
    line.assert_shipped_with_one_label(order)


@pytest.mark.parametrize(("first", "second"), list(itertools.product(PURCHASE, LOOK_UP)))
def test_a_purchase_and_its_look_up_that_meet(order_line: OrderLine, first: str, second: str) -> None:
    line = order_line
    line.post.behave(visibility_delay=240)
    (order,) = line.accepted()
    line.disturb("post", buying(line, PURCHASE[first]), looking_up(line, LOOK_UP[second]))
    line.fire(LABEL)
    look_too_early(line)

    line.cycle_until_settled(order)
    line.assert_shipped_with_one_label(order)


def test_a_carrier_slower_than_our_patience(line: OrderLine) -> None:
    """The only case in which our own clock ends the call, while the sale goes on."""
    (order,) = line.accepted()
    line.disturb("post", buying(line, {"kind": "latency", "seconds": 1.5}))
    with carrier_client(line.backend, line.post.url, bounded=bounds(buy=0.3), clock=line.clock) as hasty:
        line.carrier, patient = hasty, line.carrier
        answer = line.fire(LABEL)
        line.carrier = patient
    assert (answer["unknown"], line.state(order)) == (1, "label_unknown")
    line.disturb("post")

    line.cycle_until_settled(order)
    line.assert_shipped_with_one_label(order)
