"""BigQuery's adapter and the in-memory source keep the same promises."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.cloud.bigquery import BigQuerySource
from shared.enrichment.ports import FinishedRow, RecordSource, SourceRow
from tests.bigquery_support import PROJECT, Emulator
from tests.memory.record_source import InMemoryRecordSource

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MONTH_AGO = NOW - timedelta(days=30)

Rows = Sequence[dict[str, Any]]


class Shelf:
    """A source whose rows a test can replace."""

    def __init__(self, source: RecordSource, put: Callable[[Rows], None]) -> None:
        self.source = source
        self.put = put

    def read(
        self, threshold: float = 0, page_size: int = 100, finished_after: datetime = MONTH_AGO
    ) -> list[SourceRow]:
        pages = self.source.pages(threshold=threshold, page_size=page_size, finished_after=finished_after)
        return list(itertools.chain.from_iterable(pages))

    def part_numbers(self, threshold: float = 0, finished_after: datetime = MONTH_AGO) -> list[Any]:
        return [row.values["pn"] for row in self.read(threshold, finished_after=finished_after)]

    def finish(self, *part_numbers: str, at: datetime = NOW) -> None:
        chosen = [row for row in self.read() if row.values["pn"] in part_numbers]
        self.source.remember([FinishedRow(row.content_hash, at) for row in chosen])


@pytest.fixture
def emulator(parts_emulator: Emulator) -> Emulator:
    return parts_emulator


_tables = itertools.count()


@pytest.fixture(params=["bigquery", "memory"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shelf]:
    if request.param == "memory":
        memory = InMemoryRecordSource()

        def replace(rows: Rows) -> None:
            memory.rows[:] = rows

        yield Shelf(memory, replace)
        return
    emulator: Emulator = request.getfixturevalue("emulator")
    number = next(_tables)
    table, ledger = f"{PROJECT}.parts.intake_{number}", f"{PROJECT}.parts.ledger_{number}"
    source = BigQuerySource(table, project=PROJECT, ledger_table=ledger, api_endpoint=emulator.endpoint)
    yield Shelf(source, lambda rows: emulator.fill(table, rows, tmp_path))
    source.close()


def part(pn: str | None, score: float | None = 0.5, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - any column
    return {"pn": pn, "priority_score": {"score": score}, **fields}


def test_the_highest_score_comes_first_and_equal_scores_by_part_number(shelf: Shelf) -> None:
    shelf.put(
        [part("B", 0.7), part("Ä", 0.7), part("C", 0.9), part("A", 0.7), part("D", 0.1), part("a", 0.7)]
    )
    assert shelf.part_numbers() == ["C", "A", "B", "a", "Ä", "D"]


def test_a_score_equal_to_the_threshold_is_offered_and_one_below_is_not(shelf: Shelf) -> None:
    shelf.put([part("AT", 0.5), part("BELOW", 0.4999999999), part("ABOVE", 0.5000000001)])
    assert shelf.part_numbers(threshold=0.5) == ["ABOVE", "AT"]


def test_a_missing_score_counts_as_zero(shelf: Shelf) -> None:
    shelf.put([part("NONE", None), {"pn": "NO STRUCT"}, part("LOW", 0.01)])
    assert shelf.part_numbers(threshold=0) == ["LOW", "NO STRUCT", "NONE"]
    assert shelf.part_numbers(threshold=0.001) == ["LOW"]


def test_a_row_arrives_with_all_its_fields(shelf: Shelf) -> None:
    row = part(
        "LM317", 0.25, manufacturer="TI", category="Regulator", description="1.5 A, 'adjustable' <b>😀</b>",
        specs={"package": "TO-220", "pins": [1, 2, 3]}, docs=["https://example.com/a.pdf"], images=["x", "y"],
    )  # fmt: skip
    shelf.put([row])
    assert [dict(read.values) for read in shelf.read()] == [row]


def test_a_row_with_only_a_part_number_has_empty_fields(shelf: Shelf) -> None:
    shelf.put([{"pn": "BARE"}])
    values = shelf.read()[0].values
    assert (values["pn"], values["manufacturer"], values["specs"]) == ("BARE", None, None)
    assert (values["docs"], values["images"]) == ([], [])


def test_a_row_without_a_part_number_is_offered(shelf: Shelf) -> None:
    shelf.put([part(None, description="who am I"), part("A")])
    assert shelf.part_numbers() == [None, "A"]


def test_pages_hold_at_most_the_page_size_and_skip_no_row(shelf: Shelf) -> None:
    shelf.put([part(f"P{number:02}") for number in range(25)])
    pages = list(shelf.source.pages(threshold=0, page_size=10, finished_after=MONTH_AGO))
    assert [len(page) for page in pages] == [10, 10, 5]
    assert [row.values["pn"] for page in pages for row in page] == [f"P{number:02}" for number in range(25)]


def test_a_source_without_matching_rows_has_no_pages(shelf: Shelf) -> None:
    shelf.put([part("LOW", 0.1)])
    assert list(shelf.source.pages(threshold=0.9, page_size=10, finished_after=MONTH_AGO)) == []


def test_a_repeated_row_is_offered_each_time(shelf: Shelf) -> None:
    shelf.put([part("A"), part("A"), part("B")])
    assert shelf.part_numbers() == ["A", "A", "B"]


def test_a_finished_row_is_skipped_until_it_is_old(shelf: Shelf) -> None:
    shelf.put([part("A"), part("B")])
    shelf.finish("A", at=NOW)
    assert shelf.part_numbers(finished_after=NOW - timedelta(seconds=1)) == ["B"]
    assert shelf.part_numbers(finished_after=NOW) == ["A", "B"]


def test_remembering_a_row_twice_does_no_harm(shelf: Shelf) -> None:
    shelf.put([part("A"), part("B"), part("C")])
    shelf.finish("A")
    [b] = [row for row in shelf.read() if row.values["pn"] == "B"]
    shelf.source.remember([FinishedRow(b.content_hash, NOW), FinishedRow(b.content_hash, NOW)])
    shelf.source.remember([FinishedRow(b.content_hash, MONTH_AGO - timedelta(days=1))])
    assert shelf.part_numbers() == ["C"]


def test_remembering_nothing_changes_nothing(shelf: Shelf) -> None:
    shelf.put([part("A")])
    shelf.source.remember([])
    assert shelf.part_numbers() == ["A"]


@pytest.mark.parametrize(
    "changed",
    [
        {"pn": "A2"},
        {"manufacturer": "TI"},
        {"category": "IC"},
        {"description": "new"},
        {"specs": {"v": 2}},
        {"specs": None},
        {"docs": ["d", "e"]},
        {"docs": []},
        {"images": ["i"]},
    ],
    ids=str,
)
def test_a_changed_field_gives_another_hash_so_the_row_is_offered_again(
    shelf: Shelf, changed: dict[str, Any]
) -> None:
    row = part("A", manufacturer=None, specs={"v": 1}, docs=["d"])
    shelf.put([row])
    shelf.finish("A")
    assert shelf.part_numbers() == []
    shelf.put([{**row, **changed}])
    assert len(shelf.read()) == 1


def test_a_row_with_only_a_new_rank_stays_finished(shelf: Shelf) -> None:
    shelf.put([part("A", 0.5, specs={"a": 1, "b": 2})])
    shelf.finish("A")
    shelf.put([part("A", 0.9, specs={"b": 2, "a": 1}), part("B", 0.9)])
    assert shelf.part_numbers() == ["B"]


def test_equal_rows_have_the_same_hash(shelf: Shelf) -> None:
    row = part("A", description="x", specs={"v": 1.5}, docs=["d"])
    shelf.put([row, part("B")])
    first = {read.values["pn"]: read.content_hash for read in shelf.read()}
    shelf.put([part("C"), row])
    second = {read.values["pn"]: read.content_hash for read in shelf.read()}
    assert first["A"] == second["A"]
    assert len({*first.values(), *second.values()}) == 3
