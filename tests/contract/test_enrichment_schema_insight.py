"""Insight: the sums of days and months are what their rows say, whatever changes later."""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from tests.contract.enrichment_calls import Enrichment
from tests.contract.insight_history import DAYS, FIRST, Ended, Year, counted, spans
from tests.contract.schema_rows import NOW, Json, item
from tests.postgres_support import Database

SEED = 20_261_127
LAST = FIRST + timedelta(days=DAYS - 1)


@pytest.fixture
def owner(database: Database) -> Iterator[psycopg.Connection]:
    with database.connect() as connection:
        yield connection


@pytest.fixture
def year(owner: psycopg.Connection) -> Year:
    made = Year.drawn(SEED, 12)
    made.store(owner)
    return made


def insight(enrichment: Enrichment, series: str, first: date, last: date) -> list[Json]:
    found: Json = enrichment.call("insight", series=series, first=first, last=last)
    assert (found["series"], found["first"], found["last"]) == (series, str(first), str(last))
    rows: list[Json] = found["rows"]
    return rows


def assert_insight_is_true(enrichment: Enrichment, year: Year) -> None:
    subjects = {
        "manufacturers": "manufacturer",
        "categories": "category",
        "rules": "rule",
        "weeks": "week",
        "throughput": "day",
    }
    for first, last in spans(SEED):
        for series, subject in subjects.items():
            rows = insight(enrichment, series, first, last)
            assert counted(rows, subject) == year.by(subject, first, last), (series, first, last)
        decisions = insight(enrichment, "decisions", first, last)
        assert {
            (date.fromisoformat(row["day"]), route): row[route]
            for row in decisions
            for route in ("automation", "manual", "rejected")
            if row[route]
        } == year.routes(first, last)
        work = insight(enrichment, "work", first, last)
        assert {
            row["cause"]: (row["completed"], row["median_seconds"], row["p90_seconds"]) for row in work
        } == year.work(first, last), (first, last)


def rolled_up(enrichment: Enrichment, seconds: float = 600) -> Json:
    found: Json = enrichment.call("roll_up_days", seconds=seconds)
    return found


def take_back(owner: psycopg.Connection, one: Ended) -> None:
    """Without the guard of the states: this is about the sums."""
    owner.execute("alter table manual_tasks disable trigger manual_task_state")
    owner.execute(
        "update manual_tasks set state = 'processing', finished_at = null, claimed_until = %s where id = %s",
        (NOW + timedelta(hours=1), one.id),
    )
    owner.execute("alter table manual_tasks enable trigger manual_task_state")


def test_the_series_of_a_year_are_a_direct_count_before_and_after_it_is_summed_up(
    enrichment: Enrichment, year: Year
) -> None:
    assert_insight_is_true(enrichment, year)
    assert rolled_up(enrichment, 0.15)["summed_up"] < DAYS - 1
    assert_insight_is_true(enrichment, year)
    assert rolled_up(enrichment)["days_not_summed_up"] == 0
    assert rolled_up(enrichment) == {"summed_up": 0, "days_not_summed_up": 0}
    months = enrichment.all("select first from insight_spans where span = 'month'")
    assert len(months) == 12  # the first one from the first batch's day on
    assert_insight_is_true(enrichment, year)


def test_late_changes_show_at_once_and_are_summed_up_again(
    enrichment: Enrichment, owner: psycopg.Connection, year: Year
) -> None:
    rolled_up(enrichment)
    chance = random.Random(SEED)
    people = [one for one in year.ended if one.person and not one.redriven]
    for one in chance.sample(people, 60):
        take_back(owner, one)
        year.ended.remove(one)
    assert_insight_is_true(enrichment, year)
    again = rolled_up(enrichment)
    assert 20 < again["summed_up"] <= 60
    assert again["days_not_summed_up"] == 0
    assert enrichment.one("select count(*) from insight_due where day < %s", NOW.date())["count"] == 0
    assert_insight_is_true(enrichment, year)


def test_a_change_that_is_not_committed_while_its_day_is_summed_up_is_not_lost(
    enrichment: Enrichment, database: Database, year: Year
) -> None:
    rolled_up(enrichment)
    one = next(one for one in year.ended if one.person and not one.redriven and one.completed)
    with database.connect(autocommit=False) as undoing:
        undoing.execute(
            "insert into insight_due (day, xact) values (%s, pg_current_xact_id())", (one.day,)
        )  # as the trigger does
        undoing.execute("set local session_replication_role = replica")
        undoing.execute(
            "update manual_tasks set state = 'processing', finished_at = null, claimed_until = %s where id = %s",
            (NOW, one.id),
        )
        enrichment.call("sum_up_day", day=one.day)
        undoing.commit()
    year.ended.remove(one)
    assert_insight_is_true(enrichment, year)
    assert rolled_up(enrichment)["summed_up"] == 1
    assert_insight_is_true(enrichment, year)


def test_an_empty_database_has_nothing_to_sum_up(enrichment: Enrichment) -> None:
    assert rolled_up(enrichment) == {"summed_up": 0, "days_not_summed_up": 0}
    assert insight(enrichment, "rules", FIRST, LAST) == []


def test_a_day_is_summed_up_an_hour_after_its_end(enrichment: Enrichment) -> None:
    enrichment.begin()
    midnight = datetime(2026, 3, 3, tzinfo=UTC)
    before = Enrichment(enrichment.connection, midnight + timedelta(minutes=59))
    assert rolled_up(before) == {"summed_up": 0, "days_not_summed_up": 0}
    after = Enrichment(enrichment.connection, midnight + timedelta(minutes=60))
    assert rolled_up(after) == {"summed_up": 1, "days_not_summed_up": 0}


def test_a_month_that_leaves_keeps_its_figures(
    enrichment: Enrichment, owner: psycopg.Connection, year: Year
) -> None:
    owner.execute(
        "select make_partition(kind, '2025-03-01') from unnest('{decisions,task_events}'::text[]) as kind"
    )
    before = {
        series: insight(enrichment, series, FIRST, date(2025, 3, 31))
        for series in ("decisions", "rules", "work")
    }
    late = enrichment.later(days=60)
    found = late.call("history_of", month=date(2025, 3, 1), keep_months=13)
    assert found["reason"] is None
    late.call(
        "drop_archived_month",
        month=date(2025, 3, 1),
        decisions=found["decisions"],
        task_events=found["task_events"],
        keep_months=13,
    )
    assert enrichment.one("select count(*) from decisions where decided_at < '2025-04-01'")["count"] == 0
    for series, rows in before.items():
        assert insight(enrichment, series, FIRST, date(2025, 3, 31)) == rows
    assert before["decisions"] != []
    assert year.decided


def test_a_person_s_time_runs_from_the_last_claim_and_not_from_its_renewal(enrichment: Enrichment) -> None:
    task = enrichment.person()
    enrichment.take(task, "eve")
    enrichment.later(minutes=5).give_back(task, "eve")
    enrichment.later(minutes=10).take(task)
    enrichment.later(minutes=12).take(task)  # renewed
    enrichment.later(minutes=13).complete(task)
    today = NOW.date()
    assert insight(enrichment.later(hours=1), "work", today, today) == [
        {"cause": None, "completed": 1, "median_seconds": 180, "p90_seconds": 180}
    ]


def test_a_redrive_is_no_work_of_a_person(enrichment: Enrichment) -> None:
    enrichment.fallback()
    assert enrichment.redrive("b1")["redriven"] == 1
    (day,) = insight(enrichment, "throughput", NOW.date(), NOW.date())
    assert (day["failed"], day["people_failed"], day["ended"]) == (1, 0, 1)


def test_each_open_task_of_the_backlog_is_in_one_age(enrichment: Enrichment) -> None:
    for number, hours in enumerate((1, 5, 30, 100, 300, 1000)):
        earlier = enrichment.later(hours=-hours)
        earlier.begin(f"b{number}")
        earlier.open([item(f"P{number}", "manual")], batch=f"b{number}")
    (row,) = insight(enrichment, "backlog", NOW.date(), NOW.date())
    ages = ("under_4_hours", "under_1_day", "under_3_days", "under_1_week", "under_4_weeks", "older")
    assert [row[age] for age in ages] == [1] * 6
    assert (row["cause"], row["open"], row["overdue"]) == (None, 6, 5)
