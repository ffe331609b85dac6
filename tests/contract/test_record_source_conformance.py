"""BigQuery's adapter and the in-memory source keep the same promises."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.cloud.bigquery import BigQuerySource
from shared.enrichment.ports import DayShare, NotedRow, RecordSource, SourceRow
from tests.bigquery_support import PROJECT, Emulator
from tests.memory.record_source import InMemoryRecordSource

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
IN_A_MONTH = NOW + timedelta(days=30)
LATER = NOW + timedelta(days=3650)

Rows = Sequence[dict[str, Any]]


class Shelf:
    """A source whose rows a test can replace."""

    def __init__(self, source: RecordSource, put: Callable[[Rows], None]) -> None:
        self.source = source
        self.put = put

    def read(
        self,
        threshold: float = 0,
        page_size: int = 100,
        now: datetime = NOW,
        share: float = 0,
        taken: tuple[int, int] = (0, 0),
    ) -> list[SourceRow]:
        pages = self.source.pages(
            threshold=threshold, page_size=page_size, share=DayShare(now, share, *taken)
        )
        return list(itertools.chain.from_iterable(pages))

    def part_numbers(self, threshold: float = 0, now: datetime = NOW, **given: Any) -> list[Any]:  # noqa: ANN401 - as read
        return [row.values["pn"] for row in self.read(threshold, now=now, **given)]

    def note(
        self,
        *part_numbers: str,
        until: datetime = IN_A_MONTH,
        at: datetime = NOW,
        again: bool = True,
        record: str = "",
    ) -> None:
        chosen = [row for row in self.read(now=LATER) if row.values["pn"] in part_numbers]
        self.source.remember(
            [NotedRow(record or row.values["pn"], row.content_hash, again, until, at) for row in chosen]
        )


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
    pages = list(shelf.source.pages(threshold=0, page_size=10, share=DayShare(NOW, 0)))
    assert [len(page) for page in pages] == [10, 10, 5]
    assert [row.values["pn"] for page in pages for row in page] == [f"P{number:02}" for number in range(25)]


def test_a_source_without_matching_rows_has_no_pages(shelf: Shelf) -> None:
    shelf.put([part("LOW", 0.1)])
    assert list(shelf.source.pages(threshold=0.9, page_size=10, share=DayShare(NOW, 0))) == []


def test_equal_rows_are_offered_as_one(shelf: Shelf) -> None:
    shelf.put([part("A"), part("A"), part("B")])
    assert shelf.part_numbers() == ["A", "B"]


def test_a_noted_row_is_left_out_until_its_next_turn(shelf: Shelf) -> None:
    shelf.put([part("A"), part("B")])
    shelf.note("A", until=NOW + timedelta(seconds=1))
    assert shelf.part_numbers() == ["B"]
    assert shelf.part_numbers(now=NOW + timedelta(seconds=1)) == ["B", "A"]


def test_the_latest_note_of_a_row_counts_and_repeating_one_does_no_harm(shelf: Shelf) -> None:
    shelf.put([part("A"), part("B")])
    shelf.note("A", "B", until=NOW - timedelta(days=1), at=NOW - timedelta(days=2))
    shelf.note("A")
    shelf.note("A")
    shelf.note("A", until=NOW - timedelta(days=3), at=NOW - timedelta(days=4))
    assert shelf.part_numbers() == ["B"]


def test_what_was_never_taken_comes_before_what_was_done_long_ago(shelf: Shelf) -> None:
    shelf.put([part("DONE", 0.9), part("NEVER", 0.1)])
    shelf.note("DONE", until=NOW - timedelta(days=300))
    assert [(row.values["pn"], row.again) for row in shelf.read()] == [("NEVER", False), ("DONE", True)]


def test_of_what_was_done_the_oldest_turn_comes_first_whatever_the_score(shelf: Shelf) -> None:
    shelf.put([part("HIGH", 0.9), part("LOW", 0.1)])
    shelf.note("HIGH", until=NOW - timedelta(days=1))
    shelf.note("LOW", until=NOW - timedelta(days=2))
    assert shelf.part_numbers() == ["LOW", "HIGH"]


def test_a_share_of_the_day_is_for_what_was_done_before(shelf: Shelf) -> None:
    rows = [part(f"N{number}") for number in range(8)] + [part(f"D{number}") for number in range(8)]
    shelf.put(rows)
    shelf.note(*(f"D{number}" for number in range(8)), until=NOW)
    offered = [row.again for row in shelf.read(share=0.25)]
    assert [sum(offered[:taken]) for taken in (4, 8)] == [1, 2]
    assert len(offered) == 16


def test_the_share_counts_what_the_day_has_taken_already(shelf: Shelf) -> None:
    shelf.put([part("NEVER"), part("DONE")])
    shelf.note("DONE", until=NOW)
    assert shelf.part_numbers(share=0.2, taken=(3, 0)) == ["NEVER", "DONE"]
    assert shelf.part_numbers(share=0.2, taken=(4, 0)) == ["DONE", "NEVER"]
    assert shelf.part_numbers(share=0.2, taken=(4, 1)) == ["NEVER", "DONE"]


def test_what_only_waited_for_another_content_is_fresh_when_its_turn_has_come(shelf: Shelf) -> None:
    shelf.put([part("DONE", 0.9), part("WAITED", 0.1)])
    shelf.note("DONE", until=NOW - timedelta(days=9))
    shelf.note("WAITED", until=NOW, again=False)
    assert [(row.values["pn"], row.again) for row in shelf.read()] == [("WAITED", False), ("DONE", True)]


def test_a_content_that_came_back_is_offered_and_says_so(shelf: Shelf) -> None:
    first, second = part("P", description="A"), part("P", description="B")
    shelf.put([first])
    shelf.note("P", at=NOW - timedelta(days=2))
    shelf.put([second])
    shelf.note("P", at=NOW - timedelta(days=1))
    assert shelf.read() == []
    shelf.put([first])
    assert [(row.values["description"], row.returned, row.again) for row in shelf.read()] == [
        ("A", True, False)
    ]
    shelf.source.remember([NotedRow("P", shelf.read()[0].content_hash, True, IN_A_MONTH, NOW)])
    assert shelf.read() == []


def test_two_rows_of_one_record_are_each_offered_once(shelf: Shelf) -> None:
    shelf.put([part("P", description="A"), part("P", description="B"), part("p")])
    assert len(shelf.read()) == 3
    for number in range(3):
        shelf.source.remember(
            [NotedRow("P", shelf.read()[0].content_hash, True, IN_A_MONTH, NOW + timedelta(seconds=number))]
        )
    assert shelf.read() == []


def test_a_row_beside_one_that_the_threshold_leaves_out_has_not_come_back(shelf: Shelf) -> None:
    shelf.put([part("P", 0.9, description="A"), part("P", 0.2, description="B")])
    for number, row in enumerate(shelf.read(now=LATER)):
        shelf.source.remember(
            [NotedRow("P", row.content_hash, True, IN_A_MONTH, NOW + timedelta(seconds=number))]
        )
    assert shelf.read(threshold=0.5) == []


def test_a_row_whose_record_has_another_key_now_goes_by_its_latest_note_alone(shelf: Shelf) -> None:
    shelf.put([part("P")])
    shelf.note("P", record="P|ti", until=NOW - timedelta(days=1), at=NOW - timedelta(days=40))
    assert len(shelf.read()) == 1
    shelf.note("P", record="P|texas instruments")
    assert shelf.read() == []


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
    shelf.note("A")
    assert shelf.part_numbers() == []
    shelf.put([{**row, **changed}])
    assert len(shelf.read()) == 1


def test_a_row_with_only_a_new_rank_stays_finished(shelf: Shelf) -> None:
    shelf.put([part("A", 0.5, specs={"a": 1, "b": 2})])
    shelf.note("A")
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
