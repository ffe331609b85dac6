from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest

from tests.contract.schema_rows import NOW, Json, item
from tests.contract.schema_support import RecordLine

KEY = "P1|texas instruments"


@pytest.fixture
def line(service_connection: psycopg.Connection) -> RecordLine:
    return RecordLine(service_connection)


def skip(line: RecordLine, **fields: str) -> str | None:
    """Why P1 would not be opened, and whether `open_tasks` sees it the same way."""
    asked = item("P1", **fields)
    reason: str | None = line.known(asked)["records"].get(KEY, {}).get("skip")
    line.begin("probe")
    line.connection.autocommit = False
    opened = line.open([asked], batch="probe")
    line.connection.rollback()
    line.connection.autocommit = True
    assert (len(opened["automation"]), opened["claimed_elsewhere"]) == ((0, 1) if reason else (1, 0))
    return reason


def test_a_record_never_seen_is_not_known_and_can_be_opened(line: RecordLine) -> None:
    assert line.known(item("P1")) == {
        "records": {},
        "manufacturers": {},
        "rejected_before": [],
        "daily_used": 0,
    }
    assert skip(line) is None


def automation_begins(line: RecordLine) -> None:
    line.automation("P1")


def automation_saved(line: RecordLine) -> None:
    line.saved("P1")


def dead_lettered(line: RecordLine) -> None:
    line.failed("P1")


def dead_lettered_in_vain(line: RecordLine) -> None:
    line.failed("P1", to_manual=False)


def fallback_begins(line: RecordLine) -> None:
    line.fallback("P1")


def manual_begins(line: RecordLine) -> None:
    line.person("P1")


def manual_claimed(line: RecordLine) -> None:
    line.take(line.person("P1"))


def manual_released(line: RecordLine) -> None:
    task = line.person("P1")
    line.take(task)
    line.give_back(task)


def manual_failed(line: RecordLine) -> None:
    task = line.person("P1")
    line.take(task)
    line.give_up(task)


def manual_completed(line: RecordLine) -> None:
    task = line.fallback("P1")
    line.take(task)
    line.complete(task)


def automation_completed(line: RecordLine) -> None:
    line.completed("P1")


@pytest.mark.parametrize(
    ("arrange", "reason", "is_open"),
    [
        (automation_begins, "in_flight", True),
        (automation_saved, "in_flight", True),
        (dead_lettered, "in_flight", True),
        (dead_lettered_in_vain, None, False),
        (fallback_begins, "open_manual_task", True),
        (manual_begins, "open_manual_task", True),
        (manual_claimed, "open_manual_task", True),
        (manual_released, "open_manual_task", True),
        (manual_failed, None, False),
        (manual_completed, "recently_completed", False),
        (automation_completed, "recently_completed", False),
    ],
)
def test_a_record_is_claimed_exactly_while_somebody_works_on_it(
    line: RecordLine, arrange: Callable[[RecordLine], None], reason: str | None, is_open: object
) -> None:
    arrange(line)
    assert skip(line) == reason
    assert line.record("P1")["open"] is is_open


def test_a_completed_record_is_left_alone_for_thirty_days_and_no_longer(line: RecordLine) -> None:
    line.completed("P1")
    thirty = timedelta(days=30).total_seconds()
    assert skip(line.later(seconds=thirty - 1)) == "recently_completed"
    assert skip(line.later(seconds=thirty)) is None


def test_a_completed_record_whose_row_changed_is_opened_at_once(line: RecordLine) -> None:
    line.completed("P1")
    assert skip(line, content_hash="changed") is None
    assert skip(line) == "recently_completed"


def test_a_reopened_record_that_fails_keeps_what_is_known_of_its_completion(line: RecordLine) -> None:
    line.completed("P1")
    changed = {"content_hash": "changed"}
    later = line.later(days=1)
    later.begin("b2")
    task = later.automation("P1", batch="b2", fields=changed)
    assert line.record("P1")["open"]
    later.claim(task)
    later.fail(task, to_manual=False)
    record = line.record("P1")
    assert (record["open"], record["completed_hash"], record["completed_at"]) == (False, "hash of P1", NOW)
    assert record["content_hash"] == "changed"


def test_failures_count_for_seven_days(line: RecordLine) -> None:
    for day in range(3):
        line.later(days=day).failed("P1", to_manual=False, batch=f"b{day}")

    def recent(days: float) -> int:
        return int(line.later(days=days).known(item("P1"))["records"][KEY]["recent_failures"])

    assert [recent(days) for days in (2, 6.99, 7, 7.99, 8, 9)] == [3, 3, 2, 2, 1, 0]


def test_only_failures_of_automation_count(line: RecordLine) -> None:
    manual_failed(line)
    assert line.known(item("P1"))["records"][KEY]["recent_failures"] == 0


def rejected(content_hash: str, pn: str | None = None) -> Json:
    return {
        "pn": pn,
        "manufacturer": "TI",
        "reason": "no part number",
        "content_hash": content_hash,
        "source_record": {"pn": pn},
    }


def test_a_rejected_row_is_recorded_with_its_reason_and_known_the_next_time(line: RecordLine) -> None:
    line.begin()
    assert line.open([], rejected=[rejected("r1"), rejected("r2")])["rejected"] == 2
    assert sorted(line.known(rejected=["r1", "r2", "r3"])["rejected_before"]) == ["r1", "r2"]
    stored = line.one("select * from decisions where content_hash = 'r1'")
    expected = {"route": "rejected", "rule": "rejected", "reason": "no part number", "record_key": None}
    assert {name: stored[name] for name in expected} == expected
    assert stored["source_record"] == {"pn": None}


def test_taken_counts_opened_records_and_rejected_rows_once(line: RecordLine) -> None:
    line.automation("P0", batch="b0")
    line.begin()
    chunk = [item("P0"), item("P1"), item("P2", "manual"), item("P3")]
    for _ in range(2):
        line.open(chunk, rejected=[rejected("r1")], daily_limit=3)
    line.open([item("P4")], rejected=[rejected("r1"), rejected("r2")])
    # P1 and P2 (P0 is another batch's, P3 over the limit), P4, r1 and r2
    assert line.status()["taken"] == 5


def test_a_decision_is_stored_whole(line: RecordLine) -> None:
    comparisons = [{"feature": "priority", "operator": "gte", "value": 0.2, "seen": 0.5, "holds": True}]
    line.automation("P1", fields={"comparisons": comparisons, "confidence": 0.74})
    stored = line.one("select * from decisions")
    expected = {key: item("P1")[key] for key in ("record_key", "pn", "route", "priority", "rule", "features")}
    assert {key: stored[key] for key in expected} == expected
    assert (stored["comparisons"], str(stored["confidence"])) == (comparisons, "0.74")
    assert (stored["policy"], stored["policy_version"], stored["decided_at"]) == ("flow", "1", NOW)


def test_nothing_is_opened_in_a_batch_that_is_unknown_or_closed(line: RecordLine) -> None:
    line.begin()
    line.progress(closed=True)
    for batch in ("b1", "b404"):
        with pytest.raises(psycopg.Error, match=f"batch {batch} is not open") as refusal:
            line.open([item("P1")], batch=batch)
        assert refusal.value.sqlstate == "PT409"
    assert line.all("select * from records") == []


def test_the_ledger_learns_each_completed_row_once_oldest_first(line: RecordLine) -> None:
    for day in range(3):
        line.later(hours=day).completed(f"P{day}")
    begun = line.begin("b2", ledger_limit=2)["finished"]
    assert begun == [
        {"content_hash": "hash of P0", "finished_at": "2026-03-02T12:00:00+00:00"},
        {"content_hash": "hash of P1", "finished_at": "2026-03-02T13:00:00+00:00"},
    ]
    line.progress(batch="b2", ledgered=[row["content_hash"] for row in begun])
    assert [row["content_hash"] for row in line.begin("b3")["finished"]] == ["hash of P2"]
    assert line.record("P0")["completed_hash"] == "hash of P0"


def test_a_record_completed_again_is_due_in_the_ledger_again(line: RecordLine) -> None:
    line.completed("P1")
    line.progress(ledgered=["hash of P1"])
    later = line.later(days=31)
    task = later.automation("P1", batch="b2")
    later.claim(task)
    later.save(task)
    later.finish(task)
    assert [row["finished_at"][:10] for row in later.begin("b3")["finished"]] == ["2026-04-02"]


def test_a_task_worked_on_before_its_enqueueing_is_noted_keeps_its_times(line: RecordLine) -> None:
    task = line.automation("P1")
    line.later(seconds=1).claim(task)
    before = line.task(task)
    line.later(seconds=2).progress(task)
    assert line.task(task) == before
