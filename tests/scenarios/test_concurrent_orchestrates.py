from typing import Any

import pytest

from tests.scenarios_support import RunningEnrichment

RECORDS = 60
PATIENT = {"BIGQUERY_TIMEOUT_SECONDS": "60", "SUPABASE_TIMEOUT_SECONDS": "60"}
"""Eight calls at once are no outage, however busy the machine is."""


def reports(enrichment: RunningEnrichment, batches: list[str]) -> list[dict[str, Any]]:
    """The reports of concurrent calls, one for each name."""
    calls = [enrichment.begin(batch) for batch in batches]
    return [call.result().raise_for_status().json() for call in calls]


@pytest.mark.parametrize("callers", [2, 8])
def test_concurrent_calls_never_claim_one_record_twice(enrichment: RunningEnrichment, callers: int) -> None:
    parts = enrichment.offer_parts(RECORDS)
    batches = [enrichment.batch() for _ in range(callers)]
    with enrichment.deployed("orchestrate", **PATIENT, WORKFLOW_MAX_BATCH_SIZE="10"):
        answers = reports(enrichment, batches)
    assert sum(report["opened"] for report in answers) == RECORDS
    for report in answers:
        assert report["read"] == report["opened"] + report["rejected"] + sum(report["skipped"].values())
        assert report["read"] == RECORDS

    enrichment.drain(*batches)
    enrichment.assert_accounted_for(batches, parts)
    assert {enrichment.looked_up()[pn] for pn in parts} == {1}


def test_eight_concurrent_calls_keep_the_daily_limit_to_the_task(enrichment: RunningEnrichment) -> None:
    enrichment.offer_parts(RECORDS)
    batches = [enrichment.batch() for _ in range(8)]
    used = enrichment.rows(
        "select coalesce(max(used), 0) as used from daily_usage where day = (now() at time zone 'UTC')::date"
    )
    limit = used[0]["used"] + 50
    with enrichment.deployed(
        "orchestrate", **PATIENT, WORKFLOW_MAX_DAILY_TASKS=str(limit), WORKFLOW_MAX_BATCH_SIZE="8"
    ):
        answers = reports(enrichment, batches)
        assert enrichment.orchestrate(enrichment.batch()).json()["daily_limit_reached"]
    assert sum(report["opened"] for report in answers) == 50
    assert any(report["daily_limit_reached"] for report in answers)
    assert enrichment.count("automation_tasks where batch_id = any (%s)", batches) == 50

    enrichment.drain(*batches)
    enrichment.assert_accounted_for(batches, [place.pn for place in enrichment.places(*batches)])


def test_eight_concurrent_calls_for_one_batch_are_one_run(enrichment: RunningEnrichment) -> None:
    parts = enrichment.offer_parts(RECORDS)
    batch = enrichment.batch()
    with enrichment.deployed("orchestrate", **PATIENT):
        answers = reports(enrichment, [batch] * 8)
    assert sorted(report["started"] for report in answers) == [False] * 7 + [True]
    assert all(report["status"]["batch_id"] == batch for report in answers if not report["started"])

    enrichment.drain(batch)
    enrichment.assert_accounted_for([batch], parts)
    again = enrichment.orchestrate(batch).json()
    assert (again["started"], again["status"]["state"]) == (False, "completed")


def test_scheduler_firing_twice_for_one_moment_begins_one_batch(enrichment: RunningEnrichment) -> None:
    parts = enrichment.offer_parts(10)
    headers = {"X-CloudScheduler": "true", "X-CloudScheduler-ScheduleTime": "2026-01-01T00:15:00Z"}
    body = {"force": "automation", "priority_threshold": 0}
    with enrichment.deployed("orchestrate", **PATIENT):
        calls = [
            enrichment.background.submit(enrichment.post, "orchestrate", body, headers) for _ in range(2)
        ]
        answers = [call.result().raise_for_status().json() for call in calls]
    assert len({report["batch_id"] for report in answers}) == 1
    assert sorted(report["started"] for report in answers) == [False, True]

    batch = answers[0]["batch_id"]
    enrichment.drain(batch)
    enrichment.assert_accounted_for([batch], parts)
