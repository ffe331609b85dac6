from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.enrichment.routing.features import (
    WEIGHTS,
    History,
    completeness,
    exact,
    features_of,
    is_filled,
    reliability_of,
)
from shared.enrichment.routing.record import PartRecord, read_record
from shared.enrichment.routing.route import Route

FILLED: dict[str, Any] = {
    "pn": "LM317T",
    "manufacturer": "Texas Instruments",
    "specs": {"package": "TO-220"},
    "category": "Regulator",
    "description": "adjustable",
    "docs": ["https://a/b.pdf"],
    "images": ["https://a/b.png"],
}


def record(score: float, *fields: str) -> PartRecord:
    read = read_record({"priority_score": {"score": score}} | {field: FILLED[field] for field in fields})
    assert isinstance(read, PartRecord)
    return read


@pytest.mark.parametrize(
    ("fields", "hundredths"),
    [
        ((), 0),
        (("pn",), 30),
        (("pn", "manufacturer"), 50),  # 30 + 20
        (("pn", "specs"), 45),  # 30 + 15
        (("pn", "category"), 40),  # 30 + 10
        (("pn", "description"), 40),  # 30 + 10
        (("pn", "docs"), 40),  # 30 + 10
        (("pn", "images"), 35),  # 30 + 5
        (("pn", "category", "description"), 50),  # 30 + 10 + 10
        (("pn", "manufacturer", "category", "description", "docs"), 80),  # as floats 0.7999999999999999
        (("pn", "manufacturer", "specs", "category", "images"), 80),  # 30 + 20 + 15 + 10 + 5
        (("pn", "manufacturer", "specs", "category"), 75),  # 30 + 20 + 15 + 10
        (tuple(FILLED), 100),
    ],
)
def test_completeness_is_the_sum_of_the_filled_fields(fields: tuple[str, ...], hundredths: int) -> None:
    assert completeness({field: FILLED[field] for field in fields}) == hundredths


def test_the_weights_make_one_hundred() -> None:
    assert sum(WEIGHTS.values()) == 100


@pytest.mark.parametrize("value", ["a", " 0 ", ["x"], [None], {"a": None}, 1, -2, 0.5])
def test_a_field_with_something_in_it_counts(value: object) -> None:
    assert is_filled(value)


@pytest.mark.parametrize("value", [None, "", " \t\n\u00a0", [], {}, 0, 0.0, True, False])
def test_an_empty_field_does_not_count(value: object) -> None:
    assert not is_filled(value)


@pytest.mark.parametrize("specs", ["{}", "null", "", "0", {}, None])
def test_specs_that_say_nothing_do_not_count_even_as_text(specs: object) -> None:
    read = read_record({"pn": "LM317T", "specs": specs})
    assert completeness(read.source) == 30


@pytest.mark.parametrize(
    ("history", "reliability"),
    [
        (History(), "1/2"),  # unknown
        (History(known=True), "3/5"),  # known, without history
        (History(known=True, attempts=1, successes=0), "1/3"),  # (0 + 1) / (1 + 2)
        (History(known=True, attempts=1, successes=1), "2/3"),  # (1 + 1) / (1 + 2)
        (History(known=True, attempts=8, successes=3), "2/5"),  # (3 + 1) / (8 + 2)
        (History(known=True, attempts=98, successes=98), "99/100"),  # (98 + 1) / (98 + 2)
        (History(known=False, attempts=1, successes=1), "2/3"),  # history speaks, known or not
    ],
)
def test_reliability_is_smoothed_success(history: History, reliability: str) -> None:
    assert features_of(record(0.5, "pn"), history).reliability == Fraction(reliability)


@pytest.mark.parametrize(
    ("score", "history", "fields", "combined"),
    [
        (0.0, History(), ("pn",), "0.21"),  # .5 * 0 + .3 * .5 + .2 * .3
        (1.0, History(known=True, attempts=98, successes=98), tuple(FILLED), "0.997"),  # .5 + .297 + .2
        (0.56, History(True, 8, 8), ("pn", "manufacturer", "specs", "category"), "0.7"),  # .28 + .27 + .15
        (0.1, History(True, 1, 0), ("pn",), "0.21"),  # .05 + .1 + .06
    ],
)
def test_combined_is_exact(score: float, history: History, fields: tuple[str, ...], combined: str) -> None:
    assert features_of(record(score, *fields), history).combined == Fraction(combined)


def test_features_are_shown_as_json_numbers() -> None:
    features = features_of(record(0.1, "pn"), History(True, 1, 0, 2), Route.MANUAL)
    assert features.shown == {
        "priority": 0.1,
        "completeness": 0.3,
        "reliability": 1 / 3,
        "recent_failures": 2,
        "combined": 0.21,
        "forced": "manual",
    }


@pytest.mark.parametrize(
    "history",
    [History(attempts=1, successes=2), History(attempts=-1, successes=-1), History(recent_failures=-1)],
)
def test_figures_that_cannot_be_are_refused(history: History) -> None:
    with pytest.raises(ValueError, match="impossible"):
        features_of(record(0.5, "pn"), history)


@given(st.integers(0, 10**6), st.integers(0, 6))
def test_a_float_is_the_decimal_it_is_written_as(digits: int, places: int) -> None:
    assert exact(float(f"{digits}e-{places}")) == Fraction(digits, 10**places)


@given(st.integers(1, 1000), st.data())
def test_one_more_success_raises_reliability_and_one_more_failure_lowers_it(
    attempts: int, data: st.DataObject
) -> None:
    successes = data.draw(st.integers(0, attempts))
    now = reliability_of(True, attempts, successes)
    assert (
        reliability_of(True, attempts + 1, successes + 1)
        > now
        > reliability_of(True, attempts + 1, successes)
    )
    assert 0 < now < 1
