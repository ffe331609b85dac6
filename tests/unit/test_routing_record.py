import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.enrichment.routing.features import completeness
from shared.enrichment.routing.record import COLUMNS, NAME_LIMIT, PartRecord, Rejected, read_record

WHOLE: dict[str, Any] = {
    "pn": " LM317T ",
    "manufacturer": "Texas Instruments",
    "category": "Regulator / Linear",
    "description": "adjustable regulator",
    "specs": {"package": "TO-220"},
    "docs": ["https://www.ti.com/lit/ds/symlink/lm317.pdf"],
    "images": [],
    "priority_score": {"score": 0.75},
}


def read(**fields: object) -> PartRecord:
    record = read_record(WHOLE | fields)
    assert isinstance(record, PartRecord)
    return record


def test_a_whole_row_is_read_without_a_word() -> None:
    record = read()
    assert (record.pn, record.manufacturer, record.score) == ("LM317T", "Texas Instruments", 0.75)
    assert (record.category, record.description) == ("Regulator / Linear", "adjustable regulator")
    assert (record.specs, record.docs, record.images) == ({"package": "TO-220"}, tuple(WHOLE["docs"]), ())
    assert record.problems == ()
    assert (record.key, record.manufacturer_key) == ("LM317T|texas instruments", "texas instruments")
    assert record.to_json() == WHOLE | {"pn": "LM317T"}


def test_a_row_of_a_part_number_alone_is_a_record() -> None:
    record = read_record({"pn": "LM317T"})
    assert isinstance(record, PartRecord)
    assert record.problems == ()
    assert record.key == "LM317T|"
    assert record.to_json() == dict.fromkeys(COLUMNS) | {"pn": "LM317T"}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({}, "no part number: it is missing"),
        ({"pn": None}, "no part number: it is missing"),
        ({"pn": ""}, "no part number: it is blank"),
        ({"pn": " \t\n"}, "no part number: it is blank"),
        ({"pn": "\u200b\x00"}, "no part number: it is blank"),
        ({"pn": True}, "no part number: expected text, got a truth value"),
        ({"pn": 1.5}, "no part number: expected text, got a number"),
        ({"pn": ["LM317T"]}, "no part number: expected text, got a list"),
        ({"pn": {"a": 1}}, "no part number: expected text, got a map"),
        ({"pn": float("nan")}, "no part number: it is missing"),
        ({"pn": "x" * (NAME_LIMIT + 1)}, f"no part number: longer than {NAME_LIMIT} characters"),
        # one character that normalises to 15 letters
        ({"pn": "\ufdfa" * 14}, f"no part number: longer than {NAME_LIMIT} characters"),
        ({"pn": "x" * 2_000_000}, f"no part number: longer than {NAME_LIMIT} characters"),
        (None, "not a record: expected a map, got NoneType"),
        ([1, 2], "not a record: expected a map, got list"),
        ("LM317T", "not a record: expected a map, got str"),
    ],
)
def test_a_row_without_a_part_number_is_rejected_with_the_reason(row: object, reason: str) -> None:
    rejected = read_record(row)
    assert isinstance(rejected, Rejected)
    assert rejected.reason == reason


def test_a_rejected_row_keeps_its_content() -> None:
    rejected = read_record({"pn": "", "description": "a\x00b", "priority_score": {"score": 0.9}})
    assert isinstance(rejected, Rejected)
    assert rejected.to_json()["description"] == "ab"
    assert rejected.to_json()["priority_score"] == {"score": 0.9}
    assert rejected.problems == ("description: NUL characters were removed",)


def test_a_number_as_part_number_is_its_text() -> None:
    record = read(pn=7805)
    assert (record.pn, record.source["pn"]) == ("7805", "7805")
    assert read(pn=0).pn == "0"


@pytest.mark.parametrize(
    ("column", "value", "parsed", "problem"),
    [
        ("manufacturer", "  ", None, None),
        ("manufacturer", 3, None, "manufacturer: expected text, got a number, treated as missing"),
        ("manufacturer", ["TI"], None, "manufacturer: expected text, got a list, treated as missing"),
        ("manufacturer", "x" * 201, None, "manufacturer: longer than 200 characters, treated as missing"),
        ("manufacturer", "x" * 200, "x" * 200, None),
        ("manufacturer", "-", None, None),
        ("manufacturer", "N/A", None, None),
        ("category", {"a": 1}, None, "category: expected text, got a map, treated as missing"),
        ("description", True, None, "description: expected text, got a truth value, treated as missing"),
        ("description", " a\x00🔌 ", "a🔌", "description: NUL characters were removed"),
        ("description", "<script>'; drop table parts", "<script>'; drop table parts", None),
        ("specs", None, {}, None),
        ("specs", "", {}, None),
        ("specs", '{"package": "TO-220"}', {"package": "TO-220"}, None),
        ("specs", "null", {}, None),
        ("specs", "TO-220", {}, "specs: expected a map, got text, treated as empty"),
        ("specs", "[1]", {}, "specs: expected a map, got a list, treated as empty"),
        ("specs", "[" * 60_000, {}, "specs: expected a map, got text, treated as empty"),
        ("specs", '{"a": NaN}', {"a": None}, "specs: a number that is not finite was dropped"),
        ("docs", None, (), None),
        ("docs", "https://a/b.pdf", (), "docs: expected a list, got text, treated as empty"),
        ("docs", ["a", " ", 3], ("a",), "docs: 2 of 3 entries are no text or blank, left out"),
        (
            "docs",
            [
                "javascript:alert(1)",
                " JavaScript:x",
                "java\tscript:x",
                "https://a/b.pdf",
                "https://a/" + "x" * 2048,
            ],
            ("https://a/b.pdf",),
            "docs: 4 of 5 links run a script or are longer than 2048 characters, left out",
        ),
        ("docs", ["https://a/" + "x" * 2038, "b.pdf"], ("https://a/" + "x" * 2038, "b.pdf"), None),
        (
            "images",
            ["data:text/html,<script>", "a"],
            ("a",),
            "images: 1 of 2 links run a script or are longer than 2048 characters, left out",
        ),
        ("images", {"a": "b"}, (), "images: expected a list, got a map, treated as empty"),
    ],
)
def test_a_malformed_field_is_empty_and_noted(
    column: str, value: object, parsed: object, problem: str | None
) -> None:
    record = read(**{column: value})
    assert getattr(record, column) == parsed
    assert [note for note in record.problems if note.startswith(column)] == ([problem] if problem else [])


@pytest.mark.parametrize(
    ("value", "score", "problem"),
    [
        ({"score": 0.9}, 0.9, None),
        ({"score": 0}, 0.0, None),
        ({"score": 1}, 1.0, None),
        (None, None, None),
        ({}, None, None),
        ({"score": None}, None, None),
        ({"score": "0.9"}, None, "priority_score: expected a number, got text, counts as 0"),
        ({"score": True}, None, "priority_score: expected a number, got a truth value, counts as 0"),
        ({"score": 1.01}, None, "priority_score: 1.01 is not between 0 and 1, counts as 0"),
        ({"score": -1}, None, "priority_score: -1 is not between 0 and 1, counts as 0"),
        ({"score": float("nan")}, None, "priority_score: a number that is not finite was dropped"),
        (0.9, None, "priority_score: expected a map with a score, got a number, counts as 0"),
        ("high", None, "priority_score: expected a map with a score, got text, counts as 0"),
    ],
)
def test_a_malformed_score_counts_as_none(value: object, score: float | None, problem: str | None) -> None:
    record = read(priority_score=value)
    assert record.score == score
    assert record.problems == ((problem,) if problem else ())


def test_a_description_of_two_megabytes_is_cut_and_noted() -> None:
    record = read(description="x" * 2_000_000)
    assert record.problems == ("description: cut after 65536 characters",)
    assert len(json.dumps(record.to_json())) < 70_000


def test_other_columns_are_left_out() -> None:
    assert read(secret="s", extra=[1]).to_json().keys() == set(COLUMNS)


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=4)
    ),
    max_leaves=15,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(COLUMNS, JUNK)) | JUNK)
def test_no_row_can_raise_and_every_row_can_be_stored(row: object) -> None:
    record = read_record(row)
    stored = json.dumps(record.to_json(), allow_nan=False, ensure_ascii=False).encode()
    assert b"\\u0000" not in stored
    if isinstance(record, PartRecord):
        assert record.pn
        assert not record.key.startswith("|")
        assert len(record.key.encode()) <= 2500  # Postgres indexes keys up to 2,704 bytes
        again = read_record(record.to_json())
        assert isinstance(again, PartRecord)
        assert (again.key, again.source) == (record.key, record.source)


def test_a_bad_link_and_a_word_for_none_stay_in_the_source_and_count_as_before() -> None:
    record = read(docs=["javascript:alert(1)"], manufacturer="-")
    assert (record.source["docs"], record.source["manufacturer"]) == (["javascript:alert(1)"], "-")
    assert (record.docs, record.key) == ((), "LM317T|")
    assert completeness(record.source) == completeness(WHOLE)
