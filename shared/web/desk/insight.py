"""Figures over time: a chart, the same numbers as a table, and as CSV."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar, Literal

from shared.enrichment.insight import RecordInsight
from shared.fulfillment.insight import OrderInsight
from shared.web.call import Page
from shared.web.days import Days
from shared.web.desk.rendering import Renderer
from shared.web.desk.route import PageRoute, Visit
from shared.web.function import Route, Supply
from shared.web.table import csv_file

Name = Literal[
    "throughput", "weeks", "manufacturers", "categories", "rules", "decisions", "backlog", "work", "postage"
]


@dataclass(frozen=True)
class Series:
    """`columns` are name and title of what the table shows, the first is the row's own. `drawn` are the chart's lines.

    `kind` is `time`, whose first column is a day, or `bars`.
    """

    title: str
    about: str
    columns: Mapping[str, str]
    drawn: tuple[str, ...]
    kind: str = "time"


_ENDED = {
    "completed": "Completed by automation",
    "failed": "Failed",
    "success_rate": "Success of automation",
    "people_completed": "Completed by people",
    "people_failed": "Failed with people",
}
_BY = ("completed", "failed", "people_completed")
SERIES: Mapping[str, Series] = {
    "throughput": Series("Throughput", "What ended on each day.", {"day": "Day"} | _ENDED, _BY),
    "weeks": Series("Weeks", "What ended in each week, by its Monday.", {"week": "Week"} | _ENDED, _BY),
    "manufacturers": Series(
        "Manufacturers", "Success by manufacturer.", {"manufacturer": "Manufacturer"} | _ENDED, _BY, "bars"
    ),
    "categories": Series(
        "Categories", "Success by category.", {"category": "Category"} | _ENDED, _BY, "bars"
    ),
    "rules": Series("Rules", "Success by the rule that decided.", {"rule": "Rule"} | _ENDED, _BY, "bars"),
    "decisions": Series(
        "Decisions",
        "Where records were sent on each day.",
        {"day": "Day", "automation": "Automation", "manual": "People", "rejected": "Rejected"},
        ("automation", "manual", "rejected"),
    ),
    "backlog": Series(
        "Backlog",
        "Open manual tasks of this moment, by cause and age.",
        {
            "cause": "Cause",
            "open": "Open",
            "overdue": "Overdue",
            "under_4_hours": "Under 4 h",
            "under_1_day": "Under 1 day",
            "under_3_days": "Under 3 days",
            "under_1_week": "Under 1 week",
            "under_4_weeks": "Under 4 weeks",
            "older": "Older",
        },
        ("open", "overdue"),
        "bars",
    ),
    "work": Series(
        "People's time",
        "From claim to completion, by cause.",
        {
            "cause": "Cause",
            "completed": "Tasks",
            "median_seconds": "Half within",
            "p90_seconds": "Nine in ten within",
        },
        ("median_seconds", "p90_seconds"),
        "bars",
    ),
    "postage": Series(
        "Postage",
        "What labels cost by day of the carrier's calendar, and what came back.",
        {
            "day": "Day",
            "labels": "Labels",
            "bought_cents": "Bought",
            "undone_cents": "Undone",
        },
        ("bought_cents", "undone_cents"),
    ),
}


class InsightQuery(Days):
    """A screen shows a month, unless it is asked for more."""

    usual: ClassVar[int] = 30
    series: Name = "throughput"


def insight_pages(gate: Supply, renderer: Supply, records: Supply, orders: Supply) -> Sequence[Route]:
    """They return a RecordInsight and an OrderInsight."""
    return (PageRoute("GET", "/insight", InsightQuery, _insight, (records, orders, renderer), gate=gate),)


def _insight(
    request: InsightQuery, visit: Visit, records: RecordInsight, orders: OrderInsight, renderer: Renderer
) -> Page:
    first, last = request.span()
    found = _rows(request.series, first, last, records, orders)
    if request.csv:
        file = csv_file(f"{request.series} {first} to {last}.csv", found)
        return Page(file.content, headers=file.headers, media_type=file.media_type)
    series = SERIES[request.series]
    return renderer.page(
        "insight.html",
        visit,
        all=SERIES,
        chosen=request.series,
        series=series,
        rows=found,
        first=first,
        last=last,
    )


def _rows(
    series: Name, first: date, last: date, records: RecordInsight, orders: OrderInsight
) -> list[dict[str, Any]]:
    found = (
        orders.postage_by_day(first, last) if series == "postage" else records.insight(series, first, last)
    )
    rows: list[dict[str, Any]] = found["rows"]
    return rows
