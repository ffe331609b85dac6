"""Turns one line of an intake file into a row for the table. Pure; reports what is wrong and raises nothing."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

LINE_LIMIT = 10 * 1024 * 1024
"""Most bytes of one row as JSON: at 16 MiB the emulator's reader would fail the whole file."""

_SHOWN = 40

Row = dict[str, Any]
Field = Callable[[str, Any, list[str]], Any]


@dataclass(frozen=True)
class ReadLine:
    """`row` is None when the line was rejected; `problems` says why, or what was changed."""

    row: Row | None
    problems: tuple[str, ...] = ()

    def encoded(self) -> bytes:
        """One line of JSON, keys sorted: BigQuery keeps no order, and the content hash must not depend on it."""
        return (
            json.dumps(self.row, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode() + b"\n"
        )


def read_line(line: bytes) -> ReadLine:
    if len(line) > LINE_LIMIT:
        return ReadLine(None, (f"longer than {LINE_LIMIT} bytes: rejected",))
    try:
        values = json.loads(line.rstrip(b"\r\n").decode())
    except (ValueError, RecursionError) as problem:
        return ReadLine(None, (f"unreadable JSON ({_reason(problem)}): rejected",))
    if not isinstance(values, dict):
        return ReadLine(None, (f"{_shown(values)} is not an object: rejected",))
    problems: list[str] = []
    row = {name: read(name, values.get(name), problems) for name, read in _FIELDS.items()}
    problems.extend(f"{_shown(name)} is not a column: left out" for name in values if name not in _FIELDS)
    return ReadLine(row, tuple(problems))


def _part_number(name: str, value: Any, problems: list[str]) -> str | None:  # noqa: ANN401 - parsed JSON
    if isinstance(value, int) and not isinstance(value, bool):
        problems.append(f"{name} {_shown(value)} is a number: loaded as text")
        return str(value)
    return _text(name, value, problems)


def _text(name: str, value: Any, problems: list[str]) -> str | None:  # noqa: ANN401 - parsed JSON
    if value is None:
        return None
    if not isinstance(value, str):
        problems.append(f"{name} {_shown(value)} is not text: loaded as missing")
        return None
    if not _encodable(value):
        problems.append(f"{name} {_shown(value)} is not valid Unicode: loaded as missing")
        return None
    return value


def _texts(name: str, value: Any, problems: list[str]) -> list[str]:  # noqa: ANN401 - parsed JSON
    if value is None:
        return []
    if not isinstance(value, list):
        problems.append(f"{name} {_shown(value)} is not a list: loaded as empty")
        return []
    kept = []
    for entry in value:
        if isinstance(entry, str) and _encodable(entry):
            kept.append(entry)
        else:
            problems.append(f"{name} entry {_shown(entry)} is not text: left out")
    return kept


def _document(name: str, value: Any, problems: list[str]) -> Any:  # noqa: ANN401 - parsed JSON
    if value is None:
        return None
    if not isinstance(value, dict | list):
        problems.append(f"{name} {_shown(value)} is not a map: loaded as missing")
        return None
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        problems.append(f"{name} holds what JSON cannot: loaded as missing")
        return None
    return value


def _score(name: str, value: Any, problems: list[str]) -> Mapping[str, float | None]:  # noqa: ANN401 - parsed JSON
    missing = {"score": None}
    if value is None:
        return missing
    if not isinstance(value, dict):
        problems.append(f"{name} {_shown(value)} is not a map with a score: loaded as missing")
        return missing
    problems.extend(
        f"{name}.{_shown(member)} is not a column: left out" for member in value if member != "score"
    )
    score = value.get("score")
    if score is None:
        return missing
    number = _finite(score)
    if number is None:
        problems.append(f"{name}.score {_shown(score)} is not a number: loaded as missing")
    return {"score": number}


def _finite(value: Any) -> float | None:  # noqa: ANN401 - parsed JSON
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair: JSON can escape it, the database cannot store it
        return False
    return True


def _shown(value: Any) -> str:  # noqa: ANN401 - parsed JSON
    text = ascii(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _reason(problem: Exception) -> str:
    if isinstance(problem, json.JSONDecodeError):
        return f"{problem.msg} at column {problem.colno}"
    if isinstance(problem, UnicodeDecodeError):
        return "not UTF-8"
    return "nested too deeply" if isinstance(problem, RecursionError) else "a number is too long"


_FIELDS: Mapping[str, Field] = {
    "pn": _part_number,
    "manufacturer": _text,
    "category": _text,
    "description": _text,
    "specs": _document,
    "docs": _texts,
    "images": _texts,
    "priority_score": _score,
}
