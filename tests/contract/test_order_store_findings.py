"""Attention and findings: both stores of fulfillment keep the same promises."""

from dataclasses import asdict
from datetime import timedelta

import pytest

from shared.errors import Conflict, NotFound
from shared.fulfillment.findings import Finding, Kind, about_order
from shared.fulfillment.orders import OrderState
from tests.memory.clock import SettableClock
from tests.order_store_support import (
    ADDRESS,
    NOON,
    Store,
    accepted,
    close,
    labelled,
    moving,
    open_findings,
    opened,
    order,
    state_of,
)

S = OrderState


def test_a_failure_asks_for_a_person_whose_retry_sends_the_order_back(store: Store) -> None:
    store.store_orders([order()], "accept-orders")
    moving(store, S.PENDING_ACCEPTANCE, S.ACCEPTANCE_FAILED)
    assert state_of(store) == ("acceptance_failed", True)
    for _ in range(2):
        assert store.retry_order("A", "kim", "called them")["state"] == "pending_acceptance"
    assert state_of(store) == ("pending_acceptance", False)
    with pytest.raises(Conflict, match="nothing to retry"):
        store.retry_order("A", "kim", "something else")


WAITS = [
    (S.PENDING_ACCEPTANCE, [], 2),
    (S.ACCEPTED, [S.ACCEPTED], 24),
    (S.LABEL_UNKNOWN, [S.ACCEPTED, S.LABEL_UNKNOWN], 2),
    (S.LABEL_CREATED, [S.ACCEPTED, S.LABEL_CREATED], 2),
]


@pytest.mark.parametrize(("state", "way", "hours"), WAITS)
def test_a_state_that_lasts_too_long_asks_for_a_person(
    store: Store, clock: SettableClock, state: OrderState, way: list[OrderState], hours: int
) -> None:
    store.store_orders([order()], "accept-orders")
    for before, after in zip([S.PENDING_ACCEPTANCE, *way], way, strict=False):
        assert moving(store, before, after)
    clock.advance(hours=hours, seconds=-1)
    assert state_of(store) == (state, False)
    clock.advance(seconds=1)
    status = store.order_status("A")
    assert (status["attention"], status["limit"], status["attention_since"]) == (
        True,
        clock().isoformat(),
        clock().isoformat(),
    )


def test_the_ship_by_date_calls_a_person_earlier(store: Store, clock: SettableClock) -> None:
    store.store_orders([order(ship_before=NOON + timedelta(hours=13))], "accept-orders")
    moving(store, S.PENDING_ACCEPTANCE, S.ACCEPTED)
    clock.advance(minutes=59)
    assert state_of(store) == ("accepted", False)
    clock.advance(minutes=1)
    assert state_of(store) == ("accepted", True)


def test_a_finding_asks_for_a_person_until_it_ends(store: Store, clock: SettableClock) -> None:
    accepted(store)
    store.add_findings([about_order(Kind.LABEL_UNUSABLE, "A", "suspended")], "create-labels")
    clock.advance(minutes=1)
    store.add_findings([about_order(Kind.LABEL_UNUSABLE, "A", "suspended still")], "create-labels")
    (reason,) = store.order_status("A")["reasons"]
    assert (reason["kind"], reason["reason"], reason["since"]) == (
        "label_unusable",
        "suspended still",
        NOON.isoformat(),
    )
    store.end_findings(Kind.LABEL_UNUSABLE, ["A", "never found"])
    assert state_of(store) == ("accepted", False)
    store.add_findings([about_order(Kind.LABEL_UNUSABLE, "A", "suspended still")], "create-labels")
    assert state_of(store) == ("accepted", True), "it had ended by itself"


def test_what_a_person_closed_opens_for_another_reason_only(store: Store) -> None:
    accepted(store)
    for reason in ("suspended", "suspended"):
        store.add_findings([about_order(Kind.LABEL_UNUSABLE, "A", reason)], "create-labels")
    (finding,) = store.findings(None, 10, 0)["findings"]
    for _ in range(2):
        assert store.close_finding(finding["id"], "kim", "seen")["closed_by"] == "kim"
    with pytest.raises(Conflict, match="has ended"):
        store.close_finding(finding["id"], "lee", "me too")
    with pytest.raises(NotFound, match="no finding 999"):
        store.close_finding(999, "lee", "x")
    store.add_findings([about_order(Kind.LABEL_UNUSABLE, "A", "suspended")], "create-labels")
    assert open_findings(store) == []
    (closed,) = store.order_status("A")["closed_findings"]
    assert (closed["kind"], closed["note"]) == ("label_unusable", "seen")
    store.add_findings([about_order(Kind.LABEL_UNUSABLE, "A", "gone")], "create-labels")
    assert open_findings(store) == [("label_unusable", "A")]


def test_what_still_fails_after_a_retry_is_told_again(store: Store) -> None:
    accepted(store)
    for _ in range(2):
        store.add_findings([about_order(Kind.OTHER_API, "A", "no credentials")], "create-labels")
        assert open_findings(store) == [("other_api", "A")]
        for _ in range(2):
            assert not store.retry_order("A", "kim", "mended")["attention"]


def test_findings_are_read_page_by_page(store: Store) -> None:
    found = [Finding(Kind.SOLD_UNKNOWN, f"S{n}", "unknown") for n in range(3)]
    store.add_findings([*found, Finding(Kind.NOT_SOLD, "S9", "not listed")], "reconcile")
    first = store.findings(Kind.SOLD_UNKNOWN, 2, 0)
    rest = store.findings(Kind.SOLD_UNKNOWN, 2, first["findings"][-1]["id"])
    assert ([each["subject"] for each in first["findings"]], first["total"]) == (["S0", "S1"], 3)
    assert ([each["subject"] for each in rest["findings"]], rest["total"]) == (["S2"], 3)
    assert store.findings(None, 10, 0)["total"] == 4


def test_an_order_that_can_be_read_is_no_longer_unreadable(store: Store) -> None:
    store.add_findings([about_order(Kind.UNREADABLE, "A", "no lines")], "accept-orders")
    store.store_orders([order()], "accept-orders")
    assert open_findings(store) == []


@pytest.mark.parametrize("way", [[S.ACCEPTANCE_FAILED], [S.ACCEPTED, S.LABEL_FAILED]])
def test_an_order_cancelled_after_our_failure_is_a_person_s_business(
    store: Store, way: list[OrderState]
) -> None:
    store.store_orders([order()], "accept-orders")
    for before, after in zip([S.PENDING_ACCEPTANCE, *way], [*way, S.CANCELLED], strict=True):
        assert moving(store, before, after)
    assert open_findings(store) == [("ended_without_us", "A")]
    assert (
        store.order_status("A")["attention_reason"]
        == f"it ended at the marketplace after our failure: to {way[-1]}"
    )
    close(store, Kind.ENDED_WITHOUT_US)
    assert state_of(store) == ("cancelled", False)


@pytest.mark.parametrize(("hours", "is_late"), [(1, False), (2, True)])
def test_a_cancellation_is_a_person_s_business_after_our_time(
    store: Store, clock: SettableClock, hours: int, *, is_late: bool
) -> None:
    store.store_orders([order()], "accept-orders")
    clock.advance(hours=hours)
    moving(store, S.PENDING_ACCEPTANCE, S.CANCELLED)
    assert state_of(store) == ("cancelled", is_late)


@pytest.mark.parametrize("end", [S.REFUSED, S.CANCELLED])
def test_a_cancellation_while_it_waited_for_a_person_is_told_and_a_refusal_is_not(
    store: Store, end: OrderState
) -> None:
    store.store_orders([order()], "accept-orders")
    store.add_findings([about_order(Kind.NO_PARCEL, "A", "40 kg")], "accept-orders")
    moving(store, S.PENDING_ACCEPTANCE, end)
    assert open_findings(store) == ([("ended_without_us", "A")] if end is S.CANCELLED else [])


@pytest.mark.parametrize(("number", "is_ours"), [("1234 5678 9012", True), (None, True), ("999", False)])
def test_an_order_shipped_under_another_number_leaves_its_label_unused(
    store: Store, number: str | None, *, is_ours: bool
) -> None:
    labelled(store)
    shipped = order("A", "SHIPPED", updated_at=NOON + timedelta(minutes=1), tracking_number=number)
    store.store_orders([shipped], "update-tracking")
    moving(store, S.LABEL_CREATED, S.SHIPPED)
    assert state_of(store) == ("shipped", not is_ours)
    assert len(store.shipments_to_undo(10)) == (0 if is_ours else 1)


def moved_house(store: Store, street: str, minutes: int) -> None:
    address = ADDRESS.__class__(**(asdict(ADDRESS) | {"street_1": street}))
    changed = order("A", "SHIPPING", updated_at=NOON + timedelta(minutes=minutes), address=address)
    store.store_orders([changed], "update-tracking")


def test_each_change_of_the_address_after_the_label_was_asked_for_is_told(store: Store) -> None:
    accepted(store)
    moved_house(store, "2 Main St", 1)
    assert open_findings(store) == []
    shipment, _ = opened(store)
    store.note_label_not_sent(shipment, "429")
    moved_house(store, "3 Main St", 2)
    assert open_findings(store) == []
    store.note_label_call(shipment)
    moved_house(store, "4 Main St", 3)
    assert open_findings(store) == [("address_changed", "A")]
    close(store, Kind.ADDRESS_CHANGED)
    moved_house(store, "4 Main St", 4)
    assert open_findings(store) == []
    moved_house(store, "5 Main St", 5)
    assert open_findings(store) == [("address_changed", "A")]
