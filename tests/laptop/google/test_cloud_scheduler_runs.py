"""The requests that a job's target receives: schedules, retries, deadlines, overlap, forced runs."""

from datetime import timedelta
from threading import Event

import pytest

from tests.laptop.google.scheduler_support import START, Schedule, at, retry_config
from tests.laptop.google.worker import Answer
from tests.waiting import wait_until


def test_a_job_is_fired_at_each_of_its_times_and_at_no_other(schedule: Schedule) -> None:
    job = schedule.add()
    schedule.server.advance(minutes=14, seconds=59)
    assert schedule.calls(job) == []
    schedule.server.advance(minutes=46)
    assert schedule.schedule_times(job) == [
        "2026-11-22T12:15:00Z", "2026-11-22T12:30:00Z", "2026-11-22T12:45:00Z", "2026-11-22T13:00:00Z"
    ]  # fmt: skip
    assert [row["sent"] for row in schedule.firings(job)] == [at(12, 15), at(12, 30), at(12, 45), at(13)]


def test_the_job_s_time_zone_applies(schedule: Schedule) -> None:
    job = schedule.add(schedule="0 9 * * *", time_zone="America/Toronto")
    schedule.server.advance(minutes=60 * 24)
    assert schedule.schedule_times(job) == ["2026-11-22T14:00:00Z"]


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_every_2xx_ends_the_run(schedule: Schedule, status: int) -> None:
    job = schedule.add(Answer(status), retry_config=retry_config(retry_count=5))
    schedule.server.advance(minutes=16)
    assert [(row["status"], row["verdict"]) for row in schedule.firings(job)] == [(status, "succeeded")]


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
def test_a_failed_run_is_not_tried_again_without_a_retry_count(schedule: Schedule, status: int) -> None:
    job = schedule.add(Answer(status))
    schedule.server.advance(minutes=31)
    assert schedule.schedule_times(job) == ["2026-11-22T12:15:00Z", "2026-11-22T12:30:00Z"]
    assert {row["verdict"] for row in schedule.firings(job)} == {"failed"}


def test_retries_wait_as_configured_and_carry_the_schedule_time_of_the_run(schedule: Schedule) -> None:
    config = retry_config(retry_count=4, min_backoff_duration=10, max_backoff_duration=60, max_doublings=2)
    job = schedule.add(Answer(503), retry_config=config)
    schedule.server.advance(minutes=20)
    rows = schedule.firings(job)
    assert [row["sent"] - at(12, 15) for row in rows] == [0, 10, 30, 70, 130]  # 10, 20, 40, 60
    assert [row["attempt"] for row in rows] == [1, 2, 3, 4, 5]
    assert [row["verdict"] for row in rows] == ["retried"] * 4 + ["failed"]
    assert set(schedule.schedule_times(job)) == {"2026-11-22T12:15:00Z"}


def test_a_retry_that_succeeds_ends_the_run(schedule: Schedule) -> None:
    job = schedule.add(Answer(503), Answer(200), retry_config=retry_config(retry_count=3))
    schedule.server.advance(minutes=20)
    assert [row["verdict"] for row in schedule.firings(job)] == ["retried", "succeeded"]


def test_retries_go_on_until_count_and_duration_are_both_reached(schedule: Schedule) -> None:
    config = retry_config(
        retry_count=1, max_retry_duration=60, min_backoff_duration=20, max_backoff_duration=20
    )
    job = schedule.add(Answer(500), retry_config=config)
    schedule.server.advance(minutes=20)
    assert [row["sent"] - at(12, 15) for row in schedule.firings(job)] == [0, 20, 40, 60]


def test_the_next_run_ends_the_retries_of_the_one_before(schedule: Schedule) -> None:
    config = retry_config(retry_count=5, min_backoff_duration=400, max_backoff_duration=400)
    job = schedule.add(Answer(500), Answer(500), Answer(500), Answer(200), retry_config=config)
    schedule.server.advance(minutes=31)
    assert schedule.schedule_times(job) == ["2026-11-22T12:15:00Z"] * 3 + ["2026-11-22T12:30:00Z"]
    assert [row["verdict"] for row in schedule.firings(job)] == ["retried", "retried", "failed", "succeeded"]


def test_a_run_that_takes_long_delays_the_next_which_keeps_its_schedule_time(schedule: Schedule) -> None:
    release = Event()
    job = schedule.add(Answer(until=release), Answer(200), schedule="* * * * *")
    schedule.server.clock(now=START.replace(second=59), rate=600)  # a minute in a tenth of a second
    schedule.calls(job, 1)
    wait_until(lambda: schedule.server.control("GET", "/clock")["now"] > "2026-11-22T12:02:30")
    assert len(schedule.calls(job)) == 1
    schedule.server.clock(running=False)
    release.set()
    calls = schedule.calls(job, 2)
    assert [call.at_once for call in calls] == [1, 1]
    latest = schedule.server.control("GET", "/clock")["now"][:17] + "00Z"
    assert schedule.schedule_times(job) == ["2026-11-22T12:01:00Z", latest]


def test_an_attempt_past_its_deadline_has_failed_while_the_target_goes_on(schedule: Schedule) -> None:
    release = Event()
    job = schedule.add(Answer(until=release), attempt_deadline=timedelta(seconds=0.2))
    schedule.server.advance(minutes=16)
    (row,) = schedule.firings(job)
    release.set()
    assert (row["status"], row["verdict"]) == (504, "failed")
    (call,) = schedule.calls(job)
    assert call.answered.wait(10)
    status = schedule.client.get_job(name=job).status
    assert (status.code, status.message) == (4, "DEADLINE_EXCEEDED(4): HTTP status code 504")


def test_an_unreachable_target_is_a_failed_attempt(schedule: Schedule) -> None:
    job = schedule.add(http={"uri": "http://127.0.0.1:1/"})
    schedule.server.advance(minutes=16)
    assert [row["status"] for row in schedule.firings(job)] == [503]


def test_a_redirect_is_followed_and_its_answer_counts(schedule: Schedule) -> None:
    there = schedule.add(schedule="0 0 1 1 *")
    elsewhere = schedule.worker.url(there.rpartition("/")[2])
    job = schedule.add(Answer(307, {"Location": elsewhere}))
    schedule.server.advance(minutes=16)
    assert [row["verdict"] for row in schedule.firings(job)] == ["succeeded"]
    (call,) = schedule.calls(there)
    assert (call.method, call.body, call.headers["X-CloudScheduler"]) == ("POST", b"{}", "true")


def test_endless_redirects_are_a_failed_attempt(schedule: Schedule) -> None:
    job = schedule.add()
    key = job.rpartition("/")[2]
    schedule.worker.script(key, Answer(302, {"Location": schedule.worker.url(key)}))
    schedule.server.advance(minutes=16)
    assert [row["verdict"] for row in schedule.firings(job)] == ["failed"]


def test_a_forced_run_is_sent_at_once_with_the_schedule_time_of_the_next(schedule: Schedule) -> None:
    job = schedule.add()
    schedule.client.run_job(name=job)
    (row,) = schedule.ended(job, 1)
    assert (row["sent"], row["forced"], row["verdict"]) == (at(12), True, "succeeded")
    schedule.server.advance(minutes=16)
    assert schedule.schedule_times(job) == ["2026-11-22T12:15:00Z"] * 2


def test_a_forced_run_that_fails_is_tried_again(schedule: Schedule) -> None:
    job = schedule.add(Answer(503), Answer(200), retry_config=retry_config(retry_count=2))
    schedule.client.run_job(name=job)
    schedule.ended(job, 1)
    schedule.server.advance(minutes=1)
    assert [(row["forced"], row["verdict"]) for row in schedule.firings(job)] == [
        (True, "retried"), (True, "succeeded")
    ]  # fmt: skip


def test_a_paused_job_can_be_forced_but_is_not_tried_again(schedule: Schedule) -> None:
    job = schedule.add(Answer(503), retry_config=retry_config(retry_count=5))
    schedule.client.pause_job(name=job)
    schedule.client.run_job(name=job)
    assert [row["verdict"] for row in schedule.ended(job, 1)] == ["failed"]
    schedule.server.advance(minutes=60)
    assert schedule.schedule_times(job) == ["2026-11-22T12:15:00Z"]


def test_a_forced_run_does_not_wait_for_the_one_that_is_running(schedule: Schedule) -> None:
    release = Event()
    job = schedule.add(Answer(until=release), Answer(200))
    schedule.client.run_job(name=job)
    schedule.calls(job, 1)
    schedule.client.run_job(name=job)
    assert [call.at_once for call in schedule.calls(job, 2)] == [1, 2]
    release.set()
    schedule.ended(job, 2)


def test_a_pause_ends_the_retries_and_skips_the_times_in_it(schedule: Schedule) -> None:
    job = schedule.add(Answer(503), Answer(200), retry_config=retry_config(retry_count=5))
    schedule.server.advance(minutes=15)
    schedule.client.pause_job(name=job)
    schedule.server.advance(minutes=60)
    assert len(schedule.calls(job)) == 1
    schedule.client.resume_job(name=job)
    schedule.server.advance(minutes=15)
    assert schedule.schedule_times(job) == ["2026-11-22T12:15:00Z", "2026-11-22T13:30:00Z"]


def test_a_pause_lets_the_running_attempt_end_without_a_retry(schedule: Schedule) -> None:
    release = Event()
    job = schedule.add(Answer(503, until=release), retry_config=retry_config(retry_count=5))
    schedule.client.run_job(name=job)
    schedule.calls(job, 1)
    schedule.client.pause_job(name=job)
    release.set()
    assert [row["verdict"] for row in schedule.ended(job, 1)] == ["failed"]


def test_an_answer_for_a_deleted_job_changes_nothing(schedule: Schedule) -> None:
    release = Event()
    job = schedule.add(Answer(503, until=release), retry_config=retry_config(retry_count=5))
    schedule.client.run_job(name=job)
    schedule.calls(job, 1)
    schedule.client.delete_job(name=job)
    release.set()
    assert [row["verdict"] for row in schedule.ended(job, 1)] == ["discarded"]
    schedule.server.advance(minutes=60)
    assert len(schedule.calls(job)) == 1
