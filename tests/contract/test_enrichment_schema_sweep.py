import uuid
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from tests.contract.enrichment_calls import Enrichment
from tests.contract.schema_rows import GRACE, LEASE, NOW, OTHER, OWNER, PATIENCE, Json, item


def due_after(enrichment: Enrichment, task: UUID) -> float:
    """The seconds until the sweep first sees the task, checked to be exact."""
    sweep_after = enrichment.task(task)["sweep_after"]
    seconds = (sweep_after - enrichment.now).total_seconds()
    seen = [
        [candidate["id"] for candidate in enrichment.later(seconds=moment).candidates()]
        for moment in (seconds - 0.001, seconds)
    ]
    assert seen == [[], [str(task)]]
    return float(seconds)


def test_a_task_that_was_never_enqueued_is_due_after_the_grace(enrichment: Enrichment) -> None:
    task = enrichment.automation()
    assert due_after(enrichment, task) == GRACE
    (candidate,) = enrichment.later(seconds=GRACE).candidates()
    assert candidate == {
        "id": str(task),
        "state": "initialized",
        "generation": 0,
        "deliveries": 0,
        "attempts": 0,
        "renewed": 0,
        "answered": False,
        "not_before": None,
        "sweep_after": (NOW + timedelta(seconds=GRACE)).isoformat(),
        "kind": "enqueue",
    }


def test_an_enqueued_task_is_due_after_the_patience(enrichment: Enrichment) -> None:
    task = enrichment.automation()
    enrichment.progress(task)
    assert due_after(enrichment, task) == PATIENCE
    (candidate,) = enrichment.later(seconds=PATIENCE).candidates()
    assert candidate["kind"] == "silent"


def test_a_claimed_task_is_due_when_lease_and_patience_ran_out(enrichment: Enrichment) -> None:
    task = enrichment.automation()
    enrichment.claim(task)
    assert due_after(enrichment, task) == LEASE + PATIENCE
    (candidate,) = enrichment.later(seconds=LEASE + PATIENCE).candidates()
    assert (candidate["state"], candidate["deliveries"], candidate["attempts"]) == ("processing", 1, 1)
    assert candidate["kind"] == "silent"


def test_a_released_task_is_due_after_the_patience(enrichment: Enrichment) -> None:
    task = enrichment.automation()
    enrichment.claim(task)
    enrichment.release(task)
    assert due_after(enrichment, task) == PATIENCE


def test_a_task_with_a_saved_answer_says_so(enrichment: Enrichment) -> None:
    task = enrichment.saved()
    assert due_after(enrichment, task) == LEASE + PATIENCE
    (candidate,) = enrichment.later(seconds=LEASE + PATIENCE).candidates()
    assert (candidate["state"], candidate["answered"]) == ("data_finished", True)


def test_a_postponed_task_is_due_after_the_grace_and_once_enqueued_after_its_time(
    enrichment: Enrichment,
) -> None:
    task = enrichment.automation()
    enrichment.claim(task)
    until = NOW + timedelta(hours=2)
    enrichment.postpone(task, until)
    assert due_after(enrichment, task) == GRACE
    (candidate,) = enrichment.later(seconds=GRACE).candidates()
    assert (candidate["kind"], candidate["not_before"]) == ("enqueue", "2026-03-02T14:00:00+00:00")
    enrichment.enqueued(task, 1)
    assert due_after(enrichment, task) == 2 * 3600 + PATIENCE


def test_a_dead_letter_is_due_after_the_grace_until_a_person_has_it(enrichment: Enrichment) -> None:
    task = enrichment.failed()
    assert due_after(enrichment, task) == GRACE
    (candidate,) = enrichment.later(seconds=GRACE).candidates()
    assert candidate["kind"] == "hand_over"
    enrichment.fall_back(task)
    assert enrichment.task(task)["hand_over"] == "done"
    assert enrichment.later(days=365).candidates() == []


def test_an_ended_task_is_never_due(enrichment: Enrichment) -> None:
    enrichment.completed("P1")
    enrichment.failed("P2", to_manual=False)
    enrichment.person("P3")
    assert enrichment.later(days=365).candidates() == []


def test_the_longest_overdue_come_first_and_no_more_than_asked_for(enrichment: Enrichment) -> None:
    enrichment.begin()
    for age in (1, 3, 2):
        enrichment.later(minutes=-age).open([item(f"P{age}")])
    found = enrichment.later(hours=1).candidates(limit=2)
    assert [enrichment.task(UUID(candidate["id"]))["pn"] for candidate in found] == ["P3", "P2"]


def test_many_tasks_of_one_kind_do_not_hide_another(enrichment: Enrichment) -> None:
    """The dead letter is the youngest of all, and the limit is small."""
    silent = [enrichment.automation(f"S{number}") for number in range(5)]
    enrichment.progress(*silent)
    never = [enrichment.later(minutes=1).automation(f"N{number}") for number in range(5)]
    letter = enrichment.later(minutes=2).failed("LETTER")
    found = enrichment.later(hours=1).candidates(limit=1)
    assert [candidate["kind"] for candidate in found] == ["hand_over", "enqueue", "silent"]
    assert found[0]["id"] == str(letter)
    assert (UUID(found[1]["id"]) in never, UUID(found[2]["id"]) in silent) == (True, True)


def test_a_page_goes_on_after_the_last_task_of_the_page_before(enrichment: Enrichment) -> None:
    """Also among tasks that are due at one moment."""
    enrichment.begin()
    enrichment.open([item(f"P{number}") for number in range(7)])
    late = enrichment.later(hours=1)
    seen: list[str] = []
    place: Json = {}
    while page := late.call("sweep_candidates", kind="enqueue", limit=3, **place):
        seen += [candidate["id"] for candidate in page]
        place = {"after": page[-1]["sweep_after"], "after_id": UUID(page[-1]["id"])}
    assert len(seen) == len(set(seen)) == 7


def test_patience_is_extended_only_for_what_is_still_due(enrichment: Enrichment) -> None:
    overdue, moved = enrichment.automation("P1"), enrichment.automation("P2")
    later = enrichment.later(hours=1)
    assert len(later.candidates()) == 2
    later.claim(moved)
    assert later.extend(overdue, moved, uuid.UUID(int=404)) == 1
    assert due_after(later, overdue) == PATIENCE
    assert later.extend(overdue) == 0


def test_a_lost_generation_is_renewed_once(enrichment: Enrichment) -> None:
    task = enrichment.automation()
    enrichment.progress(task)
    assert enrichment.renew(task, 0) is None
    later = enrichment.later(seconds=PATIENCE)
    assert later.renew(task, 7) is None
    assert later.renew(task, 0) == 1
    assert later.renew(task, 0) is None
    row = later.task(task)
    assert (row["generation"], row["enqueued_at"], row["state"]) == (1, None, "initialized")
    assert due_after(later, task) == GRACE


def test_renewing_takes_the_lease_from_a_worker_that_is_gone(enrichment: Enrichment) -> None:
    task = enrichment.saved()
    later = enrichment.later(seconds=LEASE + PATIENCE)
    assert later.renew(task, 0) == 1
    assert not later.finish(task, OWNER)
    assert later.claim(task, OTHER)["outcome"] == "claimed"


def test_a_renewed_task_is_noted_as_enqueued_by_its_generation(enrichment: Enrichment) -> None:
    task = enrichment.automation()
    later = enrichment.later(hours=1)
    later.progress(task)
    assert later.later(hours=1).renew(task, 0) == 1
    later.progress(task)
    assert later.task(task)["enqueued_at"] is None
    later.enqueued(task, 1)
    assert later.task(task)["enqueued_at"] == later.now


def test_a_task_lost_after_its_delivery_is_dead_lettered_with_its_last_error(enrichment: Enrichment) -> None:
    task = enrichment.automation()
    enrichment.claim(task)
    enrichment.release(task, message="no answer")
    assert not enrichment.lose(task, 0)
    later = enrichment.later(seconds=PATIENCE)
    assert not later.lose(task, 1)
    assert later.lose(task, 0)
    row = later.task(task)
    assert (row["state"], row["hand_over"], row["error_category"]) == ("failed", "due", "timeout")
    assert row["error_message"] == "lost; before that: no answer"
    assert not later.lose(task, 0)


def test_a_task_lost_without_any_error_is_called_lost(enrichment: Enrichment) -> None:
    task = enrichment.automation()
    enrichment.claim(task)
    assert enrichment.later(seconds=LEASE + PATIENCE).lose(task, 0, to_manual=False)
    row = enrichment.task(task)
    assert (row["error_category"], row["error_message"], row["hand_over"]) == ("lost", "lost", "off")
    assert not enrichment.record("LM317T")["open"]


def test_a_task_that_moved_meanwhile_is_neither_renewed_nor_lost(enrichment: Enrichment) -> None:
    task = enrichment.automation()
    later = enrichment.later(hours=1)
    assert len(later.candidates()) == 1
    later.claim(task)
    before = later.task(task)
    assert later.renew(task, 0) is None
    assert not later.lose(task, 0)
    assert later.task(task) == before


def test_a_task_that_is_not_failed_gets_no_manual_task(enrichment: Enrichment) -> None:
    running, completed = enrichment.automation("P1"), enrichment.completed("P2")
    off = enrichment.failed("P3", to_manual=False)
    assert enrichment.fall_back(running) == {"outcome": "not_failed", "state": "initialized"}
    assert enrichment.fall_back(completed) == {"outcome": "not_failed", "state": "completed"}
    assert enrichment.fall_back(off) == {"outcome": "off"}
    assert enrichment.all("select * from manual_tasks") == []
    assert enrichment.all("select * from batches where id = 'b1_fallback'") == []


def test_a_fallback_task_carries_all_that_a_person_needs(enrichment: Enrichment) -> None:
    task = enrichment.failed("LM317T", fields={"priority": "high"})
    handed = enrichment.fall_back(task)
    assert (handed["outcome"], handed["batch_id"]) == ("created", "b1_fallback")
    manual = enrichment.manual(UUID(handed["manual_task_id"]))
    expected = {
        "automation_task_id": task,
        "type": "automation_fallback",
        "priority": "high",
        "cause": "not_found",
        "attempts": 1,
        "reason": "automation failed (not_found): no such part",
        "last_vendor_answer": {"Products": []},
        "due_at": NOW + timedelta(hours=1),
        "state": "initialized",
    }
    assert {name: manual[name] for name in expected} == expected
    assert manual["source_record"] == enrichment.task(task)["source_record"]
    assert enrichment.one("select parent_batch_id, trigger from batches where id = 'b1_fallback'") == {
        "parent_batch_id": "b1",
        "trigger": "fallback",
    }


def test_the_longest_batch_name_has_room_for_its_fallback(enrichment: Enrichment) -> None:
    name = "b" * 100
    task = enrichment.automation(batch=name)
    enrichment.claim(task)
    enrichment.fail(task)
    assert enrichment.fall_back(task)["batch_id"] == f"{name}_fallback"
    with pytest.raises(psycopg.errors.CheckViolation, match="name_of_a_run"):
        enrichment.begin("b" * 101)
    with pytest.raises(psycopg.errors.CheckViolation, match="name_of_a_run"):
        enrichment.begin("somebody-else_fallback")
    with pytest.raises(psycopg.errors.CheckViolation):
        enrichment.begin("a/b")
