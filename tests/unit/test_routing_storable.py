import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.enrichment.routing.storable import DEPTH_LIMIT, FIELD_LIMIT, Json, storable
from shared.storable import storable_text


def cleaned(value: object) -> tuple[Json, list[str]]:
    problems: list[str] = []
    return storable("specs", value, problems), problems


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -(2**63),
        2**63 - 1,
        1.5,
        "",
        "Ω 🔌 <b>'; drop table parts; --</b>",
        [],
        {},
        {"package": "SOT-23", "pins": [1, 2, None], "nested": {"a": [{}]}},
        "x" * FIELD_LIMIT,
    ],
)
def test_what_json_and_postgres_can_hold_stays_as_it_is(value: object) -> None:
    assert cleaned(value) == (value, [])


@pytest.mark.parametrize(
    ("value", "kept", "note"),
    [
        ("a\x00b", "ab", "specs: NUL characters were removed"),
        ("a\ud800b", "a\ufffdb", "specs: halves of surrogate pairs were replaced"),
        ({"a\x00": ["\x00"]}, {"a": [""]}, "specs: NUL characters were removed"),
        (float("nan"), None, "specs: a number that is not finite was dropped"),
        ([1, float("-inf")], [1, None], "specs: a number that is not finite was dropped"),
        (Decimal("sNaN"), None, "specs: a number that is not finite was dropped"),
        (Decimal("1e999999"), None, "specs: a number that is not finite was dropped"),
        (2**63, None, "specs: a whole number beyond 64 bits was dropped"),
        ([10**5000], [None], "specs: a whole number beyond 64 bits was dropped"),
        ({1: "one", "two": 2}, {"two": 2}, "specs: a key that is no text was dropped"),
        ([b"bytes"], [None], "specs: a value of type bytes has no place in JSON and was dropped"),
        ({"a": {1, 2}}, {"a": None}, "specs: a value of type set has no place in JSON and was dropped"),
    ],
)
def test_what_they_cannot_hold_is_changed_and_noted(value: object, kept: Json, note: str) -> None:
    assert cleaned(value) == (kept, [note])


def test_decimals_and_tuples_become_what_json_knows() -> None:
    assert cleaned((Decimal("0.8"), "a")) == ([0.8, "a"], [])


def test_a_text_is_cut_at_the_limit() -> None:
    assert cleaned("x" * 2_000_000) == ("x" * FIELD_LIMIT, [f"specs: cut after {FIELD_LIMIT} characters"])


@pytest.mark.parametrize(
    "value",
    [
        ["x" * 1000] * 1000,
        {str(number): "x" * 1000 for number in range(1000)},
        [[]] * 1_000_000,
        {"k" * 1_000_000: 1, "b": 2},
    ],
)
def test_a_field_is_cut_as_a_whole(value: object) -> None:
    kept, problems = cleaned(value)
    assert len(json.dumps(kept)) <= 2 * FIELD_LIMIT
    assert kept
    assert problems == [f"specs: cut after {FIELD_LIMIT} characters"]


@pytest.mark.parametrize("opening", ["list", "map"])
def test_nesting_is_bounded(opening: str) -> None:
    deep: object = "bottom"
    for _ in range(DEPTH_LIMIT + 1):
        deep = [deep] if opening == "list" else {"a": deep}
    kept, problems = cleaned(deep)
    assert problems == [f"specs: what is nested deeper than {DEPTH_LIMIT} levels was dropped"]
    assert "bottom" not in json.dumps(kept)


def test_a_value_that_contains_itself_ends() -> None:
    loop: list[object] = []
    loop.append(loop)
    assert cleaned(loop)[1] == [f"specs: what is nested deeper than {DEPTH_LIMIT} levels was dropped"]


def test_one_kind_of_change_is_noted_once() -> None:
    assert len(cleaned(["\x00", "\x00", float("nan"), float("nan")])[1]) == 2


@given(st.text(st.characters(), max_size=50))
def test_a_stored_text_is_valid_utf8_without_nul(text: str) -> None:
    stored = storable_text(text[:20])
    assert len(stored.encode()) <= 80
    assert "\x00" not in stored
