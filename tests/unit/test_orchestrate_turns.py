"""Day after day, who was never taken comes first, and a person's verdict holds."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.enrichment.orchestrate import Reprocessing
from shared.enrichment.ports import NotedRow, PauseCause
from shared.enrichment.routing.route import Route
from shared.workflow_config import WorkflowConfig
from tests.enrichment_support import Enrichment, counts_of, order, part, parts
from tests.memory.record_desk import InMemoryRecordDesk
from tests.memory.rows import Breaker


def desk(
    rows: list[dict[str, Any]], a_day: int = 1_000, reprocessing: Reprocessing | None = None
) -> Enrichment:
    enrichment = Enrichment(
        rows, WorkflowConfig(max_daily_tasks=a_day), reprocessing=reprocessing or Reprocessing()
    )
    enrichment.store = InMemoryRecordDesk(enrichment.clock)
    return enrichment


def finish(enrichment: Enrichment) -> None:
    for name, task in list(enrichment.queue.tasks.items()):
        enrichment.work(enrichment.task_named(task.body["automation_task_id"]))
        enrichment.queue.drop(name)


def opened_in(enrichment: Enrichment, batch: str) -> list[str]:
    return sorted(work.item["pn"] for work in enrichment.work_items if work.batch_id == batch)


def people(enrichment: Enrichment) -> InMemoryRecordDesk:
    assert isinstance(enrichment.store, InMemoryRecordDesk)
    return enrichment.store


def give_up_all(enrichment: Enrichment) -> None:
    for manual in enrichment.manual:
        if not manual.ended:
            people(enrichment).claim_manual_task(manual.id, "ana")
            people(enrichment).fail_manual_task(manual.id, "ana", "no data sheet")


def test_a_hundred_rows_at_five_a_day_all_get_their_turn_although_the_first_are_due_again() -> None:
    enrichment = desk(parts(100), a_day=5, reprocessing=Reprocessing(timedelta(days=4), 0.2))
    for day in range(40):
        enrichment.run(f"day-{day}")
        finish(enrichment)
        enrichment.clock.advance(days=1)
    assert len({task.item["pn"] for task in enrichment.store.tasks.values()}) == 100
    again = sum(enrichment.store.again.values())
    assert again >= 40 - 4, "and one of five was one that had been taken before"


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_a_day_is_shared_between_new_rows_and_rows_taken_before(share: float) -> None:
    enrichment = desk(parts(10), reprocessing=Reprocessing(timedelta(days=1), share))
    enrichment.run("first")
    finish(enrichment)
    enrichment.clock.advance(days=2)
    enrichment.source.rows += [part(f"NEW-{number}", 0.6) for number in range(10)]
    for run in range(5):
        enrichment.run(f"run-{run}", limit=2)
    taken = [pn for run in range(5) for pn in opened_in(enrichment, f"run-{run}")]
    assert sum(not pn.startswith("NEW") for pn in taken) == 10 * share


def test_what_a_person_refused_is_not_asked_again_until_its_row_changes() -> None:
    enrichment = desk(parts(4))
    enrichment.run("b0", limit=3, force=Route.MANUAL)
    give_up_all(enrichment)
    enrichment.run("b1", limit=3, force=Route.MANUAL)
    assert opened_in(enrichment, "b1") == ["P003"]
    give_up_all(enrichment)
    enrichment.clock.advance(days=400)
    assert counts_of(enrichment.run("b2", limit=3, force=Route.MANUAL))["opened"] == 0
    enrichment.source.rows[0] = part("P000", description="there is a data sheet now")
    enrichment.run("b3", limit=3, force=Route.MANUAL)
    assert opened_in(enrichment, "b3") == ["P000"]


def test_a_person_s_word_gives_a_refused_record_its_turn() -> None:
    enrichment = desk([part("A")])
    enrichment.run("b0", force=Route.MANUAL)
    give_up_all(enrichment)
    key = enrichment.manual[0].item["record_key"]
    assert people(enrichment).take_again(key, "bob", "a data sheet has come")["contents"] == 1
    enrichment.run("b1")
    assert opened_in(enrichment, "b1") == ["A"]


def test_a_content_that_comes_back_is_taken_again() -> None:
    enrichment = desk([part("A", description="first")])
    for batch, description in enumerate(("first", "second", "first", "first")):
        enrichment.source.rows[:] = [part("A", description=description)]
        enrichment.run(f"b{batch}")
        finish(enrichment)
        enrichment.clock.advance(hours=1)
    assert [opened_in(enrichment, f"b{batch}") for batch in range(4)] == [["A"], ["A"], ["A"], []]


def test_two_rows_of_one_part_are_taken_once_each_and_not_in_turns_for_ever() -> None:
    enrichment = desk([part("A", description="one"), part("A", description="two")])
    for batch in range(6):
        enrichment.run(f"b{batch}")
        finish(enrichment)
        enrichment.clock.advance(hours=1)
    assert [len(opened_in(enrichment, f"b{batch}")) for batch in range(6)] == [1, 1, 0, 0, 0, 0]


def test_a_run_reads_what_it_takes_whatever_is_waiting_or_was_done() -> None:
    enrichment = desk(parts(600))
    enrichment.run("manual", limit=200, force=Route.MANUAL)
    enrichment.run("automation", limit=200)
    finish(enrichment)
    for run in range(5):
        before = enrichment.source.read
        assert counts_of(enrichment.run(f"b{run}", limit=10))["opened"] == 10
        assert enrichment.source.read - before <= enrichment.config.max_batch_size, "one page"


@pytest.mark.parametrize(
    ("cause", "opened"),
    [(PauseCause.DAILY_LIMIT, 0), (PauseCause.ACCOUNT, 3), (PauseCause.DOWN, 3)],
)
def test_a_vendor_whose_day_is_over_is_noticed_before_the_source_is_read(
    cause: PauseCause, opened: int
) -> None:
    enrichment = desk(parts(3))
    until = enrichment.clock() + timedelta(hours=1)
    enrichment.store.breakers["digikey"] = Breaker("digikey", cause, "no", enrichment.clock(), until)
    counts = counts_of(enrichment.run("b"))
    assert (counts["opened"], enrichment.source.read > 0) == (opened, opened > 0)
    assert opened or "nobody may call the vendor" in counts["notes"][0]
    forced = counts_of(enrichment.run("people", force=Route.MANUAL))
    assert opened or forced["manual"] == 3, "people need no vendor"


def test_a_preview_keeps_to_the_rest_of_the_day() -> None:
    enrichment = desk(parts(6), a_day=5)
    enrichment.run("a", limit=3)
    assert len(enrichment.orchestrator.preview(order())) == 2


def test_a_chunk_ends_when_its_rows_weigh_what_the_database_carries_in_one_call() -> None:
    heavy = [
        part(f"P{number}", specs={f"k{each}": "x" * 6_000 for each in range(10)}) for number in range(150)
    ]
    enrichment = Enrichment(heavy, WorkflowConfig(max_batch_size=1_000))
    sizes: list[int] = []
    open_tasks = enrichment.store.open_tasks

    def counted(batch_id: str, items: Any, *rest: Any, **limits: Any) -> Any:  # noqa: ANN401 - passed on
        sizes.append(len(items))
        return open_tasks(batch_id, items, *rest, **limits)

    enrichment.store.open_tasks = counted  # type: ignore[method-assign]
    assert len(enrichment.orchestrator.preview(order(limit=150))) == 150
    assert counts_of(enrichment.run(limit=150))["opened"] == 150
    assert len(sizes) == 3


def test_a_ledger_that_lags_does_not_open_what_came_back_again_and_again() -> None:
    enrichment = desk([part("A", description="first")])
    for batch, description in enumerate(("first", "second")):
        enrichment.source.rows[:] = [part("A", description=description)]
        enrichment.run(f"b{batch}")
        finish(enrichment)
        enrichment.clock.advance(hours=1)
    enrichment.run("learns")
    enrichment.source.rows[:] = [part("A", description="first")]

    def lose(noted: Sequence[NotedRow]) -> None:
        assert noted

    enrichment.source.remember = lose  # type: ignore[method-assign]
    for batch in range(3):
        enrichment.run(f"c{batch}", force=Route.MANUAL)
        give_up_all(enrichment)
        enrichment.clock.advance(hours=1)
    assert [opened_in(enrichment, f"c{batch}") for batch in range(3)] == [["A"], [], []]


def test_after_the_loss_of_the_ledger_no_call_notes_more_than_a_page_of_it() -> None:
    enrichment = desk(parts(2_500), a_day=2_500)
    enrichment.run("b0", limit=2_500)
    finish(enrichment)
    enrichment.run("b1")
    enrichment.source.forget(enrichment.store)
    enrichment.clock.advance(days=1)
    sizes: list[int] = []
    note_progress = enrichment.store.note_progress

    def counted(batch_id: str, **given: Any) -> None:  # noqa: ANN401 - passed on
        sizes.append(len(given["skipped"]))
        note_progress(batch_id, **given)

    enrichment.store.note_progress = counted  # type: ignore[method-assign]
    enrichment.run("b2")
    assert sum(sizes) == 2_500
    assert max(sizes) <= 1_000 + enrichment.config.max_batch_size


@pytest.mark.parametrize("days", [-400, 400])
def test_a_run_by_a_wrong_clock_opens_nothing_before_its_turn(days: float) -> None:
    enrichment = desk(parts(3))
    enrichment.run("done", limit=1)
    finish(enrichment)
    enrichment.run("refused", limit=1, force=Route.MANUAL)
    give_up_all(enrichment)
    enrichment.run("busy", limit=1)
    wrong = enrichment.clock() + timedelta(days=days)
    orchestrator = replace(enrichment.orchestrator, clock=lambda: wrong)
    assert counts_of(orchestrator.run(order("wrong")))["opened"] == 0


def test_a_ledger_that_knows_more_than_a_restored_database_hides_its_rows_for_ninety_days_at_most() -> None:
    enrichment = desk(parts(2))
    enrichment.run("before", force=Route.MANUAL)
    give_up_all(enrichment)
    enrichment.run("tells the ledger")
    enrichment.store = InMemoryRecordDesk(enrichment.clock)
    assert counts_of(enrichment.run("restored"))["read"] == 0
    enrichment.clock.advance(days=91)
    assert counts_of(enrichment.run("later"))["opened"] == 2
