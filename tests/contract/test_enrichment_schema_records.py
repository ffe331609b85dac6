import uuid
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from tests.contract.enrichment_calls import Enrichment, at_once, callers
from tests.contract.schema_rows import NOW, Json, item
from tests.postgres_support import Database

KEY = "P1|texas instruments"


def skip(enrichment: Enrichment, **fields: str) -> str | None:
    """The reason not to open P1; checks that `open_tasks` agrees."""
    asked = item("P1", **fields)
    reason: str | None = enrichment.known(asked)["records"].get(KEY, {}).get("skip")
    enrichment.begin("probe")
    enrichment.connection.autocommit = False
    opened = enrichment.open([asked], batch="probe")
    enrichment.connection.rollback()
    enrichment.connection.autocommit = True
    assert (len(opened["automation"]), opened["claimed_elsewhere"]) == ((0, 1) if reason else (1, 0))
    return reason


def test_a_record_never_seen_is_not_known_and_can_be_opened(enrichment: Enrichment) -> None:
    assert enrichment.known(item("P1")) == {
        "records": {},
        "manufacturers": {},
        "rejected_before": [],
        "daily_used": 0,
        "daily_again": 0,
    }
    assert skip(enrichment) is None


def finished(enrichment: Enrichment, task: UUID) -> None:
    enrichment.claim(task)
    assert enrichment.save(task)
    assert enrichment.finish(task)


def automation_begins(enrichment: Enrichment) -> None:
    enrichment.automation("P1")


def automation_saved(enrichment: Enrichment) -> None:
    enrichment.saved("P1")


def dead_lettered(enrichment: Enrichment) -> None:
    enrichment.failed("P1")


def dead_lettered_in_vain(enrichment: Enrichment) -> None:
    enrichment.failed("P1", to_manual=False)


def fallback_begins(enrichment: Enrichment) -> None:
    enrichment.fallback("P1")


def manual_begins(enrichment: Enrichment) -> None:
    enrichment.person("P1")


def manual_claimed(enrichment: Enrichment) -> None:
    enrichment.take(enrichment.person("P1"))


def manual_released(enrichment: Enrichment) -> None:
    task = enrichment.person("P1")
    enrichment.take(task)
    enrichment.give_back(task)


def manual_failed(enrichment: Enrichment) -> None:
    task = enrichment.person("P1")
    enrichment.take(task)
    enrichment.give_up(task)


def manual_completed(enrichment: Enrichment) -> None:
    task = enrichment.fallback("P1")
    enrichment.take(task)
    enrichment.complete(task)


def automation_completed(enrichment: Enrichment) -> None:
    enrichment.completed("P1")


@pytest.mark.parametrize(
    ("arrange", "reason", "is_open"),
    [
        (automation_begins, "in_flight", True),
        (automation_saved, "in_flight", True),
        (dead_lettered, "in_flight", True),
        (dead_lettered_in_vain, "recently_failed", False),
        (fallback_begins, "open_manual_task", True),
        (manual_begins, "open_manual_task", True),
        (manual_claimed, "open_manual_task", True),
        (manual_released, "open_manual_task", True),
        (manual_failed, "decided_by_a_person", False),
        (manual_completed, "decided_by_a_person", False),
        (automation_completed, "recently_completed", False),
    ],
)
def test_a_record_is_claimed_exactly_while_a_task_is_open(
    enrichment: Enrichment, arrange: Callable[[Enrichment], None], reason: str | None, is_open: object
) -> None:
    arrange(enrichment)
    assert skip(enrichment) == reason
    assert enrichment.record("P1")["open"] is is_open


def test_a_completed_record_is_left_alone_for_thirty_days_and_no_longer(enrichment: Enrichment) -> None:
    enrichment.completed("P1")
    thirty = timedelta(days=30).total_seconds()
    assert skip(enrichment.later(seconds=thirty - 1)) == "recently_completed"
    assert skip(enrichment.later(seconds=thirty)) is None


def test_a_completed_record_whose_row_changed_is_opened_at_once(enrichment: Enrichment) -> None:
    enrichment.completed("P1")
    assert skip(enrichment, content_hash="changed") is None
    assert skip(enrichment) == "recently_completed"


def test_a_reopened_record_that_fails_keeps_what_is_known_of_its_completion(enrichment: Enrichment) -> None:
    enrichment.completed("P1")
    changed = {"content_hash": "changed"}
    later = enrichment.later(days=1)
    later.begin("b2")
    task = later.automation("P1", batch="b2", fields=changed)
    assert enrichment.record("P1")["open"]
    later.claim(task)
    later.fail(task, to_manual=False)
    assert not enrichment.record("P1")["open"]
    assert enrichment.turn("hash of P1")["verdict"] == "completed"
    assert enrichment.turn("changed")["verdict"] == "failed"


def test_failures_count_for_seven_days(enrichment: Enrichment) -> None:
    for day in range(3):
        enrichment.later(days=day).failed("P1", to_manual=False, batch=f"b{day}")

    def recent(days: float) -> int:
        return int(enrichment.later(days=days).known(item("P1"))["records"][KEY]["recent_failures"])

    assert [recent(days) for days in (2, 6.99, 7, 7.99, 8, 9)] == [3, 3, 2, 2, 1, 0]


def test_only_failures_of_automation_count(enrichment: Enrichment) -> None:
    manual_failed(enrichment)
    assert enrichment.known(item("P1"))["records"][KEY]["recent_failures"] == 0


def rejected(content_hash: str, pn: str | None = None) -> Json:
    return {
        "pn": pn,
        "manufacturer": "TI",
        "reason": "no part number",
        "content_hash": content_hash,
        "source_record": {"pn": pn},
    }


def test_a_rejected_row_is_recorded_with_its_reason_and_known_the_next_time(enrichment: Enrichment) -> None:
    enrichment.begin()
    assert enrichment.open([], rejected=[rejected("r1"), rejected("r2")])["rejected"] == 2
    assert sorted(enrichment.known(rejected=["r1", "r2", "r3"])["rejected_before"]) == ["r1", "r2"]
    stored = enrichment.one("select * from decisions where content_hash = 'r1'")
    expected = {"route": "rejected", "rule": "rejected", "reason": "no part number", "record_key": None}
    assert {name: stored[name] for name in expected} == expected
    assert stored["source_record"] == {"pn": None}


def test_taken_counts_opened_records_and_rejected_rows_once(enrichment: Enrichment) -> None:
    enrichment.automation("P0", batch="b0")
    enrichment.begin()
    chunk = [item("P0"), item("P1"), item("P2", "manual"), item("P3")]
    for _ in range(2):
        enrichment.open(chunk, rejected=[rejected("r1")], daily_limit=3)
    enrichment.open([item("P4")], rejected=[rejected("r1"), rejected("r2")])
    # P1 and P2 (P0 is another batch's, P3 over the limit), P4, r1 and r2
    assert enrichment.status()["taken"] == 5


def test_a_decision_is_stored_whole(enrichment: Enrichment) -> None:
    comparisons = [{"feature": "priority", "operator": "gte", "value": 0.2, "seen": 0.5, "holds": True}]
    enrichment.automation("P1", fields={"comparisons": comparisons, "confidence": 0.74})
    stored = enrichment.one("select * from decisions")
    expected = {key: item("P1")[key] for key in ("record_key", "pn", "route", "priority", "rule", "features")}
    assert {key: stored[key] for key in expected} == expected
    assert (stored["comparisons"], str(stored["confidence"])) == (comparisons, "0.74")
    assert (stored["policy"], stored["policy_version"], stored["decided_at"]) == ("flow", "1", NOW)


def test_nothing_is_opened_in_a_batch_that_is_unknown_or_closed(enrichment: Enrichment) -> None:
    enrichment.begin()
    enrichment.progress(closed=True)
    for batch in ("b1", "b404"):
        with pytest.raises(psycopg.Error, match=f"batch {batch} is not open") as refusal:
            enrichment.open([item("P1")], batch=batch)
        assert refusal.value.sqlstate == "PT409"
    assert enrichment.all("select * from records") == []


def noted(begun: Json) -> list[tuple[str, str]]:
    return [(row["content_hash"], row["next_turn"][:10]) for row in begun["noted"]]


def test_the_ledger_learns_each_verdict_once_oldest_first(enrichment: Enrichment) -> None:
    for hour in range(3):
        enrichment.later(hours=hour).completed(f"P{hour}")
    begun = enrichment.begin("b2", ledger_limit=2)
    assert noted(begun) == [("hash of P0", "2026-04-01"), ("hash of P1", "2026-04-01")]
    enrichment.progress(batch="b2", ledgered=begun["noted"])
    assert noted(enrichment.begin("b3")) == [("hash of P2", "2026-04-01")]


def test_the_ledger_learns_of_work_in_progress_for_ninety_days_at_most(enrichment: Enrichment) -> None:
    enrichment.automation("P1")
    enrichment.person("P2")
    begun = enrichment.begin("b2")
    assert noted(begun) == [("hash of P1", "2026-05-31"), ("hash of P2", "2026-05-31")]


def test_a_verdict_given_while_the_ledger_is_told_is_told_the_next_time(enrichment: Enrichment) -> None:
    task = enrichment.saved("P1")
    begun = enrichment.begin("b2")
    enrichment.finish(task)
    enrichment.progress(batch="b2", ledgered=begun["noted"])
    assert noted(enrichment.begin("b3")) == [("hash of P1", "2026-04-01")]


def test_a_record_completed_again_is_due_in_the_ledger_again(enrichment: Enrichment) -> None:
    enrichment.completed("P1")
    enrichment.progress(ledgered=enrichment.begin("b2")["noted"])
    later = enrichment.later(days=31)
    task = later.automation("P1", batch="b3")
    later.claim(task)
    later.save(task)
    later.finish(task)
    assert noted(later.begin("b4")) == [("hash of P1", "2026-05-02")]


def test_what_a_person_decided_waits_for_other_content_or_a_person_s_word(enrichment: Enrichment) -> None:
    manual_failed(enrichment)
    later = enrichment.later(days=3650)
    assert skip(later) == "decided_by_a_person"
    assert skip(later, content_hash="changed") is None
    assert later.call("take_again", record_key=KEY, by="bob", note="a data sheet has come")["contents"] == 1
    assert skip(later) is None
    assert later.turn("hash of P1")["by"] == "bob"
    assert [row["again"] for row in later.begin("b2")["noted"]] == [False]


def test_nobody_has_a_record_taken_again_that_is_being_worked_on_or_unknown(enrichment: Enrichment) -> None:
    manual_begins(enrichment)
    for key, code in ((KEY, "PT409"), ("P404|ti", "PT404")):
        with pytest.raises(psycopg.Error) as refusal:
            enrichment.call("take_again", record_key=key, by="bob", note="again")
        assert refusal.value.sqlstate == code


def test_a_content_that_came_back_is_opened_although_it_is_settled(enrichment: Enrichment) -> None:
    enrichment.completed("P1")
    finished(enrichment, enrichment.automation("P1", batch="between", fields={"content_hash": "other"}))
    enrichment.begin("b2")
    assert enrichment.open([item("P1")], batch="b2")["automation"] == []
    assert len(enrichment.open([item("P1", returned=True)], batch="b2")["automation"]) == 1


def test_a_source_that_still_calls_a_content_returned_does_not_open_it_twice(enrichment: Enrichment) -> None:
    enrichment.completed("P1")
    enrichment.begin("b2")
    assert enrichment.known(item("P1"))["records"][KEY]["opened_last"]
    assert enrichment.open([item("P1", returned=True)], batch="b2")["automation"] == []


def test_a_content_that_is_due_while_its_record_is_in_work_waits_for_the_end(enrichment: Enrichment) -> None:
    enrichment.completed("P1")
    later = enrichment.later(days=40)
    task = later.automation("P1", batch="b0", fields={"content_hash": "other"})
    due = {"content_hash": "hash of P1", "record_key": KEY}
    later.progress(ledgered=later.begin("b2")["noted"], skipped=[due])
    begun = {row["content_hash"]: row for row in later.begin("b3")["noted"]}
    assert begun["hash of P1"]["next_turn"] > later.later(days=80).now.isoformat()
    finished(later, task)
    begun = {row["content_hash"]: row for row in later.begin("b4")["noted"]}
    assert begun["hash of P1"]["next_turn"][:19] == later.now.isoformat()[:19]
    assert begun["hash of P1"]["again"]


def test_other_content_of_a_record_in_work_waits_and_is_fresh_when_that_ends(enrichment: Enrichment) -> None:
    task = enrichment.saved("P1")
    other = {"content_hash": "other", "record_key": KEY}
    enrichment.progress(ledgered=enrichment.begin("b2")["noted"], skipped=[other])
    assert enrichment.turn("other")["verdict"] == "waiting"
    enrichment.progress(batch="b2", ledgered=enrichment.begin("b3")["noted"])
    enrichment.finish(task)
    begun = {row["content_hash"]: row for row in enrichment.begin("b4")["noted"]}
    assert begun["other"]["next_turn"][:19] == NOW.isoformat()[:19]
    assert not begun["other"]["again"]
    assert skip(enrichment, content_hash="other") is None


def test_other_content_that_was_skipped_too_late_waits_for_nothing(enrichment: Enrichment) -> None:
    enrichment.completed("P1")
    enrichment.progress(skipped=[{"content_hash": "other", "record_key": KEY}])
    assert enrichment.all("select * from turns where content_hash = 'other'") == []


def test_a_source_that_does_not_answer_leaves_the_name_free(enrichment: Enrichment) -> None:
    run = uuid.uuid4()
    enrichment.begin("b2", run)
    enrichment.call("abandon_batch", batch_id="b2", run_id=uuid.uuid4(), now_=None)
    assert not enrichment.begin("b2")["started"]
    enrichment.call("abandon_batch", batch_id="b2", run_id=run, now_=None)
    assert enrichment.begin("b2")["started"]


def test_the_day_counts_what_was_taken_before_apart(enrichment: Enrichment) -> None:
    enrichment.completed("P1")
    later = enrichment.later(days=30)
    later.begin("b2")
    later.open([item("P1"), item("P2")], batch="b2")
    begun = later.begin("b3")
    assert (begun["used"], begun["again"]) == (2, 1)


def test_at_midnight_two_runs_open_a_record_once(database: Database) -> None:
    """The days' quotas are different rows, so only the claim keeps the two apart."""
    with callers(database, 1) as (enrichment,):
        midnight = enrichment.later(hours=12)
        midnight.begin("yesterday")
        midnight.begin("today")

        def run(batch: str, route: str, seconds: float) -> Callable[[Enrichment], Json]:
            items = [item(f"P{number}", route) for number in range(50)]
            return lambda caller: caller.later(hours=12, seconds=seconds).open(items, batch=batch)

        answers = at_once(database, [run("yesterday", "automation", -1), run("today", "manual", 1)])
        opened = [answer for answer in answers if isinstance(answer, dict)]
        assert len(opened) == 2, answers
        assert sum(len(each["automation"]) + each["manual"] for each in opened) == 50
        assert sum(each["claimed_elsewhere"] for each in opened) == 50
        assert enrichment.one("select count(*) from decisions")["count"] == 50


def test_a_task_worked_on_before_its_enqueueing_is_noted_keeps_its_times(enrichment: Enrichment) -> None:
    task = enrichment.automation("P1")
    enrichment.later(seconds=1).claim(task)
    before = enrichment.task(task)
    enrichment.later(seconds=2).progress(task)
    assert enrichment.task(task) == before


def test_content_that_waits_for_a_record_taken_once_more_is_not_read_until_that_ends(
    enrichment: Enrichment,
) -> None:
    enrichment.fallback("P1")
    other = {"content_hash": "other", "record_key": KEY}
    enrichment.progress(skipped=[other])
    enrichment.redrive()
    again = enrichment.later(minutes=1)
    again.progress(skipped=[other])
    assert again.turn("other")["next_turn"] is None
    task = again.one("select id from automation_tasks where redrives is not null")["id"]
    again.claim(task)
    assert again.finish(task, answer={"a": 1})
    assert again.turn("other")["next_turn"] == again.now
