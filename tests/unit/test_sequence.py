import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.errors import Conflict, RetryLater, VendorUnavailable
from shared.fulfillment.pipeline import load_pipeline
from shared.fulfillment.ports import Malformed
from shared.fulfillment.sequence import (
    LEASE,
    LONGEST_WAIT,
    MARGIN,
    MOST_ERRORS,
    Firing,
    StageRun,
    StageRunner,
    firing_of,
)
from shared.vendors.canada_post.transport import CanadaPostBounds
from tests.memory.clock import SettableClock
from tests.memory.order_store import InMemoryOrderStore

ACCEPT, LABEL = "accept-orders", "create-labels"
PIPELINE = load_pipeline()
NOON = datetime.fromisoformat("2026-11-20T12:00:00+00:00")
DUE = datetime.fromisoformat("2026-11-20T12:03:00+00:00")


@dataclass
class Stages:
    clock: SettableClock = field(default_factory=lambda: SettableClock(NOON))

    def __post_init__(self) -> None:
        self.store = InMemoryOrderStore(self.clock)
        self.runner = StageRunner(self.store, PIPELINE, self.clock, self.pause)

    def pause(self, seconds: float) -> None:
        self.clock.advance(seconds=seconds)

    def run(
        self, stage: str, firing: Firing, work: Callable[[StageRun], None] = lambda _run: None
    ) -> dict[str, Any]:
        return self.runner.run(stage, firing, 100, work)

    def answer(self) -> dict[str, Any]:
        """The scheduled run's answer in the reports."""
        return self.store.runs[SCHEDULED.cycle, ACCEPT].result or {}


@pytest.fixture
def stages() -> Stages:
    return Stages()


SCHEDULED = firing_of(DUE, None, PIPELINE)


# --- what a firing is ---------------------------------------------------------------------------------------------


def test_schedulers_firing_belongs_to_its_interval() -> None:
    assert firing_of(DUE, None, PIPELINE) == Firing("2026-11-20T12:00Z", DUE)
    assert firing_of(DUE, None, PIPELINE).trigger == "scheduler"


def test_a_call_by_hand_gets_a_new_cycle() -> None:
    firings = [firing_of(None, None, PIPELINE) for _ in range(2)]
    assert firings[0].cycle != firings[1].cycle
    assert firings[0].cycle.startswith("manual-")
    assert firings[0].trigger == "manual"


def test_a_named_cycle_wins() -> None:
    assert firing_of(DUE, "by-curl", PIPELINE) == Firing("by-curl", None)


# --- whether it may run -------------------------------------------------------------------------------------------


def test_a_stage_runs_once_in_its_cycle(stages: Stages) -> None:
    def work(run: StageRun) -> None:
        run.counts["done"] += 2

    first = stages.run(ACCEPT, SCHEDULED, work)
    assert first["done"] == 2
    again = stages.run(ACCEPT, SCHEDULED, work)
    assert again == {
        "cycle": SCHEDULED.cycle,
        "stage": ACCEPT,
        "skipped": "already ran",
        "result": first,
    }


def test_a_stage_that_runs_elsewhere_is_a_conflict_and_the_one_after_it_waits(stages: Stages) -> None:
    def work(_run: StageRun) -> None:
        with pytest.raises(Conflict, match="accept-orders is running: cycle 2026-11-20T12:00Z, until "):
            stages.run(ACCEPT, Firing("another"))
        with pytest.raises(RetryLater, match="create-labels waits for accept-orders") as waits:
            stages.run(LABEL, SCHEDULED)
        assert waits.value.retry_after == 10

    stages.run(ACCEPT, SCHEDULED, work)
    assert stages.run(LABEL, SCHEDULED)["out_of_order"] is False


def test_a_stage_waits_out_the_grace_of_one_that_has_not_begun(stages: Stages) -> None:
    stages.clock.now = NOON + timedelta(seconds=PIPELINE.grace_seconds - 20)
    with pytest.raises(RetryLater) as waits:
        stages.run(LABEL, SCHEDULED)
    assert waits.value.retry_after == 20
    stages.clock.advance(seconds=20)
    assert stages.run(LABEL, SCHEDULED)["out_of_order"] is True


def test_by_hand_no_stage_waits_for_one_that_was_not_fired(stages: Stages) -> None:
    assert stages.run(LABEL, Firing("by-curl"))["out_of_order"] is True


def test_a_failed_run_is_reported_and_taken_up_in_the_same_cycle(stages: Stages) -> None:
    def fail(run: StageRun) -> None:
        run.counts["done"] += 1
        raise VendorUnavailable("the marketplace is away")

    with pytest.raises(VendorUnavailable):
        stages.run(ACCEPT, SCHEDULED, fail)
    ended = stages.store.runs[SCHEDULED.cycle, ACCEPT]
    assert ended.state == "failed"
    assert stages.answer()["done"] == 1
    assert stages.answer()["error"] == "VendorUnavailable: the marketplace is away"
    assert stages.run(ACCEPT, SCHEDULED)["done"] == 0


def test_the_text_of_a_bug_does_not_reach_the_reports(stages: Stages) -> None:
    def fail(_run: StageRun) -> None:
        raise ValueError("Chloé Nguyễn, 1 Main St")

    with pytest.raises(ValueError, match="Chloé"):
        stages.run(ACCEPT, SCHEDULED, fail)
    assert stages.answer()["error"] == "ValueError"


# --- while it runs ------------------------------------------------------------------------------------------------


def test_a_run_ends_before_its_time_is_up_and_renews_its_lease_until_then(stages: Stages) -> None:
    looks = 0

    def work(run: StageRun) -> None:
        nonlocal looks
        while run.may_go_on():
            looks += 1
            stages.clock.advance(seconds=30)
            with pytest.raises(Conflict):
                stages.run(ACCEPT, Firing("another"))

    stages.run(ACCEPT, SCHEDULED, work)
    allowed = PIPELINE.stage(ACCEPT).timeout_seconds - MARGIN.total_seconds()
    assert looks == allowed / 30
    assert LEASE.total_seconds() < allowed


def test_a_short_stage_keeps_half_its_time_for_its_last_order(stages: Stages) -> None:
    short = [PIPELINE.stages[0].model_copy(update={"timeout_seconds": 60})]
    runner = StageRunner(
        stages.store, PIPELINE.model_copy(update={"stages": short}), stages.clock, stages.pause
    )
    left: list[timedelta] = []

    def work(run: StageRun) -> None:
        left.append(run.deadline - stages.clock())

    runner.run(ACCEPT, SCHEDULED, 100, work)
    assert left == [timedelta(seconds=30)]


def test_the_time_that_is_kept_covers_a_purchase_and_the_fetching_of_its_label() -> None:
    assert MARGIN.total_seconds() >= 2 * CanadaPostBounds().total


def test_a_run_that_lost_its_lease_stops_and_does_not_end_the_other_run(stages: Stages) -> None:
    def work(run: StageRun) -> None:
        stages.clock.advance(seconds=LEASE.total_seconds())
        theirs = stages.store.begin_stage(
            "another", ACCEPT, uuid.uuid4(), trigger="manual", lease=LEASE, before=None
        )
        assert theirs.outcome == "run"
        assert not run.may_go_on()
        assert not run.may_go_on()

    stages.run(ACCEPT, SCHEDULED, work)
    assert stages.store.runs["another", ACCEPT].state == "running"
    assert stages.store.runs[SCHEDULED.cycle, ACCEPT].state == "failed"


@pytest.mark.parametrize(
    ("seconds", "waited"),
    [(1, True), (LONGEST_WAIT, True), (LONGEST_WAIT + 1, False)],
)
def test_a_run_waits_for_a_vendor_as_long_as_that_pays(stages: Stages, seconds: float, waited: bool) -> None:  # noqa: FBT001 - a table
    def work(run: StageRun) -> None:
        assert run.wait(seconds) is waited
        assert stages.clock.now - NOON == timedelta(seconds=seconds if waited else 0)

    stages.run(ACCEPT, SCHEDULED, work)


def test_a_run_does_not_wait_beyond_its_time(stages: Stages) -> None:
    def work(run: StageRun) -> None:
        while run.wait(LONGEST_WAIT):
            pass
        assert run.may_go_on()
        assert run.deadline - stages.clock.now <= timedelta(seconds=LONGEST_WAIT)
        run.stop()
        assert not run.may_go_on()

    stages.run(ACCEPT, SCHEDULED, work)


def test_an_answer_counts_everything_and_names_the_first_problems(stages: Stages) -> None:
    def work(run: StageRun) -> None:
        run.counts["adopted"] += 1
        run.report([Malformed(f"A-{number}", "cannot be read") for number in range(MOST_ERRORS + 5)])
        run.report([Malformed(None, "no id")])

    answer = stages.run(ACCEPT, SCHEDULED, work)
    assert (answer["failed"], answer["adopted"], answer["left"]) == (MOST_ERRORS + 6, 1, 0)
    assert len(answer["errors"]) == MOST_ERRORS
    assert answer["errors"][0] == {"order_id": "A-0", "message": "cannot be read"}


def test_a_problem_without_an_id_is_reported_too(stages: Stages) -> None:
    answer = stages.run(ACCEPT, SCHEDULED, lambda run: run.report([Malformed(None, "no id")]))
    assert answer["errors"] == [{"order_id": "?", "message": "no id"}]
