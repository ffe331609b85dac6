import uuid
from datetime import timedelta

import psycopg
import pytest

from tests.contract.enrichment_calls import Enrichment
from tests.contract.schema_rows import LEASE, NOW, OTHER, OWNER, PATIENCE, product

UNKNOWN = uuid.UUID(int=404)


def test_a_claim_tells_the_worker_all_it_needs(enrichment: Enrichment) -> None:
    claim = enrichment.claim(enrichment.automation("LM317T"))
    assert claim == {
        "outcome": "claimed",
        "state": "processing",
        "batch_id": "b1",
        "record_key": "LM317T|texas instruments",
        "pn": "LM317T",
        "manufacturer": "Texas Instruments",
        "attempts": 1,
        "generation": 0,
        "renewed": 0,
        "answer": None,
        "dead_letter_due": False,
        "lease_until": "2026-03-02T12:01:00+00:00",
        "not_before": None,
        "error_category": None,
        "error_message": None,
    }


def test_an_unknown_task_is_not_found(enrichment: Enrichment) -> None:
    for call in (enrichment.claim, enrichment.fall_back):
        with pytest.raises(psycopg.Error, match=f"no automation task {UNKNOWN}") as refusal:
            call(UNKNOWN)
        assert refusal.value.sqlstate == "PT404"
    assert not enrichment.save(UNKNOWN)
    assert not enrichment.finish(UNKNOWN)
    assert not enrichment.fail(UNKNOWN)
    assert not enrichment.release(UNKNOWN)
    assert enrichment.postpone(UNKNOWN, NOW) is None


def test_a_live_lease_keeps_others_out_until_the_moment_it_ends(enrichment: Enrichment) -> None:
    task = enrichment.automation()
    enrichment.claim(task)
    refused = enrichment.later(seconds=LEASE - 1).claim(task, OTHER)
    assert (refused["outcome"], refused["lease_until"]) == ("leased", "2026-03-02T12:01:00+00:00")
    assert enrichment.task(task)["deliveries"] == 1
    claimed = enrichment.later(seconds=LEASE).claim(task, OTHER)
    assert (claimed["outcome"], claimed["attempts"]) == ("claimed", 2)
    assert enrichment.task(task)["lease_owner"] == OTHER


def test_who_lost_the_lease_can_do_nothing_more(enrichment: Enrichment) -> None:
    task = enrichment.automation()
    enrichment.claim(task)
    later = enrichment.later(seconds=LEASE)
    later.claim(task, OTHER)
    before = enrichment.task(task)
    assert not later.save(task)
    assert not later.release(task)
    assert later.postpone(task, NOW) is None
    assert not later.fail(task)
    assert enrichment.task(task) == before
    assert later.save(task, OTHER)
    assert not later.finish(task)
    assert later.finish(task, OTHER)


def test_an_owner_whose_lease_ran_out_unnoticed_may_still_finish(enrichment: Enrichment) -> None:
    task = enrichment.saved()
    assert enrichment.later(hours=1).finish(task)


def test_nothing_is_finished_without_an_answer(enrichment: Enrichment) -> None:
    task = enrichment.automation()
    enrichment.claim(task)
    assert not enrichment.finish(task)
    assert enrichment.all("select * from products") == []


def test_the_answer_and_its_product_are_stored_in_one_call(enrichment: Enrichment) -> None:
    task = enrichment.automation()
    enrichment.claim(task)
    assert enrichment.finish(task, answer={"Products": [1]})
    row = enrichment.task(task)
    assert (row["state"], row["vendor_answer"], row["attempts"]) == ("completed", {"Products": [1]}, 1)
    assert [after for _, after in enrichment.events(task)] == [
        "initialized",
        "processing",
        "data_finished",
        "supabase_finished",
        "completed",
    ]


def test_neither_the_answer_nor_the_product_is_stored_when_one_is_refused(enrichment: Enrichment) -> None:
    task = enrichment.automation()
    enrichment.claim(task)
    with pytest.raises(psycopg.errors.CheckViolation):
        enrichment.finish(task, answer={"a": 1}, written=product(unit_price="-1"))
    row = enrichment.task(task)
    assert (row["state"], row["vendor_answer"], row["lease_owner"]) == ("processing", None, OWNER)


def test_a_claim_repeated_after_its_own_release_counts_nothing(enrichment: Enrichment) -> None:
    """The network may deliver a call late, when its caller is gone: nobody would hold the lease."""
    task = enrichment.automation()
    enrichment.claim(task)
    enrichment.release(task)
    before = enrichment.task(task)
    assert enrichment.claim(task)["outcome"] == "leased"
    assert enrichment.task(task) == before
    assert enrichment.claim(task, OTHER)["attempts"] == 2


def test_a_saved_answer_comes_back_with_the_next_claim_and_costs_no_attempt(enrichment: Enrichment) -> None:
    task = enrichment.automation()
    enrichment.claim(task)
    enrichment.save(task, answer={"Products": [1]})
    again = enrichment.later(seconds=LEASE).claim(task, OTHER)
    assert (again["outcome"], again["state"], again["attempts"]) == ("claimed", "data_finished", 1)
    assert again["answer"] == {"Products": [1]}
    assert enrichment.task(task)["deliveries"] == 2
    assert enrichment.later(seconds=LEASE).finish(task, OTHER)


def test_a_release_of_a_saved_answer_s_lease_gives_no_attempt_back(enrichment: Enrichment) -> None:
    task = enrichment.saved()
    later = enrichment.later(seconds=LEASE)
    later.claim(task, OTHER)
    later.release(task, OTHER, refund=True)
    assert enrichment.task(task)["attempts"] == 1


def test_an_ended_task_says_so_and_takes_nothing_more(enrichment: Enrichment) -> None:
    completed, failed, off = (
        enrichment.completed("P1"),
        enrichment.failed("P2"),
        enrichment.failed("P3", to_manual=False),
    )
    claims = {task: enrichment.claim(task, OTHER) for task in (completed, failed, off)}
    assert [(c["outcome"], c["state"], c["dead_letter_due"]) for c in claims.values()] == [
        ("ended", "completed", False),
        ("ended", "failed", True),
        ("ended", "failed", False),
    ]
    for task in claims:
        assert enrichment.task(task)["lease_owner"] is None
        assert not enrichment.release(task)
        assert enrichment.postpone(task, NOW) is None


def test_a_late_success_after_the_dead_letter_writes_no_product(enrichment: Enrichment) -> None:
    task = enrichment.saved()
    assert enrichment.fail(task)
    assert not enrichment.finish(task)
    assert enrichment.task(task)["state"] == "failed"
    assert enrichment.all("select * from products") == []


def test_a_failure_after_success_is_refused(enrichment: Enrichment) -> None:
    task = enrichment.completed()
    assert not enrichment.fail(task)
    assert enrichment.task(task)["state"] == "completed"


def test_the_attempts_of_three_deliveries_are_the_budget(enrichment: Enrichment) -> None:
    task = enrichment.automation()
    for number in range(3):
        owner = uuid.UUID(int=10 + number)
        assert enrichment.claim(task, owner)["attempts"] == number + 1
        assert enrichment.release(task, owner, message=f"timeout {number}")
    spent = enrichment.claim(task, OTHER)
    assert (spent["outcome"], spent["attempts"]) == ("spent", 3)
    assert (spent["error_category"], spent["error_message"]) == ("timeout", "timeout 2")
    assert enrichment.fail(task, OTHER, category="timeout")


def test_a_spent_task_that_is_claimed_again_stays_spent(enrichment: Enrichment) -> None:
    task = enrichment.automation()
    for number in range(3):
        owner = uuid.UUID(int=10 + number)
        enrichment.claim(task, owner)
        enrichment.release(task, owner)
    assert [enrichment.claim(task, OTHER)["outcome"] for _ in range(3)] == ["spent"] * 3
    assert enrichment.release(task, OTHER, refund=True)
    assert enrichment.task(task)["attempts"] == 3


def test_a_saved_answer_is_worked_on_although_the_attempts_are_spent(enrichment: Enrichment) -> None:
    task = enrichment.automation()
    for number in range(2):
        owner = uuid.UUID(int=10 + number)
        enrichment.claim(task, owner)
        enrichment.release(task, owner)
    enrichment.claim(task)
    enrichment.save(task)
    assert enrichment.later(hours=1).claim(task, OTHER)["outcome"] == "claimed"


def test_a_refunded_attempt_can_be_made_again(enrichment: Enrichment) -> None:
    task = enrichment.automation()
    for number in range(5):
        owner = uuid.UUID(int=10 + number)
        assert enrichment.claim(task, owner)["attempts"] == 1
        assert enrichment.release(task, owner, refund=True)
    assert enrichment.task(task)["deliveries"] == 5


def test_a_released_task_waits_for_its_next_delivery_with_its_error(enrichment: Enrichment) -> None:
    task = enrichment.automation()
    enrichment.claim(task)
    enrichment.later(seconds=5).release(task, message="no answer")
    row = enrichment.task(task)
    assert (row["state"], row["lease_owner"], row["attempts"]) == ("processing", None, 1)
    assert (row["error_category"], row["error_message"]) == ("timeout", "no answer")
    assert row["sweep_after"] == NOW + timedelta(seconds=5 + PATIENCE)


def test_a_postponed_task_is_left_alone_until_its_time(enrichment: Enrichment) -> None:
    task = enrichment.automation()
    enrichment.enqueued(task, 0)
    enrichment.claim(task)
    until = NOW + timedelta(hours=10)
    assert enrichment.postpone(task, until) == 1
    row = enrichment.task(task)
    assert (row["attempts"], row["enqueued_at"], row["not_before"], row["generation"]) == (0, None, until, 1)
    early = enrichment.later(hours=9).claim(task, OTHER)
    assert (early["outcome"], early["generation"], early["not_before"]) == (
        "postponed",
        1,
        "2026-03-02T22:00:00+00:00",
    )
    enrichment.enqueued(task, 1)
    assert enrichment.task(task)["sweep_after"] == until + timedelta(seconds=PATIENCE)
    assert enrichment.later(hours=10).claim(task, OTHER)["outcome"] == "claimed"
    assert enrichment.task(task)["not_before"] is None


def test_a_note_about_an_older_generation_is_ignored(enrichment: Enrichment) -> None:
    task = enrichment.automation()
    enrichment.claim(task)
    enrichment.postpone(task, NOW + timedelta(hours=1))
    enrichment.enqueued(task, 0)
    assert enrichment.task(task)["enqueued_at"] is None


def test_dead_lettering_keeps_the_cause_and_the_vendor_s_last_words(enrichment: Enrichment) -> None:
    row = enrichment.task(enrichment.failed())
    assert (row["state"], row["hand_over"], row["error_category"]) == ("failed", "due", "not_found")
    assert (row["error_message"], row["error_answer"]) == ("no such part", {"Products": []})
    assert (row["lease_owner"], row["finished_at"]) == (None, NOW)


def test_a_finished_task_s_product_is_whole(enrichment: Enrichment) -> None:
    task = enrichment.completed()
    stored = enrichment.one(
        "select p.*, m.name from products as p join manufacturers as m on m.id = manufacturer_id"
    )
    assert (stored["part_key"], stored["name"], stored["category"]) == (
        "LM317T|texas instruments",
        "TI",
        "Regulators",
    )
    assert (str(stored["unit_price"]), stored["currency"]) == ("0.8125", "CAD")
    assert (stored["source"], stored["task_id"]) == ("automation", task)
    assert enrichment.one("select name, value, vendor_id from product_attributes") == {
        "name": "Voltage",
        "value": "37 V",
        "vendor_id": "14",
    }
    assert enrichment.one("select kind, title from document_media") == {"kind": "datasheet", "title": "Sheet"}
    assert enrichment.one("select extras from product_extras") == {"extras": {"lead_weeks": 6}}


def test_a_second_completion_replaces_all_of_the_product(enrichment: Enrichment) -> None:
    enrichment.completed()
    later = enrichment.later(days=31)
    task = later.automation(batch="b2")
    later.claim(task)
    later.save(task)
    attributes = [{"name": "Current", "value": "1 A"}, {"name": "Current", "value": "2 A"}]
    assert later.finish(task, written=product(attributes=attributes, media=[], unit_price=None))
    assert enrichment.all("select name, value from product_attributes") == [
        {"name": "Current", "value": "1 A"}
    ]
    assert enrichment.all("select * from document_media") == []
    assert enrichment.one("select unit_price, created_at < updated_at as renewed from products") == {
        "unit_price": None,
        "renewed": True,
    }


def test_reliability_counts_the_source_s_manufacturer_and_never_a_missing_one(enrichment: Enrichment) -> None:
    enrichment.completed("P1")
    enrichment.failed("P2")
    enrichment.completed("P3", fields={"manufacturer": None})
    counts = enrichment.all("select key, attempts, successes from manufacturers order by key")
    assert counts == [
        {"key": "texas instruments", "attempts": 2, "successes": 1},
        {"key": "ti", "attempts": 0, "successes": 0},
    ]


def test_a_refused_product_changes_nothing(enrichment: Enrichment) -> None:
    task = enrichment.saved()
    with pytest.raises(psycopg.errors.CheckViolation):
        enrichment.finish(task, written=product(unit_price="-1"))
    assert enrichment.task(task)["state"] == "data_finished"
    assert enrichment.task(task)["lease_owner"] == OWNER
