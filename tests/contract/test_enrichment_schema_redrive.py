from functools import partial
from uuid import UUID

import psycopg
import pytest

from tests.contract.enrichment_calls import Enrichment, at_once
from tests.contract.schema_rows import CLAIM, GRACE, OWNER, Json
from tests.postgres_support import Database


def answer(redriven: int, left: int = 0, *, name: str = "again", limit_reached: bool = False) -> Json:
    return {"batch_id": name, "redriven": redriven, "left": left, "daily_limit_reached": limit_reached}


def redriven_parts(enrichment: Enrichment, batch: str = "again") -> list[str]:
    return [
        row["pn"]
        for row in enrichment.all("select pn from automation_tasks where batch_id = %s order by pn", batch)
    ]


def test_a_redriven_dead_letter_is_a_new_task_that_the_sweep_enqueues_at_once(enrichment: Enrichment) -> None:
    manual = enrichment.fallback(
        "P1", fields={"priority": "high", "source_record": {"pn": "P1", "note": "kept"}}
    )

    assert enrichment.redrive() == answer(1)

    task = enrichment.one("select * from automation_tasks where batch_id = 'again'")
    assert (task["state"], task["attempts"], task["priority"]) == ("initialized", 0, "high")
    assert task["source_record"] == {"pn": "P1", "note": "kept"}
    assert [candidate["id"] for candidate in enrichment.candidates()] == [str(task["id"])]
    ended = enrichment.manual(manual)
    assert (ended["state"], ended["result"]) == ("failed", {"redriven_by": "again"})
    assert ended["note"] == "given back to automation by batch again"
    assert enrichment.events(manual) == [
        (None, "initialized"),
        ("initialized", "processing"),
        ("processing", "failed"),
    ]
    assert enrichment.record("P1")["open"]
    assert enrichment.status("again")["decisions"] == [
        {"rule": "redrive", "route": "automation", "records": 1}
    ]
    assert (enrichment.status("again")["state"], enrichment.status("again")["trigger"]) == (
        "in_progress",
        "redrive",
    )


def test_both_batches_balance_before_and_after_the_redriven_record_is_completed(
    enrichment: Enrichment,
) -> None:
    enrichment.fallback("P1")
    enrichment.redrive()
    assert (enrichment.reconcile("b1")["failed"], enrichment.reconcile("again")["in_flight"]) == (1, 1)
    task = UUID(str(enrichment.one("select id from automation_tasks where batch_id = 'again'")["id"]))
    enrichment.claim(task)
    enrichment.save(task)
    enrichment.finish(task)
    assert (enrichment.reconcile("b1")["failed"], enrichment.reconcile("again")["completed"]) == (1, 1)
    assert enrichment.reconcile("b1")["balanced"]
    assert enrichment.reconcile("again")["balanced"]


def test_the_most_urgent_go_first_as_far_as_the_limit(enrichment: Enrichment) -> None:
    for pn, priority in (("LOW", "low"), ("HIGH", "high"), ("MEDIUM", "medium")):
        enrichment.fallback(pn, fields={"priority": priority})

    assert enrichment.redrive(limit=2) == answer(2, left=1)

    assert redriven_parts(enrichment) == ["HIGH", "MEDIUM"]


def test_only_letters_of_the_given_cause_go_back(enrichment: Enrichment) -> None:
    enrichment.fallback("P1")
    cause = enrichment.one("select cause::text from manual_tasks")["cause"]
    other = next(each for each in ("not_found", "timeout") if each != cause)

    assert enrichment.redrive(cause=other) == answer(0)
    assert enrichment.redrive(cause=cause) == answer(1)


def test_what_a_person_has_claimed_or_ended_or_was_never_automated_stays(enrichment: Enrichment) -> None:
    for pn in ("CLAIMED", "ENDED"):
        enrichment.take(enrichment.fallback(pn))
    enrichment.give_up(UUID(str(enrichment.one("select id from manual_tasks where pn = 'ENDED'")["id"])))
    enrichment.person("OWN")

    assert enrichment.redrive() == answer(0)
    assert redriven_parts(enrichment) == []


def test_an_expired_claim_holds_no_letter_back(enrichment: Enrichment) -> None:
    """A letter whose person left is redriven, or it is left: never in neither count."""
    for pn in ("P1", "P2", "HELD"):
        enrichment.take(enrichment.fallback(pn))
    late = enrichment.later(seconds=CLAIM)
    late.take(manual_of(enrichment, "HELD"), "ben")

    assert late.redrive(limit=1) == answer(1, left=1)
    assert late.redrive(redrive_id="more") == answer(1, name="more")

    assert {*redriven_parts(enrichment), *redriven_parts(enrichment, "more")} == {"P1", "P2"}
    with pytest.raises(psycopg.Error, match="failed") as refusal:
        late.complete(manual_of(enrichment, "P1"))
    assert refusal.value.sqlstate == "PT409"
    assert late.complete(manual_of(enrichment, "HELD"), "ben")["state"] == "completed"


def manual_of(enrichment: Enrichment, pn: str) -> UUID:
    return UUID(str(enrichment.one("select id from manual_tasks where pn = %s", pn)["id"]))


def answered_letter(enrichment: Enrichment, category: str) -> UUID:
    """The automation task of a dead letter whose vendor answer was saved before it failed."""
    task = enrichment.saved("P1")
    enrichment.fail(task, category=category)
    enrichment.fall_back(task)
    return task


@pytest.mark.parametrize(
    "category", ["store_error", "lost", "timeout", "vendor_error", "rate_limited", "auth"]
)
def test_a_redriven_task_begins_with_the_saved_answer_and_costs_no_call(
    enrichment: Enrichment, category: str
) -> None:
    letter = answered_letter(enrichment, category)

    assert enrichment.redrive() == answer(1)

    task = only_task(enrichment, "again")
    row = enrichment.task(task)
    assert (row["state"], row["vendor_answer"], row["redrives"]) == ("data_finished", {"a": 1}, letter)
    assert [candidate["id"] for candidate in enrichment.candidates()] == [str(task)]
    claim = enrichment.claim(task)
    assert (claim["outcome"], claim["answer"], claim["attempts"]) == ("claimed", {"a": 1}, 0)
    assert enrichment.finish(task)
    assert enrichment.reconcile("again")["completed"] == 1


@pytest.mark.parametrize("category", ["invalid_response", "not_found", "ambiguous"])
def test_an_answer_that_was_the_reason_of_the_failure_is_asked_for_again(
    enrichment: Enrichment, category: str
) -> None:
    letter = answered_letter(enrichment, category)

    assert enrichment.redrive() == answer(1)

    row = enrichment.task(only_task(enrichment, "again"))
    assert (row["state"], row["vendor_answer"], row["redrives"]) == ("initialized", None, letter)


def test_a_redriven_task_that_fails_again_shows_the_person_the_saved_answer(enrichment: Enrichment) -> None:
    answered_letter(enrichment, "store_error")
    enrichment.redrive()
    task = only_task(enrichment, "again")
    enrichment.claim(task)
    enrichment.call(
        "fail_automation_task",
        task_id=task,
        owner=OWNER,
        category="store_error",
        message="no such column",
        answer=None,
        blame="us",
        to_manual=True,
        half_life_days=90,
        grace_seconds=GRACE,
    )
    manual = enrichment.manual(UUID(enrichment.fall_back(task)["manual_task_id"]))
    assert (manual["last_vendor_answer"], manual["cause"]) == ({"a": 1}, "store_error")


def only_task(enrichment: Enrichment, batch: str) -> UUID:
    return UUID(str(enrichment.one("select id from automation_tasks where batch_id = %s", batch)["id"]))


def test_the_same_redrive_twice_at_once_is_one(enrichment: Enrichment, database: Database) -> None:
    for number in range(20):
        enrichment.fallback(f"P{number:02}")
    answers = at_once(database, [partial(Enrichment.redrive, limit=5)] * 8)
    assert answers == [answer(5, left=15)] * 8
    assert len(redriven_parts(enrichment)) == 5


def test_the_batch_may_be_named_by_its_fallback_batch(enrichment: Enrichment) -> None:
    enrichment.fallback("P1")
    assert enrichment.redrive("b1_fallback") == answer(1)


def test_the_days_quota_holds(enrichment: Enrichment) -> None:
    for pn in ("P1", "P2", "P3"):
        enrichment.fallback(pn)  # three of the day's five are used by these

    assert enrichment.redrive(daily_limit=5) == answer(2, left=1, limit_reached=True)
    assert enrichment.redrive(redrive_id="more", daily_limit=5) == answer(
        0, 1, name="more", limit_reached=True
    )
    assert enrichment.one("select used, quota from daily_usage") == {"used": 5, "quota": 5}
    tomorrow = enrichment.later(days=1)
    assert tomorrow.redrive(redrive_id="more", daily_limit=5) == answer(1, name="more")


def test_a_redrive_of_nothing_leaves_its_name_free(enrichment: Enrichment) -> None:
    enrichment.begin()
    assert enrichment.redrive() == answer(0)
    assert enrichment.all("select id from batches where id = 'again'") == []


def test_a_name_that_another_batch_has_is_refused_and_nothing_changes(enrichment: Enrichment) -> None:
    manual = enrichment.fallback("P1")
    enrichment.begin("again")
    for name in ("again", "b1"):
        with pytest.raises(psycopg.Error, match=f"batch {name} is there already") as refusal:
            enrichment.redrive(redrive_id=name)
        assert refusal.value.sqlstate == "PT409"
    assert enrichment.manual(manual)["state"] == "initialized"


def test_an_unknown_batch_is_not_found(enrichment: Enrichment) -> None:
    with pytest.raises(psycopg.Error, match="no batch b1") as refusal:
        enrichment.redrive()
    assert refusal.value.sqlstate == "PT404"


def test_a_record_that_fails_again_is_a_dead_letter_of_the_redrive_and_can_be_redriven(
    enrichment: Enrichment,
) -> None:
    enrichment.fallback("P1")
    enrichment.redrive()
    task = UUID(str(enrichment.one("select id from automation_tasks where batch_id = 'again'")["id"]))
    enrichment.claim(task)
    enrichment.fail(task)
    enrichment.fall_back(task)

    assert enrichment.redrive("again", "third") == answer(1, name="third")
    assert enrichment.reconcile("again")["balanced"]


def test_of_many_redrives_at_once_each_letter_goes_back_exactly_once(
    enrichment: Enrichment, database: Database
) -> None:
    parts = [f"P{number:02}" for number in range(32)]
    for pn in parts:
        enrichment.fallback(pn)

    answers = at_once(
        database,
        [partial(Enrichment.redrive, redrive_id=f"again-{number}", limit=10) for number in range(32)],
    )

    assert all(isinstance(answer, dict) for answer in answers), answers
    assert sum(answer["redriven"] for answer in answers if isinstance(answer, dict)) == len(parts)
    redriven = enrichment.all("select pn from automation_tasks where batch_id like 'again-%%' order by pn")
    assert [row["pn"] for row in redriven] == parts
