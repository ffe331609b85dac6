"""More orders than a page, a limit, a stage's time or a vendor allows."""

from dataclasses import dataclass
from datetime import datetime

import pytest

from tests.orders_support import ACCEPT, LABEL, TRACK, RunningFulfillment

YEAR = 365 * 86_400


@dataclass
class Ticking:
    """Each look at it takes so many seconds."""

    fulfillment: RunningFulfillment
    seconds: float

    def __call__(self) -> datetime:
        self.fulfillment.clock.advance(seconds=self.seconds)
        return self.fulfillment.clock.now


def in_state(fulfillment: RunningFulfillment, state: str) -> int:
    return int(fulfillment.rows("select count(*) from orders where state = %s", state)[0][0])


@pytest.mark.slow
def test_a_thousand_waiting_orders_are_shipped_in_one_cycle_with_the_fewest_calls(
    fulfillment: RunningFulfillment,
) -> None:
    fulfillment.market.control("POST", "orders", {"count": 1000, "seed": 7, "orders": []})
    answers = fulfillment.cycle()
    report = fulfillment.market.control("GET", "books")
    calls = {name: entry["calls"] for name, entry in report["operations"].items() if name.startswith("OR")}
    set_aside = answers[LABEL]["failed"]
    shipped = 1000 - set_aside
    reads = {"listed": 10, "confirmed": 10, "before labels": 10, "before shipping": 10, "after shipping": 10}
    assert calls == {"OR11": sum(reads.values()), "OR21": 1000, "OR23": shipped, "OR24": shipped}
    assert [answers[stage]["done"] for stage in (ACCEPT, LABEL, TRACK)] == [1000, shipped, shipped]
    assert in_state(fulfillment, "shipped") == shipped
    sides = fulfillment.assert_balanced()
    assert (sides["with_a_person"], sides["labels"]["sold"]) == (set_aside, shipped)


@pytest.mark.parametrize(("stage", "before"), [(ACCEPT, "waiting"), (LABEL, "accepted"), (TRACK, "labelled")])
def test_a_limit_bounds_a_run_and_the_rest_is_reported_as_left(
    fulfillment: RunningFulfillment, stage: str, before: str
) -> None:
    getattr(fulfillment, before)(7)
    answer = fulfillment.fire(stage, limit=3)
    assert (answer["done"], answer["left"]) == (3, 4)
    answer = fulfillment.fire(stage)
    assert (answer["done"], answer["left"]) == (4, 0)


@pytest.mark.parametrize(("stage", "before"), [(ACCEPT, "waiting"), (LABEL, "accepted"), (TRACK, "labelled")])
def test_what_does_not_fit_into_the_stages_time_is_left_for_the_next_firing(
    fulfillment: RunningFulfillment, stage: str, before: str
) -> None:
    """A look at the clock takes a minute: the lease must be renewed all the time."""
    orders = getattr(fulfillment, before)(12)
    fulfillment.advance(60)
    answer = fulfillment.fire(stage, clock=Ticking(fulfillment, 60))
    counted = answer["done"] + answer["left"] + answer.get("unconfirmed", 0)
    assert counted == 12
    assert answer["left"] > 0
    assert answer["done"] + answer.get("unconfirmed", 0) > 0
    fulfillment.cycle_until_settled(*orders)
    fulfillment.assert_shipped_with_one_label(*orders)


def test_a_cycle_stays_within_the_marketplaces_calls_per_minute(fulfillment: RunningFulfillment) -> None:
    orders = fulfillment.waiting(100)
    fulfillment.market.control("PUT", "limits", {"per_minute": 60})
    fulfillment.cycle()
    fulfillment.assert_shipped_with_one_label(*orders)


def test_a_carrier_with_few_calls_per_minute_is_waited_for(fulfillment: RunningFulfillment) -> None:
    fulfillment.at_the_real_time()
    fulfillment.advance(YEAR)  # the calls of other tests were made earlier
    orders = fulfillment.accepted(40)
    fulfillment.post.behave(calls_per_minute=30)
    answer = fulfillment.fire(LABEL)
    assert answer["bought"] == 40
    fulfillment.cycle_until_settled(*orders, cycles=3)
    fulfillment.assert_shipped_with_one_label(*orders)


def test_a_marketplace_that_wants_quiet_for_long_gets_it(fulfillment: RunningFulfillment) -> None:
    orders = fulfillment.waiting(5)
    fault = {"kind": "rate_limited", "seconds": 3600, "path": f"/api/orders/{orders[2]}/accept"}
    fulfillment.disturb("market", fault)
    answer = fulfillment.fire(ACCEPT)
    assert (answer["done"], answer["left"]) == (2, 3)
    assert fulfillment.struck("market") == 1
