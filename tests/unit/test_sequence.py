import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.errors import Conflict, RetryLater, VendorUnavailable
from shared.fulfillment.pipeline import load_pipeline
from shared.fulfillment.ports import Cause, NotSent
from shared.fulfillment.sequence import (
    LEASE,
    LONGEST_WAIT,
    MARGIN,
    MOST_ERRORS,
    Breaker,
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
AWAY = NotSent("no connection")
THROTTLED = NotSent("429", 900, Cause.THROTTLED)
ACCOUNT = NotSent("403", 300, Cause.ACCOUNT)


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
        run.stop(AWAY)
        assert not run.may_go_on()

    stages.run(ACCEPT, SCHEDULED, work)


def test_an_answer_counts_everything_and_names_the_first_problems(stages: Stages) -> None:
    def work(run: StageRun) -> None:
        run.counts["adopted"] += 1
        for number in range(MOST_ERRORS + 6):
            run.failed(f"A-{number}", "cannot be read")

    answer = stages.run(ACCEPT, SCHEDULED, work)
    assert (answer["failed"], answer["adopted"], answer["left"]) == (MOST_ERRORS + 6, 1, 0)
    assert len(answer["errors"]) == MOST_ERRORS
    assert answer["errors"][0] == {"order_id": "A-0", "message": "cannot be read"}


def breaker_after(
    stages: Stages, *happens: Callable[[StageRun], None], cycle: str = "by-hand"
) -> Breaker | None:
    def work(run: StageRun) -> None:
        for each in happens:
            each(run)

    stages.run(ACCEPT, Firing(cycle), work)
    return stages.store.breakers.get(ACCEPT)


def blocked(order_id: str, fault: NotSent) -> Callable[[StageRun], None]:
    return lambda run: run.blocked(order_id, fault)


@pytest.mark.parametrize("fault", [AWAY, THROTTLED])
def test_a_vendor_that_serves_nobody_stops_the_run_at_once(stages: Stages, fault: NotSent) -> None:
    def work(run: StageRun) -> None:
        run.blocked("A", fault)
        assert not run.may_go_on()

    stages.run(ACCEPT, SCHEDULED, work)
    found = stages.store.breakers[ACCEPT]
    assert (found.cause, found.reason) == (fault.cause, fault.message)


@pytest.mark.parametrize("fault", [ACCOUNT, NotSent("no answer", cause=Cause.UNCLEAR)])
def test_a_fault_that_may_be_the_order_s_own_stops_the_run_at_the_second_order(
    stages: Stages, fault: NotSent
) -> None:
    def work(run: StageRun) -> None:
        run.blocked("A", fault)
        assert run.may_go_on()
        run.blocked("A", fault)
        assert run.may_go_on()
        run.blocked("B", fault)
        assert not run.may_go_on()

    answer = stages.run(ACCEPT, SCHEDULED, work)
    assert (answer["left"], answer["failed"]) == (3, 0)
    assert stages.store.breakers[ACCEPT].cause == fault.cause


def test_an_order_after_which_others_are_served_is_named(stages: Stages) -> None:
    def work(run: StageRun) -> None:
        run.blocked("A", ACCOUNT)
        run.worked()
        run.blocked("C", ACCOUNT)
        run.worked()

    answer = stages.run(ACCEPT, SCHEDULED, work)
    assert [error["order_id"] for error in answer["errors"]] == ["A", "C"]
    assert stages.store.breakers == {}


def test_our_account_holds_the_schedule_longer_each_time_and_an_outage_never(stages: Stages) -> None:
    holds = []
    for number in range(6):
        found = breaker_after(stages, blocked("A", ACCOUNT), blocked("B", ACCOUNT), cycle=f"by-hand-{number}")
        assert found is not None
        holds.append((found.retry_at - stages.clock.now) // timedelta(minutes=1))
    assert holds == [5, 10, 20, 40, 60, 60]
    away = breaker_after(stages, blocked("A", AWAY), cycle="away")
    assert away is not None
    assert away.retry_at == stages.clock.now


def test_a_held_firing_does_nothing_and_a_call_by_hand_does(stages: Stages) -> None:
    breaker_after(stages, blocked("A", ACCOUNT), blocked("B", ACCOUNT))
    held = stages.run(ACCEPT, SCHEDULED, lambda _run: pytest.fail("a held run works"))
    assert held["held"]["cause"] == "account"
    assert breaker_after(stages, cycle="again") is None, "a run without a fault closes the breaker"


def test_a_run_that_was_late_opens_no_breaker(stages: Stages) -> None:
    assert breaker_after(stages, blocked("A", NotSent("slept", cause=Cause.LATE))) is None


def test_a_read_that_fails_opens_the_breaker_with_its_cause(stages: Stages) -> None:
    def work(_run: StageRun) -> None:
        raise VendorUnavailable("401", cause="account")

    with pytest.raises(VendorUnavailable):
        stages.run(ACCEPT, Firing("by-hand"), work)
    assert stages.store.breakers[ACCEPT].cause == "account"
