"""Rows as a CSV file that a spreadsheet may open."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from shared.web.call import File


def csv_file(name: str, rows: Sequence[Mapping[str, Any]]) -> File:
    """The columns are the keys of the first row."""
    written = io.StringIO()
    if rows:
        writer = csv.DictWriter(written, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows({column: _cell(value) for column, value in row.items()} for row in rows)
    return File(written.getvalue().encode(), "text/csv; charset=utf-8", name)


def _cell(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """A text that a spreadsheet would take for a formula is marked as text."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" else value
