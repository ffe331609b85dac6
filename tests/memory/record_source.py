import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from shared.enrichment.ports import FinishedRow, JsonObject, SourceRow
from shared.enrichment.routing.record import COLUMNS

_CONTENT = [name for name in COLUMNS if name != "priority_score"]


class InMemoryRecordSource:
    """RecordSource over a list of rows, which a test may change between calls; a missing column reads as empty."""

    def __init__(self, rows: Sequence[JsonObject] = ()) -> None:
        self.rows = list(rows)
        self.ledger: list[FinishedRow] = []

    def pages(
        self, *, threshold: float, page_size: int, finished_after: datetime
    ) -> Iterator[Sequence[SourceRow]]:
        finished = {row.content_hash for row in self.ledger if row.finished_at > finished_after}
        offered = [row for row in map(_source_row, self.rows) if _score(row) >= threshold]
        offered = sorted((row for row in offered if row.content_hash not in finished), key=_rank)
        for start in range(0, len(offered), page_size):
            yield offered[start : start + page_size]

    def remember(self, finished: Sequence[FinishedRow]) -> None:
        self.ledger.extend(finished)


def _source_row(row: JsonObject) -> SourceRow:
    values: dict[str, Any] = {name: row.get(name) for name in COLUMNS}
    for name in ("docs", "images"):
        values[name] = list(values[name] or [])
    content = json.dumps({name: values[name] for name in _CONTENT}, sort_keys=True, default=str)
    return SourceRow(values, hashlib.sha256(content.encode()).hexdigest())


def _score(row: SourceRow) -> float:
    score = (row.values["priority_score"] or {}).get("score")
    return 0.0 if score is None or math.isnan(score) else float(score)


def _rank(row: SourceRow) -> tuple[float, str, str]:
    return (-_score(row), row.values["pn"] or "", row.content_hash)
