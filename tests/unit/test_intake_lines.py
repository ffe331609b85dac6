import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.intake import LINE_LIMIT, read_line

EMPTY: dict[str, object] = {
    "pn": None, "manufacturer": None, "category": None, "description": None, "specs": None,
    "docs": [], "images": [], "priority_score": {"score": None},
}  # fmt: skip


@pytest.mark.parametrize(
    ("line", "kept", "problem"),
    [
        ('{"pn": 7805}', {"pn": "7805"}, "pn 7805 is a number: loaded as text"),
        ('{"pn": 78.5}', {}, "pn 78.5 is not text: loaded as missing"),
        ('{"pn": true}', {}, "pn True is not text: loaded as missing"),
        ('{"pn": "\\ud800"}', {}, "pn '\\ud800' is not valid Unicode: loaded as missing"),
        ('{"manufacturer": ["TI"]}', {}, "manufacturer ['TI'] is not text: loaded as missing"),
        ('{"category": 3}', {}, "category 3 is not text: loaded as missing"),
        ('{"specs": "text"}', {}, "specs 'text' is not a map: loaded as missing"),
        ('{"specs": {"v": NaN}}', {}, "specs holds what JSON cannot: loaded as missing"),
        ('{"specs": {"v": "\\udc00"}}', {}, "specs holds what JSON cannot: loaded as missing"),
        ('{"docs": {"a": 1}}', {}, "docs {'a': 1} is not a list: loaded as empty"),
        ('{"docs": ["a", 1]}', {"docs": ["a"]}, "docs entry 1 is not text: left out"),
        ('{"images": [null, "b"]}', {"images": ["b"]}, "images entry None is not text: left out"),
        ('{"docs": ["\\ud800"]}', {}, "docs entry '\\ud800' is not text: left out"),
        ('{"priority_score": 0.9}', {}, "priority_score 0.9 is not a map with a score: loaded as missing"),
        (
            '{"priority_score": {"score": "0.9"}}',
            {},
            "priority_score.score '0.9' is not a number: loaded as missing",
        ),
        (
            '{"priority_score": {"score": true}}',
            {},
            "priority_score.score True is not a number: loaded as missing",
        ),
        (
            '{"priority_score": {"score": NaN}}',
            {},
            "priority_score.score nan is not a number: loaded as missing",
        ),
        (
            '{"priority_score": {"score": 1e999}}',
            {},
            "priority_score.score inf is not a number: loaded as missing",
        ),
        (
            '{"priority_score": {"score": 1' + "0" * 400 + "}}",
            {},
            "priority_score.score 1" + "0" * 39 + "... is not a number: loaded as missing",
        ),
        (
            '{"priority_score": {"score": 1, "by": "me"}}',
            {"priority_score": {"score": 1.0}},
            "priority_score.'by' is not a column: left out",
        ),
        ('{"price": 3}', {}, "'price' is not a column: left out"),
        (
            '{"description": [' + ", ".join(["1"] * 50) + "]}",
            {},
            "description [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, ... is not text: loaded as missing",
        ),
    ],
)
def test_a_field_that_its_column_cannot_hold_is_reported_and_the_row_kept(
    line: str, kept: dict[str, object], problem: str
) -> None:
    read = read_line(line.encode())
    assert read.row == {**EMPTY, **kept}
    assert read.problems == (problem,)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"pn":', "unreadable JSON (Expecting value at column 7): rejected"),
        (b'{"pn": "\xff"}', "unreadable JSON (not UTF-8): rejected"),
        (b"[" * 100_000, "unreadable JSON (nested too deeply): rejected"),
        (b'{"pn": ' + b"9" * 5000 + b"}", "unreadable JSON (a number is too long): rejected"),
        (b'["pn"]', "['pn'] is not an object: rejected"),
        (b"null", "None is not an object: rejected"),
        (b" " * (LINE_LIMIT + 1), f"longer than {LINE_LIMIT} bytes: rejected"),
    ],
    ids=["cut off", "latin-1", "deep", "long number", "list", "null", "long"],
)
def test_a_line_that_is_not_a_row_is_rejected_with_the_reason(line: bytes, problem: str) -> None:
    assert (read_line(line).row, read_line(line).problems) == (None, (problem,))


def test_a_sound_row_is_kept_as_it_is() -> None:
    row = {
        "pn": "A", "manufacturer": "TI", "category": "IC", "description": "", "specs": [1], "docs": ["d"],
        "images": ["i"], "priority_score": {"score": 0.5},
    }  # fmt: skip
    read = read_line(json.dumps(row).encode())
    assert (read.row, read.problems) == (row, ())


@pytest.mark.parametrize(
    "line", [b"{}", b'{"priority_score": null, "docs": null}', b'{"priority_score": {}}']
)
def test_missing_fields_are_no_problem(line: bytes) -> None:
    assert (read_line(line).row, read_line(line).problems) == (EMPTY, ())


def test_the_order_of_keys_does_not_show_in_the_encoded_row() -> None:
    assert (
        read_line(b'{"specs": {"b": 1, "a": 2}}').encoded()
        == read_line(b'{"specs": {"a": 2, "b": 1}}').encoded()
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*EMPTY, "other"]), json_values))
def test_any_json_is_encoded_as_one_line_of_strict_json(values: dict[str, object]) -> None:
    read = read_line(json.dumps(values).encode())
    encoded = read.encoded()
    assert encoded.count(b"\n") == 1
    assert json.loads(encoded, parse_constant=pytest.fail) == read.row
    assert read_line(encoded).problems == ()


@given(st.binary(max_size=200))
def test_no_bytes_raise_an_error_and_each_refusal_has_a_reason(line: bytes) -> None:
    read = read_line(line)
    assert read.row is not None or read.problems
