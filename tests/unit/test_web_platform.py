"""The headers of Cloud Tasks and Cloud Scheduler, and the log that the platform reads."""

import json
import logging
from datetime import UTC, datetime

import pytest
from werkzeug.datastructures import Headers

from shared.web.call import Call
from shared.web.log import LOGGER, log, start_logging
from shared.web.platform import delivery_number, schedule_time
from tests.web_support import logged


def call(**headers: str) -> Call:
    return Call(Headers({name.replace("_", "-"): value for name, value in headers.items()}), {}, "id")


@pytest.mark.parametrize(
    ("count", "number"),
    [
        ("0", 1),
        ("9", 10),
        ("999999999", 1_000_000_000),
        ("9999999999", 1),
        ("", 1),
        ("-1", 1),
        ("1.5", 1),
        ("x", 1),
        ("٣", 1),
    ],
)
def test_deliveries_are_counted_from_one(count: str, number: int) -> None:
    assert delivery_number(call(X_CloudTasks_TaskRetryCount=count)) == number


def test_a_caller_that_is_not_the_queue_delivers_for_the_first_time() -> None:
    assert delivery_number(call(X_CloudTasks_TaskExecutionCount="7")) == 1


@pytest.mark.parametrize(
    "text", ["2026-11-22T12:00:00Z", "2026-11-22T07:00:00-05:00", "2026-11-22T12:00:00.000Z"]
)
def test_a_firing_says_when_it_was_due(text: str) -> None:
    fired = schedule_time(call(X_CloudScheduler_ScheduleTime=text))
    assert fired == (datetime(2026, 11, 22, 12, tzinfo=UTC), text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "noon",
        "2026-11-22T12:00:00",
        "1795348800",
        "9999-12-31T23:59:59-12:00",
        "0001-01-01T00:00:00+14:00",
    ],
)
def test_a_text_that_is_no_time_in_utc_is_no_firing(text: str) -> None:
    assert schedule_time(call(X_CloudScheduler_ScheduleTime=text)) is None
    assert schedule_time(call()) is None


def test_a_log_entry_is_one_json_object_with_any_content() -> None:
    with logged() as written:
        LOGGER.setLevel(logging.INFO)
        log(logging.INFO, "two\nlines %s", moment=datetime(2026, 1, 1, tzinfo=UTC), text="ü\n\x00")
    (entry,) = written.entries
    assert entry == {
        "severity": "INFO",
        "message": "two\nlines %s",
        "moment": "2026-01-01 00:00:00+00:00",
        "text": "ü\n\x00",
    }


def test_starting_the_log_twice_writes_each_entry_once(capsys: pytest.CaptureFixture[str]) -> None:
    with logged():
        LOGGER.handlers.clear()
        start_logging("WARNING")
        start_logging("INFO")
        log(logging.INFO, "once")
    assert [json.loads(line)["message"] for line in capsys.readouterr().out.splitlines()] == ["once"]
