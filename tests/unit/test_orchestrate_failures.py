"""A run with failures loses and doubles nothing; the sweep does the rest."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from shared.enrichment.ports import DayShare, JsonObject, NotedRow, SourceRow
from shared.enrichment.routing.route import Route
from shared.enrichment.store import Opened
from shared.errors import SettingsInvalid, SourceUnavailable, StoreRefused, StoreUnavailable
from shared.workflow_config import WorkflowConfig
from tests.enrichment_support import Enrichment, balanced, counts_of, order, part, parts
from tests.memory.record_source import InMemoryRecordSource
from tests.memory.record_store import TIMES, InMemoryRecordStore


class Failing(InMemoryRecordSource):
    """A source that fails after some pages, and whose ledger may fail."""

    good_pages = 0
    ledger_down = False

    def pages(self, *, threshold: float, page_size: int, share: DayShare) -> Iterator[Sequence[SourceRow]]:
        whole = super().pages(threshold=threshold, page_size=page_size, share=share)
        for number, page in enumerate(whole):
            if number == self.good_pages:
                raise SourceUnavailable("BigQuery is away")
            yield page

    def remember(self, noted: Sequence[NotedRow]) -> None:
        if self.ledger_down:
            raise SourceUnavailable("the ledger is away")
        super().remember(noted)


def test_a_source_that_is_down_leaves_the_batch_name_free() -> None:
    enrichment = Enrichment()
    enrichment.source = source = Failing(parts(3))
    with pytest.raises(SourceUnavailable):
        enrichment.run()
    assert enrichment.store.batches == {}
    source.good_pages = 9
    assert counts_of(enrichment.run())["opened"] == 3


def test_a_ledger_that_we_may_not_write_leaves_the_batch_name_free() -> None:
    enrichment = Enrichment(parts(3))
    enrichment.run("before")

    def refused(noted: Sequence[NotedRow]) -> None:
        raise SettingsInvalid(f"no right to note {len(noted)} rows")

    enrichment.source.remember = refused  # type: ignore[method-assign]
    with pytest.raises(SettingsInvalid):
        enrichment.run()
    assert list(enrichment.store.batches) == ["before"]


def test_a_source_that_goes_down_later_leaves_a_closed_batch_that_is_worked_on() -> None:
    enrichment = Enrichment(config=WorkflowConfig(max_batch_size=2))
    enrichment.source = source = Failing(parts(5))
    source.good_pages = 2
    with pytest.raises(SourceUnavailable):
        enrichment.run()
    batch = enrichment.store.batches["b"]
    assert (batch.closed, batch.counts["opened"], batch.counts["notes"]) == (True, 4, ["BigQuery is away"])
    assert len(enrichment.queue.tasks) == 4
    source.good_pages = 9
    assert counts_of(enrichment.run("next"))["opened"] == 1


def test_tasks_that_a_queue_does_not_take_are_reported_and_left_to_the_sweep() -> None:
    enrichment = Enrichment(parts(3))
    enrichment.queue.down = True
    report = enrichment.run()
    assert balanced(report)
    assert (counts_of(report)["automation"], counts_of(report)["not_enqueued"]) == (3, 3)
    assert counts_of(report)["notes"] == ["3 tasks wait for the sweep: the queue is down"]
    enrichment.queue.down = False
    enrichment.clock.advance(seconds=TIMES.grace)
    assert enrichment.sweep()["enqueued"] == 3
    assert len(enrichment.queue.tasks) == 3


def test_a_queue_that_takes_a_part_gets_the_rest_from_the_sweep_and_no_task_twice() -> None:
    enrichment = Enrichment(parts(5), WorkflowConfig(max_batch_size=2))
    enrichment.queue.capacity = 3
    assert counts_of(enrichment.run())["not_enqueued"] == 2
    assert len(enrichment.queue.tasks) == 3
    enrichment.queue.capacity = None
    enrichment.clock.advance(seconds=TIMES.grace)
    assert enrichment.sweep()["enqueued"] == 2
    assert sorted(enrichment.queue.task_ids) == sorted(map(str, enrichment.store.tasks))


def test_the_same_batch_twice_starts_nothing_and_returns_its_state() -> None:
    enrichment = Enrichment(parts(2))
    assert enrichment.run().started
    enrichment.source.rows.extend(parts(9))
    again = enrichment.run()
    assert again.to_json() == {
        "batch_id": "b",
        "started": False,
        "status": {"batch_id": "b", "taken": 2, "tasks": 2},
    }
    assert len(enrichment.store.tasks) == 2


def test_a_report_says_what_was_done() -> None:
    enrichment = Enrichment([part("A"), part(None)])
    assert enrichment.run().to_json() == {
        "batch_id": "b",
        "started": True,
        "read": 2,
        "opened": 1,
        "automation": 1,
        "manual": 0,
        "rejected": 1,
        "skipped": {"repeated": 0, "rejected_before": 0, "claimed_elsewhere": 0},
        "not_enqueued": 0,
        "daily_limit_reached": False,
        "source_exhausted": True,
        "notes": [],
    }


def test_a_preview_shows_the_decisions_and_changes_nothing() -> None:
    enrichment = Enrichment([part("A"), part(None), part("A"), part("B", 0.6, manufacturer=None)])
    before = (dict(enrichment.store.batches), dict(enrichment.store.tasks), dict(enrichment.store.used))
    decisions = enrichment.orchestrator.preview(order())
    assert [(shown["pn"], shown["manufacturer"], shown["rule"]) for shown in decisions] == [
        ("A", "TI", "partial_strong"),
        ("B", None, "sparse"),
    ]
    assert (enrichment.store.batches, enrichment.store.tasks, enrichment.store.used) == before
    assert (enrichment.queue.tasks, enrichment.store.records) == ({}, {})


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("limit", [1, 2, 5, 9])
def test_a_preview_shows_what_the_run_then_does(size: int, limit: int) -> None:
    enrichment = Enrichment(parts(6), WorkflowConfig(max_batch_size=size))
    enrichment.run("earlier", limit=1)
    shown = [decision["pn"] for decision in enrichment.orchestrator.preview(order(limit=limit))]
    enrichment.run("b", limit=limit)
    assert shown == [task.item["pn"] for task in enrichment.store.tasks.values() if task.batch_id == "b"]


def test_a_preview_of_nothing_is_empty() -> None:
    assert Enrichment().orchestrator.preview(order(force=Route.MANUAL)) == []


def test_finished_rows_are_written_to_the_ledger_once() -> None:
    enrichment = Enrichment()
    task = enrichment.opened()
    enrichment.work(task)
    enrichment.run("c")
    assert list(enrichment.source.ledger) == [task.item["content_hash"]]
    assert counts_of(enrichment.run("d"))["read"] == 0, "the source leaves out what the ledger holds"
    assert len(enrichment.source.ledger) == 1


def test_a_ledger_that_fails_does_not_fail_the_run_and_learns_later() -> None:
    enrichment = Enrichment()
    enrichment.work(enrichment.opened())
    enrichment.source = source = Failing(enrichment.source.rows)
    source.good_pages, source.ledger_down = 9, True
    assert counts_of(enrichment.run("c"))["notes"] == [
        "the source's ledger learns of 1 rows later: the ledger is away"
    ]
    source.ledger_down = False
    assert counts_of(enrichment.run("d"))["notes"] == []
    assert len(source.ledger) == 1


@dataclass
class Breaking(InMemoryRecordStore):
    """Opens one chunk, then fails as planned."""

    error: Exception | None = None
    opened: int = 0

    def open_tasks(self, batch_id: str, items: Sequence[JsonObject], *rest: Any, **limits: Any) -> Opened:  # noqa: ANN401 - passed on
        self.opened += 1
        if self.opened == 2 and self.error:
            raise self.error
        return super().open_tasks(batch_id, items, *rest, **limits)


@pytest.mark.parametrize("error", [StoreUnavailable("the database is away"), StoreRefused("open_tasks: no")])
def test_a_store_that_fails_midway_leaves_a_closed_batch_that_is_worked_on(error: Exception) -> None:
    enrichment = Enrichment(parts(4), WorkflowConfig(max_batch_size=2))
    enrichment.store = Breaking(enrichment.clock, error=error)
    with pytest.raises(type(error)):
        enrichment.run()
    assert (enrichment.store.batches["b"].closed, len(enrichment.queue.tasks)) == (True, 2)
    assert counts_of(enrichment.run("next"))["opened"] == 2


@dataclass
class Forgetful(InMemoryRecordStore):
    """Loses the note of progress, as a crash does."""

    def note_progress(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - whatever was to be noted
        raise StoreUnavailable("the database is away")


@pytest.mark.parametrize("taken", ["queued", "worked on"])
def test_a_run_that_dies_before_its_note_doubles_nothing(taken: str) -> None:
    enrichment = Enrichment(parts(2))
    enrichment.store = Forgetful(enrichment.clock)
    with pytest.raises(StoreUnavailable):
        enrichment.run()
    if taken == "worked on":
        for name, task in list(enrichment.queue.tasks.items()):
            enrichment.work(enrichment.task_named(task.body["automation_task_id"]))
            enrichment.queue.drop(name)
    enrichment.clock.advance(seconds=TIMES.grace)
    enrichment.sweep()
    assert len(enrichment.queue.tasks) == (2 if taken == "queued" else 0)
    assert len(enrichment.store.tasks) == 2


def test_each_chunk_is_noted_as_enqueued() -> None:
    enrichment = Enrichment(parts(5), WorkflowConfig(max_batch_size=2))
    enrichment.run()
    assert [task.enqueued for task in enrichment.store.tasks.values()] == [True] * 5
