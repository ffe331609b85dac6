import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from shared.enrichment.ports import DayShare, JsonObject, NotedRow, SourceRow
from shared.enrichment.routing.record import COLUMNS

if TYPE_CHECKING:
    from datetime import datetime

    from tests.memory.record_opening import InMemoryOpening

_CONTENT = [name for name in COLUMNS if name != "priority_score"]
_LEAST_SHARE = 1e-9


class InMemoryRecordSource:
    """RecordSource over a list of rows, which a test may change between calls; a missing column reads as empty."""

    def __init__(self, rows: Sequence[JsonObject] = ()) -> None:
        self.rows = list(rows)
        self.ledger: dict[str, NotedRow] = {}
        self._latest: dict[str, NotedRow] = {}
        self.read = 0
        """Rows that were offered so far."""

    def pages(self, *, threshold: float, page_size: int, share: DayShare) -> Iterator[Sequence[SourceRow]]:
        scored = self.contents()
        fresh: list[tuple[float, SourceRow]] = []
        worn: list[tuple[datetime, SourceRow]] = []
        for content, (score, row) in scored.items():
            if score < threshold:
                continue
            noted = self.ledger.get(content)
            latest = noted and self._latest[noted.record_key].content_hash
            if noted is None or (latest != content and latest not in scored):
                fresh.append((score, SourceRow(row.values, content, returned=noted is not None)))
            elif noted.next_turn <= share.now:
                due = SourceRow(row.values, content, again=noted.again)
                worn += [(noted.next_turn, due)] if noted.again else []
                fresh += [] if noted.again else [(score, due)]
        fresh.sort(key=lambda each: (-each[0], each[1].values["pn"] or "", each[1].content_hash))
        worn.sort(key=lambda each: (each[0], each[1].content_hash))
        part = min(max(share.again_share, _LEAST_SHARE), 1 - _LEAST_SHARE)
        placed = [((share.fresh_taken + n) / (1 - part), 0, row) for n, (_, row) in enumerate(fresh, 1)]
        placed += [((share.again_taken + n) / part, 1, row) for n, (_, row) in enumerate(worn, 1)]
        offered = [row for _, _, row in sorted(placed, key=lambda each: each[:2])]
        for start in range(0, len(offered), page_size):
            page = offered[start : start + page_size]
            self.read += len(page)
            yield page

    def contents(self) -> Mapping[str, tuple[float, SourceRow]]:
        """The rows with their scores, by content."""
        rows = [(score_of(row), row) for row in map(source_row, self.rows)]
        return {row.content_hash: (score, row) for score, row in sorted(rows, key=lambda each: each[0])}

    def forget(self, store: "InMemoryOpening") -> None:
        """The ledger is lost, and the store believes that it is there."""
        store.ledger_due.clear()
        self.ledger.clear()
        self._latest.clear()

    def remember(self, noted: Sequence[NotedRow]) -> None:
        for row in noted:
            before = self.ledger.get(row.content_hash)
            if before is None or before.noted_at <= row.noted_at:
                self.ledger[row.content_hash] = row
            latest = self._latest.get(row.record_key)
            if latest is None or latest.noted_at <= row.noted_at:
                self._latest[row.record_key] = row


def source_row(row: JsonObject) -> SourceRow:
    values: dict[str, Any] = {name: row.get(name) for name in COLUMNS}
    for name in ("docs", "images"):
        values[name] = list(values[name] or [])
    content = json.dumps({name: values[name] for name in _CONTENT}, sort_keys=True, default=str)
    return SourceRow(values, hashlib.sha256(content.encode()).hexdigest())


def score_of(row: SourceRow) -> float:
    """A missing score and NaN count as 0."""
    score = (row.values["priority_score"] or {}).get("score")
    return 0.0 if score is None or math.isnan(score) else float(score)
