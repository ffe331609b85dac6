"""The sandbox's pure rules."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from laptop.vendors.mirakl.generation import PLACES, buyer, lines
from laptop.vendors.mirakl.lifecycle import Delays, Entered, dates_before, leaves_at, steps_until
from laptop.vendors.mirakl.rendering import merged, shown_date

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DELAYS = Delays(staging=10, acceptance=60, debit=2, payment=3, delivery=100, closing=1000)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_an_accepted_order_reaches_shipping_by_itself_with_each_state_in_time() -> None:
    steps = steps_until("WAITING_DEBIT", NOON, DELAYS, after(100))
    assert steps == [Entered("WAITING_DEBIT_PAYMENT", after(2)), Entered("SHIPPING", after(5))]


def test_nothing_moves_before_its_time() -> None:
    assert steps_until("WAITING_DEBIT", NOON, DELAYS, after(1.9)) == []


def test_an_order_that_is_not_accepted_in_time_is_cancelled() -> None:
    assert steps_until("STAGING", NOON, DELAYS, after(70)) == [
        Entered("WAITING_ACCEPTANCE", after(10)),
        Entered("CANCELED", after(70)),
    ]


def test_a_shipped_order_is_received_and_closed() -> None:
    assert [step.state for step in steps_until("SHIPPED", NOON, DELAYS, after(5000))] == [
        "RECEIVED",
        "CLOSED",
    ]


@pytest.mark.parametrize("state", ["SHIPPING", "CLOSED", "REFUSED", "CANCELED", "TO_COLLECT"])
def test_other_states_wait_for_somebody(state: str) -> None:
    assert leaves_at(state, NOON, DELAYS) is None


def test_a_state_without_a_delay_lasts_for_ever() -> None:
    assert leaves_at("WAITING_DEBIT", NOON, Delays(debit=None)) is None


def test_an_order_made_in_a_late_state_has_the_dates_of_its_way() -> None:
    assert set(dates_before("SHIPPED", "then")) == {
        "acceptance_decision_date",
        "customer_debited_date",
        "shipped_date",
    }
    assert dates_before("REFUSED", "then") == {"acceptance_decision_date": "then"}
    assert dates_before("WAITING_ACCEPTANCE", "then") == {}


def test_the_same_seed_makes_the_same_buyer() -> None:
    assert buyer(Random("7:1")) == buyer(Random("7:1"))
    assert lines(Random("7:1")) == lines(Random("7:1"))


def test_made_up_buyers_cover_every_address_that_is_hard_for_a_label() -> None:
    addresses = [buyer(Random(f"1:{number}"))["shipping_address"] for number in range(600)]
    states = {address["state"] for address in addresses}
    assert {place.code for place in PLACES} <= states
    assert {name for place in PLACES for name in place.names} <= states
    streets = {address["street_1"] for address in addresses}
    assert any(len(street) > 44 for street in streets)
    assert any(street.startswith("PO Box") for street in streets)
    assert any("-" in street.split()[0] for street in streets)
    assert any(not name.isascii() for address in addresses for name in (address["city"], address["lastname"]))
    codes = {address["zip_code"] for address in addresses}
    assert {" " in code for code in codes} == {True, False}
    assert {code.isupper() for code in codes} == {True, False}
    for field in ("phone", "street_2", "company", "additional_info"):
        assert {bool(address[field]) for address in addresses} == {True, False}


def test_some_made_up_orders_have_several_lines_and_quantities() -> None:
    made = [lines(Random(f"1:{number}")) for number in range(200)]
    assert {len(each) for each in made} == {1, 2, 3}
    assert any(line["quantity"] > 1 for each in made for line in each)


def test_overrides_merge_objects_and_replace_other_values() -> None:
    below = {"a": {"b": 1, "c": [1, 2]}, "d": 4}
    assert merged(below, {"a": {"c": None}, "e": 5}) == {"a": {"b": 1, "c": None}, "d": 4, "e": 5}
    assert merged(below, None) is None


def test_milliseconds_of_zero_are_left_out() -> None:
    assert shown_date("2026-11-20T12:00:00.000000Z") == "2026-11-20T12:00:00Z"
    assert shown_date("2026-11-20T12:00:00.412000Z") == "2026-11-20T12:00:00.412Z"
    assert shown_date(None) is None
