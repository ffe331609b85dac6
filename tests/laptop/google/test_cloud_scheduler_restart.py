"""The server is ended by SIGKILL or SIGTERM and started again on the same file."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Event

import pytest

from tests.laptop.google.scheduler_support import START, Schedule, SchedulerServer, at, retry_config
from tests.laptop.google.server import running
from tests.laptop.google.worker import Answer, Worker

ENDS: dict[str, Callable[[SchedulerServer], object]] = {
    "SIGKILL": SchedulerServer.kill,
    "SIGTERM": SchedulerServer.terminate,
}
Restart = Callable[[Schedule | None], Schedule]


@pytest.fixture(params=ENDS)
def restart(request: pytest.FixtureRequest, tmp_path: Path, tasks_worker: Worker) -> Iterator[Restart]:
    """Called with None, starts a server at noon; called with its schedule, ends and starts it again."""
    with ExitStack() as servers:

        def start(schedule: Schedule | None) -> Schedule:
            if schedule:
                ENDS[request.param](schedule.server)
            server = servers.enter_context(running(SchedulerServer, tmp_path / "scheduler.db"))
            if schedule is None:
                server.clock(now=START)
            return Schedule(server, tasks_worker)

        yield start


def test_jobs_states_and_the_clock_survive_a_restart(restart: Restart) -> None:
    schedule = restart(None)
    jobs = [schedule.add(), schedule.add(Answer(404)), schedule.add(time_zone="America/Toronto")]
    schedule.client.pause_job(name=jobs[0])
    schedule.server.advance(minutes=20)
    before = [schedule.client.get_job(name=job) for job in jobs]
    clock = schedule.server.control("GET", "/clock")
    schedule = restart(schedule)
    assert [schedule.client.get_job(name=job) for job in jobs] == before
    assert schedule.server.control("GET", "/clock") == clock
    schedule.server.advance(minutes=10)
    assert schedule.schedule_times(jobs[2]) == ["2026-11-22T12:15:00Z", "2026-11-22T12:30:00Z"]


def test_a_run_in_progress_is_fired_again_with_the_same_schedule_time(restart: Restart) -> None:
    schedule = restart(None)
    release = Event()
    job = schedule.add(Answer(until=release), Answer(200))
    schedule.server.clock(now=START.replace(minute=14, second=59), running=True)
    schedule.calls(job, 1)
    schedule = restart(schedule)
    assert schedule.schedule_times(job, 2) == ["2026-11-22T12:15:00Z"] * 2
    rows = schedule.ended(job, 2)
    release.set()
    assert [row["verdict"] for row in rows] == ["interrupted", "succeeded"]
    assert len({row["run"] for row in rows}) == 1


def test_a_wait_for_a_retry_continues_after_a_restart(restart: Restart) -> None:
    schedule = restart(None)
    config = retry_config(retry_count=3, min_backoff_duration=60)
    job = schedule.add(Answer(503), Answer(503), Answer(200), retry_config=config)
    schedule.server.advance(minutes=15)
    schedule = restart(schedule)
    schedule.server.advance(minutes=10)
    assert [row["sent"] for row in schedule.firings(job)] == [at(12, 15), at(12, 16), at(12, 18)]


def test_only_the_last_time_missed_while_stopped_is_fired(tmp_path: Path, tasks_worker: Worker) -> None:
    file = tmp_path / "scheduler.db"
    with running(SchedulerServer, file) as server:
        server.clock(now=START)
        job = Schedule(server, tasks_worker).add(schedule="* * * * *")
        server.kill()
    two_hours_later = json.dumps({"shown": at(14, 0, 30), "real": 0, "rate": 0})
    with closing(sqlite3.connect(file)) as away, away:
        away.execute("UPDATE clock SET pace = ?", (two_hours_later,))
    with running(SchedulerServer, file) as server:
        schedule = Schedule(server, tasks_worker)
        schedule.ended(job, 1)
        server.advance(seconds=30)
        assert schedule.schedule_times(job) == ["2026-11-22T14:00:00Z", "2026-11-22T14:01:00Z"]


def test_a_deleted_job_stays_deleted_after_a_restart(restart: Restart) -> None:
    schedule = restart(None)
    job = schedule.add(Answer(503), retry_config=retry_config(retry_count=5))
    schedule.server.advance(minutes=15)
    schedule.client.delete_job(name=job)
    schedule = restart(schedule)
    schedule.server.advance(minutes=60)
    assert len(schedule.calls(job)) == 1
