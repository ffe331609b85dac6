"""The server's time: real, stopped, set, faster, and a whole day at once."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.laptop.google.scheduler_support import START, Schedule, retry_config
from tests.laptop.google.worker import Answer
from tests.waiting import wait_until


def shown(schedule: Schedule) -> datetime:
    return datetime.fromisoformat(schedule.server.control("GET", "/clock")["now"])


def test_a_day_of_four_jobs_a_quarter_of_an_hour_is_96_cycles_in_their_order(schedule: Schedule) -> None:
    """The day begins at noon, just after the first job's time."""
    crons = {"first": "0,15,30,45", "second": "3,18,33,48", "third": "7,22,37,52", "fourth": "11,26,41,56"}
    jobs = {
        name: schedule.add(schedule=f"{minutes} * * * *", time_zone="America/Toronto")
        for name, minutes in crons.items()
    }
    schedule.server.advance(minutes=24 * 60 - 1)
    arrived = sorted((call.arrived, name) for name, job in jobs.items() for call in schedule.calls(job))
    names = [name for _, name in arrived]
    assert names == ["second", "third", "fourth"] + ["first", "second", "third", "fourth"] * 95
    assert len(schedule.calls(jobs["first"])) == 95


def test_a_clock_change_skips_and_repeats_no_cycle(schedule: Schedule) -> None:
    schedule.server.clock(now=datetime(2026, 11, 1, 3, 59, tzinfo=UTC))
    hourly = schedule.add(schedule="0 * * * *", time_zone="America/Toronto")
    daily = schedule.add(schedule="30 1 * * *", time_zone="America/Toronto")
    schedule.server.advance(minutes=25 * 60)
    assert len(schedule.calls(hourly)) == 25  # the day has 25 hours
    assert schedule.schedule_times(daily) == ["2026-11-01T05:30:00Z"]


def test_a_stopped_clock_fires_no_scheduled_run(schedule: Schedule) -> None:
    job = schedule.add(schedule="* * * * *")
    schedule.client.run_job(name=job)  # a forced run is fired
    schedule.ended(job, 1)
    assert shown(schedule) == START


def test_setting_the_clock_skips_the_runs_in_between(schedule: Schedule) -> None:
    job = schedule.add()
    schedule.server.clock(now=START + timedelta(days=3))
    assert schedule.calls(job) == []
    assert schedule.client.get_job(name=job).schedule_time == START + timedelta(days=3, minutes=15)
    schedule.server.clock(now=START - timedelta(days=3))
    assert schedule.client.get_job(name=job).schedule_time == START - timedelta(days=3, minutes=-15)


def test_setting_the_clock_does_not_change_the_wait_for_a_retry(schedule: Schedule) -> None:
    config = retry_config(retry_count=1, min_backoff_duration=30)
    job = schedule.add(Answer(503), retry_config=config)
    schedule.server.advance(minutes=15)
    schedule.server.clock(now=START - timedelta(days=1))
    schedule.server.advance(seconds=29)
    assert len(schedule.calls(job)) == 1
    schedule.server.advance(seconds=1)
    assert schedule.schedule_times(job) == ["2026-11-22T12:15:00Z"] * 2


def test_a_faster_clock_fires_the_runs_that_become_due(schedule: Schedule) -> None:
    job = schedule.add()
    answer = schedule.server.clock(rate=9_000)  # a cycle in a tenth of a second
    assert (answer["running"], answer["rate"]) == (True, 9_000)
    assert len(schedule.schedule_times(job, 3)) >= 3
    schedule.server.clock(running=False)
    times = schedule.schedule_times(job)
    assert times == sorted(set(times))


def test_an_advance_leaves_the_clock_running_or_stopped_as_it_was(schedule: Schedule) -> None:
    schedule.server.advance(minutes=1)
    assert shown(schedule) == START + timedelta(minutes=1)
    schedule.server.clock(running=True)
    schedule.server.advance(minutes=1)
    passed = shown(schedule)
    wait_until(lambda: shown(schedule) > passed)


def test_the_clock_can_return_to_the_real_time(schedule: Schedule) -> None:
    job = schedule.add()
    schedule.server.control("DELETE", "/clock")
    assert abs(shown(schedule).timestamp() - time.time()) < 60
    due = schedule.client.get_job(name=job).schedule_time.timestamp()
    assert 0 < due - shown(schedule).timestamp() <= 15 * 60


@pytest.mark.parametrize(
    "order",
    [
        '{"now": "2026-11-22T12:00:00"}',
        '{"now": "noon"}',
        '{"now": "2026-11-22T12:00:00Z", "advance": 1}',
        '{"advance": -1}',
        '{"rate": 0}',
        '{"rate": 2, "running": false}',
        '{"then": 1}',
        "now",
    ],
)
def test_a_contradictory_order_is_refused(schedule: Schedule, order: str) -> None:
    assert schedule.server.ask("PUT", "/clock", order).status_code == 422
    assert shown(schedule) == START
