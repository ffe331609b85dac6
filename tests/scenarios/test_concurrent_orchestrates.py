from typing import Any

import pytest

from tests.scenarios_support import RecordLine

RECORDS = 60
PATIENT = {"BIGQUERY_TIMEOUT_SECONDS": "60", "SUPABASE_TIMEOUT_SECONDS": "60"}
"""Eight calls at once are no outage, however busy the machine is."""


def reports(line: RecordLine, batches: list[str]) -> list[dict[str, Any]]:
    """Of concurrent calls, one for each name."""
    calls = [line.begin(batch) for batch in batches]
    return [call.result().raise_for_status().json() for call in calls]


@pytest.mark.parametrize("callers", [2, 8])
def test_concurrent_calls_never_claim_one_record_twice(line: RecordLine, callers: int) -> None:
    parts = line.offer_parts(RECORDS)
    batches = [line.batch() for _ in range(callers)]
    with line.deployed("orchestrate", **PATIENT, WORKFLOW_MAX_BATCH_SIZE="10"):
        told = reports(line, batches)
    assert sum(report["opened"] for report in told) == RECORDS
    for report in told:
        assert report["read"] == report["opened"] + report["rejected"] + sum(report["skipped"].values())
        assert report["read"] == RECORDS

    line.drain(*batches)
    line.assert_accounted_for(batches, parts)
    assert {line.looked_up()[pn] for pn in parts} == {1}


def test_eight_concurrent_calls_keep_the_daily_limit_to_the_task(line: RecordLine) -> None:
    line.offer_parts(RECORDS)
    batches = [line.batch() for _ in range(8)]
    used = line.rows(
        "select coalesce(max(used), 0) as used from daily_usage where day = (now() at time zone 'UTC')::date"
    )
    limit = used[0]["used"] + 50
    with line.deployed(
        "orchestrate", **PATIENT, WORKFLOW_MAX_DAILY_TASKS=str(limit), WORKFLOW_MAX_BATCH_SIZE="8"
    ):
        told = reports(line, batches)
        assert line.orchestrate(line.batch()).json()["daily_limit_reached"]
    assert sum(report["opened"] for report in told) == 50
    assert any(report["daily_limit_reached"] for report in told)
    assert line.count("automation_tasks where batch_id = any (%s)", batches) == 50

    line.drain(*batches)
    line.assert_accounted_for(batches, [place.pn for place in line.places(*batches)])


def test_eight_concurrent_calls_for_one_batch_are_one_run(line: RecordLine) -> None:
    parts = line.offer_parts(RECORDS)
    batch = line.batch()
    with line.deployed("orchestrate", **PATIENT):
        told = reports(line, [batch] * 8)
    assert sorted(report["started"] for report in told) == [False] * 7 + [True]
    assert all(report["status"]["batch_id"] == batch for report in told if not report["started"])

    line.drain(batch)
    line.assert_accounted_for([batch], parts)
    again = line.orchestrate(batch).json()
    assert (again["started"], again["status"]["state"]) == (False, "completed")


def test_scheduler_firing_twice_for_one_moment_begins_one_batch(line: RecordLine) -> None:
    parts = line.offer_parts(10)
    headers = {"X-CloudScheduler": "true", "X-CloudScheduler-ScheduleTime": "2026-01-01T00:15:00Z"}
    body = {"force": "automation", "priority_threshold": 0}
    with line.deployed("orchestrate", **PATIENT):
        calls = [line.background.submit(line.post, "orchestrate", body, headers) for _ in range(2)]
        told = [call.result().raise_for_status().json() for call in calls]
    assert len({report["batch_id"] for report in told}) == 1
    assert sorted(report["started"] for report in told) == [False, True]

    batch = told[0]["batch_id"]
    line.drain(batch)
    line.assert_accounted_for([batch], parts)
