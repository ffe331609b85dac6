"""An answer that got lost is asked for again with the same arguments: the same answer, and no second effect."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import psycopg
import pytest

from tests.contract.schema_rows import NOW, Json, item, product
from tests.contract.schema_support import RecordLine

TOMORROW = NOW + timedelta(days=1)
Step = Callable[[RecordLine], Any]
TABLES = (
    "batches",
    "records",
    "decisions",
    "automation_tasks",
    "manual_tasks",
    "manufacturers",
    "task_events",
    "products",
    "product_attributes",
    "document_media",
    "product_extras",
    "daily_usage",
)


@pytest.fixture
def line(service_connection: psycopg.Connection) -> RecordLine:
    return RecordLine(service_connection)


def everything(line: RecordLine) -> Json:
    """All that the database holds, but for a replaced product's numbering."""
    return {table: line.all(f"select t.* from {table} as t order by t::text") for table in TABLES}


def claimed(line: RecordLine) -> uuid.UUID:
    task = line.automation()
    line.claim(task)
    return task


def spent(line: RecordLine) -> uuid.UUID:
    task = line.automation()
    for number in range(3):
        owner = uuid.UUID(int=100 + number)
        line.claim(task, owner)
        line.release(task, owner)
    return task


def taken(line: RecordLine) -> uuid.UUID:
    task = line.person()
    line.take(task)
    return task


STEPS: dict[str, tuple[Callable[[RecordLine], uuid.UUID], Callable[[uuid.UUID], Step]]] = {
    "claim": (RecordLine.automation, lambda task: partial(RecordLine.claim, task=task)),
    "claim of a saved answer": (
        RecordLine.saved,
        lambda task: lambda line: line.later(hours=1).claim(task, uuid.UUID(int=9)),
    ),
    "claim of a spent task": (spent, lambda task: partial(RecordLine.claim, task=task)),
    "save": (claimed, lambda task: partial(RecordLine.save, task=task)),
    "finish": (RecordLine.saved, lambda task: partial(RecordLine.finish, task=task)),
    "release": (claimed, lambda task: partial(RecordLine.release, task=task)),
    "release with refund": (claimed, lambda task: partial(RecordLine.release, task=task, refund=True)),
    "postpone": (claimed, lambda task: partial(RecordLine.postpone, task=task, until=TOMORROW)),
    "fail": (claimed, lambda task: partial(RecordLine.fail, task=task)),
    "fail, not handed over": (claimed, lambda task: partial(RecordLine.fail, task=task, to_manual=False)),
    "note_enqueued": (
        RecordLine.automation,
        lambda task: partial(RecordLine.enqueued, task=task, generation=0),
    ),
    "note_progress": (
        RecordLine.automation,
        lambda task: lambda line: line.progress(task, counts={"read": 1}, closed=True),
    ),
    "note_progress of the ledger": (
        RecordLine.completed,
        lambda _: lambda line: line.progress(ledgered=["hash of LM317T"]),
    ),
    "claim by a person": (RecordLine.person, lambda task: partial(RecordLine.take, task=task)),
    "release by a person": (taken, lambda task: partial(RecordLine.give_back, task=task, note="too hard")),
    "complete": (taken, lambda task: partial(RecordLine.complete, task=task, fields={"category": "ICs"})),
    "fail by a person": (taken, lambda task: partial(RecordLine.give_up, task=task)),
    "redrive": (RecordLine.fallback, lambda _: RecordLine.redrive),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_step_made_twice_answers_the_same_and_changes_nothing_more(line: RecordLine, step: str) -> None:
    arrange, prepared = STEPS[step]
    call = prepared(arrange(line))
    before = everything(line)
    first = call(line)
    after = everything(line)
    assert after != before
    assert call(line) == first
    assert everything(line) == after


def test_beginning_a_batch_twice_is_one_beginning_of_the_same_run_and_none_of_another(
    line: RecordLine,
) -> None:
    line.completed("P1")
    run = uuid.uuid4()
    first = line.begin("b2", run)
    assert first["started"]
    assert [row["content_hash"] for row in first["finished"]] == ["hash of P1"]
    assert line.begin("b2", run) == first
    assert line.begin("b2") == {"started": False, "finished": []}


def test_opening_the_same_chunk_twice_opens_and_counts_it_once(line: RecordLine) -> None:
    line.begin()
    chunk = [item("P1"), item("P2", "manual", priority="low"), item("P3", priority="high"), item("P4")]
    rejected: list[Json] = [
        {"pn": None, "manufacturer": None, "reason": "none", "content_hash": "r", "source_record": {}}
    ]
    first = line.open(chunk, rejected=rejected, daily_limit=3)
    assert [task["record_key"][:2] for task in first["automation"]] == ["P3", "P1"]
    assert {name: first[name] for name in ("manual", "over_limit", "claimed_elsewhere", "rejected")} == {
        "manual": 1,
        "over_limit": 1,
        "claimed_elsewhere": 0,
        "rejected": 1,
    }
    after = everything(line)
    assert line.open(chunk, rejected=rejected, daily_limit=3) == first
    assert everything(line) == after
    assert line.status()["taken"] == 4


def test_a_fallback_task_is_made_once_and_named_both_times(line: RecordLine) -> None:
    task = line.failed()
    first = line.fall_back(task)
    after = everything(line)
    assert line.fall_back(task) == first | {"outcome": "exists"}
    assert everything(line) == after


def test_a_release_is_no_repetition_once_somebody_else_has_claimed(line: RecordLine) -> None:
    task = claimed(line)
    assert line.release(task)
    line.claim(task, uuid.UUID(int=9))
    assert not line.release(task)
    assert line.postpone(task, TOMORROW) is None
    assert line.task(task)["lease_owner"] == uuid.UUID(int=9)


def test_completing_twice_with_other_fields_is_refused(line: RecordLine) -> None:
    task = taken(line)
    line.complete(task, fields={"category": "ICs"})
    with pytest.raises(psycopg.Error, match="is already completed") as refusal:
        line.complete(task, fields={"category": "Regulators"})
    assert refusal.value.sqlstate == "PT409"


def test_completing_as_somebody_else_what_is_completed_is_refused(line: RecordLine) -> None:
    task = taken(line)
    line.complete(task)
    with pytest.raises(psycopg.Error, match="is already completed"):
        line.complete(task, "bo")


def test_failing_twice_with_another_note_is_refused(line: RecordLine) -> None:
    task = taken(line)
    line.give_up(task, note="no data sheet")
    with pytest.raises(psycopg.Error, match="is already failed"):
        line.give_up(task, note="another")


def test_a_second_finish_with_another_product_keeps_the_first(line: RecordLine) -> None:
    task = line.saved()
    line.finish(task)
    assert line.finish(task, written=product(category="Another"))
    assert line.one("select category from products") == {"category": "Regulators"}
