import importlib
import itertools
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from google.api_core import exceptions
from google.cloud import bigquery

from shared.cloud.bigquery import BigQuerySource, _failure
from shared.enrichment.ports import DayShare, NotedRow, SourceRow
from shared.enrichment.routing.record import read_record
from shared.errors import SettingsInvalid, SourceUnavailable, SwitchyardError
from tests.bigquery_support import PROJECT, Emulator, running_emulator
from tests.ports import free_port

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SHARE = DayShare(NOW, 0.2)
IN_A_MONTH = NOW + timedelta(days=30)

_numbers = itertools.count()


@pytest.fixture
def emulator(parts_emulator: Emulator) -> Emulator:
    return parts_emulator


class Place:
    """A new source table and ledger, and the sources that a test opens on them."""

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        number = next(_numbers)
        self.table = f"{PROJECT}.parts.source_{number}"
        self.ledger = f"{PROJECT}.parts.source_ledger_{number}"
        self._emulator = emulator
        self._folder = folder
        self._opened: list[BigQuerySource] = []

    def source(self, **settings: Any) -> BigQuerySource:  # noqa: ANN401 - any keyword of the source
        arguments = {"ledger_table": self.ledger, "api_endpoint": self._emulator.endpoint, **settings}
        source = BigQuerySource(self.table, project=PROJECT, **arguments)
        self._opened.append(source)
        return source

    def put(self, *rows: dict[str, Any]) -> None:
        self._emulator.fill(self.table, rows, self._folder)

    def close(self) -> None:
        for source in self._opened:
            source.close()


@pytest.fixture
def place(emulator: Emulator, tmp_path: Path) -> Iterator[Place]:
    opened = Place(emulator, tmp_path)
    yield opened
    opened.close()


def part(pn: str, score: float = 0.5) -> dict[str, Any]:
    return {"pn": pn, "priority_score": {"score": score}}


def noted(row: SourceRow) -> NotedRow:
    return NotedRow(row.values["pn"], row.content_hash, True, IN_A_MONTH, NOW)


def read(source: BigQuerySource, *, threshold: float = 0, page_size: int = 3) -> list[SourceRow]:
    pages = source.pages(threshold=threshold, page_size=page_size, share=SHARE)
    return list(itertools.chain.from_iterable(pages))


def part_numbers(source: BigQuerySource, *, page_size: int = 3) -> list[str]:
    return [row.values["pn"] for row in read(source, page_size=page_size)]


@pytest.mark.parametrize("first_window", [1, 2, 5, 20])
def test_a_source_larger_than_a_window_is_read_whole_and_in_order(place: Place, first_window: int) -> None:
    rows = [part(f"P{number:02}", score=(number % 4) / 4) for number in range(40)]
    place.put(*rows)
    expected = sorted(rows, key=lambda row: (-row["priority_score"]["score"], row["pn"]))
    assert part_numbers(place.source(first_window=first_window)) == [row["pn"] for row in expected]


def test_equal_rows_are_offered_as_one_across_windows(place: Place) -> None:
    place.put(part("FIRST", 0.9), *[part("SAME")] * 9, part("Z"))
    assert part_numbers(place.source(first_window=1)) == ["FIRST", "SAME", "Z"]


def test_rows_finished_while_the_source_is_read_do_not_shift_the_rest(place: Place) -> None:
    place.put(*(part(f"P{number}") for number in range(8)))
    source = place.source(first_window=2)
    seen: list[str] = []
    for page in source.pages(threshold=0, page_size=2, share=SHARE):
        seen += [row.values["pn"] for row in page]
        source.remember([noted(row) for row in page])
    assert seen == [f"P{number}" for number in range(8)]
    assert read(source) == []


def test_a_run_that_ends_within_the_first_window_asks_one_query(place: Place, emulator: Emulator) -> None:
    place.put(*(part(f"P{number:03}") for number in range(300)))
    source = place.source()
    source.remember([NotedRow("other", "other", True, IN_A_MONTH, NOW)])

    def queries() -> int:
        with emulator.client() as client:
            return sum(
                place.table in getattr(job, "query", "") for job in client.list_jobs(max_results=10_000)
            )

    before = queries()
    assert len(list(source.pages(threshold=0, page_size=100, share=SHARE))) == 3
    assert queries() == before + 1


def test_a_nan_score_counts_as_zero_and_leaves_no_nan_in_the_row(place: Place, emulator: Emulator) -> None:
    place.put(part("ONE", 1.0))
    emulator.rows(
        f"INSERT INTO `{place.table}` (pn, priority_score) VALUES ('NAN', STRUCT(CAST('NaN' AS FLOAT64)))"
    )
    source = place.source()
    assert [row.values["priority_score"] for row in read(source)] == [{"score": 1.0}, {"score": None}]
    assert [row.values["pn"] for row in read(source, threshold=0.1)] == ["ONE"]


@pytest.mark.parametrize(("text", "value"), [('{"a": 1}', {"a": 1}), ("not json", "not json"), (None, None)])
def test_specs_kept_as_text_are_read_as_the_json_they_hold(
    place: Place, emulator: Emulator, text: str | None, value: object
) -> None:
    columns = "pn STRING, manufacturer STRING, category STRING, description STRING, specs STRING"
    arrays = "docs ARRAY<STRING>, images ARRAY<STRING>, priority_score STRUCT<score FLOAT64>"
    with emulator.client() as client:
        client.create_dataset("parts", exists_ok=True)
    emulator.rows(f"CREATE TABLE `{place.table}` ({columns}, {arrays})")
    specs = "NULL" if text is None else f"'{text}'"
    emulator.rows(f"INSERT INTO `{place.table}` (pn, specs) VALUES ('A', {specs})")
    assert [read_record(row.values).source["specs"] for row in read(place.source())] == [value]


def test_the_ledger_is_created_by_the_first_row_to_remember(place: Place, emulator: Emulator) -> None:
    place.put(part("A"))
    source = place.source()
    [row] = read(source)
    with emulator.client() as client:
        with pytest.raises(exceptions.NotFound):
            client.get_table(place.ledger)
        source.remember([noted(row)])
        assert client.get_table(place.ledger).num_rows == 1
    assert read(source) == []
    place.source().remember([noted(row)])
    assert read(place.source()) == []


def test_many_finished_rows_are_remembered_in_bounded_batches(
    place: Place, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.import_module("shared.cloud.bigquery"), "LEDGER_BATCH", 4)
    place.put(part("A"))
    place.source().remember(
        [NotedRow(f"r{number}", f"hash {number}", True, IN_A_MONTH, NOW) for number in range(10)]
    )
    assert emulator.rows(f"SELECT COUNT(DISTINCT content_hash) AS n FROM `{place.ledger}`") == [{"n": 10}]


def test_without_a_ledger_no_row_is_skipped(place: Place) -> None:
    place.put(part("A"))
    source = place.source(ledger_table=None)
    source.remember([noted(read(source)[0])])
    assert part_numbers(source) == ["A"]


@pytest.mark.parametrize("ledger", [True, False])
def test_a_missing_source_table_is_named(place: Place, *, ledger: bool) -> None:
    source = place.source() if ledger else place.source(ledger_table=None)
    with pytest.raises(SettingsInvalid, match=f"no table {place.table}"):
        read(source)


def test_a_ledger_in_a_missing_dataset_is_named(place: Place) -> None:
    source = place.source(ledger_table=f"{PROJECT}.nowhere.ledger")
    with pytest.raises(SettingsInvalid, match=rf"no table {PROJECT}\.nowhere\.ledger"):
        source.remember([NotedRow("r", "hash", True, IN_A_MONTH, NOW)])


def test_a_table_without_the_expected_columns_is_named(place: Place, emulator: Emulator) -> None:
    with emulator.client() as client:
        client.create_dataset("parts", exists_ok=True)
        client.create_table(bigquery.Table(place.table, schema=[bigquery.SchemaField("pn", "STRING")]))
    with pytest.raises(SettingsInvalid, match=f"cannot use {place.table} as it is"):
        read(place.source())


@pytest.mark.parametrize(
    "name",
    ["a.b.c` WHERE 1=1; --", "a.b", "a.b.c.d", "a.b.", "", "a.b.c\n", "a.b-c.d", "`a.b.c`", "ä.b.c"],
)  # fmt: skip
def test_a_name_that_could_leave_its_quotes_never_enters_the_query(name: str) -> None:
    with pytest.raises(SettingsInvalid, match="source table"):
        BigQuerySource(name, project=PROJECT)
    with pytest.raises(SettingsInvalid, match="ledger table"):
        BigQuerySource("a.b.c", project=PROJECT, ledger_table=name)


def test_an_unreachable_source_is_unavailable_within_its_timeout() -> None:
    source = BigQuerySource(
        "a.b.c",
        project="a",
        ledger_table="a.b.d",
        api_endpoint=f"http://127.0.0.1:{free_port()}",
        timeout=0.2,
    )
    with pytest.raises(SourceUnavailable, match=r"request for a\.b\.c failed"):
        read(source)
    with pytest.raises(SourceUnavailable, match=r"request for a\.b\.d failed"):
        source.remember([NotedRow("r", "hash", True, IN_A_MONTH, NOW)])
    source.close()


def test_a_source_that_stops_while_it_is_read_is_unavailable(tmp_path: Path) -> None:
    with running_emulator(tmp_path / "data") as mortal:
        place = Place(mortal, tmp_path)
        place.put(*(part(f"P{number}") for number in range(9)))
        source = place.source(timeout=5)
        source.remember([NotedRow("r", "hash", True, IN_A_MONTH, NOW)])
        pages = source.pages(threshold=0, page_size=3, share=SHARE)
        assert len(next(pages)) == 3
        mortal.process.kill()
        mortal.process.wait(60)
        with pytest.raises(SourceUnavailable, match=f"request for {place.table} failed"):
            next(pages)
        with pytest.raises(SourceUnavailable, match=f"request for {place.ledger} failed"):
            source.remember([NotedRow("r", "hash", True, IN_A_MONTH, NOW)])
        place.close()


def test_a_closed_source_opens_again_when_it_is_read(place: Place) -> None:
    place.put(part("A"))
    source = place.source()
    source.close()
    assert part_numbers(source) == ["A"]
    source.close()
    assert part_numbers(source) == ["A"]


def test_the_client_is_imported_by_the_first_call_and_not_before() -> None:
    look = (
        "import sys; from shared.cloud.bigquery import BigQuerySource; BigQuerySource('a.b.c', project='a');"
        "sys.exit(bool({'google.cloud.bigquery', 'requests'} & {*sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-c", look], check=False, timeout=60).returncode == 0


DENIED = [{"reason": "accessDenied"}]
api: Any = exceptions  # neither library has types
auth: Any = importlib.import_module("google.auth.exceptions")


@pytest.mark.parametrize(
    ("problem", "error", "text"),
    [
        (api.NotFound("gone"), SettingsInvalid, "has no table a.b.c, or not its dataset: gone"),
        (api.BadRequest("Unrecognized name"), SettingsInvalid, "as it is: Unrecognized name"),
        (api.Forbidden("no", errors=DENIED), SettingsInvalid, "no right to use a.b.c in BigQuery: no"),
        (api.Forbidden("quota", errors=[{"reason": "quotaExceeded"}]), SourceUnavailable, "quota"),
        (api.ServiceUnavailable("down"), SourceUnavailable, "down"),
        (api.RetryError("60 s", cause=api.BadGateway("x")), SourceUnavailable, "60 s"),
        (requests.ConnectionError("refused"), SourceUnavailable, "refused"),
        (auth.TransportError("no route"), SourceUnavailable, "no route"),
        (
            auth.DefaultCredentialsError("none found"),
            SettingsInvalid,
            "no credentials for BigQuery: none found",
        ),
        (TimeoutError(), SourceUnavailable, "the BigQuery request for a.b.c failed: TimeoutError"),
        (api.InternalServerError("x" * 5000), SourceUnavailable, "x" * 300),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_every_failure_becomes_one_of_ours(
    problem: Exception, error: type[SwitchyardError], text: str
) -> None:
    failure = _failure("a.b.c", problem)
    assert type(failure) is error
    assert failure.detail.endswith(text)


def candidates_of(place: Place, emulator: Emulator) -> list[SourceRow]:
    """The rows offered from the table that infra/bigquery/candidates.sql makes, on tables of other names."""
    candidates = f"{place.table}_candidates"
    script = (Path(__file__).parents[2] / "infra" / "bigquery" / "candidates.sql").read_text(encoding="utf-8")
    for name, table in (("candidates", candidates), ("intake", place.table), ("ledger", place.ledger)):
        script = script.replace(f"`parts.{name}`", f"`{table}`")
    emulator.rows(script)
    chosen = BigQuerySource(
        candidates, project=PROJECT, ledger_table=place.ledger, api_endpoint=emulator.endpoint
    )
    share = DayShare(datetime.now(UTC), 0.2)
    offered = [row for page in chosen.pages(threshold=0, page_size=9, share=share) for row in page]
    chosen.close()
    return offered


def test_the_candidates_of_the_day_are_the_rows_whose_turn_it_is_best_first(
    place: Place, emulator: Emulator
) -> None:
    place.put(part("DONE", 0.9), part("LOW", 0.1), part("HIGH", 0.8), part("DUE", 0.7))
    source, later = place.source(), datetime.now(UTC) + timedelta(days=9)
    rows = {row.values["pn"]: row for row in read(source)}
    past = datetime.now(UTC) - timedelta(days=9)
    source.remember(
        [
            NotedRow("DONE", rows["DONE"].content_hash, True, later, past),
            NotedRow("DUE", rows["DUE"].content_hash, True, past, past),
        ]
    )
    offered = candidates_of(place, emulator)
    assert [(row.values["pn"], row.again) for row in offered] == [
        ("HIGH", False),
        ("LOW", False),
        ("DUE", True),
    ]
    assert offered[0].content_hash == rows["HIGH"].content_hash


def test_a_content_that_came_back_is_a_candidate(place: Place, emulator: Emulator) -> None:
    first, second = part("P") | {"description": "A"}, part("P") | {"description": "B"}
    past, later = datetime.now(UTC) - timedelta(days=9), datetime.now(UTC) + timedelta(days=9)
    source = place.source()
    for number, row in enumerate((first, second)):
        place.put(row)
        (offered,) = read(source)
        source.remember([NotedRow("P", offered.content_hash, True, later, past + timedelta(hours=number))])
    place.put(first)
    assert [row.returned for row in candidates_of(place, emulator)] == [True]


def test_a_candidate_beside_a_row_whose_turn_is_later_has_not_come_back(
    place: Place, emulator: Emulator
) -> None:
    place.put(part("P") | {"description": "A"}, part("P") | {"description": "B"})
    past, later = datetime.now(UTC) - timedelta(days=9), datetime.now(UTC) + timedelta(days=9)
    source = place.source()
    due, settled = (row.content_hash for row in read(source))
    source.remember([NotedRow("P", due, True, past, past)])
    source.remember([NotedRow("P", settled, True, later, past + timedelta(hours=1))])
    assert [(row.content_hash, row.returned) for row in candidates_of(place, emulator)] == [(due, False)]
