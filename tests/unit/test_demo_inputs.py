import json
from pathlib import Path
from typing import Any

import pytest

from infra.local.demo.inputs import CATALOGUE, INTAKE, check_inputs
from infra.local.errors import InputUnreadable

RECORD = {"pn": "X1", "priority_score": {"score": 0.9}}
PART = {"pn": "X1", "manufacturer": "Acme"}


def lines(file: Path, *rows: Any) -> Path:  # noqa: ANN401 - JSON
    file.write_text("".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows))
    return file


@pytest.fixture
def intake(tmp_path: Path) -> Path:
    return lines(tmp_path / "intake.jsonl", RECORD)


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    return lines(tmp_path / "catalogue.jsonl", PART)


def test_the_real_parts_are_sound() -> None:
    inputs = check_inputs(INTAKE, CATALOGUE, 0.5)

    assert (inputs.records, inputs.parts, inputs.warnings) == (5000, 4711, ())
    assert 0 < inputs.eligible < inputs.records


def test_a_byte_order_mark_and_blank_lines_do_no_harm(intake: Path, catalogue: Path) -> None:
    intake.write_bytes(b"\xef\xbb\xbf" + intake.read_bytes() + b"\n\n")

    assert check_inputs(intake, catalogue, 0.5).warnings == ()


def test_bad_lines_are_counted_and_the_first_is_named(intake: Path, catalogue: Path) -> None:
    lines(intake, RECORD, "[]\n", "{\n")
    lines(catalogue, "7\n", PART)

    inputs = check_inputs(intake, catalogue, 0.5)

    assert inputs.records == 1
    first, second = inputs.warnings
    assert first == f"{intake} line 2: [] is not an object: rejected, and 1 more"
    assert second.startswith(f"{catalogue} line 1 was left out: ")


def test_a_catalogue_that_has_none_of_the_parts_causes_a_warning(intake: Path, catalogue: Path) -> None:
    lines(catalogue, PART | {"pn": "Y9"})

    [warning] = check_inputs(intake, catalogue, 0.5).warnings
    assert warning == f"{catalogue} has none of these parts: all automation tasks will end with people"


@pytest.mark.parametrize("which", ["intake", "catalogue"])
def test_a_file_that_is_not_there_is_named(intake: Path, catalogue: Path, which: str) -> None:
    files = {"intake": intake, "catalogue": catalogue} | {which: intake.parent / "nowhere"}

    with pytest.raises(InputUnreadable, match=rf"The {which} file .*nowhere cannot be read: No such file"):
        check_inputs(files["intake"], files["catalogue"], 0.5)


def test_an_empty_catalogue_is_refused(intake: Path, catalogue: Path) -> None:
    lines(catalogue)

    with pytest.raises(InputUnreadable, match=r"The catalogue file cannot be used\. .*no usable part"):
        check_inputs(intake, catalogue, 0.5)


@pytest.mark.parametrize(
    ("content", "why"),
    [("", "holds no record."), ("nonsense\n", "holds no record. Line 1: unreadable JSON")],
)
def test_an_intake_without_records_is_refused(intake: Path, catalogue: Path, content: str, why: str) -> None:
    intake.write_text(content)

    with pytest.raises(InputUnreadable) as refusal:
        check_inputs(intake, catalogue, 0.5)

    assert why in str(refusal.value)


def test_an_intake_without_eligible_records_is_refused(catalogue: Path) -> None:
    with pytest.raises(
        InputUnreadable, match=r"None of the 1 records in .* is below 0\.5 .*Is it an intake file"
    ):
        check_inputs(catalogue, catalogue, 0.5)


def test_a_line_that_is_no_json_is_named_beside_the_score_of_the_others(
    intake: Path, catalogue: Path
) -> None:
    lines(intake, RECORD | {"priority_score": {"score": 0.1}}, '{"pn": "X2", }\n', "nonsense\n")

    with pytest.raises(InputUnreadable) as refusal:
        check_inputs(intake, catalogue, 0.5)

    assert "None of the 1 records" in str(refusal.value)
    assert "Line 2: unreadable JSON" in str(refusal.value)
    assert "1 more lines have problems." in str(refusal.value)


def test_a_line_longer_than_any_record_is_left_out(intake: Path, catalogue: Path) -> None:
    lines(intake, '{"pn": "' + "x" * 11_000_000 + '"}\n', RECORD)

    inputs = check_inputs(intake, catalogue, 0.5)

    assert inputs.records == 1
    assert "line 1: longer than" in inputs.warnings[0]
