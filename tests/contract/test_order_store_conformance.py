"""The SQL functions, through Supabase's client, and the in-memory store keep the same promises to fulfillment."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest

from shared.cloud.order_store import SupabaseOrderStore
from shared.cloud.supabase import SupabaseRpc
from shared.errors import Conflict, NotFound, StoreRefused
from shared.fulfillment.orders import LabelStep, Move, OrderState, ShipmentFacts, label_step
from shared.fulfillment.sequence import Before, Beginning
from tests.memory.clock import SettableClock
from tests.memory.order_reports import InMemoryOrderReports
from tests.order_store_support import (
    ADDRESS,
    NOON,
    UNDO,
    accepted,
    bought,
    conversation,
    moving,
    opened,
    order,
)

Store = SupabaseOrderStore | InMemoryOrderReports
S = OrderState
LEASE = timedelta(seconds=120)
CYCLE, STAGE = "2026-11-22T12:00Z", "create-labels"
BEFORE = Before("accept-orders", NOON, 90)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(NOON)


@pytest.fixture(params=["memory", "supabase"])
def store(request: pytest.FixtureRequest, clock: SettableClock) -> Iterator[Store]:
    if request.param == "memory":
        yield InMemoryOrderReports(clock)
    else:
        rest = request.getfixturevalue("rest_server")
        rpc = SupabaseRpc(rest.url, rest.service_key, timeout=20)
        yield SupabaseOrderStore(rpc, clock=clock)
        rpc.close()


def begin(store: Store, stage: str = STAGE, cycle: str = CYCLE, before: Before | None = None) -> Beginning:
    return store.begin_stage(cycle, stage, uuid4(), trigger="scheduler", lease=LEASE, before=before)


def state_of(store: Store, order_id: str = "A") -> tuple[str, bool]:
    """The order's state and `attention`."""
    status = store.order_status(order_id)
    return status["state"], status["attention"]


def shipment_of(store: Store, order_id: str = "A") -> ShipmentFacts:
    (known,) = [known for known in store.orders_in(list(S), 1000) if known.order_id == order_id]
    assert known.shipment is not None
    return known.shipment


# --- stages


def test_a_stage_runs_once_in_a_cycle_and_then_repeats_its_answer(store: Store) -> None:
    owner = uuid4()
    begun = store.begin_stage(CYCLE, STAGE, owner, trigger="scheduler", lease=LEASE, before=None)
    assert (begun.outcome, begun.out_of_order) == ("run", False)
    assert store.end_stage(CYCLE, STAGE, owner, finished=True, result={"done": 3})
    again = begin(store)
    assert (again.outcome, again.result) == ("ran", {"done": 3})
    assert begin(store, cycle="2026-11-22T12:15Z").outcome == "run"


def test_a_stage_runs_in_one_cycle_at_a_time(store: Store, clock: SettableClock) -> None:
    begin(store)
    assert begin(store).outcome == "busy"
    other = begin(store, cycle="2026-11-22T12:15Z")
    assert (other.outcome, CYCLE in other.detail) == ("busy", True)
    assert begin(store, stage="update-tracking").outcome == "run"
    clock.advance(seconds=121)
    assert begin(store, cycle="2026-11-22T12:15Z").outcome == "run"


def test_a_renewed_lease_holds_and_a_lost_one_is_reported(store: Store, clock: SettableClock) -> None:
    owner = uuid4()
    store.begin_stage(CYCLE, STAGE, owner, trigger="scheduler", lease=LEASE, before=None)
    clock.advance(seconds=100)
    assert store.renew_stage(CYCLE, STAGE, owner, LEASE)
    clock.advance(seconds=100)
    assert begin(store).outcome == "busy"
    clock.advance(seconds=100)
    assert begin(store).outcome == "run"
    assert not store.renew_stage(CYCLE, STAGE, owner, LEASE)
    assert not store.end_stage(CYCLE, STAGE, owner, finished=True, result={})


def test_a_stage_waits_for_the_one_before_it_and_not_for_ever(store: Store, clock: SettableClock) -> None:
    waiting = begin(store, before=BEFORE)
    assert (waiting.outcome, waiting.detail, waiting.retry_after) == ("wait", "accept-orders", 60)
    clock.advance(seconds=80)
    assert begin(store, before=BEFORE).retry_after == 10
    clock.advance(seconds=10)
    late = begin(store, before=BEFORE)
    assert (late.outcome, late.out_of_order) == ("run", True)


def test_a_stage_waits_while_the_one_before_it_runs(store: Store, clock: SettableClock) -> None:
    owner = uuid4()
    store.begin_stage(CYCLE, "accept-orders", owner, trigger="scheduler", lease=LEASE, before=None)
    clock.advance(seconds=110)
    assert begin(store, before=BEFORE).outcome == "wait"
    store.end_stage(CYCLE, "accept-orders", owner, finished=True, result={})
    begun = begin(store, before=BEFORE)
    assert (begun.outcome, begun.out_of_order) == ("run", False)


def test_a_stage_runs_out_of_order_after_one_that_failed_or_died(store: Store, clock: SettableClock) -> None:
    owner = uuid4()
    store.begin_stage(CYCLE, "accept-orders", owner, trigger="scheduler", lease=LEASE, before=None)
    store.end_stage(CYCLE, "accept-orders", owner, finished=False, result={"error": "x"})
    assert begin(store, before=BEFORE).out_of_order
    begin(store, stage="accept-orders", cycle="next")
    clock.advance(seconds=121)
    assert begin(store, cycle="next", before=BEFORE).out_of_order


def test_a_cycle_by_hand_waits_for_no_stage_that_has_not_begun(store: Store) -> None:
    begun = begin(store, cycle="manual-1", before=Before("accept-orders", None, 90))
    assert (begun.outcome, begun.out_of_order) == ("run", True)


def test_a_failed_stage_begins_again_in_its_cycle_and_a_run_that_ended_does_not(store: Store) -> None:
    owner = uuid4()
    for _ in range(2):  # the answer was lost: the same call again says the same
        begun = store.begin_stage(CYCLE, STAGE, owner, trigger="scheduler", lease=LEASE, before=None)
        assert begun.outcome == "run"
    for _ in range(2):
        assert store.end_stage(CYCLE, STAGE, owner, finished=False, result={"error": "x"})
    with pytest.raises(Conflict, match="has ended"):
        store.begin_stage(CYCLE, STAGE, owner, trigger="scheduler", lease=LEASE, before=None)
    assert begin(store).outcome == "run"
    (run,) = store.recent_stage_runs(10)
    assert (run["state"], run["tries"], run["trigger"]) == ("running", 2, "scheduler")


# --- orders


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
    assert [row["order_id"] for row in store.orders(S.REFUSED, 10)] == ["D"]
    assert [row["order_id"] for row in store.orders(None, 10)] == ["C", "A", "B", "D"]


def test_an_order_moves_only_from_where_its_reason_was_seen(store: Store) -> None:
    accepted(store)
    assert not moving(store, S.PENDING_ACCEPTANCE, S.CANCELLED)
    assert moving(store, S.ACCEPTED, S.CANCELLED)
    assert moving(store, S.ACCEPTED, S.CANCELLED), "the same move again, because its answer was lost"
    with pytest.raises(StoreRefused, match="is no arrow"):
        moving(store, S.CANCELLED, S.ACCEPTED)
    history = store.order_status("A")["history"]
    assert [row["to_state"] for row in history] == ["pending_acceptance", "accepted", "cancelled"]


def test_a_move_can_ask_for_a_person_whose_retry_sends_the_order_back(store: Store) -> None:
    store.store_orders([order()], "accept-orders")
    failing = Move("A", S.PENDING_ACCEPTANCE, S.ACCEPTANCE_FAILED, "refused", attention=True)
    store.move_orders([failing], "accept-orders")
    assert state_of(store) == ("acceptance_failed", True)
    for _ in range(2):
        assert store.retry_order("A", "called them")["state"] == "pending_acceptance"
    assert state_of(store) == ("pending_acceptance", False)
    with pytest.raises(Conflict, match="nothing to retry"):
        store.retry_order("A", "something else")
    for call in (store.order_status, lambda order_id: store.retry_order(order_id, "x")):
        with pytest.raises(NotFound, match="no order never seen"):
            call("never seen")


# --- labels


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
    assert kept.request == {"request_id": "A-1"}


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


def test_an_unclear_call_is_counted_once_a_cycle_and_a_person_looks_in_the_end(store: Store) -> None:
    shipment, _ = opened(store, accepted(store))
    assert [store.note_label_unknown(shipment.id, "timeout", 2, "c1") for _ in range(3)] == [1, 1, 1]
    assert state_of(store) == ("label_unknown", False)
    assert store.note_label_unknown(shipment.id, "timeout", 2, "c2") == 2
    assert state_of(store) == ("label_unknown", True)
    store.note_label_bought(shipment.id, bought(), UNDO)
    assert store.note_label_unknown(shipment.id, "late", 2, "c3") == 0
    store.note_label_stored(shipment.id, "S1.pdf", "00", 9)
    assert state_of(store) == ("label_created", False)


def test_a_refused_label_is_tried_again_under_the_next_sequence(store: Store) -> None:
    shipment, _ = opened(store, accepted(store))
    for _ in range(2):
        store.note_label_refused(shipment, "no such service")
    assert state_of(store) == ("label_failed", True)
    store.retry_order("A", "mended")
    with pytest.raises(Conflict, match="shipment 1 before"):
        opened(store)
    assert opened(store, sequence=2)[1]


@pytest.mark.parametrize("end", [S.CANCELLED, S.SHIPPED])
def test_an_order_that_ends_while_its_label_is_on_its_way_has_it_settled_and_undone(
    store: Store, end: OrderState
) -> None:
    shipment, _ = opened(store, accepted(store))
    assert store.shipments_to_settle(10) == []
    moving(store, S.ACCEPTED, end)
    assert store.note_label_call(shipment) is None
    assert [(order_id, facts.id) for order_id, facts in store.shipments_to_settle(10)] == [("A", shipment.id)]
    assert [store.note_label_unknown(shipment.id, "?", 2, cycle) for cycle in ("c1", "c2")] == [1, 2]
    assert state_of(store) == (end, True)
    for _ in range(2):
        assert store.note_label_bought(shipment.id, bought(), UNDO) == "undo_due"
    assert (store.shipments_to_settle(10), store.shipments_to_undo(10)) == ([], [])
    for _ in range(2):
        assert not store.note_undone("A", "refunded")["attention"]
    with pytest.raises(Conflict, match="nothing to undo"):
        store.note_undone("A", "again")


def test_a_label_whose_order_is_cancelled_is_undone_by_a_person(store: Store) -> None:
    shipment, _ = opened(store, accepted(store))
    store.note_label_bought(shipment.id, bought(), UNDO)
    store.note_label_stored(shipment.id, "S1.pdf", "00", 9)
    assert store.shipments_to_undo(10) == []
    moving(store, S.LABEL_CREATED, S.CANCELLED)
    ((ident, label),) = store.shipments_to_undo(10)
    assert (ident, label.shipment_id, label.price, label.links) == (
        shipment.id,
        "S1",
        bought().price,
        bought().links,
    )
    for _ in range(2):
        store.note_undo_due(ident, UNDO)
    assert (store.shipments_to_undo(10), state_of(store)) == ([], ("cancelled", True))


def test_a_label_that_a_shipped_order_was_shipped_with_stays(store: Store) -> None:
    shipment, _ = opened(store, accepted(store))
    store.note_label_bought(shipment.id, bought(), UNDO)
    store.note_label_stored(shipment.id, "S1.pdf", "00", 9)
    moving(store, S.LABEL_CREATED, S.SHIPPED)
    assert store.shipments_to_undo(10) == []
    assert store.note_label_stored(shipment.id, "S1.pdf", "00", 9)
    assert state_of(store) == ("shipped", False)


def test_labels_sold_twice_or_after_a_refusal_are_kept_for_a_person(store: Store) -> None:
    shipment, _ = opened(store, accepted(store))
    store.note_label_bought(shipment.id, bought(also_sold=("S2",)), UNDO)
    assert store.note_label_bought(shipment.id, bought("S3"), UNDO) == "bought"
    store.note_label_stored(shipment.id, "S1.pdf", "00", 9)
    assert state_of(store) == ("label_created", True)
    other, _ = opened(store, accepted(store, "B"))
    store.note_label_refused(other, "no such service")
    assert store.note_label_bought(other.id, bought("S4"), UNDO) == "undo_due"
    labels = store.reconcile_orders(None)["labels"]
    assert {side: labels[side] for side in ("asked", "bought", "sold", "undo_due")} == {
        "asked": 2,
        "bought": 2,
        "sold": 4,
        "undo_due": 1,
    }


def test_every_order_has_its_place_in_the_equation(store: Store) -> None:
    for number, to_state in enumerate((S.ACCEPTED, S.ACCEPTANCE_FAILED, S.REFUSED, S.CANCELLED)):
        store.store_orders([order(str(number))], "accept-orders")
        moving(store, S.PENDING_ACCEPTANCE, to_state, str(number))
    moving(store, S.ACCEPTED, S.SHIPPED, "0")
    store.store_orders([order("A"), order("B")], "accept-orders")
    store.ask_for_person("B", "odd")
    for day, seen in ((NOON.date(), 6), (NOON.date() - timedelta(days=1), 0)):
        of_day = store.reconcile_orders(day)
        assert (of_day["seen"], of_day["balanced"]) == (seen, True)
    sides = store.reconcile_orders(None)
    assert (sides["seen"], sides["balanced"]) == (6, True)
    assert (sides["shipped"], sides["with_a_person"], sides["cancelled"], sides["refused"]) == (1, 2, 1, 1)
    assert sum(sides["in_progress"].values()) == 1


# --- messages


def test_threads_and_messages_are_kept_by_id(store: Store) -> None:
    assert store.store_threads([conversation("T", "m1", "m2"), conversation("U", "m3")]) == (2, 3)
    later = NOON + timedelta(minutes=1)
    assert store.store_threads([conversation("T", "m2", "m4", updated_at=later)]) == (1, 1)
    assert store.store_threads([]) == (0, 0)


def test_a_cursor_never_goes_back(store: Store) -> None:
    assert store.read_cursor("threads") is None
    for minutes in (5, 9, 7):
        store.move_cursor("threads", NOON + timedelta(minutes=minutes))
    assert store.read_cursor("threads") == NOON + timedelta(minutes=9)
    assert store.read_cursor("other") is None
