"""The number of records that a run opens: its limit, chunks, and the day's quota."""

import pytest

from shared.enrichment.routing.route import Route
from shared.workflow_config import WorkflowConfig
from tests.enrichment_support import Enrichment, balanced, counts_of, part, parts


@pytest.mark.parametrize(("limit", "opened"), [(1, 1), (6, 6), (7, 7), (8, 7), (100, 7)])
def test_a_run_opens_its_limit_or_what_there_is(limit: int, opened: int) -> None:
    enrichment = Enrichment(parts(7))
    counts = counts_of(enrichment.run(limit=limit))
    assert (counts["opened"], counts["read"], counts["daily_limit_reached"]) == (opened, opened, False)
    assert len(enrichment.queue.tasks) == opened


@pytest.mark.parametrize(
    ("limit", "size", "exhausted"),
    [(6, 3, False), (6, 6, False), (7, 3, True), (7, 6, True), (7, 7, True), (6, 7, False)],
)
def test_a_source_is_exhausted_when_it_has_no_more(*, limit: int, size: int, exhausted: bool) -> None:
    enrichment = Enrichment(parts(6), WorkflowConfig(max_batch_size=size))
    counts = counts_of(enrichment.run(limit=limit))
    assert (counts["opened"], counts["source_exhausted"]) == (6, exhausted)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 9, 10, 11])
def test_a_limit_larger_than_a_chunk_is_worked_through_in_one_batch(size: int) -> None:
    enrichment = Enrichment(parts(10), WorkflowConfig(max_batch_size=size))
    report = enrichment.run(limit=10)
    assert counts_of(report)["opened"] == 10
    assert enrichment.store.batch_status("b") == {"batch_id": "b", "taken": 10, "tasks": 10}
    assert enrichment.store.batches["b"].closed
    assert all(task.enqueued for task in enrichment.store.tasks.values())


def test_the_highest_scores_are_taken_first() -> None:
    enrichment = Enrichment([part("low", 0.6), part("high", 0.99), part("middle", 0.7)])
    enrichment.run(limit=2)
    assert {task.item["pn"] for task in enrichment.store.tasks.values()} == {"high", "middle"}


def test_what_scores_below_the_threshold_is_not_read() -> None:
    enrichment = Enrichment([part("A", 0.5), part("B", 0.49), part("C", None)])
    assert counts_of(enrichment.run())["read"] == 1


def test_skipped_records_do_not_use_up_the_limit() -> None:
    enrichment = Enrichment(parts(6), WorkflowConfig(max_batch_size=2))
    enrichment.run("first", limit=4)
    enrichment.source.forget(enrichment.store)
    counts = counts_of(enrichment.run("second", limit=2))
    assert (counts["opened"], counts["skipped"]["in_flight"]) == (2, 4)


def test_tasks_are_enqueued_in_priority_order() -> None:
    enrichment = Enrichment([part("A", 0.6), part("B", 0.7), part("C", 0.9)])
    enrichment.run()
    queued = [enrichment.task_named(task_id).item["priority"] for task_id in enrichment.queue.task_ids]
    assert queued == sorted(queued, key=("high", "medium", "low").index)
    assert len(queued) == 3


@pytest.mark.parametrize("route", [Route.AUTOMATION, Route.MANUAL])
def test_a_forced_route_holds_for_every_record(route: Route) -> None:
    enrichment = Enrichment(
        [part("A", 0.9), part("B", 0.5, specs={"a": "b"}, description="d", category="c", docs=["x"])]
    )
    counts = counts_of(enrichment.run(force=route))
    assert counts[route] == 2
    assert {work.item["rule"] for work in enrichment.work_items} == {"forced"}


def test_automation_and_manual_tasks_share_the_daily_quota() -> None:
    enrichment = Enrichment(parts(8), WorkflowConfig(max_daily_tasks=5))
    assert counts_of(enrichment.run("a", limit=3, force=Route.MANUAL))["manual"] == 3
    counts = counts_of(enrichment.run("b"))
    assert (counts["automation"], counts["daily_limit_reached"], counts["source_exhausted"]) == (
        2,
        True,
        False,
    )
    assert balanced(enrichment.run("c"))
    assert len(enrichment.store.tasks) + len(enrichment.manual) == 5


def test_a_spent_quota_opens_nothing_reads_nothing_and_says_so() -> None:
    enrichment = Enrichment(parts(4), WorkflowConfig(max_daily_tasks=2))
    enrichment.run("a")
    before = enrichment.source.read
    counts = counts_of(enrichment.run("b"))
    assert (counts["opened"], counts["daily_limit_reached"], enrichment.source.read) == (0, True, before)
    assert enrichment.store.batches["b"].closed


def test_the_quota_is_fresh_on_the_next_utc_day() -> None:
    enrichment = Enrichment(parts(4), WorkflowConfig(max_daily_tasks=2))
    enrichment.run("a")
    enrichment.clock.advance(hours=12)
    assert counts_of(enrichment.run("b"))["opened"] == 2


def test_a_quota_that_was_lowered_below_what_is_used_opens_nothing() -> None:
    enrichment = Enrichment(parts(4))
    enrichment.run("a", limit=3)
    enrichment.config = WorkflowConfig(max_daily_tasks=1)
    counts = counts_of(enrichment.run("b"))
    assert (counts["opened"], counts["daily_limit_reached"]) == (0, True)


def test_a_limit_that_meets_the_quota_exactly_has_not_run_into_it() -> None:
    enrichment = Enrichment(parts(4), WorkflowConfig(max_daily_tasks=3))
    assert not counts_of(enrichment.run(limit=3))["daily_limit_reached"]


def test_junk_is_recorded_even_when_the_quota_is_spent() -> None:
    enrichment = Enrichment([part("A"), part(None), part("B")], WorkflowConfig(max_daily_tasks=1))
    report = enrichment.run("a")
    assert balanced(report)
    counts = counts_of(report)
    assert (counts["opened"], counts["rejected"], counts["daily_limit_reached"]) == (1, 1, True)
