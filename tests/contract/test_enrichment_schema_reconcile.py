from uuid import UUID

import psycopg
import pytest

from tests.contract.enrichment_calls import Enrichment
from tests.contract.schema_rows import Json, item

PLACES = ("completed", "with_a_person", "in_flight", "failed", "rejected", "lost")
DAY = "2026-03-02"


def sides(
    enrichment: Enrichment, batch: str | None = "b1", day: str | None = None
) -> tuple[int, dict[str, int], bool]:
    """Returns `taken`, the places that are not empty, and the balance; the sum is done here again."""
    found = enrichment.reconcile(batch, day)
    places = {place: found[place] for place in PLACES if found[place]}
    assert found["adds_up"] is (found["taken"] == sum(found[place] for place in PLACES if place != "lost"))
    assert found["balanced"] is (found["verdict"] == "balanced")
    assert found["balanced"] <= found["adds_up"]
    assert (found["batch_id"], found["day"]) == (batch, day)
    return found["taken"], places, found["balanced"]


def test_a_batch_balances_at_every_step_of_its_life(enrichment: Enrichment) -> None:
    enrichment.begin()
    rejected: Json = {
        "pn": None,
        "manufacturer": None,
        "reason": "-",
        "content_hash": "r",
        "source_record": {},
    }
    assert sides(enrichment) == (0, {}, True)
    opened = enrichment.open([item("P1"), item("P2"), item("P3"), item("P4", "manual")], rejected=[rejected])
    one, two, three = (UUID(task["id"]) for task in opened["automation"])
    own = enrichment.one("select id from manual_tasks")["id"]
    assert sides(enrichment) == (5, {"in_flight": 3, "with_a_person": 1, "rejected": 1}, True)

    enrichment.claim(one)
    enrichment.save(one)
    assert sides(enrichment) == (5, {"in_flight": 3, "with_a_person": 1, "rejected": 1}, True)
    enrichment.finish(one)
    assert sides(enrichment) == (5, {"completed": 1, "in_flight": 2, "with_a_person": 1, "rejected": 1}, True)

    enrichment.claim(two)
    enrichment.fail(two)
    assert sides(enrichment) == (5, {"completed": 1, "in_flight": 2, "with_a_person": 1, "rejected": 1}, True)
    fallback = UUID(enrichment.fall_back(two)["manual_task_id"])
    assert sides(enrichment) == (5, {"completed": 1, "in_flight": 1, "with_a_person": 2, "rejected": 1}, True)

    enrichment.claim(three)
    enrichment.fail(three, to_manual=False)
    enrichment.take(own)
    enrichment.give_up(own)
    assert sides(enrichment) == (5, {"completed": 1, "with_a_person": 1, "failed": 2, "rejected": 1}, True)
    enrichment.take(fallback)
    enrichment.complete(fallback)
    whole = (5, {"completed": 2, "failed": 2, "rejected": 1}, True)
    assert sides(enrichment) == whole
    assert sides(enrichment, None, DAY) == whole
    assert sides(enrichment, "b1_fallback") == (0, {}, True)


def test_a_day_is_the_sum_of_its_batches_and_no_other(enrichment: Enrichment) -> None:
    enrichment.completed("P1")
    enrichment.automation("P2", batch="b2")
    enrichment.later(hours=-13).automation("P3", batch="yesterday")
    enrichment.later(hours=12).automation("P4", batch="tomorrow")
    enrichment.later(hours=11.99).automation("P5", batch="late")
    assert sides(enrichment, None, DAY) == (3, {"completed": 1, "in_flight": 2}, True)
    assert sides(enrichment, None, "2026-03-01") == (1, {"in_flight": 1}, True)
    assert sides(enrichment, None, "2026-03-03") == (1, {"in_flight": 1}, True)
    assert sides(enrichment, None, "2026-03-04") == (0, {}, False)


def test_a_day_without_a_batch_is_no_balanced_day(enrichment: Enrichment) -> None:
    enrichment.begin("yesterday")
    assert enrichment.reconcile(None, "2026-03-03")["verdict"] == "nothing_ran"
    ran = enrichment.reconcile(None, DAY)
    assert (ran["verdict"], ran["taken"], ran["batches"]) == ("balanced", 0, 1)


def test_a_day_on_which_only_dead_letters_came_is_a_day_without_a_batch(enrichment: Enrichment) -> None:
    task = enrichment.failed("P1")
    enrichment.later(days=1).fall_back(task)
    found = enrichment.reconcile(None, "2026-03-03")
    assert (found["verdict"], found["taken"], found["batches"]) == ("nothing_ran", 0, 0)
    assert sides(enrichment, None, DAY) == (1, {"with_a_person": 1}, True)


@pytest.mark.parametrize("table", ["automation_tasks", "manual_tasks"])
def test_a_task_deleted_behind_its_back_shows(enrichment: Enrichment, table: str) -> None:
    enrichment.automation("P1")
    enrichment.person("P2")
    assert sides(enrichment)[2]
    enrichment.connection.execute(f"delete from {table}".encode())
    taken, places, balanced = sides(enrichment)
    assert (taken, places["lost"], balanced) == (2, 1, False)
    assert not sides(enrichment, None, DAY)[2]


@pytest.mark.parametrize("ended", [False, True])
def test_a_fallback_task_deleted_behind_its_back_shows(enrichment: Enrichment, *, ended: bool) -> None:
    manual = enrichment.fallback("P1")
    if ended:
        enrichment.take(manual)
        enrichment.complete(manual)
    enrichment.connection.execute("delete from manual_endings")
    enrichment.connection.execute("delete from manual_tasks")
    place = "completed" if ended else "with_a_person"
    assert sides(enrichment) == (1, {place: 1, "lost": 1}, False)


def test_a_decision_without_a_task_shows(enrichment: Enrichment) -> None:
    enrichment.automation("P1")
    enrichment.connection.execute(
        "insert into decisions (batch_id, record_key, route, priority, rule, reason, confidence, decided_at)"
        " values ('b1', 'P2|ti', 'manual', 'low', 'r', 'r', 1, now())"
    )
    assert sides(enrichment) == (1, {"in_flight": 1, "lost": 1}, False)


def test_a_decision_deleted_with_its_task_shows(enrichment: Enrichment) -> None:
    enrichment.automation("P1")
    enrichment.automation("P2")
    enrichment.connection.execute("delete from automation_tasks where pn = 'P1'")
    enrichment.connection.execute("delete from decisions where pn = 'P1'")
    assert sides(enrichment) == (2, {"in_flight": 2}, False)
    assert enrichment.reconcile()["audit"]["lines"]["distinct_records"]["count"] == 1


def test_no_second_task_of_one_decision_can_be_written(enrichment: Enrichment) -> None:
    task = enrichment.person("P1")
    enrichment.take(task)
    enrichment.give_up(task)
    copied = (
        "batch_id, decision_id, record_key, pn, content_hash, source_record, type, priority, reason, due_at,"
        " created_at, updated_at"
    )
    with pytest.raises(psycopg.errors.UniqueViolation, match="one_own_manual_task_per_decision"):
        enrichment.connection.execute(
            f"insert into manual_tasks ({copied}) select {copied} from manual_tasks".encode()
        )


@pytest.mark.parametrize(("batch", "day"), [(None, None), ("b1", DAY)])
def test_either_a_batch_or_a_day_is_reconciled(
    enrichment: Enrichment, batch: str | None, day: str | None
) -> None:
    enrichment.begin()
    with pytest.raises(psycopg.Error, match="either a batch or a day") as refusal:
        enrichment.reconcile(batch, day)
    assert refusal.value.sqlstate == "PT400"
