"""Stages: the SQL functions, through Supabase's client, and the in-memory store keep the same promises."""

from datetime import timedelta
from uuid import uuid4

import pytest

from shared.errors import Conflict
from shared.fulfillment.sequence import Before, Beginning, Fault
from tests.memory.clock import SettableClock
from tests.order_store_support import NOON, Store

LEASE = timedelta(seconds=120)
CYCLE, STAGE = "2026-11-22T12:00Z", "create-labels"
NEXT = "2026-11-22T12:15Z"
BEFORE = Before("accept-orders", NOON, 90)


def begin(store: Store, stage: str = STAGE, cycle: str = CYCLE, before: Before | None = None) -> Beginning:
    return store.begin_stage(cycle, stage, uuid4(), trigger="scheduler", lease=LEASE, before=before)


def test_a_stage_runs_once_in_a_cycle_and_then_repeats_its_answer(store: Store) -> None:
    owner = uuid4()
    begun = store.begin_stage(CYCLE, STAGE, owner, trigger="scheduler", lease=LEASE, before=None)
    assert (begun.outcome, begun.out_of_order) == ("run", False)
    assert store.end_stage(CYCLE, STAGE, owner, finished=True, result={"done": 3})
    again = begin(store)
    assert (again.outcome, again.result) == ("ran", {"done": 3})
    assert begin(store, cycle=NEXT).outcome == "run"


def test_a_stage_runs_in_one_cycle_at_a_time(store: Store, clock: SettableClock) -> None:
    begin(store)
    assert begin(store).outcome == "busy"
    other = begin(store, cycle=NEXT)
    assert (other.outcome, CYCLE in other.detail) == ("busy", True)
    assert begin(store, stage="update-tracking").outcome == "run"
    clock.advance(seconds=121)
    assert begin(store, cycle=NEXT).outcome == "run"


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


def stopped(store: Store, cycle: str, hold: timedelta | None, *, finished: bool = False) -> None:
    owner = uuid4()
    store.begin_stage(cycle, STAGE, owner, trigger="scheduler", lease=LEASE, before=None)
    fault = Fault("account", "the key is refused", hold) if hold else None
    for _ in range(2):  # the answer was lost: the same call again is no further try
        assert store.end_stage(cycle, STAGE, owner, finished=finished, result={"n": 1}, fault=fault)


def test_a_fault_stops_a_stage_until_a_run_without_one_has_finished(
    store: Store, clock: SettableClock
) -> None:
    stopped(store, "c1", timedelta(minutes=5))
    first = begin(store, cycle="c2").breaker
    assert first is not None
    assert (first.cause, first.reason, first.tries) == ("account", "the key is refused", 1)
    assert (first.opened_at, first.retry_at) == (NOON, NOON + timedelta(minutes=5))
    clock.advance(hours=1)
    stopped(store, "c3", timedelta(minutes=10))
    second = begin(store, cycle="c4").breaker
    assert second is not None
    assert (second.tries, second.opened_at, second.retry_at) == (2, NOON, clock() + timedelta(minutes=10))
    (shown,) = store.open_breakers()
    assert (shown["stage"], shown["tries"]) == (STAGE, 2)
    assert begin(store, stage="accept-orders").breaker is None
    clock.advance(hours=1)
    stopped(store, "c5", None)
    assert begin(store, cycle="c6").breaker is not None, "a run that failed has proved nothing"
    clock.advance(hours=1)
    stopped(store, "c7", None, finished=True)
    assert (begin(store, cycle="c8").breaker, store.open_breakers()) == (None, [])
