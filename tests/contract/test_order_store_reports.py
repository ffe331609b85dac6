"""Orders, reports and people's decisions: both stores of fulfillment keep the same promises."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pytest

from shared.errors import Conflict, NotFound, StoreRefused
from shared.fulfillment.findings import Finding, Kind, about_order
from shared.fulfillment.orders import OrderState
from shared.fulfillment.ports import OrderLine
from shared.fulfillment.store import Json, OrderFilter
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


def test_an_order_is_new_once_and_is_shown_as_it_was_read(store: Store) -> None:
    assert store.store_orders([order("A"), order("B")], "accept-orders") == 2
    assert store.store_orders([order("A")], "accept-orders") == 0
    known, _ = store.orders_in([S.PENDING_ACCEPTANCE], 10)
    assert (known.order_id, known.state, known.marketplace_state) == (
        "A",
        S.PENDING_ACCEPTANCE,
        "WAITING_ACCEPTANCE",
    )
    assert (known.address, known.shipment) == (None, None)
    assert [(line.sku, line.quantity, line.size) for line in known.lines] == [("SKU-1", 2, None)]


def test_older_news_changes_nothing_and_an_address_is_not_forgotten(store: Store) -> None:
    later = NOON + timedelta(minutes=5)
    store.store_orders([order("A", "SHIPPING", updated_at=later)], "accept-orders")
    store.store_orders([order("A", "WAITING_DEBIT")], "accept-orders")
    (known,) = store.orders_in([S.PENDING_ACCEPTANCE], 10)
    assert (known.marketplace_state, known.address) == ("SHIPPING", ADDRESS)
    store.store_orders([order("A", "SHIPPED", updated_at=later, tracking_number="1")], "accept-orders")
    (known,) = store.orders_in([S.PENDING_ACCEPTANCE], 10)
    assert (known.marketplace_state, known.address, known.tracking_number) == ("SHIPPED", ADDRESS, "1")


def test_orders_are_read_page_by_page_the_oldest_first_whatever_their_states(store: Store) -> None:
    times = {"C": 0, "B": 1, "A": 1, "D": 2}
    for order_id, minutes in times.items():
        created = NOON + timedelta(minutes=minutes)
        store.store_orders([order(order_id, created_at=created)], "accept-orders")
    moving(store, S.PENDING_ACCEPTANCE, S.ACCEPTED, "A")
    moving(store, S.PENDING_ACCEPTANCE, S.REFUSED, "D")
    states = [S.PENDING_ACCEPTANCE, S.ACCEPTED]
    first = [known.order_id for known in store.orders_in(states, 2)]
    assert first == ["C", "A"]
    assert [known.order_id for known in store.orders_in(states, 2, first[-1])] == ["B"]
    assert store.orders_in(states, 2, "B") == []
    with pytest.raises(NotFound):
        store.orders_in(states, 2, "never seen")
    assert [known.order_id for known in store.orders_by_id(["D", "Z", "B"])] == ["B", "D"]


def test_an_order_moves_only_from_where_its_reason_was_seen(store: Store) -> None:
    accepted(store)
    assert not moving(store, S.PENDING_ACCEPTANCE, S.CANCELLED)
    assert moving(store, S.ACCEPTED, S.CANCELLED)
    assert moving(store, S.ACCEPTED, S.CANCELLED), "the same move again, because its answer was lost"
    with pytest.raises(StoreRefused, match="is no arrow"):
        moving(store, S.CANCELLED, S.ACCEPTED)
    history = store.order_status("A")["history"]
    assert [row["to_state"] for row in history] == ["pending_acceptance", "accepted", "cancelled"]


def names(page: Json) -> list[str]:
    return [row["order_id"] for row in page["orders"]]


# --- attention and findings


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


# --- decisions


def test_an_address_of_one_s_own_is_used_until_it_is_taken_back(store: Store) -> None:
    accepted(store)
    moving(store, S.ACCEPTED, S.LABEL_FAILED)
    for _ in range(2):
        row = store.override_address("A", ADDRESS, "kim", "called them")
        assert (row["state"], row["address_override"]["by"]) == ("accepted", "kim")
    (known,) = store.orders_by_id(["A"])
    assert known.own_address == ADDRESS
    store.override_address("A", None, "kim", "the old one was right")
    (known,) = store.orders_by_id(["A"])
    assert (known.own_address, known.address) == (None, ADDRESS)
    moving(store, S.ACCEPTED, S.CANCELLED)
    with pytest.raises(Conflict, match="it needs no address"):
        store.override_address("A", ADDRESS, "kim", "too late")


def test_an_order_is_refused_before_it_is_accepted_only(store: Store) -> None:
    store.store_orders([order()], "accept-orders")
    moving(store, S.PENDING_ACCEPTANCE, S.ACCEPTANCE_FAILED)
    for _ in range(2):
        assert store.refuse_order("A", "kim", "sold out")["refusal"]["note"] == "sold out"
    (known,) = store.orders_by_id(["A"])
    assert (known.refused, known.state) == (True, S.PENDING_ACCEPTANCE)
    with pytest.raises(Conflict, match="only an order that is not accepted"):
        store.refuse_order(accepted(store, "B"), "kim", "sold out")


@pytest.mark.parametrize("state", [S.PENDING_ACCEPTANCE, S.ACCEPTANCE_FAILED])
def test_an_order_that_no_parcel_carries_is_accepted_on_a_person_s_word(
    store: Store, state: OrderState
) -> None:
    store.store_orders([order()], "accept-orders")
    store.add_findings([about_order(Kind.NO_PARCEL, "A", "40 kg")], "accept-orders")
    if state is S.ACCEPTANCE_FAILED:
        moving(store, S.PENDING_ACCEPTANCE, state)
    store.retry_order("A", "kim", "two parcels")
    (known,) = store.orders_by_id(["A"])
    assert (known.accept_anyway, known.state, open_findings(store)) == (True, S.PENDING_ACCEPTANCE, [])


def test_a_decision_about_an_unknown_order_is_not_found(store: Store) -> None:
    decisions: list[tuple[Any, list[object]]] = [
        (store.retry_order, []),
        (store.override_address, [None]),
        (store.refuse_order, []),
        (store.relabel_order, []),
        (store.note_not_sold, []),
        (store.ask_undo, []),
        (store.note_undone, ["voided"]),
    ]
    with pytest.raises(NotFound, match="no order never seen"):
        store.order_status("never seen")
    for decide, more in decisions:
        with pytest.raises(NotFound, match="no order never seen"):
            decide("never seen", *more, "kim", "x")


@pytest.mark.parametrize("state", [S.PENDING_ACCEPTANCE, S.LABEL_FAILED, S.CANCELLED])
def test_decisions_that_do_not_fit_the_state_are_conflicts(store: Store, state: OrderState) -> None:
    store.store_orders([order()], "accept-orders")
    way = {
        S.PENDING_ACCEPTANCE: [],
        S.LABEL_FAILED: [S.ACCEPTED, S.LABEL_FAILED],
        S.CANCELLED: [S.CANCELLED],
    }[state]
    for before, after in zip([S.PENDING_ACCEPTANCE, *way], way, strict=False):
        moving(store, before, after)
    for decide in (store.relabel_order, store.note_not_sold, store.ask_undo):
        with pytest.raises(Conflict):
            decide("A", "kim", "x")
    with pytest.raises(Conflict):
        store.note_undone("A", "voided", "kim", "x")


def test_many_orders_are_retried_at_once_after_a_dry_run(store: Store) -> None:
    for order_id in "ABC":
        accepted(store, order_id)
    for order_id in "AB":
        moving(store, S.ACCEPTED, S.LABEL_FAILED, order_id)
    for dry_run in (True, False):
        answer = store.retry_orders(OrderFilter(), 100, "kim", "mended", dry_run=dry_run)
        assert (answer["retried"], answer["dry_run"]) == (["A", "B"], dry_run)
        assert [row["order_id"] for row in answer["left"]] == ["C"]
        assert state_of(store)[0] == ("label_failed" if dry_run else "accepted")
    only = OrderFilter(states=[S.LABEL_FAILED])
    assert store.retry_orders(only, 100, "kim", "mended", dry_run=False)["retried"] == []


# --- reports


def test_the_work_list_follows_its_filter_the_oldest_deadline_first(
    store: Store, clock: SettableClock
) -> None:
    deadlines = {"A": 29, "B": 25, "C": 27, "D": None}
    for order_id, hours in deadlines.items():
        due = NOON + timedelta(hours=hours) if hours else None
        store.store_orders([order(order_id, ship_before=due)], "accept-orders")
    clock.advance(days=1)
    store.store_orders(
        [order("E", created_at=clock(), ship_before=NOON + timedelta(hours=48))], "accept-orders"
    )
    clock.now = NOON
    moving(store, S.PENDING_ACCEPTANCE, S.ACCEPTED, "A")
    store.add_findings([about_order(Kind.NO_PARCEL, "B", "40 kg")], "accept-orders")

    def listed(wanted: OrderFilter) -> str:
        page = store.list_orders(wanted, 10, None)
        assert (page["total"], page["next"]) == (len(page["orders"]), None)
        return "".join(names(page))

    assert listed(OrderFilter()) == "BCAED"
    assert listed(OrderFilter(states=[S.ACCEPTED, S.REFUSED])) == "A"
    assert listed(OrderFilter(attention=True)) == "B"
    assert listed(OrderFilter(attention=False)) == "CAED"
    assert listed(OrderFilter(day=NOON.date())) == "BCAD"
    assert listed(OrderFilter(ship_before=NOON + timedelta(hours=27))) == "B"
    assert listed(OrderFilter(order_ids=["D", "A", "Z"])) == "AD"
    assert listed(OrderFilter(order_ids=["A", "B"], attention=False)) == "A"


def test_the_work_list_is_read_page_by_page(store: Store) -> None:
    for number in range(5):
        due = NOON + timedelta(days=2 + number // 2) if number < 3 else None
        store.store_orders([order(f"O{number}", ship_before=due)], "accept-orders")
    read: list[str] = []
    after: Json | None = None
    while True:
        page = store.list_orders(OrderFilter(), 2, after)
        read += names(page)
        assert page["total"] == 5
        if page["next"] is None:
            break
        after = page["next"]
    assert read == [f"O{number}" for number in range(5)]


def test_every_order_has_its_place_in_the_equation(store: Store) -> None:
    for number, to_state in enumerate((S.ACCEPTED, S.ACCEPTANCE_FAILED, S.REFUSED, S.CANCELLED)):
        store.store_orders([order(str(number))], "accept-orders")
        moving(store, S.PENDING_ACCEPTANCE, to_state, str(number))
    moving(store, S.ACCEPTED, S.SHIPPED, "0")
    store.store_orders([order("A"), order("B")], "accept-orders")
    store.add_findings([about_order(Kind.NO_PARCEL, "B", "40 kg")], "accept-orders")
    for day, seen in ((NOON.date(), 6), (NOON.date() - timedelta(days=1), 0)):
        of_day = store.reconcile_orders(day)
        assert (of_day["seen"], of_day["adds_up"], of_day["lost"]) == (seen, True, 0)
    sides = store.reconcile_orders(None)
    assert (sides["shipped"], sides["with_a_person"], sides["cancelled"], sides["refused"]) == (1, 2, 1, 1)
    assert sum(sides["in_progress"].values()) == 1


def test_skus_without_a_size_are_guessed(store: Store) -> None:
    lines = [OrderLine(f"A-{sku}", sku, 1, sku, order().total) for sku in ("rare", "common")]
    store.store_orders([order("A", lines=lines), order("B", lines=lines[1:])], "accept-orders")
    store.store_orders(
        [order("C", lines=[OrderLine("C-1", "past", 1, "past", order().total)])], "accept-orders"
    )
    moving(store, S.PENDING_ACCEPTANCE, S.CANCELLED, "C")
    rows = store.guessed_skus(10)
    assert [(row["sku"], row["title"], row["orders"]) for row in rows] == [
        ("common", "common", 2),
        ("rare", "rare", 1),
    ]
    assert len(store.guessed_skus(1)) == 1
