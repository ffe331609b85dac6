"""Orders, reports and people's decisions: both stores of fulfillment keep the same promises."""

from datetime import timedelta
from typing import Any

import pytest

from shared.errors import Conflict, NotFound, StoreRefused
from shared.fulfillment.findings import Kind, about_order
from shared.fulfillment.orders import OrderState
from shared.fulfillment.ports import OrderLine
from shared.fulfillment.store import Json, OrderFilter
from tests.memory.clock import SettableClock
from tests.order_store_support import (
    ADDRESS,
    NOON,
    Store,
    accepted,
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
        shipment, _ = opened(store, order_id)
        store.note_label_refused(shipment, "no such service")
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
