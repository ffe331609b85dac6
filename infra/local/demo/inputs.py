"""Checks the two input files before anything is started."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.local.errors import InputUnreadable
from infra.local.intake import LINE_LIMIT, Row, read_line
from infra.local.settings import ROOT
from laptop.vendors.digikey.catalogue import Catalogue, CatalogueEmpty, load

INTAKE = ROOT / "data" / "parts_intake.jsonl"
CATALOGUE = ROOT / "data" / "parts_catalog.jsonl"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Inputs:
    """`eligible`: the `records` that reach the threshold. `warnings` name what is wrong with single lines."""

    intake: Path
    catalogue: Path
    records: int
    eligible: int
    parts: int
    warnings: tuple[str, ...]


def check_inputs(intake: Path, catalogue: Path, threshold: float) -> Inputs:
    """Raises InputUnreadable for a file that cannot be read, or that holds nothing for a run."""
    try:
        rows, problems = _read_intake(intake)
    except OSError as error:
        raise InputUnreadable(f"The intake file {intake} cannot be read: {error.strerror}.") from error
    try:
        parts, bad_rows = load(catalogue)
    except OSError as error:
        raise InputUnreadable(f"The catalogue file {catalogue} cannot be read: {error.strerror}.") from error
    except CatalogueEmpty as error:
        raise InputUnreadable(f"The catalogue file cannot be used. {error}.") from error
    eligible = sum(_score(row) >= threshold for row in rows)
    if not eligible:
        raise InputUnreadable(_why_nothing(intake, rows, problems, threshold))
    warnings = [
        *_warning(intake, "", problems),
        *_warning(catalogue, " was left out", [(row.line, row.reason) for row in bad_rows]),
    ]
    if not any(_knows(parts, row) for row in rows):
        warnings.append(f"{catalogue} has none of these parts: all automation tasks will end with people")
    return Inputs(intake, catalogue, len(rows), eligible, len(parts.parts), tuple(warnings))


def _read_intake(path: Path) -> tuple[list[Row], list[tuple[int, str]]]:
    rows: list[Row] = []
    problems: list[tuple[int, str]] = []
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        read = read_line(line)
        problems += [(number, problem) for problem in read.problems]
        if read.row is not None:
            rows.append(read.row)
    return rows, problems


def _lines(path: Path) -> Iterator[bytes]:
    """Yields lines; one that is too long comes in pieces, each just long enough to be rejected."""
    with path.open("rb") as file:
        first = file.readline(LINE_LIMIT + 1)
        yield first.removeprefix(_BYTE_ORDER_MARK)
        while line := file.readline(LINE_LIMIT + 1):
            yield line


def _score(row: Row) -> float:
    return row["priority_score"]["score"] or 0


def _knows(catalogue: Catalogue, row: Row) -> bool:
    return bool(row["pn"] and catalogue.exact(row["pn"].strip()))


def _why_nothing(intake: Path, rows: list[Row], problems: list[tuple[int, str]], threshold: float) -> str:
    """Every reason that there is: lines that are no records come before the score of those that are."""
    first = f" Line {problems[0][0]}: {problems[0][1]}." if problems else ""
    if not rows:
        return f"The intake file {intake} holds no record.{first}"
    more = f" {len(problems) - 1} more lines have problems." if len(problems) > 1 else ""
    return (
        f"None of the {len(rows)} records in {intake} would be taken: their priority_score.score is below"
        f" {threshold:g} (WORKFLOW_MANUAL_PRIORITY_THRESHOLD).{first}{more} Is it an intake file?"
        " data/README.md shows one."
    )


def _warning(path: Path, what: str, problems: list[tuple[int, str]]) -> list[str]:
    """One warning for each file; the logs have every problem."""
    if not problems:
        return []
    number, problem = problems[0]
    more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
    return [f"{path} line {number}{what}: {problem}{more}"]
