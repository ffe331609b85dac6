"""The first page never says that all is well while something is not, and its figures get no older than a minute."""

import copy
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from werkzeug.datastructures import Headers

from shared.errors import QueueUnavailable
from shared.fulfillment.pipeline import load_pipeline
from shared.schedule import ScheduledJob
from shared.web.call import Call, NoInput, Page
from shared.web.desk import now as now_page
from shared.web.desk.now import concerns_of, now_pages
from shared.web.desk.rendering import Renderer
from shared.web.desk.route import Visit
from shared.web.desk.visitor import Role, Visitor

Json = dict[str, Any]
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
STAGES = [stage.name for stage in load_pipeline().stages]


def job(name: str, **changed: object) -> ScheduledJob:
    facts: Json = {
        "schedule": "*/15 * * * *",
        "time_zone": "UTC",
        "state": "ENABLED",
        "last_status": "OK",
        "url": "https://f",
    }
    at = {"next_time": NOW + timedelta(minutes=5), "last_attempt": NOW - timedelta(minutes=10)}
    return ScheduledJob(name, **(facts | at | changed))


def run(minutes_ago: float = 10, **changed: object) -> Json:
    begun = (NOW - timedelta(minutes=minutes_ago)).isoformat()
    return {
        "state": "finished",
        "begun_at": begun,
        "seconds": 1.0,
        "result": {"done": 1},
        "errors": 0,
    } | changed


RECORDS: Json = {
    "account": {"verdict": "balanced", "taken": 1, "completed": 1, "audit": {"as_of": NOW.isoformat()}},
    "vendors": [],
    "manual_tasks": {"open": 0, "held": 0, "overdue": 0, "oldest": None},
    "queue": {"in_flight": 0, "waiting_for_vendor": 0, "dead_letters": 0, "oldest": None},
    "quota": {"used": 1, "limit": 10, "left": 9, "renewed_at": NOW.isoformat()},
}
ORDERS: Json = {
    "account": {"seen": 0, "shipped": 0, "in_progress": {}, "with_a_person": 0, "cancelled": 0, "refused": 0},
    "verdict": "balanced",
    "outside": {"marketplace": None, "carrier": None, "unmatched": 0},
    "late": 0,
    "with_a_person": {"orders": 0, "reasons": 0, "since": None},
    "postage": {"bought_cents": 0, "undone_cents": 0, "currency": "CAD"},
    "soonest": None,
    "stages": [{"stage": name, "breaker": None, "last_run": run()} for name in STAGES],
}
JOBS = [job(name) for name in (*STAGES, "sweep")]


def said(records: Json = RECORDS, orders: Json = ORDERS, jobs: Sequence[ScheduledJob] = JOBS) -> list[str]:
    return [each.text for each in concerns_of(records, orders, jobs, None, NOW)]


def changed(facts: Json, path: Sequence[str | int], value: object) -> Json:
    whole = copy.deepcopy(facts)
    inner: Any = whole
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return whole


def test_nothing_is_said_while_all_is_well() -> None:
    assert said() == []


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        (["account", "verdict"], "unbalanced", "The account of the records does not balance"),
        (["account", "verdict"], "unverified", "not verified"),
        (["account", "verdict"], "nothing_ran", "No records were taken today yet"),
        (["manual_tasks", "overdue"], 1, "1 manual task is overdue"),
        (["quota", "left"], 0, "The day's quota"),
        (
            ["vendors"],
            [
                {
                    "vendor": "digikey",
                    "state": "open",
                    "cause": "account",
                    "waiting": 812,
                    "until": NOW.isoformat(),
                }
            ],
            "digikey is not called: account; 812 records wait until",
        ),
    ],
)
def test_what_is_wrong_with_the_records_is_said(path: list[str], value: object, text: str) -> None:
    (sentence,) = said(records=changed(RECORDS, path, value))
    assert text in sentence


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        (["verdict"], "unbalanced", "The account of the orders does not balance"),
        (["verdict"], "unverified", "No fresh look"),
        (["late"], 2, "2 open orders are past the ship-by time"),
        (["with_a_person"], {"orders": 1, "reasons": 1, "since": NOW.isoformat()}, "1 order needs a person"),
        (["stages", 1, "breaker"], {"reason": "401"}, "create-labels is stopped: 401"),
        (["stages", 1, "last_run"], run(state="failed"), "The last run of create-labels failed"),
        (["stages", 1, "last_run"], run(31), "create-labels has not run since"),
        (["stages", 1, "last_run"], None, "create-labels has never run"),
    ],
)
def test_what_is_wrong_with_the_orders_is_said(path: list[str | int], value: object, text: str) -> None:
    (sentence,) = said(orders=changed(ORDERS, path, value))
    assert text in sentence


def test_a_paused_stage_is_said_once_and_is_not_called_late() -> None:
    late = changed(ORDERS, ["stages", 0, "last_run"], run(600))
    jobs = [job(STAGES[0], state="PAUSED"), *JOBS[1:]]
    assert said(orders=late, jobs=jobs) == [f"1 scheduled job is paused: {STAGES[0]}"]


def test_a_job_whose_last_call_failed_is_said() -> None:
    assert said(jobs=[*JOBS[:-1], job("sweep", last_status="503")]) == [
        "The last call of sweep ended with 503"
    ]


def test_the_page_is_sent_again_when_a_minute_has_passed_though_no_figure_has_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else a page whose scheduler is dead would say 'just now' and 'all is well' for ever."""
    first = page(monkeypatch, NOW)
    same = page(monkeypatch, NOW + timedelta(seconds=20), first.headers["ETag"])
    later = page(monkeypatch, NOW + timedelta(hours=3), first.headers["ETag"])
    assert (first.status, same.status, later.status) == (200, 304, 200)
    assert "All is well" in str(first.content)
    assert "has not run since" in str(later.content)


def test_a_schedule_that_cannot_be_read_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "The schedule cannot be read: away" in str(page(monkeypatch, NOW, jobs=SilentJobs()).content)


class Figures:
    def __init__(self, figures: Mapping[str, Any]) -> None:
        self._figures = figures

    def now(self, *_asked: object) -> Mapping[str, Any]:
        return self._figures


class ListedJobs:
    def jobs(self) -> Sequence[ScheduledJob]:
        return JOBS


class SilentJobs(ListedJobs):
    def jobs(self) -> Sequence[ScheduledJob]:
        raise QueueUnavailable("away")


def page(
    monkeypatch: pytest.MonkeyPatch, at: datetime, known: str | None = None, jobs: ListedJobs | None = None
) -> Page:
    monkeypatch.setattr(now_page, "system_clock", lambda: at)
    headers = Headers({"If-None-Match": known} if known else {})
    visit = Visit(
        Visitor("ana", Role.OPERATOR), Call(headers, {}, "c"), "token", "/", "", partial=False, navigates=True
    )
    shown = Renderer(ZoneInfo("UTC"))
    (route, *_) = now_pages(
        pytest.fail,
        lambda: shown,
        lambda: Figures(RECORDS),
        lambda: 10,
        lambda: Figures(ORDERS),
        lambda: jobs or ListedJobs(),
    )
    answer = route.handler(NoInput(), visit, *(supply() for supply in route.supplies))
    assert isinstance(answer, Page)
    return answer
