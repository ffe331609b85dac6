"""All headers of a firing, as the client's docstrings describe them."""

import base64
import json
from typing import Any

import pytest

from tests.laptop.google.scheduler_support import Schedule
from tests.laptop.google.worker import Call


def fire(schedule: Schedule, **http: Any) -> Call:  # noqa: ANN401  # fields of a message
    job = schedule.add(http=http)
    schedule.server.advance(minutes=15)
    (call,) = schedule.calls(job)
    return call


def test_a_firing_has_these_headers_and_no_others(schedule: Schedule) -> None:
    job = schedule.add()
    schedule.server.advance(minutes=15)
    (call,) = schedule.calls(job)
    host = call.headers.pop("Host")
    assert host.startswith("127.0.0.1:")
    assert call.headers == {
        "User-Agent": "Google-Cloud-Scheduler",
        "Content-Type": "application/octet-stream",
        "X-CloudScheduler": "true",
        "X-CloudScheduler-JobName": job.rpartition("/")[2],
        "X-CloudScheduler-ScheduleTime": "2026-11-22T12:15:00Z",
        "Content-Length": "2",
    }
    assert (call.method, call.body) == ("POST", b"{}")


def test_the_job_s_headers_keep_their_casing(schedule: Schedule) -> None:
    own = {"content-TYPE": "application/json", "X-Trace": "a,b"}
    headers = fire(schedule, headers=own).headers
    assert {name: headers[name] for name in own} == own
    assert "Content-Type" not in headers


def test_headers_reserved_by_the_scheduler_are_replaced_or_left_out(schedule: Schedule) -> None:
    headers = fire(
        schedule,
        headers={
            "User-Agent": "me",
            "Host": "elsewhere",
            "Content-Length": "77",
            "X-CloudScheduler": "false",
            "x-cloudscheduler-scheduletime": "never",
            "X-Google-Secret": "1",
            "X-AppEngine-Secret": "1",
        },
    ).headers
    assert headers["User-Agent"] == "Google-Cloud-Scheduler"
    assert headers["Content-Length"] == "2"
    assert headers["X-CloudScheduler"] == "true"
    assert headers["X-CloudScheduler-ScheduleTime"] == "2026-11-22T12:15:00Z"
    assert not any("Secret" in name or name == "x-cloudscheduler-scheduletime" for name in headers)


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_without_a_body_there_is_no_content_type(schedule: Schedule, method: str) -> None:
    call = fire(schedule, http_method=method, body=b"")
    assert (call.method, "Content-Type" in call.headers) == (method, False)


def test_an_oidc_token_names_account_and_audience(schedule: Schedule) -> None:
    email = "stages@demo.iam.gserviceaccount.com"
    authorization = fire(schedule, oidc_token={"service_account_email": email}).headers["Authorization"]
    scheme, _, token = authorization.partition(" ")
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert (scheme, claims["email"]) == ("Bearer", email)
    assert claims["aud"].startswith("http://127.0.0.1:")


def test_an_oauth_token_is_sent_as_a_bearer_token(schedule: Schedule) -> None:
    headers = fire(schedule, oauth_token={"service_account_email": "me@demo"}).headers
    assert headers["Authorization"] == "Bearer local-oauth-token-of-me@demo"
