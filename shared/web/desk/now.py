"""The first page: is all well? Both accounts, the stages, what waits, and a sentence for all that is not well."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, get_args

from shared.clock import system_clock
from shared.enrichment.insight import RecordInsight
from shared.errors import SwitchyardError
from shared.fulfillment.insight import OrderInsight
from shared.fulfillment.pipeline import load_pipeline
from shared.schedule import Change, Jobs, ScheduledJob, ScheduleLog
from shared.web.call import NoInput, Page, RequestModel
from shared.web.desk.rendering import SAFE, Renderer
from shared.web.desk.route import PageRoute, Visit, moved
from shared.web.desk.visitor import Role
from shared.web.fields import Text
from shared.web.function import Route, Supply

Json = Mapping[str, Any]
_ASKED = ThreadPoolExecutor(4, "now")
"""Asks for the halves at once. Its threads keep their connections."""

ACCOUNTS: Mapping[str, tuple[str, str]] = {
    "unbalanced": ("bad", "The account of the records does not balance"),
    "unverified": (
        "warn",
        "The rows of today's records were not looked at yet: their account is not verified",
    ),
    "nothing_ran": ("warn", "No records were taken today yet"),
}
"""By verdict; a balanced account is no concern."""

OVERDUE = "/tasks?view=overdue"
RENEWED = {"Cache-Control": "private, no-cache"}
"""The browser keeps the page, and asks each time whether it is still so."""


class JobForm(RequestModel):
    note: Text | None = None


@dataclass(frozen=True)
class Concern:
    """One thing that is not well. `kind` is bad or warn; `at` is put behind the sentence as a time."""

    kind: str
    text: str
    link: str
    at: str | None = None


def now_pages(
    gate: Supply, renderer: Supply, records: Supply, daily_limit: Supply, orders: Supply, jobs: Supply
) -> Sequence[Route]:
    """They return a RecordInsight, the day's quota, an OrderInsight that is a ScheduleLog too, and a Jobs."""
    return (
        PageRoute("GET", "/", NoInput, _now, (records, daily_limit, orders, jobs, renderer), gate=gate),
        *(
            PageRoute(
                "POST",
                f"/jobs-of-scheduler/{{id}}/{change}",
                JobForm,
                _Changed(change),
                (jobs, orders),
                role=Role.OPERATOR,
                gate=gate,
                action=f"{change} scheduled job",
            )
            for change in get_args(Change)
        ),
    )


class _Changed:
    def __init__(self, change: Change) -> None:
        self._change = change

    def __call__(self, request: JobForm, visit: Visit, jobs: Jobs, log: ScheduleLog) -> Page:
        getattr(jobs, self._change)(visit.id)
        log.note_schedule_change(visit.id, self._change, visit.person, request.note or "from the desk")
        return moved("/")


def _now(
    _request: NoInput,
    visit: Visit,
    records: RecordInsight,
    daily_limit: int,
    orders: OrderInsight,
    jobs: Jobs,
    renderer: Renderer,
) -> Page:
    stages = [stage.name for stage in load_pipeline().stages]
    asked = _ASKED.submit(orders.now, stages, str(renderer.zone))
    schedule = _ASKED.submit(_scheduled, jobs)
    of_records, of_orders = records.now(daily_limit), asked.result()
    scheduled, silent = schedule.result()
    now = system_clock()
    concerns = list(concerns_of(of_records, of_orders, scheduled, silent, now))
    facts = [
        f"{now:%FT%H:%M}",  # the page tells ages: none may stand for more than a minute
        of_records,
        of_orders,
        [vars(job) for job in scheduled],
        silent,
        visit.person,
        visit.visitor.role,
        [vars(each) for each in concerns],
    ]
    tag = f'"{hashlib.sha256(json.dumps(facts, default=str, sort_keys=True).encode()).hexdigest()[:32]}"'
    headers = {"ETag": tag, **RENEWED}
    if visit.call.headers.get("If-None-Match") == tag:
        return Page("", 304, {**SAFE, **headers})
    return renderer.page(
        "now.html",
        visit,
        headers=headers,
        records=of_records,
        orders=of_orders,
        jobs={job.name: job for job in scheduled},
        silent=silent,
        concerns=concerns,
    )


def _scheduled(jobs: Jobs) -> tuple[Sequence[ScheduledJob], str | None]:
    """The page is shown also while Cloud Scheduler does not answer; then it says why."""
    try:
        return jobs.jobs(), None
    except SwitchyardError as error:
        return (), error.detail


def concerns_of(
    records: Json, orders: Json, jobs: Sequence[ScheduledJob], silent: str | None, now: datetime
) -> Iterator[Concern]:
    """The worst first."""
    found = [*_of_records(records), *_of_orders(orders), *_of_jobs(orders["stages"], jobs, now)]
    paused = [job.name for job in jobs if job.state == "PAUSED"]
    if paused:
        found.append(
            Concern(
                "warn",
                f"{_number(len(paused), 'scheduled job is', 'scheduled jobs are')} paused: {', '.join(paused)}",
                "#stages",
            )
        )
    if silent:
        found.append(Concern("warn", f"The schedule cannot be read: {silent}", "#stages"))
    yield from sorted(found, key=lambda each: each.kind)  # bad comes before warn


def _of_jobs(stages: Sequence[Json], jobs: Sequence[ScheduledJob], now: datetime) -> Iterator[Concern]:
    """A job that should have been fired and was not; a run that failed, or that never was."""
    for job in jobs:
        if job.state != "PAUSED" and job.last_status not in (None, "OK"):
            yield Concern("warn", f"The last call of {job.name} ended with {job.last_status}", "#stages")
    pipeline = load_pipeline()
    fired = {job.name for job in jobs if job.state != "PAUSED"}
    longest = timedelta(minutes=2 * pipeline.interval_minutes)
    for stage in stages:
        run = stage["last_run"]
        if run and run["state"] == "failed":
            yield Concern("bad", f"The last run of {stage['stage']} failed", "#stages", run["begun_at"])
        if stage["stage"] not in fired:
            continue
        if run is None:
            yield Concern("warn", f"{stage['stage']} has never run", "#stages")
        elif now - datetime.fromisoformat(run["begun_at"]) > longest:
            yield Concern("bad", f"{stage['stage']} has not run since", "#stages", run["begun_at"])


def _of_records(records: Json) -> Iterator[Concern]:
    if said := ACCOUNTS.get(records["account"]["verdict"]):
        yield Concern(*said, "/insight")
    for vendor in records["vendors"]:
        if vendor["state"] == "open":
            why = f"{vendor['vendor']} is not called: {vendor['cause'].replace('_', ' ')}"
            text = f"{why}; {vendor['waiting']} records wait until"
            yield Concern(
                "bad" if vendor["cause"] == "account" else "warn", text, "#vendors", vendor["until"]
            )
    if overdue := records["manual_tasks"]["overdue"]:
        yield Concern("warn", f"{_number(overdue, 'manual task is', 'manual tasks are')} overdue", OVERDUE)
    if not records["quota"]["left"]:
        text = "The day's quota of records is used; it is renewed"
        yield Concern("warn", text, "#quota", records["quota"]["renewed_at"])


def _of_orders(orders: Json) -> Iterator[Concern]:
    asking = "/orders?attention=true"
    if orders["verdict"] == "unbalanced":
        yield Concern("bad", "The account of the orders does not balance", asking)
    if late := orders["late"]:
        yield Concern(
            "bad", f"{_number(late, 'open order is', 'open orders are')} past the ship-by time", "/orders"
        )
    for stage in orders["stages"]:
        if stage["breaker"]:
            yield Concern("bad", f"{stage['stage']} is stopped: {stage['breaker']['reason']}", "#stages")
    if needed := orders["with_a_person"]["orders"]:
        text = f"{_number(needed, 'order needs', 'orders need')} a person, the first since"
        yield Concern("warn", text, asking, orders["with_a_person"]["since"])
    if orders["verdict"] == "unverified":
        yield Concern("warn", "No fresh look at marketplace and carrier confirms the orders", "/orders")


def _number(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
