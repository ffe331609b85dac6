"""A call that is repeated after a lost answer gives the same answer and has no second effect."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import psycopg
import pytest

from tests.contract.enrichment_calls import Enrichment
from tests.contract.schema_rows import NOW, Json, item, product

TOMORROW = NOW + timedelta(days=1)
Step = Callable[[Enrichment], Any]
TABLES = (
    "batches",
    "records",
    "turns",
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


def everything(enrichment: Enrichment) -> Json:
    """The whole content of the database, without the ids of a replaced product."""
    return {table: enrichment.all(f"select t.* from {table} as t order by t::text") for table in TABLES}


def claimed(enrichment: Enrichment) -> uuid.UUID:
    task = enrichment.automation()
    enrichment.claim(task)
    return task


def spent(enrichment: Enrichment) -> uuid.UUID:
    task = enrichment.automation()
    for number in range(3):
        owner = uuid.UUID(int=100 + number)
        enrichment.claim(task, owner)
        enrichment.release(task, owner)
    return task


def taken(enrichment: Enrichment) -> uuid.UUID:
    task = enrichment.person()
    enrichment.take(task)
    return task


NOTED = {"record_key": "LM317T|texas instruments", "content_hash": "hash of LM317T"}

STEPS: dict[str, tuple[Callable[[Enrichment], uuid.UUID], Callable[[uuid.UUID], Step]]] = {
    "claim": (Enrichment.automation, lambda task: partial(Enrichment.claim, task=task)),
    "claim of a saved answer": (
        Enrichment.saved,
        lambda task: lambda db: db.later(hours=1).claim(task, uuid.UUID(int=9)),
    ),
    "claim of a spent task": (spent, lambda task: partial(Enrichment.claim, task=task)),
    "save": (claimed, lambda task: partial(Enrichment.save, task=task)),
    "finish": (Enrichment.saved, lambda task: partial(Enrichment.finish, task=task)),
    "release": (claimed, lambda task: partial(Enrichment.release, task=task)),
    "release with refund": (claimed, lambda task: partial(Enrichment.release, task=task, refund=True)),
    "postpone": (claimed, lambda task: partial(Enrichment.postpone, task=task, until=TOMORROW)),
    "fail": (claimed, lambda task: partial(Enrichment.fail, task=task)),
    "fail, not handed over": (claimed, lambda task: partial(Enrichment.fail, task=task, to_manual=False)),
    "note_enqueued": (
        Enrichment.automation,
        lambda task: partial(Enrichment.enqueued, task=task, generation=0),
    ),
    "note_progress": (
        Enrichment.automation,
        lambda task: lambda db: db.progress(task, counts={"read": 1}, closed=True),
    ),
    "note_progress of the ledger": (
        Enrichment.completed,
        lambda _: (
            lambda db: db.progress(
                ledgered=[NOTED | {"noted_at": db.turn(NOTED["content_hash"])["changed_at"].isoformat()}]
            )
        ),
    ),
    "note_progress of skipped rows": (
        Enrichment.automation,
        lambda _: partial(Enrichment.progress, skipped=[NOTED | {"content_hash": "other"}]),
    ),
    "a person's word to take it again": (
        Enrichment.completed,
        lambda _: (
            lambda db: db.call("take_again", record_key="LM317T|texas instruments", by="ana", note="again")
        ),
    ),
    "claim by a person": (Enrichment.person, lambda task: partial(Enrichment.take, task=task)),
    "release by a person": (taken, lambda task: partial(Enrichment.give_back, task=task, note="too hard")),
    "complete": (taken, lambda task: partial(Enrichment.complete, task=task, fields={"category": "ICs"})),
    "fail by a person": (taken, lambda task: partial(Enrichment.give_up, task=task)),
    "redrive": (Enrichment.fallback, lambda _: Enrichment.redrive),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_step_made_twice_answers_the_same_and_changes_nothing_more(
    enrichment: Enrichment, step: str
) -> None:
    arrange, prepared = STEPS[step]
    call = prepared(arrange(enrichment))
    before = everything(enrichment)
    first = call(enrichment)
    after = everything(enrichment)
    assert after != before
    assert call(enrichment) == first
    assert everything(enrichment) == after


def test_beginning_a_batch_twice_is_one_beginning_of_the_same_run_and_none_of_another(
    enrichment: Enrichment,
) -> None:
    enrichment.completed("P1")
    run = uuid.uuid4()
    first = enrichment.begin("b2", run)
    assert first["started"]
    assert [row["content_hash"] for row in first["noted"]] == ["hash of P1"]
    assert enrichment.begin("b2", run) == first
    assert enrichment.begin("b2") == {"started": False, "noted": [], "used": 0, "again": 0}


def test_opening_the_same_chunk_twice_opens_and_counts_it_once(enrichment: Enrichment) -> None:
    enrichment.begin()
    chunk = [item("P1"), item("P2", "manual", priority="low"), item("P3", priority="high"), item("P4")]
    rejected: list[Json] = [
        {"pn": None, "manufacturer": None, "reason": "none", "content_hash": "r", "source_record": {}}
    ]
    first = enrichment.open(chunk, rejected=rejected, daily_limit=3)
    assert [task["record_key"][:2] for task in first["automation"]] == ["P3", "P1"]
    assert {name: first[name] for name in ("manual", "over_limit", "claimed_elsewhere", "rejected")} == {
        "manual": 1,
        "over_limit": 1,
        "claimed_elsewhere": 0,
        "rejected": 1,
    }
    after = everything(enrichment)
    assert enrichment.open(chunk, rejected=rejected, daily_limit=3) == first
    assert everything(enrichment) == after
    assert enrichment.status()["taken"] == 4


def test_a_fallback_task_is_made_once_and_named_both_times(enrichment: Enrichment) -> None:
    task = enrichment.failed()
    first = enrichment.fall_back(task)
    after = everything(enrichment)
    assert enrichment.fall_back(task) == first | {"outcome": "exists"}
    assert everything(enrichment) == after


def test_a_release_is_no_repetition_once_another_person_has_claimed(enrichment: Enrichment) -> None:
    task = claimed(enrichment)
    assert enrichment.release(task)
    enrichment.claim(task, uuid.UUID(int=9))
    assert not enrichment.release(task)
    assert enrichment.postpone(task, TOMORROW) is None
    assert enrichment.task(task)["lease_owner"] == uuid.UUID(int=9)


def test_completing_twice_with_other_fields_is_refused(enrichment: Enrichment) -> None:
    task = taken(enrichment)
    enrichment.complete(task, fields={"category": "ICs"})
    with pytest.raises(psycopg.Error, match="is already completed") as refusal:
        enrichment.complete(task, fields={"category": "Regulators"})
    assert refusal.value.sqlstate == "PT409"


def test_completing_another_person_s_completed_task_is_refused(enrichment: Enrichment) -> None:
    task = taken(enrichment)
    enrichment.complete(task)
    with pytest.raises(psycopg.Error, match="is already completed"):
        enrichment.complete(task, "bo")


def test_failing_twice_with_another_note_is_refused(enrichment: Enrichment) -> None:
    task = taken(enrichment)
    enrichment.give_up(task, note="no data sheet")
    with pytest.raises(psycopg.Error, match="is already failed"):
        enrichment.give_up(task, note="another")


def test_a_second_finish_with_another_product_keeps_the_first(enrichment: Enrichment) -> None:
    task = enrichment.saved()
    enrichment.finish(task)
    assert enrichment.finish(task, written=product(category="Another"))
    assert enrichment.one("select category from products") == {"category": "Regulators"}
