"""The books: every call that reached the sandbox, in SQLite. A SIGKILL loses none of them."""

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from laptop.vendors.common.access import TOKENS, Tokens
from laptop.vendors.common.database import Database

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS calls (
        id INTEGER PRIMARY KEY,
        time TEXT NOT NULL,
        method TEXT NOT NULL,
        path TEXT NOT NULL,
        pn TEXT,
        client_id TEXT,
        status INTEGER,           -- of the sandbox's own answer; null if it made none
        outcome TEXT NOT NULL,
        looked_up INTEGER NOT NULL,  -- a part was found and described
        counted INTEGER NOT NULL,    -- against the day's limit
        fault TEXT                -- kept the caller from this answer
    );
    CREATE INDEX IF NOT EXISTS calls_pn ON calls (pn);
    CREATE INDEX IF NOT EXISTS calls_time ON calls (time) WHERE counted;
    CREATE TABLE IF NOT EXISTS marks (name TEXT PRIMARY KEY, time TEXT NOT NULL);
"""


@dataclass(frozen=True)
class Call:
    """`time` in UTC, ISO 8601."""

    time: str
    method: str
    path: str
    status: int | None
    outcome: str
    pn: str | None = None
    client_id: str | None = None
    looked_up: bool = False
    counted: bool = False
    fault: str | None = None


class Books(Database):
    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir / "books.sqlite3", TOKENS + _SCHEMA)
        self.tokens = Tokens(self)

    def record(self, call: Call) -> None:
        self.insert("calls", asdict(call))

    def report(self, pn: str | None) -> dict[str, Any]:
        """Outcomes in all and per part number; with `pn` the calls for it, too."""
        totals: Counter[str] = Counter()
        parts: dict[str, dict[str, int]] = {}
        looked_up: Counter[str] = Counter()
        delivered: Counter[str] = Counter()
        for row in self.rows(
            "SELECT pn, outcome, count(*) AS calls, sum(looked_up) AS found,"
            " sum(looked_up AND fault IS NULL) AS arrived"
            " FROM calls WHERE ?1 IS NULL OR pn = ?1 GROUP BY pn, outcome",
            pn,
        ):
            totals[row["outcome"]] += row["calls"]
            if row["pn"] is not None:
                parts.setdefault(row["pn"], {})[row["outcome"]] = row["calls"]
                looked_up[row["pn"]] += row["found"]
                delivered[row["pn"]] += row["arrived"]
        report: dict[str, Any] = {
            "calls_in_all": totals.total(),
            "totals": dict(totals),
            "parts": parts,
            "looked_up": dict(+looked_up),
            "delivered": dict(+delivered),
        }
        if pn is not None:
            rows = self.rows("SELECT * FROM calls WHERE pn = ? ORDER BY id", pn)
            report["calls"] = [
                row | {"looked_up": bool(row["looked_up"]), "counted": bool(row["counted"])} for row in rows
            ]
        return report

    def counted_since(self, moment: datetime) -> dict[str, int]:
        """Calls against the day's limit, per client id."""
        rows = self.rows(
            "SELECT client_id, count(*) AS calls FROM calls WHERE counted AND time >= ? GROUP BY client_id",
            moment.isoformat(),
        )
        return {row["client_id"]: row["calls"] for row in rows}

    def mark(self, name: str, moment: datetime) -> None:
        self.rows("INSERT OR REPLACE INTO marks (name, time) VALUES (?, ?)", name, moment.isoformat())

    def marked(self, name: str) -> datetime | None:
        rows = self.rows("SELECT time FROM marks WHERE name = ?", name)
        return datetime.fromisoformat(rows[0]["time"]) if rows else None
