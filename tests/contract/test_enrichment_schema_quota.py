from datetime import UTC, datetime
from functools import partial

import psycopg
import pytest

from tests.contract.enrichment_calls import Enrichment, at_once
from tests.contract.schema_rows import Json, item
from tests.postgres_support import Database

CALLERS = 32
QUOTA = 1000


def used(enrichment: Enrichment) -> int:
    return int(enrichment.one("select used from daily_usage")["used"])


def tasks(enrichment: Enrichment) -> int:
    counts = enrichment.one(
        "select (select count(*) from automation_tasks) + (select count(*) from manual_tasks) as tasks"
    )
    return int(counts["tasks"])


def test_many_runs_at_once_open_exactly_the_day_s_quota_between_them(
    database: Database, enrichment: Enrichment
) -> None:
    def chunk(number: int) -> list[Json]:
        routes = ("automation", "manual")
        return [item(f"P{number}-{place}", routes[place % 2]) for place in range(40)]

    for number in range(CALLERS):
        enrichment.begin(f"b{number}")
    opened = at_once(
        database,
        [partial(Enrichment.open, items=chunk(n), batch=f"b{n}") for n in range(CALLERS)],
    )
    assert [answer for answer in opened if isinstance(answer, psycopg.Error)] == []
    answers = [answer for answer in opened if isinstance(answer, dict)]
    assert sum(len(answer["automation"]) + answer["manual"] for answer in answers) == QUOTA
    assert sum(answer["over_limit"] for answer in answers) == CALLERS * 40 - QUOTA
    assert sum(answer["claimed_elsewhere"] for answer in answers) == 0
    assert (tasks(enrichment), used(enrichment)) == (QUOTA, QUOTA)


def test_records_beyond_the_quota_are_the_end_of_the_list_and_stay_unclaimed(enrichment: Enrichment) -> None:
    enrichment.begin()
    opened = enrichment.open([item(f"P{place}") for place in range(5)], daily_limit=3)
    assert [task["record_key"][:2] for task in opened["automation"]] == ["P0", "P1", "P2"]
    assert opened["over_limit"] == 2
    assert enrichment.all("select pn from records order by pn") == [{"pn": pn} for pn in ("P0", "P1", "P2")]


def test_a_new_day_in_utc_has_a_new_quota(enrichment: Enrichment) -> None:
    late = Enrichment(enrichment.connection, datetime(2026, 3, 2, 23, 59, 59, tzinfo=UTC))
    late.begin()
    assert late.open([item("P1"), item("P2")], daily_limit=1)["over_limit"] == 1
    assert late.known()["daily_used"] == 1
    assert late.later(seconds=1).known()["daily_used"] == 0
    assert late.later(seconds=1).open([item("P2")], daily_limit=1)["over_limit"] == 0


def test_a_limit_below_what_is_used_already_opens_nothing_and_takes_nothing_back(
    enrichment: Enrichment,
) -> None:
    enrichment.begin()
    enrichment.open([item("P1"), item("P2"), item("P3")])
    assert enrichment.open([item("P4")], daily_limit=2)["over_limit"] == 1
    assert used(enrichment) == 3
    assert enrichment.open([item("P4")], daily_limit=4)["over_limit"] == 0


def test_rejected_rows_use_no_quota(enrichment: Enrichment) -> None:
    enrichment.begin()
    row: Json = {
        "pn": None,
        "manufacturer": "TI",
        "reason": "no part number",
        "content_hash": "h",
        "source_record": {},
    }
    assert enrichment.open([], rejected=[row], daily_limit=0) == {
        "automation": [],
        "manual": 0,
        "over_limit": 0,
        "claimed_elsewhere": 0,
        "rejected": 1,
    }
    assert used(enrichment) == 0
    assert enrichment.one("select taken from batches") == {"taken": 1}
    assert enrichment.open([], rejected=[row])["rejected"] == 1, "the same call again"
    enrichment.begin("b2")
    assert enrichment.open([], batch="b2", rejected=[row])["rejected"] == 0, "b1 has rejected it"


def test_the_quota_is_a_constraint_and_no_code_s_promise(enrichment: Enrichment) -> None:
    enrichment.begin()
    enrichment.open([item("P1")], daily_limit=1)
    with pytest.raises(psycopg.errors.CheckViolation):
        enrichment.connection.execute("update daily_usage set used = used + 1")


@pytest.mark.parametrize("size", [0, 1, 2, 3, 6, 50])
def test_manual_tasks_are_inserted_in_batches_of_any_size_without_losing_one(
    enrichment: Enrichment, size: int
) -> None:
    enrichment.begin()
    opened = enrichment.open([item(f"P{place}", "manual") for place in range(6)], manual_batch_size=size)
    assert opened["manual"] == 6
    assert enrichment.all("select pn from manual_tasks order by pn") == [{"pn": f"P{n}"} for n in range(6)]
