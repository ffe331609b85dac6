"""Findings of the in-memory order store."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.errors import Conflict, NotFound
from shared.fulfillment.findings import Finding, Kind
from shared.fulfillment.store import Json
from tests.memory.clock import SettableClock
from tests.memory.order_rows import FindingRow


@dataclass
class InMemoryFindings:
    """FindingStore, and the calls about findings of OrderReports."""

    clock: SettableClock = field(default_factory=SettableClock)
    found: list[FindingRow] = field(default_factory=list)
    said: list[Json] = field(default_factory=list)

    def add_findings(self, findings: Sequence[Finding], stage: str) -> None:  # noqa: ARG002 - kept for people only
        for finding in findings:
            self._add(finding.kind, finding.subject, finding.order_id, finding.reason)

    def _add(self, kind: str, subject: str, order_id: str | None, reason: str) -> None:
        before = [row for row in self.found if (row.kind, row.subject) == (kind, subject)]
        last = before[-1] if before else None
        now = self.clock()
        if last and last.closed_at is None:
            last.reason, last.seen_at = reason, now
        elif not (last and last.closed_by and not last.tried_again and last.reason == reason):
            number = len(self.found) + 1
            self.found.append(FindingRow(number, str(kind), subject, order_id, reason, now, now))

    def end_findings(self, kind: Kind, subjects: Sequence[str]) -> None:
        for row in self._open(kind):
            if row.subject in subjects:
                row.closed_at = self.clock()

    def _open(self, *kinds: str) -> list[FindingRow]:
        """All kinds without one."""
        return [row for row in self.found if row.closed_at is None and (not kinds or row.kind in kinds)]

    def _of_order(self, order_id: str, *kinds: str) -> list[FindingRow]:
        return [row for row in self._open(*kinds) if row.order_id == order_id]

    def _close_by(
        self, order_id: str, kinds: Sequence[str], by: str, note: str, *, tried_again: bool = False
    ) -> bool:
        rows = self._of_order(order_id, *kinds)
        for row in rows:
            row.closed_at, row.closed_by, row.note = self.clock(), by, note
            row.tried_again = tried_again
        return bool(rows)

    def findings(self, kind: Kind | None, limit: int, after: int) -> Json:
        rows = self._open(*([kind] if kind else []))
        page = [row.to_json() for row in rows if row.id > after][:limit]
        return {"total": len(rows), "findings": page}

    def _decided(self, order_id: str, decision: str, by: str, note: str) -> None:
        at = self.clock().isoformat()
        self.said.append({"order_id": order_id, "decision": decision, "by": by, "note": note, "at": at})

    def close_finding(self, finding: int, by: str, note: str) -> Json:
        row = next((row for row in self.found if row.id == finding), None)
        if row is None:
            raise NotFound(f"no finding {finding}")
        if row.closed_at is None:
            row.closed_at, row.closed_by, row.note = self.clock(), by, note
            if row.order_id:
                self._decided(row.order_id, "close", by, note)
        elif (row.closed_by, row.note) != (by, note):
            raise Conflict(f"finding {finding} has ended")
        return row.to_json()
