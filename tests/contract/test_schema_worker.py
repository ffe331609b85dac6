import uuid
from datetime import timedelta

import psycopg
import pytest

from tests.contract.schema_rows import LEASE, NOW, OTHER, OWNER, PATIENCE, product
from tests.contract.schema_support import RecordLine

UNKNOWN = uuid.UUID(int=404)


@pytest.fixture
def line(service_connection: psycopg.Connection) -> RecordLine:
    return RecordLine(service_connection)


def test_a_claim_tells_the_worker_all_it_needs(line: RecordLine) -> None:
    claim = line.claim(line.automation("LM317T"))
    assert claim == {
        "outcome": "claimed",
        "state": "processing",
        "batch_id": "b1",
        "record_key": "LM317T|texas instruments",
        "pn": "LM317T",
        "manufacturer": "Texas Instruments",
        "attempts": 1,
        "generation": 0,
        "answer": None,
        "dead_letter_due": False,
        "lease_until": "2026-03-02T12:01:00+00:00",
        "not_before": None,
        "error_category": None,
        "error_message": None,
    }


def test_an_unknown_task_is_not_found(line: RecordLine) -> None:
    for call in (line.claim, line.fall_back):
        with pytest.raises(psycopg.Error, match=f"no automation task {UNKNOWN}") as refusal:
            call(UNKNOWN)
        assert refusal.value.sqlstate == "PT404"
    assert not line.save(UNKNOWN)
    assert not line.finish(UNKNOWN)
    assert not line.fail(UNKNOWN)
    assert not line.release(UNKNOWN)
    assert line.postpone(UNKNOWN, NOW) is None


def test_a_live_lease_keeps_others_out_until_the_moment_it_ends(line: RecordLine) -> None:
    task = line.automation()
    line.claim(task)
    refused = line.later(seconds=LEASE - 1).claim(task, OTHER)
    assert (refused["outcome"], refused["lease_until"]) == ("leased", "2026-03-02T12:01:00+00:00")
    assert line.task(task)["deliveries"] == 1
    claimed = line.later(seconds=LEASE).claim(task, OTHER)
    assert (claimed["outcome"], claimed["attempts"]) == ("claimed", 2)
    assert line.task(task)["lease_owner"] == OTHER


def test_who_lost_the_lease_can_do_nothing_more(line: RecordLine) -> None:
    task = line.automation()
    line.claim(task)
    later = line.later(seconds=LEASE)
    later.claim(task, OTHER)
    before = line.task(task)
    assert not later.save(task)
    assert not later.release(task)
    assert later.postpone(task, NOW) is None
    assert not later.fail(task)
    assert line.task(task) == before
    assert later.save(task, OTHER)
    assert not later.finish(task)
    assert later.finish(task, OTHER)


def test_an_owner_whose_lease_ran_out_unnoticed_may_still_finish(line: RecordLine) -> None:
    task = line.saved()
    assert line.later(hours=1).finish(task)


def test_nothing_is_finished_before_its_answer_is_saved(line: RecordLine) -> None:
    task = line.automation()
    line.claim(task)
    assert not line.finish(task)
    assert line.all("select * from products") == []


def test_a_saved_answer_comes_back_with_the_next_claim_and_costs_no_attempt(line: RecordLine) -> None:
    task = line.automation()
    line.claim(task)
    line.save(task, answer={"Products": [1]})
    again = line.later(seconds=LEASE).claim(task, OTHER)
    assert (again["outcome"], again["state"], again["attempts"]) == ("claimed", "data_finished", 1)
    assert again["answer"] == {"Products": [1]}
    assert line.task(task)["deliveries"] == 2
    assert line.later(seconds=LEASE).finish(task, OTHER)


def test_a_release_of_a_saved_answer_s_lease_gives_no_attempt_back(line: RecordLine) -> None:
    task = line.saved()
    later = line.later(seconds=LEASE)
    later.claim(task, OTHER)
    later.release(task, OTHER, refund=True)
    assert line.task(task)["attempts"] == 1


def test_an_ended_task_says_so_and_takes_nothing_more(line: RecordLine) -> None:
    completed, failed, off = line.completed("P1"), line.failed("P2"), line.failed("P3", to_manual=False)
    told = {task: line.claim(task, OTHER) for task in (completed, failed, off)}
    assert [(c["outcome"], c["state"], c["dead_letter_due"]) for c in told.values()] == [
        ("ended", "completed", False),
        ("ended", "failed", True),
        ("ended", "failed", False),
    ]
    for task in told:
        assert line.task(task)["lease_owner"] is None
        assert not line.release(task)
        assert line.postpone(task, NOW) is None


def test_a_late_success_after_the_dead_letter_writes_no_product(line: RecordLine) -> None:
    task = line.saved()
    assert line.fail(task)
    assert not line.finish(task)
    assert line.task(task)["state"] == "failed"
    assert line.all("select * from products") == []


def test_a_failure_after_success_is_refused(line: RecordLine) -> None:
    task = line.completed()
    assert not line.fail(task)
    assert line.task(task)["state"] == "completed"


def test_the_attempts_of_three_deliveries_are_the_budget(line: RecordLine) -> None:
    task = line.automation()
    for number in range(3):
        owner = uuid.UUID(int=10 + number)
        assert line.claim(task, owner)["attempts"] == number + 1
        assert line.release(task, owner, message=f"timeout {number}")
    spent = line.claim(task, OTHER)
    assert (spent["outcome"], spent["attempts"]) == ("spent", 3)
    assert (spent["error_category"], spent["error_message"]) == ("timeout", "timeout 2")
    assert line.fail(task, OTHER, category="timeout")


def test_a_spent_task_that_is_claimed_again_stays_spent(line: RecordLine) -> None:
    task = line.automation()
    for number in range(3):
        owner = uuid.UUID(int=10 + number)
        line.claim(task, owner)
        line.release(task, owner)
    assert [line.claim(task, OTHER)["outcome"] for _ in range(3)] == ["spent"] * 3
    assert line.release(task, OTHER, refund=True)
    assert line.task(task)["attempts"] == 3


def test_a_saved_answer_is_worked_on_although_the_attempts_are_spent(line: RecordLine) -> None:
    task = line.automation()
    for number in range(2):
        owner = uuid.UUID(int=10 + number)
        line.claim(task, owner)
        line.release(task, owner)
    line.claim(task)
    line.save(task)
    assert line.later(hours=1).claim(task, OTHER)["outcome"] == "claimed"


def test_a_refunded_attempt_can_be_made_again(line: RecordLine) -> None:
    task = line.automation()
    for number in range(5):
        owner = uuid.UUID(int=10 + number)
        assert line.claim(task, owner)["attempts"] == 1
        assert line.release(task, owner, refund=True)
    assert line.task(task)["deliveries"] == 5


def test_a_released_task_waits_for_its_next_delivery_with_its_error(line: RecordLine) -> None:
    task = line.automation()
    line.claim(task)
    line.later(seconds=5).release(task, message="no answer")
    row = line.task(task)
    assert (row["state"], row["lease_owner"], row["attempts"]) == ("processing", None, 1)
    assert (row["error_category"], row["error_message"]) == ("timeout", "no answer")
    assert row["sweep_after"] == NOW + timedelta(seconds=5 + PATIENCE)


def test_a_postponed_task_is_left_alone_until_its_time(line: RecordLine) -> None:
    task = line.automation()
    line.enqueued(task, 0)
    line.claim(task)
    until = NOW + timedelta(hours=10)
    assert line.postpone(task, until) == 1
    row = line.task(task)
    assert (row["attempts"], row["enqueued_at"], row["not_before"], row["generation"]) == (0, None, until, 1)
    early = line.later(hours=9).claim(task, OTHER)
    assert (early["outcome"], early["generation"], early["not_before"]) == (
        "postponed",
        1,
        "2026-03-02T22:00:00+00:00",
    )
    line.enqueued(task, 1)
    assert line.task(task)["sweep_after"] == until + timedelta(seconds=PATIENCE)
    assert line.later(hours=10).claim(task, OTHER)["outcome"] == "claimed"
    assert line.task(task)["not_before"] is None


def test_a_note_about_an_older_generation_is_ignored(line: RecordLine) -> None:
    task = line.automation()
    line.claim(task)
    line.postpone(task, NOW + timedelta(hours=1))
    line.enqueued(task, 0)
    assert line.task(task)["enqueued_at"] is None


def test_dead_lettering_keeps_the_cause_and_the_vendor_s_last_words(line: RecordLine) -> None:
    row = line.task(line.failed())
    assert (row["state"], row["hand_over"], row["error_category"]) == ("failed", "due", "not_found")
    assert (row["error_message"], row["error_answer"]) == ("no such part", {"Products": []})
    assert (row["lease_owner"], row["finished_at"]) == (None, NOW)


def test_a_finished_task_s_product_is_whole(line: RecordLine) -> None:
    task = line.completed()
    stored = line.one(
        "select p.*, m.name from products as p join manufacturers as m on m.id = manufacturer_id"
    )
    assert (stored["record_key"], stored["name"], stored["category"]) == (
        "LM317T|texas instruments",
        "TI",
        "Regulators",
    )
    assert (str(stored["unit_price"]), stored["currency"]) == ("0.8125", "CAD")
    assert (stored["source"], stored["task_id"]) == ("automation", task)
    assert line.one("select name, value, vendor_id from product_attributes") == {
        "name": "Voltage",
        "value": "37 V",
        "vendor_id": "14",
    }
    assert line.one("select kind, title from document_media") == {"kind": "datasheet", "title": "Sheet"}
    assert line.one("select extras from product_extras") == {"extras": {"lead_weeks": 6}}


def test_a_second_completion_replaces_all_of_the_product(line: RecordLine) -> None:
    line.completed()
    later = line.later(days=31)
    task = later.automation(batch="b2")
    later.claim(task)
    later.save(task)
    attributes = [{"name": "Current", "value": "1 A"}, {"name": "Current", "value": "2 A"}]
    assert later.finish(task, written=product(attributes=attributes, media=[], unit_price=None))
    assert line.all("select name, value from product_attributes") == [{"name": "Current", "value": "1 A"}]
    assert line.all("select * from document_media") == []
    assert line.one("select unit_price, created_at < updated_at as renewed from products") == {
        "unit_price": None,
        "renewed": True,
    }


def test_reliability_counts_the_source_s_manufacturer_and_never_a_missing_one(line: RecordLine) -> None:
    line.completed("P1")
    line.failed("P2")
    line.completed("P3", fields={"manufacturer": None})
    counts = line.all("select key, attempts, successes from manufacturers order by key")
    assert counts == [
        {"key": "texas instruments", "attempts": 2, "successes": 1},
        {"key": "ti", "attempts": 0, "successes": 0},
    ]


def test_a_refused_product_changes_nothing(line: RecordLine) -> None:
    task = line.saved()
    with pytest.raises(psycopg.errors.CheckViolation):
        line.finish(task, written=product(unit_price="-1"))
    assert line.task(task)["state"] == "data_finished"
    assert line.task(task)["lease_owner"] == OWNER
