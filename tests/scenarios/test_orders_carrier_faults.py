"""The carrier sells a second label for a repeated request id, and its look-ups are late: the worst case."""

import itertools
from collections.abc import Mapping

import pytest

from tests.canada_post_support import BACKENDS, SHIPMENTS, bounds
from tests.canada_post_support import client as carrier_client
from tests.orders_support import LABEL, RunningFulfillment

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
"""Faults that lead to a second try."""

LOOK_UP: Mapping[str, Fault] = {
    "a look-up that times out": {"kind": "timeout", "effect": "none", "seconds": 0.1},
    "a look-up that fails": {"kind": "error_before", "status": 503},
    "an unreadable look-up": {"kind": "malformed"},
    "a look-up that is throttled": {"kind": "rate_limited"},
}
TRIES = 3
"""The requests of one look-up, so that all of it fails."""


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["none", "not_found"])
def fulfillment(fulfillment: RunningFulfillment, request: pytest.FixtureRequest) -> RunningFulfillment:
    """The carrier shows a sale only four minutes later; until then a look-up finds nothing, or gets a 404."""
    fulfillment.post.behave(visibility_delay=240, hidden_as=request.param, duplicates="sell")
    return fulfillment


def buying(fulfillment: RunningFulfillment, fault: Fault) -> Fault:
    return {**fault, "path": SHIPMENTS[fulfillment.backend], "method": "POST", "times": 1}


def looking_up(fulfillment: RunningFulfillment, fault: Fault) -> Fault:
    return {**fault, "path": SHIPMENTS[fulfillment.backend], "method": "GET", "times": TRIES}


def look_too_early(fulfillment: RunningFulfillment) -> None:
    """Runs a cycle while the carrier does not show the sale yet."""
    fulfillment.advance(60)
    fulfillment.fire(LABEL)


@pytest.mark.parametrize("fault", PURCHASE)
def test_a_purchase_that_meets(fulfillment: RunningFulfillment, fault: str) -> None:
    (order,) = fulfillment.accepted()
    fulfillment.disturb("post", buying(fulfillment, PURCHASE[fault]))
    fulfillment.fire(LABEL)
    assert fulfillment.struck("post") == 1
    look_too_early(fulfillment)
    assert fulfillment.state(order) == ("label_created" if fault == "a 429" else "label_unknown")

    fulfillment.cycle_until_settled(order)
    fulfillment.assert_shipped_with_one_label(order)


@pytest.mark.parametrize(("first", "second"), list(itertools.product(UNSOLD, PURCHASE)))
def test_a_purchase_and_its_second_try_that_meet(
    fulfillment: RunningFulfillment, first: str, second: str
) -> None:
    fulfillment.post.behave(visibility_delay=240)
    (order,) = fulfillment.accepted()
    fulfillment.disturb("post", buying(fulfillment, PURCHASE[first]), buying(fulfillment, PURCHASE[second]))
    fulfillment.fire(LABEL)
    look_too_early(fulfillment)

    fulfillment.cycle_until_settled(order)
    assert fulfillment.struck("post") == 2
    fulfillment.assert_shipped_with_one_label(order)


@pytest.mark.parametrize(("first", "second"), list(itertools.product(PURCHASE, LOOK_UP)))
def test_a_purchase_and_its_look_up_that_meet(
    fulfillment: RunningFulfillment, first: str, second: str
) -> None:
    fulfillment.post.behave(visibility_delay=240)
    (order,) = fulfillment.accepted()
    fulfillment.disturb(
        "post", buying(fulfillment, PURCHASE[first]), looking_up(fulfillment, LOOK_UP[second])
    )
    fulfillment.fire(LABEL)
    look_too_early(fulfillment)

    fulfillment.cycle_until_settled(order)
    fulfillment.assert_shipped_with_one_label(order)


def test_a_carrier_slower_than_our_patience(fulfillment: RunningFulfillment) -> None:
    """The only case in which our timeout ends the call while the sale continues."""
    (order,) = fulfillment.accepted()
    fulfillment.disturb("post", buying(fulfillment, {"kind": "latency", "seconds": 1.5}))
    with carrier_client(
        fulfillment.backend, fulfillment.post.url, bounded=bounds(buy=0.3), clock=fulfillment.clock
    ) as hasty:
        fulfillment.carrier, patient = hasty, fulfillment.carrier
        answer = fulfillment.fire(LABEL)
        fulfillment.carrier = patient
    assert (answer["unknown"], fulfillment.state(order)) == (1, "label_unknown")
    fulfillment.disturb("post")

    fulfillment.cycle_until_settled(order)
    fulfillment.assert_shipped_with_one_label(order)
