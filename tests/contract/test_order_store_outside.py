"""The outside: the SQL functions, through Supabase's client, and the in-memory store keep the same promises."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from shared.fulfillment.carrier import Bought
from shared.fulfillment.findings import Kind
from shared.fulfillment.orders import OrderState
from shared.fulfillment.store import Json
from tests.memory.clock import SettableClock
from tests.order_store_support import (
    NOON,
    UNDO,
    Store,
    accepted,
    bought,
    close,
    conversation,
    labelled,
    listed,
    moving,
    open_findings,
    opened,
    shipment_of,
    state_of,
)

S = OrderState
DAY = NOON.date()
FIRST, LAST = DAY - timedelta(days=2), DAY + timedelta(days=2)


def look(store: Store, *shown: Bought, backend: str = "json", day: date = DAY) -> Json:
    """The carrier lists these on one day, all are read, and the lists are matched."""
    labels = {label.shipment_id: label for label in shown}
    for each in store.store_carrier_day(backend, day, listed(*labels)):
        store.store_carrier_shipment(backend, labels[each.shipment_id])
    return store.match_carrier([backend], FIRST, LAST, "reconcile")


def test_a_look_is_remembered_by_its_beginning_when_it_was_complete(store: Store) -> None:
    assert store.last_complete_look("carrier") is None
    store.note_outside_check("carrier", NOON, complete=True, result={"days": 3})
    store.note_outside_check("carrier", NOON + timedelta(hours=1), complete=False, result={})
    store.note_outside_check("marketplace", NOON + timedelta(hours=2), complete=True, result={})
    assert store.last_complete_look("carrier") == NOON


def test_the_account_is_verified_by_two_fresh_looks_and_nothing_unmatched(
    store: Store, clock: SettableClock
) -> None:
    labelled(store)
    assert store.reconcile_orders(None)["verdict"] == "unverified"
    for source in ("marketplace", "carrier"):
        store.note_outside_check(source, NOON, complete=True, result={})
    account = store.reconcile_orders(None)
    assert (account["verdict"], account["balanced"]) == ("balanced", True)
    clock.advance(hours=1)
    account = store.reconcile_orders(None)
    assert (account["verdict"], account["outside"]["marketplace"]["age_seconds"]) == ("unverified", 3600)
    assert (account["outside"]["marketplace"]["fresh"], account["outside"]["carrier"]["fresh"]) == (
        False,
        True,
    )
    look(store, bought("S-A"), bought("S9"))
    account = store.reconcile_orders(None)
    assert (account["verdict"], account["outside"]["unmatched"]) == ("unbalanced", 1)


def test_a_listed_shipment_is_read_once(store: Store) -> None:
    assert [each.shipment_id for each in store.store_carrier_day("json", DAY, listed("S2", "S1"))] == [
        "S1",
        "S2",
    ]
    store.store_carrier_shipment("json", bought("S1"))
    assert [each.shipment_id for each in store.store_carrier_day("json", DAY, listed("S2", "S1"))] == ["S2"]
    assert [each.shipment_id for each in store.store_carrier_day("xml", DAY, listed("S1"))] == ["S1"]
    counts = store.match_carrier(["json"], FIRST, LAST, "reconcile")
    assert (counts["listed"], counts["unread"], counts["unmatched"]) == (2, 1, {"sold_unknown": 1})


def test_sales_are_confirmed_by_the_lists(store: Store, clock: SettableClock) -> None:
    assert (store.oldest_unconfirmed_sale(), list(store.backends_of_sales())) == (None, [])
    labelled(store)
    clock.advance(hours=1)
    labelled(store, "B")
    assert (store.oldest_unconfirmed_sale(), list(store.backends_of_sales())) == (NOON, ["json"])
    look(store, bought("S-A"))
    assert store.oldest_unconfirmed_sale() == NOON + timedelta(hours=1)
    clock.advance(hours=2)
    look(store, bought("S-A"))
    close(store, Kind.NOT_SOLD)
    assert (store.oldest_unconfirmed_sale(), list(store.backends_of_sales())) == (None, [])


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"price": Decimal("99.99")}, "price_differs"),
        ({"tracking_number": "999"}, "number_differs"),
    ],
)
def test_a_label_that_the_carrier_shows_otherwise_is_found_until_it_is_mended(
    store: Store, clock: SettableClock, change: dict[str, object], kind: str
) -> None:
    for order_id in "ABC":
        labelled(store, order_id)
    clock.advance(hours=3)
    good = [bought("S-A"), bought("S-C")]
    counts = look(store, *good, replace(bought("S-B"), **change))  # type: ignore[arg-type]  # fields by name
    assert counts == {"listed": 3, "unread": 0, "unmatched": {kind: 1}}
    assert open_findings(store) == [(kind, "S-B")]
    clock.advance(minutes=1)
    store.store_carrier_shipment("json", bought("S-B"))
    assert look(store, *good, bought("S-B"))["unmatched"] == {}
    assert open_findings(store) == []


def test_a_label_that_nobody_knows_is_found_for_its_order_if_it_names_one(
    store: Store, clock: SettableClock
) -> None:
    accepted(store)
    look(store, bought("S8"), bought("S9", reference="A", request_id="A-7"))
    assert sorted(open_findings(store)) == [("sold_unknown", "S8"), ("sold_unknown", "S9")]
    (reason,) = store.order_status("A")["reasons"]
    assert reason["reason"] == (
        "the carrier sold shipment S9 (request A-7, tracking number 123456789012), which we do not know"
    )
    clock.advance(minutes=1)
    look(store)
    assert open_findings(store) == [], "both were void"


def test_a_sale_whose_call_is_not_settled_yet_is_no_unknown_one(store: Store) -> None:
    shipment, _ = opened(store, accepted(store))
    store.note_label_unknown(shipment.id, "timeout")
    assert look(store, bought("S1", request_id="A-1"))["unmatched"] == {}
    store.note_label_refused(shipment_of(store), "never sold")
    assert look(store, bought("S1", request_id="A-1"))["unmatched"] == {"sold_unknown": 1}


def test_a_label_sold_twice_is_found_until_a_person_has_seen_to_it(
    store: Store, clock: SettableClock
) -> None:
    labelled(store, also_sold=("S9",))
    look(store, bought("S-A"), bought("S9"))
    assert open_findings(store) == [("sold_twice", "S9")]
    clock.advance(minutes=1)
    store.note_undone("A", "refunded", "kim", "they paid")
    look(store, bought("S-A"), bought("S9"))
    assert (open_findings(store), state_of(store)) == ([], ("label_created", False))


@pytest.mark.parametrize(("minutes", "found"), [(60, False), (61, True)])
def test_a_label_that_is_not_listed_after_an_hour_was_not_sold(
    store: Store, clock: SettableClock, minutes: int, *, found: bool
) -> None:
    labelled(store)
    clock.advance(minutes=minutes)
    look(store)
    assert open_findings(store) == ([("not_sold", "S-A")] if found else [])
    look(store, bought("S-A"))
    assert open_findings(store) == []


@pytest.mark.parametrize(("first", "last"), [(DAY, LAST), (FIRST, DAY)])
def test_a_label_of_the_list_s_first_or_last_day_may_stand_in_another_list(
    store: Store, clock: SettableClock, first: date, last: date
) -> None:
    labelled(store)
    clock.advance(days=9)
    store.match_carrier(["json"], first, last, "reconcile")
    assert open_findings(store) == []
    store.match_carrier(["json"], FIRST, LAST, "reconcile")
    assert open_findings(store) == [("not_sold", "S-A")]


def test_a_shipment_that_leaves_the_list_and_comes_back_is_read_again(
    store: Store, clock: SettableClock
) -> None:
    labelled(store)
    look(store, bought("S-A"))
    clock.advance(hours=2)
    look(store)
    assert open_findings(store) == [("not_sold", "S-A")]
    clock.advance(hours=2)
    assert [each.shipment_id for each in store.store_carrier_day("json", DAY, listed("S-A"))] == ["S-A"]
    store.store_carrier_shipment("json", bought("S-A"))
    assert look(store, bought("S-A"))["unmatched"] == {}
    assert open_findings(store) == []


def test_an_api_that_was_not_asked_is_left_alone(store: Store, clock: SettableClock) -> None:
    look(store, bought("S9"))
    labelled(store)
    clock.advance(days=1)
    look(store, backend="xml")
    assert open_findings(store) == [("sold_unknown", "S9")]


def test_a_person_s_closing_holds(store: Store) -> None:
    for _ in range(2):
        assert look(store, bought("S9"))["unmatched"] == {"sold_unknown": 1}
        if open_findings(store):
            close(store, Kind.SOLD_UNKNOWN)
        assert open_findings(store) == []


# --- personal data


def test_ended_orders_are_forgotten_with_their_files_and_conversations(
    store: Store, clock: SettableClock
) -> None:
    for order_id in "AB":
        labelled(store, order_id)
    moving(store, S.LABEL_CREATED, S.SHIPPED)
    store.store_threads([conversation("T", "m1")])
    store.note_file_stored("file m1", "m1.jpg", "image/jpeg", 9)
    clock.advance(hours=1)
    assert store.data_to_forget(NOON, 10) == ([], [])
    assert store.data_to_forget(clock(), 10) == (["A"], ["A.pdf", "m1.jpg"])
    before = store.reconcile_orders(None)
    store.forget_personal_data(["A"])
    (forgotten, kept) = store.orders_by_id(["A", "B"])
    assert (forgotten.address, kept.address is None) == (None, False)
    (thread,) = store.threads("A", 10, unanswered=False)
    assert (thread["topic"], thread["messages"][0]["body_text"]) == ("", "")
    assert (store.data_to_forget(clock(), 10), list(store.files_to_fetch(10))) == (([], []), [])
    assert store.reconcile_orders(None) == before


def test_a_conversation_is_kept_while_another_order_needs_it(store: Store, clock: SettableClock) -> None:
    for order_id in "AB":
        accepted(store, order_id)
    moving(store, S.ACCEPTED, S.REFUSED)
    stored = conversation("T", "m1")
    store.store_threads([replace(stored, thread=replace(stored.thread, order_ids=["A", "B"]))])
    clock.advance(hours=1)
    store.forget_personal_data(store.data_to_forget(clock(), 10)[0])
    assert store.threads("A", 10, unanswered=False)[0]["topic"] == "Where is it?"
    moving(store, S.ACCEPTED, S.REFUSED, "B")
    clock.advance(hours=1)
    store.forget_personal_data(store.data_to_forget(clock(), 10)[0])
    assert store.threads("A", 10, unanswered=False)[0]["topic"] == ""


# --- the ledger


def test_the_ledger_has_what_labels_cost_and_what_came_back(store: Store, clock: SettableClock) -> None:
    labelled(store)
    moving(store, S.LABEL_CREATED, S.SHIPPED)
    undone = labelled(store, "B", price=Decimal("10.00"))
    moving(store, S.LABEL_CREATED, S.CANCELLED, "B")
    store.note_undo_due(undone.id, UNDO)
    clock.advance(days=1)
    store.note_undone("B", "refunded", "kim", "they paid")
    by_day = store.postage(DAY, DAY + timedelta(days=1), "day")
    assert [(row["period"], row["labels"], row["total_cents"]) for row in by_day["rows"]] == [
        (DAY.isoformat(), 2, 2234),
        ((DAY + timedelta(days=1)).isoformat(), 0, -1000),
    ]
    totals = by_day["totals"]
    assert (totals["purchases_cents"], totals["refunds_cents"], totals["total_cents"]) == (2234, -1000, 1234)
    assert totals["ends"] == {"shipped": 1, "refunded": 1}
    entries = store.postage(DAY, LAST, "label")["rows"]
    assert [(row["order_id"], row["kind"], row["cents"]) for row in entries] == [
        ("A", "purchase", 1234),
        ("B", "purchase", 1000),
        ("B", "refund", -1000),
    ]
    (month,) = store.postage(DAY, LAST, "month")["rows"]
    assert (month["period"], month["total_cents"]) == (DAY.isoformat()[:7], 1234)
