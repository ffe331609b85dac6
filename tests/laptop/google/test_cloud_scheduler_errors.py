"""The server's refusals. Callers of the real service report the texts in REPORTED."""

from datetime import timedelta
from typing import Any

import pytest
from google.api_core.exceptions import (
    AlreadyExists,
    InvalidArgument,
    MethodNotImplemented,
    NotFound,
)
from google.protobuf.field_mask_pb2 import FieldMask

from tests.laptop.google.scheduler_support import LOCATION, Schedule, retry_config

REPORTED = {
    "schedule": "Schedule or time zone is invalid.",
    "name": 'Job name must be formatted: "projects/<PROJECT_ID>/locations/<LOCATION_ID>/jobs/<JOB_ID>".',
    "mask": "Invalid mask for Job: timeZone",
}


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"schedule": ""}, REPORTED["schedule"]),
        ({"schedule": "* * * *"}, REPORTED["schedule"]),
        ({"time_zone": "Canada/Nowhere"}, REPORTED["schedule"]),
        ({"name": "projects/demo/locations/here/jobs/a b"}, REPORTED["name"]),
        ({"name": "job"}, REPORTED["name"]),
        ({"name": f"{LOCATION}/jobs/" + "a" * 501}, REPORTED["name"]),
        ({"name": "projects/demo/locations/elsewhere/jobs/a"}, "must be in the location"),
        ({"description": "a" * 501}, "at most 500"),
        ({"attempt_deadline": timedelta(minutes=31)}, "between"),
        ({"attempt_deadline": timedelta(0)}, "between"),
        ({"retry_config": retry_config(retry_count=6)}, "between 0 and 5"),
        ({"retry_config": retry_config(retry_count=-1)}, "between 0 and 5"),
        ({"retry_config": retry_config(max_doublings=-1)}, "negative"),
        ({"retry_config": retry_config(max_retry_duration=-1)}, "negative"),
        ({"retry_config": retry_config(min_backoff_duration=9, max_backoff_duration=8)}, "must not exceed"),
        ({"http": {"uri": ""}}, "uri is required"),
        ({"http": {"uri": "ftp://a.example/"}}, "must start with"),
        ({"http": {"uri": "http://:80/"}}, "must name a host"),
        ({"http": {"uri": "http://a.example:70000/"}}, "must name a host"),
        ({"http": {"uri": "http://a.example/" + "a" * 2_083}}, "at most 2083"),
        ({"http": {"http_method": "GET"}}, "body is allowed only"),
        ({"http": {"headers": {"X-Big": "a" * 82_000}}}, "80KB"),
    ],
)
def test_an_invalid_job_is_refused_and_not_created(
    schedule: Schedule, fields: dict[str, Any], text: str
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        schedule.add(**fields)
    assert text in refused.value.message
    assert list(schedule.client.list_jobs(parent=LOCATION)) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"schedule": "every 5 minutes"},
        {"http_target": None, "pubsub_target": {"topic_name": "projects/p/topics/t"}},
        {"http_target": None, "app_engine_http_target": {"relative_uri": "/"}},
    ],
    ids=["English-like", "Pub/Sub", "App Engine"],
)
def test_a_feature_that_is_not_imitated_is_refused_as_such(
    schedule: Schedule, fields: dict[str, Any]
) -> None:
    message = schedule.message(schedule=fields.pop("schedule", "* * * * *"))
    for name, value in fields.items():
        setattr(message, name, value)
    with pytest.raises(MethodNotImplemented, match="not imitated by the local Cloud Scheduler"):
        schedule.client.create_job(parent=LOCATION, job=message)


def test_a_job_name_in_use_is_refused(schedule: Schedule) -> None:
    message = schedule.message()
    schedule.client.create_job(parent=LOCATION, job=message)
    with pytest.raises(AlreadyExists, match=message.name):
        schedule.client.create_job(parent=LOCATION, job=message)


@pytest.mark.parametrize("method", ["get_job", "delete_job", "pause_job", "resume_job", "run_job"])
def test_a_missing_job_is_not_found(schedule: Schedule, method: str) -> None:
    with pytest.raises(NotFound):
        getattr(schedule.client, method)(name=f"{LOCATION}/jobs/nobody")
    with pytest.raises(InvalidArgument) as malformed:
        getattr(schedule.client, method)(name="nobody")
    assert malformed.value.message == REPORTED["name"]


def test_an_update_of_a_missing_job_is_not_found(schedule: Schedule) -> None:
    with pytest.raises(NotFound):
        schedule.client.update_job(job=schedule.message())


def test_a_refused_update_changes_nothing(schedule: Schedule) -> None:
    job = schedule.client.get_job(name=schedule.add())
    for change, mask in (({"schedule": "nonsense"}, ["schedule"]), ({}, ["timeZone"])):
        changed = type(job)(job)
        for field, value in change.items():
            setattr(changed, field, value)
        with pytest.raises(InvalidArgument) as refused:
            schedule.client.update_job(job=changed, update_mask=FieldMask(paths=mask))
        assert refused.value.message in REPORTED.values()
    assert schedule.client.get_job(name=job.name) == job


@pytest.mark.parametrize("request_", [{"parent": "demo"}, {"parent": LOCATION, "page_size": -1}], ids=str)
def test_an_invalid_list_request_is_refused(schedule: Schedule, request_: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        schedule.client.list_jobs(request=request_)
