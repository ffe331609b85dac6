"""`workflow` and `fallback`: is all well, figures over time, and the schedule."""

import csv
import io
from datetime import UTC, datetime

import pytest

from shared.web.table import csv_file
from tests.functions_support import Deployment, manual, opened
from tests.laptop.google.scheduler_support import Schedule
from tests.web_support import PROBLEM


def test_now_has_both_halves_and_stays_the_same_while_nothing_happens(deployment: Deployment) -> None:
    workflow = deployment.function("workflow")
    opened("A")
    first = workflow.get("/now")
    assert first.status_code == 200
    records, orders = first.get_json()["records"], first.get_json()["orders"]
    assert (records["account"]["taken"], records["queue"]["in_flight"], records["quota"]["used"]) == (1, 1, 1)
    assert records["queue"]["oldest"]["pn"] == "A"
    assert [stage["stage"] for stage in orders["stages"]] == [
        "accept-orders",
        "create-labels",
        "update-tracking",
        "sync-messages",
        "reconcile-orders",
    ]
    assert orders["account"]["seen"] == 0
    assert workflow.get("/now").data == first.data


def test_a_series_is_90_days_by_default_and_a_year_at_most(deployment: Deployment) -> None:
    workflow = deployment.function("workflow")
    for series in ("throughput", "decisions", "postage"):
        found = workflow.get(f"/insight/{series}").get_json()
        assert (found["series"], len(found["rows"]), found["last"]) == (
            series,
            90,
            str(datetime.now(UTC).date()),
        )
    assert (
        len(workflow.get("/insight/weeks?first=2025-03-03&last=2026-03-01").get_json()["rows"]) == 52
    )  # from a Monday to a Sunday
    refused = workflow.get("/insight/rules?first=2024-01-01&last=2026-01-01")
    assert (refused.status_code, refused.content_type) == (422, PROBLEM)
    assert workflow.get("/insight/rules?first=2026-01-02&last=2026-01-01").status_code == 422
    unknown = workflow.get("/insight/revenue")
    assert (unknown.status_code, "manufacturers" in unknown.get_json()["detail"]) == (404, True)


def test_the_rows_come_as_csv_without_formulas(deployment: Deployment) -> None:
    workflow = deployment.function("workflow")
    manual("A")
    answer = workflow.get("/insight/backlog?csv=true")
    assert (answer.status_code, answer.mimetype) == (200, "text/csv")
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert (row["open"], row["cause"]) == ("1", "")
    written = csv_file("a.csv", [{"manufacturer": "=HYPERLINK(1)", "completed": 3}]).content.decode()
    assert written.splitlines() == ["manufacturer,completed", "'=HYPERLINK(1),3"]


@pytest.fixture
def scheduled(deployment: Deployment, schedule: Schedule) -> Deployment:
    deployment.environment |= {
        "GOOGLE_CLOUD_PROJECT": "demo",
        "SCHEDULER_LOCATION": "here",
        "SCHEDULER_API_ENDPOINT": schedule.server.endpoint,
        "SCHEDULER_TIMEOUT_SECONDS": "10",
    }
    return deployment


def test_a_job_is_paused_resumed_and_fired_with_who_and_why(
    scheduled: Deployment, schedule: Schedule
) -> None:
    name = schedule.add().rpartition("/")[2]
    workflow = scheduled.function("workflow")
    (job,) = workflow.get("/schedule").get_json()["jobs"]
    assert (job["job"], job["state"], job["changed"], job["last_status"]) == (name, "enabled", None, None)
    said = {"by": "ana", "note": "stocktaking"}
    assert workflow.post(f"/schedule/{name}/pause", json=said).get_json()["state"] == "paused"
    (job,) = workflow.get("/schedule").get_json()["jobs"]
    assert job["changed"] | said | {"change": "pause"} == job["changed"]
    assert job["state"] == "paused"
    fired = workflow.post(f"/schedule/{name}/run", json=said | {"note": "now"}).get_json()
    assert (fired["asked"], fired["changed"]["note"]) == ("to run", "now")
    assert len(schedule.calls(f"projects/demo/locations/here/jobs/{name}", 1)) == 1
    assert workflow.post(f"/schedule/{name}/resume", json=said).get_json()["state"] == "enabled"


def test_an_unknown_job_is_not_found_and_nothing_is_noted(scheduled: Deployment, schedule: Schedule) -> None:
    workflow = scheduled.function("workflow")
    said = {"by": "ana", "note": "x"}
    assert workflow.post("/schedule/nobody/run", json=said).status_code == 404
    assert workflow.post("/schedule/a%00b/run", json=said).status_code == 404
    name = schedule.add().rpartition("/")[2]
    (job,) = workflow.get("/schedule").get_json()["jobs"]
    assert (job["job"], job["changed"]) == (name, None)
    assert workflow.post(f"/schedule/{name}/run", json={"by": "ana"}).status_code == 422


def test_a_scheduler_that_is_away_answers_503(deployment: Deployment) -> None:
    assert deployment.function("workflow").get("/schedule").status_code == 503
