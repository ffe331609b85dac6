"""The SQL functions, through Supabase's client, and the in-memory store keep the same promises."""

from uuid import UUID, uuid4

import pytest

from shared.enrichment.ports import ErrorCategory
from shared.enrichment.store import ClaimOutcome, Due
from shared.errors import Conflict, NotFound
from tests.contract.record_store_calls import MONTH, Store, complete, fail, known_of, open_in, opened_one
from tests.memory.clock import SettableClock
from tests.memory.record_store import TIMES
from tests.record_support import begin, item, only, product, refusal


@pytest.fixture
def store(record_store: Store) -> Store:
    return record_store


def all_due(store: Store) -> dict[Due, list[UUID]]:
    found = {due: [candidate.id for candidate in store.sweep_candidates(due, 10)] for due in Due}
    return {due: ids for due, ids in found.items() if ids}


def test_a_batch_name_starts_one_run(store: Store) -> None:
    assert begin(store, "b")
    assert not begin(store, "b")


def test_repeating_the_call_that_began_a_batch_is_not_a_second_run(store: Store) -> None:
    run = uuid4()
    for _ in range(2):
        begun = store.begin_batch(
            "b", run_id=run, trigger="manual", request={}, policy="flow", policy_version="1"
        )
        assert begun.started


def test_tasks_are_handed_back_in_priority_order(store: Store) -> None:
    opened = open_in(
        store, "b", item("A", priority="medium"), item("B", priority="high"), item("C", priority="medium")
    )
    assert [task.record_key for task in opened.automation] == ["B|ti", "A|ti", "C|ti"]


def test_an_open_record_is_in_flight_and_is_not_opened_again(store: Store) -> None:
    open_in(store, "b", item("A"))
    assert known_of(store, "A", "never seen").records["A|ti"].skip == "in_flight"
    again = open_in(store, "c", item("A"), item("B"))
    assert [task.record_key for task in again.automation] == ["B|ti"]
    assert again.claimed_elsewhere == 1


def test_repeating_an_opening_opens_nothing_more_and_returns_the_same(store: Store) -> None:
    items = item("A"), item("B", route="manual")
    assert open_in(store, "b", *items) == open_in(store, "b", *items)
    assert store.batch_status("b")["taken"] == 2


def test_an_open_manual_task_is_known_as_such(store: Store) -> None:
    opened = open_in(store, "b", *(item(pn, route="manual") for pn in "ABCDE"))
    assert (opened.manual, opened.automation) == (5, [])
    assert known_of(store, "A").records["A|ti"].skip == "open_manual_task"


def test_the_daily_limit_ends_the_opening(store: Store) -> None:
    opened = open_in(store, "b", *(item(pn) for pn in "ABC"), daily_limit=2)
    assert (len(opened.automation), opened.over_limit) == (2, 1)
    assert known_of(store, "C").daily_used == 2


def test_the_daily_limit_is_fresh_the_next_day(store: Store, clock: SettableClock) -> None:
    open_in(store, "b", item("A"), daily_limit=1)
    clock.advance(days=1)
    assert len(open_in(store, "c", item("B"), daily_limit=1).automation) == 1


def test_a_closed_batch_opens_nothing(store: Store) -> None:
    begin(store, "b")
    store.note_progress("b", enqueued=[], counts={}, ledgered=[], skipped=[], closed=True)
    with pytest.raises(Conflict, match="b is not open"):
        open_in(store, "b", item("A"))


def test_a_rejected_row_is_counted_once_and_known_afterwards(store: Store) -> None:
    begin(store, "b")
    for _ in range(2):
        store.open_tasks("b", [], [refusal("h")], daily_limit=9, manual_batch_size=2, reprocess_after=MONTH)
    assert store.batch_status("b")["taken"] == 1
    assert known_of(store, rejected=("h", "other")).rejected_before == {"h"}


def test_a_completed_record_is_skipped_until_its_content_changes(store: Store) -> None:
    complete(store, opened_one(store))
    assert known_of(store, "A").records["A|ti"].skip == "recently_completed"
    assert open_in(store, "c", item("A")).claimed_elsewhere == 1
    assert len(open_in(store, "d", item("A", content_hash="changed")).automation) == 1


def test_a_completed_row_is_due_for_the_ledger_until_it_was_noted(store: Store) -> None:
    complete(store, opened_one(store))
    finished = store.begin_batch(
        "c", run_id=uuid4(), trigger="manual", request={}, policy="f", policy_version="1"
    )
    assert [(row.record_key, row.content_hash, row.again) for row in finished.noted] == [
        ("A|ti", "hash of A", True)
    ]
    store.note_progress("c", enqueued=[], counts={}, ledgered=finished.noted, skipped=[], closed=True)
    later = store.begin_batch(
        "d", run_id=uuid4(), trigger="manual", request={}, policy="f", policy_version="1"
    )
    assert later.noted == []


def test_a_manufacturer_has_a_history_of_finished_tasks(store: Store) -> None:
    complete(store, opened_one(store, "A"), "A")
    fail(store, opened_one(store, "B"))
    counts = known_of(store, "C").manufacturers["ti"]
    assert (float(counts.attempts), float(counts.successes)) == (2, 1)


def test_failures_of_a_part_are_counted_for_a_while(store: Store) -> None:
    fail(store, opened_one(store), to_manual=False)
    known = known_of(store, "A").records["A|ti"]
    assert (known.skip, known.recent_failures) == ("recently_failed", 1)


def test_one_delivery_at_a_time_works_on_a_task(store: Store, clock: SettableClock) -> None:
    task = opened_one(store)
    first, second = uuid4(), uuid4()
    claim = store.claim_automation_task(task, first)
    assert (claim.outcome, claim.attempts, claim.state) == (ClaimOutcome.CLAIMED, 1, "processing")
    assert store.claim_automation_task(task, second).outcome is ClaimOutcome.LEASED
    clock.advance(seconds=TIMES.lease + 1)
    taken_over = store.claim_automation_task(task, second)
    assert (taken_over.outcome, taken_over.attempts) == (ClaimOutcome.CLAIMED, 2)
    assert not store.save_vendor_answer(task, first, {"x": 1})


def test_a_repeated_claim_counts_one_attempt(store: Store) -> None:
    task, owner = opened_one(store), uuid4()
    assert [store.claim_automation_task(task, owner).attempts for _ in range(2)] == [1, 1]


def test_a_saved_answer_is_handed_to_the_next_delivery_which_costs_no_attempt(
    store: Store, clock: SettableClock
) -> None:
    task, owner = opened_one(store), uuid4()
    store.claim_automation_task(task, owner)
    assert store.save_vendor_answer(task, owner, {"x": 1})
    assert store.save_vendor_answer(task, owner, {"x": 1})
    clock.advance(seconds=TIMES.lease + 1)
    claim = store.claim_automation_task(task, uuid4())
    assert (claim.outcome, claim.answer, claim.attempts) == (ClaimOutcome.CLAIMED, {"x": 1}, 1)


def test_a_finished_task_stays_finished(store: Store) -> None:
    task = opened_one(store)
    owner = complete(store, task)
    assert store.finish_automation_task(task, owner, product("A"))
    assert store.claim_automation_task(task, uuid4()).outcome is ClaimOutcome.ENDED
    assert not store.fail_automation_task(task, owner, ErrorCategory.TIMEOUT, "late", to_manual=True)
    assert store.create_fallback_task(task).outcome == "not_failed"


def test_a_released_task_can_be_claimed_at_once(store: Store) -> None:
    task = opened_one(store)
    for refund, attempts in ((False, 1), (True, 2), (False, 2)):
        owner = uuid4()
        assert store.claim_automation_task(task, owner).attempts == attempts
        for _ in range(
            2
        ):  # the answer was lost: the same call again says the same, and gives nothing back twice
            assert store.release_automation_task(task, owner, ErrorCategory.TIMEOUT, "slow", refund=refund)
    assert not store.release_automation_task(task, uuid4(), ErrorCategory.TIMEOUT, "slow")


def test_a_task_whose_attempts_are_spent_says_why(store: Store) -> None:
    task = opened_one(store)
    for _ in range(3):
        owner = uuid4()
        store.claim_automation_task(task, owner)
        store.release_automation_task(task, owner, ErrorCategory.TIMEOUT, "slow")
    claim = store.claim_automation_task(task, uuid4())
    assert (claim.outcome, claim.attempts, claim.error_category) == (
        ClaimOutcome.SPENT,
        3,
        ErrorCategory.TIMEOUT,
    )


def test_a_late_success_changes_nothing_after_the_dead_letter(store: Store, clock: SettableClock) -> None:
    task, slow = opened_one(store), uuid4()
    store.claim_automation_task(task, slow)
    clock.advance(seconds=TIMES.lease + 1)
    fail(store, task)
    assert not store.save_vendor_answer(task, slow, {"x": 1})
    assert not store.finish_automation_task(task, slow, product("A"))


def test_a_dead_letter_makes_one_manual_task_and_keeps_the_record_claimed(store: Store) -> None:
    task = opened_one(store)
    owner = fail(store, task)
    assert store.claim_automation_task(task, uuid4()).dead_letter_due
    assert store.fail_automation_task(task, owner, ErrorCategory.NOT_FOUND, "again", to_manual=True)
    first, second = store.create_fallback_task(task), store.create_fallback_task(task)
    assert (first.outcome, second.outcome) == ("created", "exists")
    assert first.manual_task_id == second.manual_task_id
    assert not store.claim_automation_task(task, uuid4()).dead_letter_due
    assert known_of(store, "A").records["A|ti"].skip == "open_manual_task"


def test_failures_that_are_not_handed_over_stay_failed(store: Store) -> None:
    task = opened_one(store)
    fail(store, task, to_manual=False)
    assert store.create_fallback_task(task).outcome == "off"
    assert all_due(store) == {}


@pytest.mark.parametrize("call", ["claim_automation_task", "create_fallback_task"])
def test_an_unknown_task_is_not_found(store: Store, call: str) -> None:
    arguments = [uuid4()] if call == "create_fallback_task" else [uuid4(), uuid4()]
    with pytest.raises(NotFound, match="no automation task"):
        getattr(store, call)(*arguments)


def test_the_sweep_finds_a_task_that_never_reached_the_queue(store: Store, clock: SettableClock) -> None:
    task = opened_one(store)
    assert all_due(store) == {}
    clock.advance(seconds=TIMES.grace)
    assert all_due(store) == {Due.ENQUEUE: [task]}
    (candidate,) = store.sweep_candidates(Due.ENQUEUE, 10)
    assert (candidate.id, candidate.state, candidate.sweep_after) == (task, "initialized", clock())
    store.note_enqueued({task: 0})
    assert all_due(store) == {}


def test_the_sweep_finds_a_task_that_is_silent_for_too_long(store: Store, clock: SettableClock) -> None:
    task = opened_one(store)
    store.note_progress("batch-of-A", enqueued=[task], counts={}, ledgered=[], skipped=[], closed=True)
    clock.advance(seconds=TIMES.patience)
    assert all_due(store) == {Due.SILENT: [task]}
    assert store.extend_patience([task]) == 1
    assert all_due(store) == {}


def test_a_renewed_generation_is_to_be_enqueued(store: Store, clock: SettableClock) -> None:
    task = opened_one(store)
    assert store.renew_generation(task, 0) is None
    clock.advance(seconds=TIMES.patience)
    assert store.renew_generation(task, 7) is None
    assert store.renew_generation(task, 0) == 1
    clock.advance(seconds=TIMES.grace)
    (candidate,) = store.sweep_candidates(Due.ENQUEUE, 10)
    assert candidate.generation == 1


def test_a_lost_task_is_dead_lettered_once(store: Store, clock: SettableClock) -> None:
    task = opened_one(store)
    store.claim_automation_task(task, uuid4())
    assert not store.fail_lost_task(task, 0, "the queue lost it", to_manual=True)
    clock.advance(seconds=TIMES.lease + TIMES.patience)
    assert store.fail_lost_task(task, 0, "the queue lost it", to_manual=True)
    assert not store.fail_lost_task(task, 0, "the queue lost it", to_manual=True)
    assert store.create_fallback_task(task).outcome == "created"


def test_a_dead_letter_that_got_lost_is_found(store: Store, clock: SettableClock) -> None:
    task = opened_one(store)
    fail(store, task)
    assert all_due(store) == {}
    clock.advance(seconds=TIMES.grace)
    assert all_due(store) == {Due.HAND_OVER: [task]}
    store.create_fallback_task(task)
    assert all_due(store) == {}


def test_a_task_that_the_queue_did_not_answer_for_is_due_again_after_the_grace(
    store: Store, clock: SettableClock
) -> None:
    task = opened_one(store)
    store.note_enqueued({task: 0})
    assert store.ask_again_soon([task]) == 0
    clock.advance(seconds=TIMES.patience)
    assert store.ask_again_soon([task]) == 1
    assert all_due(store) == {}
    clock.advance(seconds=TIMES.grace)
    assert all_due(store) == {Due.SILENT: [task]}


def test_the_sweep_reads_page_by_page_and_starts_with_the_longest_overdue(
    store: Store, clock: SettableClock
) -> None:
    opened_one(store, "A")
    clock.advance(seconds=1)
    opened_one(store, "B")
    opened_one(store, "C")
    clock.advance(days=1)
    (first,) = store.sweep_candidates(Due.ENQUEUE, 1)
    assert first.id == opened_one_id(store, "A")
    (second,) = store.sweep_candidates(Due.ENQUEUE, 1, first)
    (third,) = store.sweep_candidates(Due.ENQUEUE, 1, second)
    assert {second.id, third.id} == {opened_one_id(store, "B"), opened_one_id(store, "C")}
    assert store.sweep_candidates(Due.ENQUEUE, 1, third) == []


def opened_one_id(store: Store, pn: str) -> UUID:
    return only(open_in(store, f"batch-of-{pn}", item(pn))).id
