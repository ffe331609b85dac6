from uuid import UUID

import psycopg
import pytest

from tests.contract.schema_rows import Json, item
from tests.contract.schema_support import RecordLine

PLACES = ("completed", "with_a_person", "in_flight", "failed", "rejected", "lost")
DAY = "2026-03-02"


@pytest.fixture
def line(service_connection: psycopg.Connection) -> RecordLine:
    return RecordLine(service_connection)


def sides(
    line: RecordLine, batch: str | None = "b1", day: str | None = None
) -> tuple[int, dict[str, int], bool]:
    """Taken, the places that are not empty, and whether they balance; the sum is made here once more."""
    found = line.reconcile(batch, day)
    places = {place: found[place] for place in PLACES if found[place]}
    balanced = found["taken"] == sum(places.values()) and "lost" not in places
    assert found["balanced"] is balanced
    assert (found["batch_id"], found["day"]) == (batch, day)
    return found["taken"], places, balanced


def test_a_batch_balances_at_every_step_of_its_life(line: RecordLine) -> None:
    line.begin()
    rejected: Json = {
        "pn": None,
        "manufacturer": None,
        "reason": "-",
        "content_hash": "r",
        "source_record": {},
    }
    assert sides(line) == (0, {}, True)
    opened = line.open([item("P1"), item("P2"), item("P3"), item("P4", "manual")], rejected=[rejected])
    one, two, three = (UUID(task["id"]) for task in opened["automation"])
    own = line.one("select id from manual_tasks")["id"]
    assert sides(line) == (5, {"in_flight": 3, "with_a_person": 1, "rejected": 1}, True)

    line.claim(one)
    line.save(one)
    assert sides(line) == (5, {"in_flight": 3, "with_a_person": 1, "rejected": 1}, True)
    line.finish(one)
    assert sides(line) == (5, {"completed": 1, "in_flight": 2, "with_a_person": 1, "rejected": 1}, True)

    line.claim(two)
    line.fail(two)
    assert sides(line) == (5, {"completed": 1, "in_flight": 2, "with_a_person": 1, "rejected": 1}, True)
    fallback = UUID(line.fall_back(two)["manual_task_id"])
    assert sides(line) == (5, {"completed": 1, "in_flight": 1, "with_a_person": 2, "rejected": 1}, True)

    line.claim(three)
    line.fail(three, to_manual=False)
    line.take(own)
    line.give_up(own)
    assert sides(line) == (5, {"completed": 1, "with_a_person": 1, "failed": 2, "rejected": 1}, True)
    line.take(fallback)
    line.complete(fallback)
    whole = (5, {"completed": 2, "failed": 2, "rejected": 1}, True)
    assert sides(line) == whole
    assert sides(line, None, DAY) == whole
    assert sides(line, "b1_fallback") == (0, {}, True)


def test_a_day_is_the_sum_of_its_batches_and_no_other(line: RecordLine) -> None:
    line.completed("P1")
    line.automation("P2", batch="b2")
    line.later(hours=-13).automation("P3", batch="yesterday")
    line.later(hours=12).automation("P4", batch="tomorrow")
    line.later(hours=11.99).automation("P5", batch="late")
    assert sides(line, None, DAY) == (3, {"completed": 1, "in_flight": 2}, True)
    assert sides(line, None, "2026-03-01") == (1, {"in_flight": 1}, True)
    assert sides(line, None, "2026-03-03") == (1, {"in_flight": 1}, True)
    assert sides(line, None, "2026-03-04") == (0, {}, True)


@pytest.mark.parametrize("table", ["automation_tasks", "manual_tasks"])
def test_a_task_deleted_behind_its_back_shows(line: RecordLine, table: str) -> None:
    line.automation("P1")
    line.person("P2")
    assert sides(line)[2]
    line.connection.execute(f"delete from {table}".encode())
    taken, places, balanced = sides(line)
    assert (taken, places["lost"], balanced) == (2, 1, False)
    assert not sides(line, None, DAY)[2]


@pytest.mark.parametrize("ended", [False, True])
def test_a_fallback_task_deleted_behind_its_back_shows(line: RecordLine, *, ended: bool) -> None:
    manual = line.fallback("P1")
    if ended:
        line.take(manual)
        line.complete(manual)
    line.connection.execute("delete from manual_tasks")
    assert sides(line) == (1, {"lost": 1}, False)


def test_a_decision_without_a_task_shows(line: RecordLine) -> None:
    line.automation("P1")
    line.connection.execute(
        "insert into decisions (batch_id, record_key, route, priority, rule, reason, confidence, decided_at)"
        " values ('b1', 'P2|ti', 'manual', 'low', 'r', 'r', 1, now())"
    )
    assert sides(line) == (1, {"in_flight": 1, "lost": 1}, False)


def test_a_decision_deleted_with_its_task_shows(line: RecordLine) -> None:
    line.automation("P1")
    line.automation("P2")
    line.connection.execute("delete from automation_tasks where pn = 'P1'")
    line.connection.execute("delete from decisions where pn = 'P1'")
    assert sides(line) == (2, {"in_flight": 1}, False)


def test_no_second_task_of_one_decision_can_be_written(line: RecordLine) -> None:
    task = line.person("P1")
    line.take(task)
    line.give_up(task)
    copied = (
        "batch_id, decision_id, record_key, pn, content_hash, source_record, type, priority, reason, due_at,"
        " created_at, updated_at"
    )
    with pytest.raises(psycopg.errors.UniqueViolation, match="one_own_manual_task_per_decision"):
        line.connection.execute(
            f"insert into manual_tasks ({copied}) select {copied} from manual_tasks".encode()
        )


@pytest.mark.parametrize(("batch", "day"), [(None, None), ("b1", DAY)])
def test_either_a_batch_or_a_day_is_reconciled(line: RecordLine, batch: str | None, day: str | None) -> None:
    line.begin()
    with pytest.raises(psycopg.Error, match="either a batch or a day") as refusal:
        line.reconcile(batch, day)
    assert refusal.value.sqlstate == "PT400"
