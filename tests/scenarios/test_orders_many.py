"""More orders than a page, a limit, a stage's time or a vendor's patience."""

from dataclasses import dataclass
from datetime import datetime

import pytest

from tests.orders_support import ACCEPT, LABEL, TRACK, OrderLine

YEAR = 365 * 86_400


@dataclass
class Ticking:
    """Each look at it takes so many seconds."""

    line: OrderLine
    seconds: float

    def __call__(self) -> datetime:
        self.line.clock.advance(seconds=self.seconds)
        return self.line.clock.now


def in_state(line: OrderLine, state: str) -> int:
    return int(line.rows("select count(*) from orders where state = %s", state)[0][0])


def test_a_thousand_waiting_orders_are_shipped_in_one_cycle_with_the_fewest_calls(
    order_line: OrderLine,
) -> None:
    order_line.market.control("POST", "orders", {"count": 1000, "seed": 7, "orders": []})
    answers = order_line.cycle()
    report = order_line.market.control("GET", "books")
    calls = {name: entry["calls"] for name, entry in report["operations"].items() if name.startswith("OR")}
    set_aside = answers[LABEL]["failed"]
    shipped = 1000 - set_aside
    reads = {"listed": 10, "confirmed": 10, "before labels": 10, "before shipping": 10, "after shipping": 10}
    assert calls == {"OR11": sum(reads.values()), "OR21": 1000, "OR23": shipped, "OR24": shipped}
    assert [answers[stage]["done"] for stage in (ACCEPT, LABEL, TRACK)] == [1000, shipped, shipped]
    assert in_state(order_line, "shipped") == shipped
    sides = order_line.assert_balanced()
    assert (sides["with_a_person"], sides["labels"]["sold"]) == (set_aside, shipped)


@pytest.mark.parametrize(("stage", "before"), [(ACCEPT, "waiting"), (LABEL, "accepted"), (TRACK, "labelled")])
def test_a_limit_bounds_a_run_and_the_rest_is_said_to_be_left(
    order_line: OrderLine, stage: str, before: str
) -> None:
    getattr(order_line, before)(7)
    answer = order_line.fire(stage, limit=3)
    assert (answer["done"], answer["left"]) == (3, 4)
    answer = order_line.fire(stage)
    assert (answer["done"], answer["left"]) == (4, 0)


@pytest.mark.parametrize(("stage", "before"), [(ACCEPT, "waiting"), (LABEL, "accepted"), (TRACK, "labelled")])
def test_what_does_not_fit_into_the_stages_time_is_left_for_the_next_firing(
    order_line: OrderLine, stage: str, before: str
) -> None:
    """A look at the clock takes a minute: the lease must be renewed all the time."""
    orders = getattr(order_line, before)(12)
    order_line.advance(60)
    answer = order_line.fire(stage, clock=Ticking(order_line, 60))
    told = answer["done"] + answer["left"] + answer.get("unconfirmed", 0)
    assert told == 12
    assert answer["left"] > 0
    assert answer["done"] + answer.get("unconfirmed", 0) > 0
    order_line.cycle_until_settled(*orders)
    order_line.assert_shipped_with_one_label(*orders)


def test_a_cycle_stays_within_the_marketplaces_calls_per_minute(order_line: OrderLine) -> None:
    orders = order_line.waiting(100)
    order_line.market.control("PUT", "limits", {"per_minute": 60})
    order_line.cycle()
    order_line.assert_shipped_with_one_label(*orders)


def test_a_carrier_with_few_calls_per_minute_is_waited_for(order_line: OrderLine) -> None:
    order_line.at_the_real_time()
    order_line.advance(YEAR)  # the calls of other tests were made earlier
    orders = order_line.accepted(40)
    order_line.post.behave(calls_per_minute=30)
    answer = order_line.fire(LABEL)
    assert answer["bought"] == 40
    order_line.cycle_until_settled(*orders, cycles=3)
    order_line.assert_shipped_with_one_label(*orders)


def test_a_marketplace_that_wants_quiet_for_long_gets_it(order_line: OrderLine) -> None:
    orders = order_line.waiting(5)
    fault = {"kind": "rate_limited", "seconds": 3600, "path": f"/api/orders/{orders[2]}/accept"}
    order_line.disturb("market", fault)
    answer = order_line.fire(ACCEPT)
    assert (answer["done"], answer["left"]) == (2, 3)
    assert order_line.struck("market") == 1
