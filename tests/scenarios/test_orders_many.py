"""More orders than a page, a limit, a stage's time or a vendor allows."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from shared.fulfillment.ports import OrderPage
from shared.vendors.mirakl.client import MiraklMarketplace
from tests.orders_support import ACCEPT, LABEL, PIPELINE, RECONCILE, TRACK, RunningFulfillment

YEAR = 365 * 86_400


@dataclass
class Ticking:
    """Each look at it takes so many seconds."""

    fulfillment: RunningFulfillment
    seconds: float

    def __call__(self) -> datetime:
        self.fulfillment.clock.advance(seconds=self.seconds)
        return self.fulfillment.clock.now


@dataclass
class SlowMarketplace:
    """The real client; each call and each page takes so many seconds of the stages' clock."""

    fulfillment: RunningFulfillment
    client: MiraklMarketplace
    seconds: float
    calls: int = 0

    def _wait(self) -> None:
        self.calls += 1
        self.fulfillment.clock.advance(seconds=self.seconds)

    def listed(self, *asked: Any) -> Iterator[OrderPage]:  # noqa: ANN401 - the client's own
        for page in self.client.listed(*asked):
            self._wait()
            yield page

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the client's own
        def call(*asked: Any) -> Any:  # noqa: ANN401 - the same
            self._wait()
            return getattr(self.client, name)(*asked)

        return call


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
    look = {"open ones": 1, "closed since": 10}
    assert calls == {
        "OR11": sum(reads.values()) + sum(look.values()),
        "OR21": 1000,
        "OR23": shipped,
        "OR24": shipped,
    }
    assert [answers[stage]["done"] for stage in (ACCEPT, LABEL, TRACK)] == [1000, shipped, shipped]
    assert in_state(fulfillment, "shipped") == shipped
    sides = fulfillment.assert_balanced()
    assert (sides["with_a_person"], sides["labels"]["sold"]) == (set_aside, shipped)


@pytest.mark.slow
def test_ten_thousand_orders_on_a_slow_marketplace_end_inside_the_stages_time(
    fulfillment: RunningFulfillment,
) -> None:
    """A call takes two seconds: no stage could serve all of them in its time."""
    fulfillment.market.control("POST", "orders", {"count": 10_000, "seed": 7, "orders": []})
    slow = SlowMarketplace(fulfillment, fulfillment.marketplace, 2)
    fulfillment.marketplace = slow  # type: ignore[assignment]  # it stands before the real client
    left = {}
    for stage in (ACCEPT, LABEL, TRACK, RECONCILE):
        begun = fulfillment.clock.now
        answer = fulfillment.fire(stage, limit=10_000)
        took = (fulfillment.clock.now - begun).total_seconds()
        assert took <= PIPELINE.stage(stage).timeout_seconds, (stage, took)
        left[stage] = answer["left"]
    assert left[ACCEPT] > 5000
    assert in_state(fulfillment, "pending_acceptance") + in_state(fulfillment, "accepted") > 5000
    fulfillment.marketplace = slow.client
    assert fulfillment.store.reconcile_orders(None)["adds_up"]


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


def test_a_run_whose_limit_is_reached_reads_no_further_orders(fulfillment: RunningFulfillment) -> None:
    fulfillment.market.control("POST", "orders", {"count": 320, "seed": 7, "state": "SHIPPING", "orders": []})
    fulfillment.fire(RECONCILE)
    before = fulfillment.reads()
    answer = fulfillment.fire(LABEL, limit=20)
    assert (answer["handled"], answer["left"]) == (20, 300)
    assert fulfillment.reads() - before == 1


def test_the_look_at_the_marketplace_costs_a_read_for_each_hundred_orders(
    fulfillment: RunningFulfillment,
) -> None:
    fulfillment.market.control("POST", "orders", {"count": 320, "seed": 7, "state": "SHIPPING", "orders": []})
    for closed, expected in ((0, 5), (150, 6)):
        if closed:
            fulfillment.market.control("POST", "orders", {"count": closed, "state": "SHIPPED", "orders": []})
        before = fulfillment.reads()
        fulfillment.fire(RECONCILE)
        assert fulfillment.reads() - before == expected
    fulfillment.fire(RECONCILE)


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
