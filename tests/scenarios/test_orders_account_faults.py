"""A fault of our account, a limit or an outage stops a stage as a whole and leaves every order as it was."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from shared.fulfillment.sequence import firing_of
from shared.vendors.canada_post.account import Settlement
from tests.canada_post_support import ACCOUNT, BACKENDS, SHIPMENTS, client
from tests.orders_support import ACCEPT, CYCLE, LABEL, PIPELINE, TRACK, RunningFulfillment

Start = Callable[[str], FlaskClient]
Fault = Mapping[str, object]


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def breaker(fulfillment: RunningFulfillment) -> tuple[str, str]:
    """The stage and the cause of the only open breaker."""
    (found,) = fulfillment.store.open_breakers()
    return found["stage"], found["cause"]


def states(fulfillment: RunningFulfillment, orders: list[str]) -> set[tuple[str, bool]]:
    return {(fulfillment.state(order), fulfillment.is_with_a_person(order)) for order in orders}


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_puts_no_order_aside(fulfillment: RunningFulfillment, status: int) -> None:
    """One 403 put 20 of 20 orders into acceptance_failed for good."""
    orders = fulfillment.waiting(20)
    fulfillment.disturb(
        "market", {"kind": "error_before", "status": status, "path": "/api/orders", "method": "PUT"}
    )
    answer = fulfillment.fire(ACCEPT)
    assert fulfillment.struck("market") == 2, "a second order shows that it is not the first one's own fault"
    assert (answer["left"], answer["failed"]) == (20, 0)
    assert states(fulfillment, orders) == {("pending_acceptance", False)}
    assert breaker(fulfillment) == (ACCEPT, "account")

    fulfillment.disturb("market")
    fulfillment.cycle_until_settled(*orders)
    fulfillment.assert_shipped_with_one_label(*orders)
    assert fulfillment.store.open_breakers() == []


def test_a_wrong_contract_number_puts_no_order_aside(fulfillment: RunningFulfillment) -> None:
    """It put 30 of 30 orders into label_failed."""
    orders = fulfillment.accepted(30)
    without = replace(ACCOUNT, settlement=Settlement(method="Account"))
    with client(fulfillment.backend, fulfillment.post.url, account=without, clock=fulfillment.clock) as wrong:
        right, fulfillment.carrier = fulfillment.carrier, wrong
        answer = fulfillment.fire(LABEL)
        fulfillment.carrier = right
    assert answer["failed"] == 0
    assert states(fulfillment, orders) == {("accepted", False)}
    assert breaker(fulfillment) == (LABEL, "account")
    assert "2506" in fulfillment.store.open_breakers()[0]["reason"]
    assert fulfillment.post.books()["labels_sold"] == 0

    fulfillment.cycle_until_settled(*orders)
    fulfillment.assert_shipped_with_one_label(*orders)


def test_what_is_one_order_s_own_fault_stops_no_other(fulfillment: RunningFulfillment) -> None:
    own, *others = fulfillment.waiting(4)
    fulfillment.disturb(
        "market", {"kind": "error_before", "status": 403, "path": f"/api/orders/{own}/accept"}
    )
    fulfillment.cycle()
    fulfillment.assert_shipped_with_one_label(*others)
    assert fulfillment.store.open_breakers() == []
    for _ in range(3):
        answer = fulfillment.cycle()[ACCEPT]
        assert "held" not in answer, "one order alone holds nothing up"
    assert states(fulfillment, [own]) == {("pending_acceptance", False)}
    fulfillment.advance(2 * 3600)
    assert fulfillment.is_with_a_person(own), "its clock runs"


def test_a_breaker_holds_the_schedule_and_tries_again_after_a_while(fulfillment: RunningFulfillment) -> None:
    fulfillment.waiting(3)
    fulfillment.disturb(
        "market", {"kind": "error_before", "status": 403, "path": "/api/orders", "method": "PUT"}
    )

    def scheduled() -> dict[str, object]:
        return fulfillment.fire(ACCEPT, firing=firing_of(fulfillment.clock.now, None, PIPELINE))

    scheduled()
    fulfillment.at(fulfillment.clock.now + CYCLE - timedelta(seconds=1))
    tried: list[int] = []
    held: list[int] = []
    for _ in range(12):
        fulfillment.advance(CYCLE.total_seconds())
        before = fulfillment.struck("market")
        answer = scheduled()
        (held if "held" in answer else tried).append(fulfillment.struck("market") - before)
    assert tried
    assert held
    assert set(held) == {0}, "a held firing calls nobody"
    assert max(tried) <= 2
    found = fulfillment.store.open_breakers()[0]
    assert (found["tries"], found["stage"]) == (len(tried) + 1, ACCEPT)

    fulfillment.disturb("market")
    by_hand = fulfillment.fire(ACCEPT)
    assert (by_hand["done"], fulfillment.store.open_breakers()) == (3, []), "a call by hand does not wait"


def test_the_stages_page_shows_the_breaker(fulfillment: RunningFulfillment, deployed: Start) -> None:
    fulfillment.waiting(2)
    fulfillment.disturb(
        "market", {"kind": "error_before", "status": 401, "path": "/api/orders", "method": "PUT"}
    )
    fulfillment.fire(ACCEPT)
    (shown,) = deployed("workflow").get("/stages").get_json()["breakers"]
    assert (shown["stage"], shown["cause"]) == (ACCEPT, "account")
    assert "401" in shown["reason"]
    assert shown["opened_at"]


def test_reads_that_are_refused_open_the_breaker_too(fulfillment: RunningFulfillment) -> None:
    orders = fulfillment.labelled(2)
    fulfillment.disturb("market", {"kind": "error_before", "status": 401, "path": "/api/orders"})
    answers = fulfillment.cycle()
    assert answers[TRACK]["error"] == "vendor_unavailable"
    assert {found["cause"] for found in fulfillment.store.open_breakers()} == {"account"}
    assert states(fulfillment, orders) == {("label_created", False)}


def test_an_outage_in_the_middle_leaves_the_rest_to_the_next_cycle(fulfillment: RunningFulfillment) -> None:
    orders = fulfillment.accepted(5)
    fulfillment.disturb("post", {"kind": "rate_limited", "path": SHIPMENTS[fulfillment.backend]})
    answer = fulfillment.fire(LABEL)
    assert (answer["left"] >= 1, answer["failed"], answer.get("bought", 0)) == (True, 0, 0)
    assert states(fulfillment, orders) == {("accepted", False)}
    assert breaker(fulfillment) == (LABEL, "throttled")
    fulfillment.disturb("post")
    fulfillment.cycle_until_settled(*orders)
    fulfillment.assert_shipped_with_one_label(*orders)


def test_throttled_look_ups_wait_as_purchases_do(fulfillment: RunningFulfillment) -> None:
    (order,) = fulfillment.accepted()
    begun = fulfillment.clock.now
    fault = {"kind": "rate_limited", "path": SHIPMENTS[fulfillment.backend], "method": "GET", "times": 1}
    fulfillment.disturb("post", fault)
    answer = fulfillment.fire(LABEL)
    assert (answer["bought"], fulfillment.sold(order)) == (1, 1)
    assert fulfillment.clock.now - begun >= timedelta(seconds=1), "the carrier's wait"
