"""The API stores, lists, updates, pauses and deletes jobs."""

from datetime import timedelta

import pytest
from google.api_core.exceptions import FailedPrecondition, NotFound
from google.cloud import scheduler_v1
from google.protobuf.field_mask_pb2 import FieldMask

from tests.laptop.google.scheduler_support import LOCATION, START, Schedule, retry_config
from tests.laptop.google.worker import Answer

State = scheduler_v1.Job.State


def test_a_new_job_has_the_service_s_defaults(schedule: Schedule) -> None:
    job = schedule.client.get_job(name=schedule.add())
    assert (job.state, job.time_zone, job.http_target.http_method) == (State.ENABLED, "UTC", 1)
    assert job.attempt_deadline == timedelta(minutes=3)
    retry = job.retry_config
    assert (retry.retry_count, retry.max_doublings) == (0, 5)
    assert (retry.min_backoff_duration, retry.max_backoff_duration) == (
        timedelta(seconds=5),
        timedelta(hours=1),
    )
    assert job.schedule_time == START + timedelta(minutes=15)
    assert (job.last_attempt_time, job.user_update_time) == (None, START)


def test_output_only_fields_of_the_caller_are_ignored(schedule: Schedule) -> None:
    job = schedule.add(state=State.PAUSED, last_attempt_time=START, status={"code": 3})
    found = schedule.client.get_job(name=job)
    assert (found.state, found.last_attempt_time, found.status.code) == (State.ENABLED, None, 0)


def test_a_job_without_a_name_gets_one(schedule: Schedule) -> None:
    message = schedule.message()
    message.name = ""
    name = schedule.client.create_job(parent=LOCATION, job=message).name
    assert schedule.exists(name)


def test_an_update_can_set_an_explicit_zero(schedule: Schedule) -> None:
    job = schedule.client.get_job(name=schedule.add(retry_config=retry_config(max_doublings=3)))
    job.retry_config.max_doublings = 0
    mask = FieldMask(paths=["retry_config.max_doublings"])
    assert schedule.client.update_job(job=job, update_mask=mask).retry_config.max_doublings == 0


def test_jobs_are_listed_page_by_page_and_only_those_of_the_location(schedule: Schedule) -> None:
    jobs = sorted(schedule.add() for _ in range(5))
    pages = schedule.client.list_jobs(request={"parent": LOCATION, "page_size": 2}).pages
    assert [[job.name for job in page.jobs] for page in pages] == [jobs[:2], jobs[2:4], jobs[4:]]
    assert list(schedule.client.list_jobs(parent="projects/demo/locations/elsewhere")) == []


def test_an_update_changes_the_masked_fields_and_reschedules(schedule: Schedule) -> None:
    name = schedule.add(description="before")
    changed = schedule.message(schedule="0 13 * * *", description="after")
    changed.name = name
    found = schedule.client.update_job(job=changed, update_mask=FieldMask(paths=["schedule"]))
    assert (found.schedule, found.description) == ("0 13 * * *", "before")
    assert found.schedule_time == START + timedelta(hours=1)
    schedule.server.advance(minutes=60)
    assert schedule.schedule_times(name) == ["2026-11-22T13:00:00Z"]


def test_an_update_without_a_mask_replaces_all_but_the_state(schedule: Schedule) -> None:
    name = schedule.add(description="before", time_zone="America/Toronto")
    schedule.client.pause_job(name=name)
    changed = schedule.message(schedule="0 13 * * *")
    changed.name = name
    found = schedule.client.update_job(job=changed)
    assert (found.schedule, found.time_zone, found.description) == ("0 13 * * *", "UTC", "")
    assert (found.state, found.schedule_time) == (State.PAUSED, None)


def test_an_update_keeps_the_time_and_status_of_the_last_attempt(schedule: Schedule) -> None:
    name = schedule.add(Answer(404))
    schedule.server.advance(minutes=15)
    changed = schedule.message(schedule="0 13 * * *")
    changed.name = name
    found = schedule.client.update_job(job=changed)
    assert found.last_attempt_time == START + timedelta(minutes=15)
    assert (found.status.code, found.status.message) == (5, "NOT_FOUND(5): HTTP status code 404")


def test_a_paused_job_has_no_next_time_until_it_is_resumed(schedule: Schedule) -> None:
    name = schedule.add()
    paused = schedule.client.pause_job(name=name)
    assert (paused.state, paused.schedule_time) == (State.PAUSED, None)
    schedule.server.advance(minutes=20)
    resumed = schedule.client.resume_job(name=name)
    assert (resumed.state, resumed.schedule_time) == (State.ENABLED, START + timedelta(minutes=30))
    assert schedule.calls(name) == []


def test_only_an_enabled_job_can_be_paused_and_only_a_paused_one_resumed(schedule: Schedule) -> None:
    name = schedule.add()
    with pytest.raises(FailedPrecondition):
        schedule.client.resume_job(name=name)
    schedule.client.pause_job(name=name)
    with pytest.raises(FailedPrecondition):
        schedule.client.pause_job(name=name)


def test_the_next_time_may_be_that_of_a_retry(schedule: Schedule) -> None:
    name = schedule.add(Answer(503), retry_config=retry_config(retry_count=1))
    schedule.server.advance(minutes=15)
    assert schedule.client.get_job(name=name).schedule_time == START + timedelta(minutes=15, seconds=5)
    schedule.server.advance(seconds=5)
    assert schedule.client.get_job(name=name).schedule_time == START + timedelta(minutes=30)


def test_the_last_success_is_a_status_without_a_code(schedule: Schedule) -> None:
    name = schedule.add(Answer(503), Answer(200), retry_config=retry_config(retry_count=1))
    schedule.server.advance(minutes=15)
    assert schedule.client.get_job(name=name).status.code == 14
    schedule.server.advance(seconds=5)
    assert schedule.client.get_job(name=name).status.code == 0


def test_a_deleted_job_is_gone_and_its_name_free_at_once(schedule: Schedule) -> None:
    name = schedule.add()
    schedule.client.delete_job(name=name)
    assert not schedule.exists(name)
    with pytest.raises(NotFound):
        schedule.client.delete_job(name=name)
    again = schedule.message(http={"uri": schedule.worker.url(name.rpartition("/")[2])})
    again.name = name
    schedule.client.create_job(parent=LOCATION, job=again)
    schedule.server.advance(minutes=15)
    assert len(schedule.calls(name)) == 1
