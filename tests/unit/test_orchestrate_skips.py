"""Every row that is read is opened, rejected or skipped for a reason, and each is counted."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.enrichment.ports import ErrorCategory, JsonObject, Refused
from shared.enrichment.routing.route import Route
from shared.enrichment.store import Identity, Known, Opened
from shared.workflow_config import WorkflowConfig
from tests.enrichment_support import Enrichment, balanced, counts_of, part, parts
from tests.memory.record_store import InMemoryRecordStore

UNKNOWN = Refused(ErrorCategory.NOT_FOUND, "no such part")


def skipped(enrichment: Enrichment, batch_id: str, **asked: Any) -> dict[str, int]:  # noqa: ANN401 - as `order` takes them
    report = enrichment.run(batch_id, **asked)
    assert balanced(report)
    return {reason: count for reason, count in counts_of(report)["skipped"].items() if count}


def test_a_record_in_flight_is_skipped() -> None:
    enrichment = Enrichment(parts(2))
    assert skipped(enrichment, "a") == {}
    enrichment.source.forget(enrichment.store)
    assert skipped(enrichment, "b") == {"in_flight": 2}


def test_a_record_with_an_open_manual_task_is_skipped() -> None:
    enrichment = Enrichment(parts(2))
    skipped(enrichment, "a", force=Route.MANUAL)
    enrichment.source.forget(enrichment.store)
    assert skipped(enrichment, "b") == {"open_manual_task": 2}


def test_a_completed_record_is_skipped_for_as_long_as_it_is_fresh_and_unchanged() -> None:
    enrichment = Enrichment()
    enrichment.work(enrichment.opened())
    enrichment.source.forget(enrichment.store)
    assert skipped(enrichment, "c") == {"recently_completed": 1}
    assert counts_of(enrichment.run("its ledger knows again"))["read"] == 0
    enrichment.clock.advance(days=30)
    assert counts_of(enrichment.run("d"))["opened"] == 1


def test_a_completed_record_whose_content_changed_is_taken_again() -> None:
    enrichment = Enrichment()
    enrichment.work(enrichment.opened())
    enrichment.source.rows[:] = [part("A", description="now with a description")]
    assert counts_of(enrichment.run("c"))["opened"] == 1


def test_the_same_record_twice_in_a_batch_is_opened_once() -> None:
    enrichment = Enrichment(
        [part("A"), part("a ", 0.8), part("B"), part("A", 0.7)], WorkflowConfig(max_batch_size=2)
    )
    assert skipped(enrichment, "a") == {"repeated": 1}
    assert {task.item["pn"] for task in enrichment.store.tasks.values()} == {"A", "B"}


def test_a_row_without_a_part_number_is_rejected_once_with_its_reason() -> None:
    enrichment = Enrichment([part(None), part("  "), part("A")])
    report = enrichment.run("a")
    assert (counts_of(report)["rejected"], counts_of(report)["opened"]) == (2, 1)
    assert all("no part number" in reason for reason in enrichment.store.batches["a"].rejected.values())
    enrichment.source.forget(enrichment.store)
    assert skipped(enrichment, "b") == {"in_flight": 1, "rejected_before": 2}


def test_the_same_junk_twice_in_a_batch_is_rejected_once() -> None:
    enrichment = Enrichment([part(None), part(None, 0.8)])
    assert skipped(enrichment, "a") == {}
    assert len(enrichment.store.batches["a"].rejected) == 1


def test_a_batch_of_nothing_but_junk_is_accounted_for() -> None:
    enrichment = Enrichment([part(None, manufacturer=maker) for maker in ("a", "b", 7)])
    report = enrichment.run()
    assert balanced(report)
    assert counts_of(report)["rejected"] == 3
    assert enrichment.store.batches["b"].taken == 3


def test_an_empty_source_opens_nothing_and_closes_its_batch() -> None:
    enrichment = Enrichment()
    assert counts_of(enrichment.run())["source_exhausted"]
    assert enrichment.store.batches["b"].closed


def test_a_part_that_failed_too_often_goes_to_a_person() -> None:
    enrichment = Enrichment(
        config=WorkflowConfig(automation_failure_to_manual=False, max_automation_failures=2)
    )
    enrichment.work(enrichment.opened(UNKNOWN, UNKNOWN, manufacturer=None))
    enrichment.clock.advance(days=1)
    enrichment.run("b2")
    enrichment.work(list(enrichment.store.tasks.values())[-1])
    enrichment.clock.advance(days=1)
    assert counts_of(enrichment.run("b3"))["manual"] == 1
    assert [manual.item["rule"] for manual in enrichment.manual] == ["recent_failures"]


def test_failures_are_forgotten_after_a_week() -> None:
    enrichment = Enrichment(
        config=WorkflowConfig(automation_failure_to_manual=False, max_automation_failures=1)
    )
    enrichment.work(enrichment.opened(UNKNOWN, manufacturer=None))
    enrichment.clock.advance(days=7)
    assert counts_of(enrichment.run("b2"))["automation"] == 1


class Overtaken(InMemoryRecordStore):
    """Another run claims the given part between this run's look and its opening."""

    def __init__(self, enrichment: Enrichment, pn: str) -> None:
        super().__init__(enrichment.clock)
        self.rival: tuple[Enrichment, str] | None = (enrichment, pn)

    def read_known(self, records: Sequence[Identity], rejected: Sequence[str], **since: Any) -> Known:  # noqa: ANN401 - passed on
        known = super().read_known(records, rejected, **since)
        if self.rival:
            (enrichment, pn), self.rival = self.rival, None
            rows, enrichment.source.rows = enrichment.source.rows, [part(pn)]
            enrichment.run("rival")
            enrichment.source.rows = rows
        return known


def test_what_another_run_claims_meanwhile_is_counted_and_not_opened_twice() -> None:
    enrichment = Enrichment(parts(4))
    enrichment.store = Overtaken(enrichment, "P001")
    assert skipped(enrichment, "a") == {"claimed_elsewhere": 1}
    assert sorted(task.item["pn"] for task in enrichment.store.tasks.values()) == [
        "P000",
        "P001",
        "P002",
        "P003",
    ]


def test_a_run_makes_up_for_what_another_claimed_from_the_rest_of_the_chunk() -> None:
    enrichment = Enrichment(parts(4))
    enrichment.store = Overtaken(enrichment, "P000")
    report = enrichment.run(limit=2)
    assert balanced(report)
    assert (counts_of(report)["opened"], counts_of(report)["source_exhausted"]) == (2, False)
    mine = [task.item["pn"] for task in enrichment.store.tasks.values() if task.batch_id == "b"]
    assert mine == ["P001", "P002"]


class Rationed(InMemoryRecordStore):
    """Another run takes from the day's quota between this run's look and its opening."""

    def open_tasks(self, batch_id: str, items: Sequence[JsonObject], *rest: Any, **limits: Any) -> Opened:  # noqa: ANN401 - passed on
        self.used[self.clock().date()] = limits["daily_limit"] - 1
        return super().open_tasks(batch_id, items, *rest, **limits)


def test_what_the_quota_no_longer_covers_is_left_untouched() -> None:
    enrichment = Enrichment(parts(4))
    enrichment.store = Rationed(enrichment.clock)
    report = enrichment.run()
    assert balanced(report)
    assert (counts_of(report)["read"], counts_of(report)["daily_limit_reached"]) == (1, True)


junk: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.integers(), st.floats(), st.text(max_size=5), st.lists(st.integers(), max_size=2)
)
rows = st.fixed_dictionaries(
    {
        "pn": st.one_of(st.sampled_from(["A", "a", "B", "C", "D", ""]), st.none(), st.text(max_size=5)),
        "manufacturer": st.one_of(st.sampled_from(["TI", "ti ", "NXP"]), junk),
        "priority_score": st.fixed_dictionaries({"score": st.sampled_from([0.5, 0.7, 0.95])}),
        "description": st.one_of(st.none(), st.text(max_size=5)),
        "specs": junk,
    }
)


@settings(max_examples=150, deadline=None)
@given(
    source=st.lists(rows, max_size=25),
    limits=st.lists(st.integers(1, 12), min_size=1, max_size=4),
    size=st.integers(1, 8),
    quota=st.integers(1, 20),
    completed=st.integers(0, 5),
)
def test_every_row_that_is_read_is_counted_exactly_once(
    source: list[dict[str, Any]], limits: list[int], size: int, quota: int, completed: int
) -> None:
    enrichment = Enrichment(source, WorkflowConfig(max_batch_size=size, max_daily_tasks=quota))
    for number, limit in enumerate(limits):
        before = enrichment.source.read
        report = enrichment.run(f"b{number}", limit=limit)
        counts = counts_of(report)
        offered = enrichment.source.read - before
        assert balanced(report)
        assert counts["opened"] <= limit
        assert counts["read"] <= offered
        assert not counts["source_exhausted"] or counts["read"] == offered
        for task in list(enrichment.store.tasks.values())[:completed]:
            enrichment.work(task)
    assert sum(enrichment.store.used.values()) <= quota
    keys = [work.item["record_key"] for work in enrichment.work_items if not work.ended]
    assert len(keys) == len(set(keys)), "no record is open twice"


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_second_run_over_an_unchanged_source_opens_nothing(size: int) -> None:
    enrichment = Enrichment(parts(5), WorkflowConfig(max_batch_size=size))
    enrichment.run("a")
    assert counts_of(enrichment.run("b"))["read"] == 0, "the ledger knows what is being worked on"
    enrichment.source.forget(enrichment.store)
    assert skipped(enrichment, "c") == {"in_flight": 5}
