"""Labels: the SQL functions, through Supabase's client, and the in-memory store keep the same promises."""

import pytest

from shared.errors import Conflict
from shared.fulfillment.carrier import Bought
from shared.fulfillment.orders import LabelStep, OrderState, ShipmentFacts, label_step
from tests.memory.clock import SettableClock
from tests.order_store_support import (
    NOON,
    UNDO,
    Store,
    accepted,
    bought,
    labelled,
    moving,
    open_findings,
    opened,
    shipment_of,
    state_of,
)

S = OrderState


def test_a_label_is_bought_and_shelved(store: Store) -> None:
    shipment, is_new = opened(store, accepted(store))
    assert (is_new, shipment.state, shipment.called_at, label_step(shipment)) == (
        True,
        "requested",
        NOON,
        LabelStep.ASK,
    )
    for _ in range(2):
        assert store.note_label_bought(shipment.id, bought(), UNDO) == "bought"
    assert label_step(shipment_of(store)) is LabelStep.FETCH
    for _ in range(2):
        assert store.note_label_stored(shipment.id, "S1.pdf", "00", 9)
    assert state_of(store) == ("label_created", False)
    kept = shipment_of(store)
    assert (kept.shipment_id, kept.tracking_number, kept.label_path) == ("S1", "123456789012", "S1.pdf")
    assert (kept.request, kept.backend, kept.wanted) == ({"request_id": "A-1"}, "json", True)


def test_the_intent_of_another_is_no_licence_to_call(store: Store) -> None:
    first, is_new = opened(store, accepted(store))
    second, is_new_too = opened(store)
    assert (is_new, is_new_too, first.id == second.id) == (True, False, True)
    with pytest.raises(Conflict, match="not accepted"):
        opened(store, "never seen")


def test_a_call_that_was_not_made_is_made_without_asking_first(store: Store) -> None:
    shipment, _ = opened(store, accepted(store))
    store.note_label_not_sent(shipment, "429")
    waiting = shipment_of(store)
    assert label_step(waiting) is LabelStep.BUY_AGAIN
    called = store.note_label_call(waiting)
    assert called is not None
    assert label_step(called) is LabelStep.ASK
    assert store.note_label_call(waiting) is None, "somebody else calls already"
    store.note_label_not_sent(shipment, "429")
    store.note_label_refused(shipment, "no such service")
    assert label_step(shipment_of(store)) is LabelStep.ASK, (
        "what is said of an earlier call is not said of this one"
    )


def test_only_a_request_that_was_never_sent_is_replaced(store: Store) -> None:
    shipment, _ = opened(store, accepted(store))
    called = store.note_label_call(shipment, {"request_id": "new"}, "hash 2")
    assert called is not None
    assert called.request == {"request_id": "A-1"}
    store.note_label_not_sent(called, "429")
    called = store.note_label_call(called, {"request_id": "new"}, "hash 2")
    assert called is not None
    assert (called.request, shipment_of(store).request) == ({"request_id": "new"}, {"request_id": "new"})
    store.note_label_not_sent(called, "429")
    again = store.note_label_call(called)
    assert again is not None
    assert again.request == {"request_id": "new"}, "no other request was given"


def test_an_unclear_call_waits_for_a_person_after_its_time(store: Store, clock: SettableClock) -> None:
    shipment, _ = opened(store, accepted(store))
    for _ in range(3):
        assert store.note_label_unknown(shipment.id, "timeout")
    assert state_of(store) == ("label_unknown", False)
    clock.advance(hours=2)
    assert state_of(store) == ("label_unknown", True)
    store.note_label_bought(shipment.id, bought(), UNDO)
    assert not store.note_label_unknown(shipment.id, "late")
    store.note_label_stored(shipment.id, "S1.pdf", "00", 9)
    assert state_of(store) == ("label_created", False)


def test_a_call_that_was_not_made_after_an_unclear_one_is_still_to_be_asked_about(store: Store) -> None:
    shipment, _ = opened(store, accepted(store))
    store.note_label_unknown(shipment.id, "timeout")
    store.note_label_not_sent(shipment, "429")
    assert label_step(shipment_of(store)) is LabelStep.ASK


def test_a_refused_label_is_tried_again_under_the_next_sequence(store: Store) -> None:
    shipment, _ = opened(store, accepted(store))
    for _ in range(2):
        store.note_label_refused(shipment, "no such service")
    assert state_of(store) == ("label_failed", True)
    store.retry_order("A", "kim", "mended")
    with pytest.raises(Conflict, match="shipment 1 before"):
        opened(store)
    assert opened(store, sequence=2)[1]


@pytest.mark.parametrize("retried", [False, True])
def test_a_label_that_was_sold_after_the_refusal_is_used(store: Store, *, retried: bool) -> None:
    shipment, _ = opened(store, accepted(store))
    store.note_label_refused(shipment, "no such service")
    if retried:
        store.retry_order("A", "kim", "mended")
    for _ in range(2):
        assert store.note_label_bought(shipment.id, bought(), UNDO) == "bought"
    assert state_of(store) == ("accepted", False)
    assert store.note_label_stored(shipment.id, "S1.pdf", "00", 9)
    assert state_of(store) == ("label_created", False)


def test_a_label_that_was_sold_after_the_refusal_is_undone_when_another_one_is_asked_for(
    store: Store,
) -> None:
    first, _ = opened(store, accepted(store))
    store.note_label_refused(first, "no such service")
    store.retry_order("A", "kim", "mended")
    second, _ = opened(store, sequence=2)
    assert store.note_label_bought(first.id, bought("S1"), UNDO) == "undo_due"
    assert store.note_label_bought(second.id, bought("S2"), UNDO) == "bought"


@pytest.mark.parametrize("end", [S.CANCELLED, S.SHIPPED])
def test_an_order_that_ends_while_its_label_is_on_its_way_has_it_settled_and_undone(
    store: Store, clock: SettableClock, end: OrderState
) -> None:
    shipment, _ = opened(store, accepted(store))
    assert store.shipments_to_settle(10) == []
    moving(store, S.ACCEPTED, end)
    assert store.note_label_call(shipment) is None
    ((order_id, facts),) = store.shipments_to_settle(10)
    assert (order_id, facts.id, facts.wanted) == ("A", shipment.id, False)
    asks = end is S.SHIPPED  # it was shipped without our label
    assert store.note_label_unknown(shipment.id, "?")
    assert state_of(store) == (end, asks)
    clock.advance(hours=2)
    assert state_of(store) == (end, True)
    for _ in range(2):
        assert store.note_label_bought(shipment.id, bought(), UNDO) == "undo_due"
    assert (store.shipments_to_settle(10), store.shipments_to_undo(10)) == ([], [])
    for _ in range(2):
        assert store.note_undone("A", "refunded", "kim", "they paid")["attention"] is asks
    with pytest.raises(Conflict, match="nothing to undo"):
        store.note_undone("A", "refunded", "kim", "again")


def test_the_longest_untouched_call_is_settled_first(store: Store, clock: SettableClock) -> None:
    shipments = [opened(store, accepted(store, order_id))[0] for order_id in "AB"]
    for order_id in "AB":
        clock.advance(seconds=1)
        moving(store, S.ACCEPTED, S.CANCELLED, order_id)
    clock.advance(seconds=1)
    store.note_label_unknown(shipments[0].id, "?")
    assert [order_id for order_id, _ in store.shipments_to_settle(1)] == ["B"]


def due(store: Store, order_id: str = "A") -> ShipmentFacts:
    shipment = labelled(store, order_id)
    moving(store, S.LABEL_CREATED, S.CANCELLED, order_id)
    store.note_undo_due(shipment.id, UNDO)
    return shipment


def test_a_label_whose_order_is_cancelled_is_undone_on_a_person_s_word(store: Store) -> None:
    shipment = labelled(store)
    assert store.shipments_to_undo(10) == []
    moving(store, S.LABEL_CREATED, S.CANCELLED)
    ((facts, label),) = store.shipments_to_undo(10)
    assert (facts.id, facts.backend, label.shipment_id, label.price, label.links) == (
        shipment.id,
        "json",
        "S-A",
        bought().price,
        bought().links,
    )
    for _ in range(2):
        store.note_undo_due(facts.id, UNDO)
    assert (store.shipments_to_undo(10), state_of(store)) == ([], ("cancelled", True))
    assert store.undos_to_send(10) == []
    for _ in range(2):
        assert not store.ask_undo("A", "kim", "cancelled in time")["attention"]
    ((asked, call),) = store.undos_to_send(10)
    assert (asked.id, call) == (shipment.id, UNDO)


@pytest.mark.parametrize(("is_void", "state"), [(True, "voided"), (False, "undo_asked")])
def test_an_undo_call_is_sent_once(store: Store, state: str, *, is_void: bool) -> None:
    shipment = due(store)
    store.ask_undo("A", "kim", "please")
    for _ in range(2):
        store.note_undo_sent(shipment.id, None if is_void else "R-1", is_void=is_void)
    store.note_undo_refused(shipment.id, "too late to refuse")
    assert (store.undos_to_send(10), shipment_of(store).state) == ([], state)
    (shown,) = store.order_status("A")["shipments"]
    assert (shown["undo_by"], shown["undo_ticket"]) == ("kim", None if is_void else "R-1")


def test_an_undo_that_is_refused_is_a_person_s_business(store: Store) -> None:
    shipment = due(store)
    store.ask_undo("A", "kim", "please")
    for _ in range(2):
        store.note_undo_refused(shipment.id, "too late")
    assert (shipment_of(store).state, open_findings(store)) == ("disputed", [("undo_refused", "A")])
    (reason,) = store.order_status("A")["reasons"]
    assert reason["reason"] == "the carrier refused to undo label A-1: too late"
    assert not store.note_undone("A", "disputed", "kim", "given up")["attention"]
    store.note_undone("A", "refunded", "kim", "they paid after all")
    assert shipment_of(store).state == "refunded"


def test_a_refund_that_is_not_decided_in_time_asks_for_a_person(store: Store, clock: SettableClock) -> None:
    due(store)
    store.ask_undo("A", "kim", "please")
    clock.advance(hours=2)
    assert state_of(store) == ("cancelled", True)  # not sent
    store.note_undo_sent(shipment_of(store).id, "R-1", is_void=False)
    assert state_of(store) == ("cancelled", False)
    clock.advance(days=29)
    assert state_of(store) == ("cancelled", False)
    clock.advance(days=1)
    assert state_of(store) == ("cancelled", True)


def test_a_label_that_a_shipped_order_was_shipped_with_stays(store: Store) -> None:
    shipment = labelled(store)
    moving(store, S.LABEL_CREATED, S.SHIPPED)
    assert store.shipments_to_undo(10) == []
    assert store.note_label_stored(shipment.id, "S1.pdf", "00", 9)
    assert state_of(store) == ("shipped", False)


def test_labels_that_were_sold_twice_ask_for_a_person_until_one_has_seen_to_them(store: Store) -> None:
    shipment, _ = opened(store, accepted(store))
    store.note_label_bought(shipment.id, bought(also_sold=("S2",)), UNDO)
    assert store.note_label_bought(shipment.id, bought("S3"), UNDO) == "bought"
    store.note_label_stored(shipment.id, "S1.pdf", "00", 9)
    assert state_of(store) == ("label_created", True)
    for _ in range(2):
        assert not store.note_undone("A", "voided", "kim", "void")["attention"]
    assert shipment_of(store).state == "bought"
    store.note_label_bought(shipment.id, bought("S4"), UNDO)
    assert state_of(store) == ("label_created", True)
    labels = store.reconcile_orders(None)["labels"]
    assert {side: labels[side] for side in ("asked", "bought", "sold", "sold_twice", "on_the_shelf")} == {
        "asked": 1,
        "bought": 1,
        "sold": 4,
        "sold_twice": 3,
        "on_the_shelf": 1,
    }


@pytest.mark.parametrize("link", [None, "https://carrier.example/new"])
def test_a_suspended_label_gets_the_link_that_it_has_later(store: Store, link: str | None) -> None:
    shipment, _ = opened(store, accepted(store))

    def note(label: Bought) -> str | None:
        store.note_label_bought(shipment.id, label, UNDO)
        return shipment_of(store).label_link

    assert note(bought(label_link=None)) is None
    assert note(bought(label_link=link)) == link
    assert note(bought(label_link=None)) == link


@pytest.mark.parametrize("is_unclear", [False, True])
def test_a_person_can_have_another_label_bought(store: Store, *, is_unclear: bool) -> None:
    shipment, _ = opened(store, accepted(store))
    if is_unclear:
        store.note_label_unknown(shipment.id, "timeout")
    store.note_label_bought(shipment.id, bought(), UNDO)
    for _ in range(2):
        assert store.relabel_order("A", "kim", "damaged")["state"] == "accepted"
    assert label_step(shipment_of(store)) is LabelStep.BUY
    assert [facts.id for facts, _ in store.shipments_to_undo(10)] == [shipment.id]
    assert opened(store, sequence=2)[1]
    assert store.reconcile_orders(None)["labels"]["unaccounted"] == 0
    with pytest.raises(Conflict, match="unknown outcome"):
        store.relabel_order("A", "kim", "again")


def test_a_person_who_knows_that_nothing_was_sold_frees_the_order(store: Store) -> None:
    shipment, _ = opened(store, accepted(store))
    store.note_label_unknown(shipment.id, "timeout")
    for _ in range(2):
        assert store.note_not_sold("A", "kim", "not in their list")["state"] == "accepted"
    assert shipment_of(store).state == "failed"
    with pytest.raises(Conflict, match="no label of unknown outcome"):
        store.note_not_sold("A", "kim", "again")


def test_labels_that_the_carrier_was_not_seen_to_have_are_looked_for_the_oldest_first(
    store: Store, clock: SettableClock
) -> None:
    shipments = []
    for order_id in "ABC":
        shipments.append(labelled(store, order_id))
        clock.advance(seconds=1)
    moving(store, S.LABEL_CREATED, S.SHIPPED, "B")
    opened(store, accepted(store, "D"))
    assert [facts.id for facts in store.shipments_to_scan(10)] == [shipments[0].id, shipments[2].id]
    assert len(store.shipments_to_scan(1)) == 1
    store.note_scanned(shipments[0].id)
    scanned_at = shipment_of(store).scanned_at
    clock.advance(seconds=1)
    store.note_scanned(shipments[0].id)
    assert shipment_of(store).scanned_at == scanned_at is not None
    assert [facts.id for facts in store.shipments_to_scan(10)] == [shipments[2].id]


def parcel_of(store: Store) -> tuple[int, int, int, LabelStep]:
    """Returns (current parcel, parcels, next sequence, next step)."""
    (known,) = store.orders_by_id(["A"])
    return known.parcel, known.parcels, known.next_sequence, label_step(known.shipment)


def test_an_order_has_its_label_when_each_of_its_parcels_has_one(store: Store) -> None:
    accepted(store)
    store.set_parcels("A", 2, "ana", "two boxes")
    assert parcel_of(store) == (1, 2, 1, LabelStep.BUY)
    first, _ = opened(store)
    store.note_label_bought(first.id, bought("S1", tracking_number="111"), UNDO)
    assert store.note_label_stored(first.id, "1.pdf", "00", 9)
    assert (state_of(store)[0], parcel_of(store)) == ("accepted", (2, 2, 2, LabelStep.BUY))
    second, is_new = opened(store, sequence=2, parcel=2)
    assert is_new
    store.note_label_unknown(second.id, "no answer")
    assert (state_of(store)[0], parcel_of(store)) == ("label_unknown", (2, 2, 3, LabelStep.ASK))
    store.note_label_bought(second.id, bought("S2", tracking_number="222"), UNDO)
    assert store.note_label_stored(second.id, "2.pdf", "00", 9)
    assert (state_of(store)[0], parcel_of(store)) == ("label_created", (1, 2, 3, LabelStep.NOTHING))
    (known,) = store.orders_by_id(["A"])
    assert (known.tracking_numbers, known.shipment and known.shipment.tracking_number) == (
        ["111", "222"],
        "111",
    )
    assert store.reconcile_orders(None)["adds_up"]


def test_a_first_parcel_whose_outcome_was_unknown_leaves_the_order_to_its_second(store: Store) -> None:
    accepted(store)
    store.set_parcels("A", 2, "ana", "two boxes")
    first, _ = opened(store)
    store.note_label_unknown(first.id, "no answer")
    store.note_label_bought(first.id, bought("S1"), UNDO)
    store.note_label_stored(first.id, "1.pdf", "00", 9)
    assert (state_of(store)[0], parcel_of(store)) == ("accepted", (2, 2, 2, LabelStep.BUY))


def test_the_parcels_are_settled_once_a_label_is_asked_for(store: Store) -> None:
    accepted(store)
    opened(store)
    with pytest.raises(Conflict, match="has a label: relabel it first"):
        store.set_parcels("A", 2, "ana", "two boxes")
    assert parcel_of(store)[1] == 1


def test_an_order_that_ends_gives_up_each_of_its_labels(store: Store) -> None:
    accepted(store)
    store.set_parcels("A", 2, "ana", "two boxes")
    for number in (1, 2):
        shipment, _ = opened(store, sequence=number, parcel=number)
        store.note_label_bought(shipment.id, bought(f"S{number}"), UNDO)
        store.note_label_stored(shipment.id, f"{number}.pdf", "00", 9)
    assert moving(store, S.LABEL_CREATED, S.CANCELLED)
    assert {given_up.shipment_id for _, given_up in store.shipments_to_undo(9)} == {"S1", "S2"}


def test_a_failed_label_is_tried_again_in_more_parcels(store: Store) -> None:
    accepted(store)
    assert moving(store, S.ACCEPTED, S.LABEL_FAILED)
    store.set_parcels("A", 3, "ana", "three boxes")
    assert (state_of(store)[0], parcel_of(store)) == ("accepted", (1, 3, 1, LabelStep.BUY))
