"""The pipeline in the foreground, against a running scheduler with small handlers behind its jobs."""

import io
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from cli.screen import Screen
from infra.local.foreground import Pace, run_pipeline
from infra.local.schedules import main
from laptop.supervisor.errors import StackError
from shared.cloud.scheduler import SchedulerAddress
from shared.fulfillment.pipeline import load_pipeline
from tests.laptop.google.scheduler_support import START, Schedule
from tests.laptop.google.worker import Answer
from tests.ports import free_port
from tests.waiting import wait_until

PIPELINE = load_pipeline()
STAGES = [stage.name for stage in PIPELINE.stages]


@pytest.fixture
def stages(schedule: Schedule) -> Callable[[str], str]:
    """Creates paused jobs for the stages; their paths at the worker begin with the test's prefix."""

    def provision(prefix: str) -> str:
        options = [
            option for name in STAGES for option in ("--url", f"{name}={schedule.worker.url(prefix + name)}")
        ]
        pauses = [option for name in STAGES for option in ("--paused", name)]
        place = ["--endpoint", schedule.server.endpoint, "--project", "demo", "--location", "here"]
        assert main([*place, *options, *pauses]) == 0
        return prefix

    return provision


def run(schedule: Schedule, pace: Pace, output: io.StringIO) -> int:
    address = SchedulerAddress("demo", "here", schedule.server.endpoint)
    return run_pipeline(PIPELINE, address, schedule.server.control_url, pace, Screen(output))


def states(schedule: Schedule) -> set[str]:
    return {job["state"] for job in schedule.server.control("GET", "/jobs")["jobs"]}


def test_one_cycle_fires_every_stage_once_in_order_and_pauses_them_again(
    schedule: Schedule, stages: Callable[[str], str]
) -> None:
    prefix = stages("one-")
    output = io.StringIO()
    assert run(schedule, Pace(None, once=True), output) == 0
    calls = [schedule.worker.calls(prefix + name) for name in STAGES]
    assert [len(each) for each in calls] == [1] * len(STAGES)
    arrivals = [each[0].arrived for each in calls]
    assert arrivals == sorted(arrivals)
    assert {each[0].headers["X-CloudScheduler-ScheduleTime"][:13] for each in calls} == {"2026-11-22T12"}
    lines = [line for line in output.getvalue().splitlines() if "succeeded" in line]
    assert [line.split()[2] for line in lines] == STAGES
    assert states(schedule) == {"PAUSED"}


def test_the_next_single_cycle_is_another_cycle(schedule: Schedule, stages: Callable[[str], str]) -> None:
    prefix = stages("again-")
    for _ in range(2):
        assert run(schedule, Pace(None, once=True), io.StringIO()) == 0
    times = [
        call.headers["X-CloudScheduler-ScheduleTime"] for call in schedule.worker.calls(prefix + STAGES[0])
    ]
    assert len(set(times)) == 2


def test_a_stage_that_fails_is_shown_and_does_not_stop_the_others(
    schedule: Schedule, stages: Callable[[str], str]
) -> None:
    prefix = stages("bad-")
    schedule.worker.script(prefix + STAGES[1], Answer(500))
    output = io.StringIO()
    assert run(schedule, Pace(None, once=True), output) == 1
    assert len(schedule.worker.calls(prefix + STAGES[1])) == 6  # five retries
    assert len(schedule.worker.calls(prefix + STAGES[3])) == 1
    assert "500 retried, again at" in output.getvalue()
    assert "500 failed" in output.getvalue()


def test_cycles_run_at_the_given_pace_until_interrupted(
    schedule: Schedule, stages: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = stages("fast-")
    output = io.StringIO()

    def third_cycle_then_interrupt(_seconds: float) -> None:
        """Replaces the wait between two calls, during which Ctrl+C arrives."""
        threading.Event().wait(0.02)
        if len(schedule.worker.calls(prefix + STAGES[-1])) >= 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("infra.local.foreground.time.sleep", third_cycle_then_interrupt)
    schedule.server.clock(now=START + timedelta(minutes=5))
    assert run(schedule, Pace(0.2, once=False), output) == 0
    fired = [line.split()[2] for line in output.getvalue().splitlines() if "succeeded" in line]
    assert fired[: len(STAGES)] == STAGES
    assert "stopped" in output.getvalue()
    assert states(schedule) == {"PAUSED"}
    assert wait_until(lambda: schedule.server.control("GET", "/clock")["rate"] == 1)


def test_an_interrupted_cycle_waits_for_the_running_stage_and_fires_no_other(
    schedule: Schedule, stages: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = stages("cut-")
    release = threading.Event()
    schedule.worker.script(prefix + STAGES[1], Answer(until=release))

    def interrupt_the_second_stage(_seconds: float) -> None:
        threading.Event().wait(0.02)
        if schedule.worker.calls(prefix + STAGES[1]):
            monkeypatch.undo()
            threading.Timer(0.2, release.set).start()
            raise KeyboardInterrupt

    monkeypatch.setattr("infra.local.foreground.time.sleep", interrupt_the_second_stage)
    output = io.StringIO()
    assert run(schedule, Pace(None, once=True), output) == 0
    assert "waiting for the stage that is running" in output.getvalue()
    assert schedule.worker.calls(prefix + STAGES[2]) == []
    assert states(schedule) == {"PAUSED"}


def test_a_scheduler_without_stages_is_an_error(schedule: Schedule) -> None:
    with pytest.raises(StackError, match="no job of a stage"):
        run(schedule, Pace(None, once=True), io.StringIO())


def test_a_missing_scheduler_is_an_error() -> None:
    port = free_port()
    address = SchedulerAddress("demo", "here", f"127.0.0.1:{port}")
    with pytest.raises(StackError, match="does not answer"):
        run_pipeline(
            PIPELINE, address, f"http://127.0.0.1:{port}", Pace(None, once=True), Screen(io.StringIO())
        )
