"""`python -m infra.archive`: a month goes to BigQuery whole or stays, and the account does not change."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import IO, Any
from uuid import UUID

import psycopg
import pytest
from google.api_core import exceptions
from google.cloud import bigquery

from infra import archive
from infra.archive import main
from tests.bigquery_support import PROJECT, Emulator
from tests.contract.enrichment_calls import Enrichment
from tests.contract.schema_rows import item
from tests.postgres_support import Database
from tests.rest_support import Rest

JANUARY = datetime(2025, 1, 31, 12, tzinfo=UTC)
_numbers = itertools.count()


@dataclass(frozen=True)
class Month:
    """January 2025 in the database, and a dataset of its own."""

    enrichment: Enrichment
    emulator: Emulator
    dataset: str
    environment: dict[str, str]

    def archive(self, *more: str) -> int:
        return main(["--month", "2025-01", *more], self.environment)

    def exported(self, kept: str) -> list[dict[str, Any]]:
        return self.emulator.rows(f"select * from `{PROJECT}.{self.dataset}.{kept}_archive` order by id")

    def here(self) -> tuple[int, int]:
        """The numbers of decisions and task events in the database."""
        decisions, events = (
            int(self.enrichment.one(f"select count(*) from {kept.name}")["count"]) for kept in archive.KEPT
        )
        return decisions, events


@pytest.fixture
def month(database: Database, rest_server: Rest, parts_emulator: Emulator) -> Iterator[Month]:
    dataset = f"archive_{next(_numbers)}"
    with parts_emulator.client() as client:
        client.create_dataset(dataset)
    environment = {
        "SUPABASE_URL": rest_server.url,
        "SUPABASE_SERVICE_ROLE_KEY": rest_server.service_key,
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "BIGQUERY_TABLE": f"{PROJECT}.{dataset}.parts",
        "BIGQUERY_API_ENDPOINT": parts_emulator.endpoint,
    }
    with database.connect(role="service_role") as connection:
        yield Month(Enrichment(connection, JANUARY), parts_emulator, dataset, environment)


def worked_off(enrichment: Enrichment) -> None:
    """Records done by automation, failed, done by a person after automation and at once, and a rejected row."""
    rejected = {
        "pn": None,
        "manufacturer": None,
        "reason": "-",
        "content_hash": "r",
        "source_record": {"a": [1]},
    }
    enrichment.begin()
    enrichment.open([item("P1"), item("P2"), item("P3"), item("P4", "manual")], rejected=[rejected])
    tasks = {row["pn"]: row["id"] for row in enrichment.all("select pn, id from automation_tasks")}
    enrichment.claim(tasks["P1"])
    enrichment.save(tasks["P1"])
    enrichment.finish(tasks["P1"])
    enrichment.claim(tasks["P2"])
    enrichment.fail(tasks["P2"], to_manual=False)
    enrichment.claim(tasks["P3"])
    enrichment.fail(tasks["P3"])
    for manual in (UUID(enrichment.fall_back(tasks["P3"])["manual_task_id"]), own(enrichment)):
        enrichment.take(manual)
        enrichment.complete(manual)


def own(enrichment: Enrichment) -> UUID:
    found: UUID = enrichment.one("select id from manual_tasks where automation_task_id is null")["id"]
    return found


def test_a_month_leaves_the_database_and_its_account_says_the_same(
    month: Month, capsys: pytest.CaptureFixture[str]
) -> None:
    worked_off(month.enrichment)
    before, day = month.enrichment.reconcile(), month.enrichment.reconcile(None, "2025-01-31")
    assert (before["verdict"], day["verdict"], before["taken"]) == ("balanced", "balanced", 5)
    decisions = month.enrichment.all("select * from decisions order by id")
    events = month.enrichment.all("select * from task_events order by id")

    assert month.archive() == 0

    assert month.here() == (0, 0)
    exported = month.exported("decisions")
    assert [UUID(row["id"]) for row in exported] == [row["id"] for row in decisions]
    for name in (
        "route",
        "rule",
        "reason",
        "confidence",
        "features",
        "source_record",
        "decided_at",
        "record_key",
    ):
        assert [row[name] for row in exported] == [row[name] for row in decisions], name
    assert [
        (row["id"], row["to_state"], row["at"], row["detail"]) for row in month.exported("task_events")
    ] == [(row["id"], row["to_state"], row["at"], row["detail"]) for row in events]
    for was, now in (
        (before, month.enrichment.reconcile()),
        (day, month.enrichment.reconcile(None, "2025-01-31")),
    ):
        assert now.pop("audit") == {"state": "archived"}
        was.pop("audit")
        assert now == was
    assert "left the database" in capsys.readouterr().out

    assert month.archive() == 0
    assert "archived on" in capsys.readouterr().out
    assert len(month.exported("decisions")) == len(decisions)


def test_a_dry_run_changes_nothing(month: Month, capsys: pytest.CaptureFixture[str]) -> None:
    worked_off(month.enrichment)
    before = month.here()
    assert month.archive("--dry-run") == 0
    assert (
        capsys.readouterr().out.splitlines()[0] == f"2025-01: {before[0]} decisions, {before[1]} task_events"
    )
    assert month.here() == before
    with pytest.raises(exceptions.NotFound), month.emulator.client() as client:
        client.get_table(f"{PROJECT}.{month.dataset}.decisions_archive")


def test_an_interrupted_export_goes_on_where_it_was(month: Month, monkeypatch: pytest.MonkeyPatch) -> None:
    worked_off(month.enrichment)
    monkeypatch.setattr(archive, "PAGE", 1)
    monkeypatch.setattr(archive, "PAGES_A_LOAD", 2)
    load, loads = archive.Shelf._load, itertools.count()

    def dying(*arguments: Any) -> bigquery.LoadJob:  # noqa: ANN401 - passed on
        job = load(*arguments)
        if next(loads) == 1:  # the second job runs, and its sender is killed
            raise KeyboardInterrupt
        return job

    monkeypatch.setattr(archive.Shelf, "_load", dying)
    assert month.archive() == 130
    assert month.here()[0] == 5
    assert month.archive() == 0
    assert len({row["id"] for row in month.exported("decisions")}) == len(month.exported("decisions")) == 5
    assert month.here() == (0, 0)


def test_rows_that_are_sent_again_while_their_first_job_runs_are_loaded_once(
    month: Month, monkeypatch: pytest.MonkeyPatch
) -> None:
    """BigQuery refuses a job's name that was used before. The emulator does not: it is done here."""
    load, jobs = bigquery.Client.load_table_from_file, dict[str, bigquery.LoadJob]()

    def once(client: bigquery.Client, file: IO[bytes], table: str, **options: Any) -> bigquery.LoadJob:  # noqa: ANN401 - passed on
        job_id = options["job_id"]
        if job_id in jobs:
            raise exceptions.Conflict(f"Already Exists: Job {job_id}")  # type: ignore[no-untyped-call]  # no types here
        jobs[job_id] = load(client, file, table, **options)
        return jobs[job_id]

    monkeypatch.setattr(bigquery.Client, "load_table_from_file", once)
    monkeypatch.setattr(bigquery.Client, "get_job", lambda _client, job_id, **_options: jobs[job_id])
    kept, day = archive.KEPT[0], date(2025, 1, 1)
    rows = [{"id": str(UUID(int=n)), "decided_at": "2025-01-05T00:00:00+00:00"} for n in range(3)]
    with month.emulator.client() as client:
        shelf = archive.Shelf(client, f"{PROJECT}.{month.dataset}")
        shelf.make(kept)
        for _ in range(2):
            shelf.append(kept, day, None, rows)
        assert shelf.held(kept, day) == (3, 3, str(UUID(int=2)))


def test_a_month_whose_export_has_another_number_of_rows_stays(
    month: Month, capsys: pytest.CaptureFixture[str]
) -> None:
    worked_off(month.enrichment)
    before = month.here()
    with month.emulator.client() as client:
        shelf = archive.Shelf(client, f"{PROJECT}.{month.dataset}")
        shelf.make(archive.KEPT[0])
        strange = {"id": str(UUID(int=0)), "decided_at": "2025-01-05T00:00:00+00:00"}
        shelf.append(archive.KEPT[0], date(2025, 1, 1), None, [strange])
    assert month.archive() == 4
    assert "holds 6 rows of 2025-01, 6 different ones; the database has 5" in capsys.readouterr().err
    assert month.here() == before


def open_automation(enrichment: Enrichment) -> None:
    enrichment.automation("P9")


def due_letter(enrichment: Enrichment) -> None:
    enrichment.failed("P9")


def letter_with_a_person(enrichment: Enrichment) -> None:
    enrichment.later(days=20).fall_back(enrichment.failed("P9"))


@pytest.mark.parametrize(
    ("unfinished", "who"),
    [
        (open_automation, "automation has"),
        (due_letter, "automation has"),
        (letter_with_a_person, "people have"),
    ],
)
def test_a_month_with_unfinished_work_stays(
    month: Month,
    capsys: pytest.CaptureFixture[str],
    unfinished: Callable[[Enrichment], None],
    who: str,
) -> None:
    unfinished(month.enrichment)
    before = month.here()
    assert month.archive() == 4
    assert f"2025-01 stays in the database: {who} not finished" in capsys.readouterr().err
    assert month.here() == before


def test_a_younger_month_and_one_after_an_older_one_stay(
    month: Month, capsys: pytest.CaptureFixture[str]
) -> None:
    worked_off(month.enrichment)
    assert month.archive("--keep-months", "1200") == 4
    assert "it is younger than 1200 months" in capsys.readouterr().err
    assert main(["--month", "2025-02"], month.environment) == 4
    assert "2025-01 is older, and goes first" in capsys.readouterr().err


def test_the_database_itself_refuses_another_number_and_a_young_month(month: Month) -> None:
    worked_off(month.enrichment)
    decisions, events = month.here()
    for arguments in (
        {"decisions": decisions - 1, "task_events": events, "keep_months": 13},
        {"decisions": decisions, "task_events": events + 1, "keep_months": 13},
        {"decisions": decisions, "task_events": events, "keep_months": 1200},
    ):
        with pytest.raises(psycopg.Error, match="2025-01 stays") as refusal:
            month.enrichment.call("drop_archived_month", month=date(2025, 1, 1), **arguments, now_=None)
        assert refusal.value.sqlstate == "PT409"
    assert month.here() == (decisions, events)


@pytest.mark.parametrize("wrong", [["--month", "2025-13"], ["--month", "2025-01", "--keep-months", "0"], []])
def test_a_month_that_is_none_is_refused_before_any_call(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(wrong, {})
    assert refused.value.code == 2


def test_a_missing_setting_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--month", "2025-01"], {}) == 2
    assert "SUPABASE_URL" in capsys.readouterr().err
