"""Vendors that fail, and what failures cost: the SQL functions and the in-memory store keep the same promises."""

from datetime import datetime, timedelta
from fractions import Fraction
from uuid import UUID, uuid4

import pytest

from shared.enrichment.ports import Blame, ErrorCategory, PauseCause
from shared.enrichment.store import CATALOGUE, ClaimOutcome, Due, ManufacturerCounts, Standing, VendorFailure
from shared.errors import NotFound
from tests.contract.record_store_calls import Store, complete, known_of, opened_one
from tests.memory.clock import SettableClock
from tests.memory.record_store import TIMES
from tests.record_support import product


@pytest.fixture
def store(record_store: Store) -> Store:
    return record_store


def test_a_manufacturer_s_history_loses_weight_and_only_the_record_s_own_failures_count(
    store: Store, clock: SettableClock
) -> None:
    complete(store, opened_one(store, "A"), "A")
    for pn, blame in (("B", Blame.RECORD), ("C", Blame.VENDOR), ("D", Blame.US)):
        task, owner = opened_one(store, pn), uuid4()
        store.claim_automation_task(task, owner)
        store.fail_automation_task(task, owner, ErrorCategory.AUTH, "no", to_manual=True, blame=blame)
    clock.advance(days=TIMES.half_life_days)
    counts = known_of(store, "E").manufacturers["ti"]
    assert counts == ManufacturerCounts(Fraction(1), Fraction("0.5"))
    complete(store, opened_one(store, "E"), "E")
    counts = known_of(store, "F").manufacturers["ti"]
    assert counts == ManufacturerCounts(Fraction(2), Fraction("1.5"))


def test_a_task_that_a_daily_limit_refused_waits_as_its_next_generation(
    store: Store, clock: SettableClock
) -> None:
    task, owner = opened_one(store), uuid4()
    store.claim_automation_task(task, owner)
    until = clock() + timedelta(hours=3)
    for _ in range(2):  # the answer was lost: the same call again says the same
        assert daily_limit(store, task, owner, until) == VendorFailure(Standing.WAITS, 1, until)
    assert daily_limit(store, task, uuid4(), until).standing is Standing.MOVED_ON
    claim = store.claim_automation_task(task, uuid4())
    assert (claim.outcome, claim.generation, claim.not_before) == (ClaimOutcome.POSTPONED, 1, until)
    clock.advance(hours=3)
    claim = store.claim_automation_task(task, uuid4())
    assert (claim.outcome, claim.attempts, claim.renewed) == (ClaimOutcome.CLAIMED, 1, 0)


def daily_limit(store: Store, task: UUID, owner: UUID, until: datetime) -> VendorFailure:
    limited = PauseCause.DAILY_LIMIT, ErrorCategory.RATE_LIMITED
    return store.note_vendor_failure(task, owner, *limited, "limit", until=until)


def test_a_renewed_task_begins_at_once_and_counts_the_renewal(store: Store) -> None:
    task, owner = opened_one(store), uuid4()
    store.claim_automation_task(task, owner)
    assert [store.renew_automation_task(task, owner, "too fast") for _ in range(2)] == [1, 1]
    assert store.renew_automation_task(task, uuid4(), "too fast") is None
    claim = store.claim_automation_task(task, uuid4())
    assert (claim.outcome, claim.attempts, claim.generation, claim.renewed) == (ClaimOutcome.CLAIMED, 1, 1, 1)


def test_a_claim_repeated_after_its_own_release_counts_nothing(store: Store) -> None:
    task, owner = opened_one(store), uuid4()
    store.claim_automation_task(task, owner)
    store.release_automation_task(task, owner, ErrorCategory.TIMEOUT, "slow")
    late = store.claim_automation_task(task, owner)
    assert (late.outcome, late.attempts) == (ClaimOutcome.LEASED, 1)
    assert store.claim_automation_task(task, uuid4()).attempts == 2


def test_an_answer_and_its_product_are_stored_in_one_call(store: Store) -> None:
    task, owner = opened_one(store), uuid4()
    store.claim_automation_task(task, owner)
    assert not store.finish_automation_task(task, owner, product("A")), "without an answer"
    for _ in range(2):
        assert store.finish_automation_task(task, owner, product("A"), {"x": 1})
    assert store.claim_automation_task(task, uuid4()).state == "completed"


def down(store: Store, task: UUID) -> Standing:
    """The vendor fails the task; an isolated failure is released as a spent attempt."""
    owner = uuid4()
    assert store.claim_automation_task(task, owner).outcome is ClaimOutcome.CLAIMED
    fault = PauseCause.DOWN, ErrorCategory.VENDOR_ERROR, "503"
    failure = store.note_vendor_failure(task, owner, *fault)
    if failure.standing is Standing.STANDS:
        store.release_automation_task(task, owner, ErrorCategory.VENDOR_ERROR, "503")
    return failure.standing


def test_the_third_task_that_fails_in_a_row_pauses_the_vendor_for_all_and_a_probe_ends_it(
    store: Store, clock: SettableClock
) -> None:
    first, second, third, fourth = (opened_one(store, pn) for pn in "ABCD")
    outcomes = [down(store, task) for task in (first, first, second, third)]
    assert outcomes == [Standing.STANDS] * 3 + [Standing.WAITS]
    waiting = [store.claim_automation_task(task, uuid4()) for task in (first, second, fourth)]
    assert {(claim.outcome, claim.attempts) for claim in waiting} == {(ClaimOutcome.POSTPONED, 0)}
    assert [(each["state"], each["waiting"]) for each in store.vendors()] == [("open", 4)]
    clock.advance(minutes=1)
    probe = uuid4()
    assert store.claim_automation_task(fourth, probe).outcome is ClaimOutcome.CLAIMED
    assert store.claim_automation_task(first, uuid4()).outcome is ClaimOutcome.POSTPONED
    assert store.finish_automation_task(fourth, probe, product("D"), {"x": 1})
    assert [(each["state"], each["closed_by"]) for each in store.vendors()] == [("closed", "probe")]
    assert store.claim_automation_task(second, uuid4()).attempts == 1


def test_a_failed_probe_waits_behind_the_others(store: Store, clock: SettableClock) -> None:
    tasks = [opened_one(store, pn) for pn in "ABCDE"]
    for task in tasks[:3]:
        down(store, task)
    clock.advance(minutes=1)
    assert down(store, tasks[3]) is Standing.WAITS
    behind = store.claim_automation_task(tasks[3], uuid4()).not_before
    other = store.claim_automation_task(tasks[4], uuid4()).not_before
    assert behind
    assert other
    assert clock() + timedelta(seconds=60) <= other < behind == clock() + timedelta(seconds=60 + 12)


def test_a_person_resumes_a_vendor_and_what_waits_is_due_for_the_sweep(store: Store) -> None:
    task, owner = opened_one(store), uuid4()
    store.claim_automation_task(task, owner)
    refused = PauseCause.ACCOUNT, ErrorCategory.AUTH, "no token"
    assert store.note_vendor_failure(task, owner, *refused).standing is Standing.WAITS
    assert store.sweep_candidates(Due.ENQUEUE, 10) == []
    for _ in range(2):
        resumed = store.resume_vendor(CATALOGUE, "ana", "new secret")
        assert (resumed["state"], resumed["closed_by"], resumed["waiting"]) == ("closed", "ana", 0)
    (candidate,) = store.sweep_candidates(Due.ENQUEUE, 10)
    assert (candidate.not_before, candidate.generation) == (None, 2)
    with pytest.raises(NotFound, match="nobody"):
        store.resume_vendor("nobody", "ana", "new secret")
