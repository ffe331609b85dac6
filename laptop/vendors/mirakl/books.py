"""The books: every call that reached the sandbox, and its effect. A SIGKILL loses none of them."""

from dataclasses import asdict, dataclass
from typing import Any

from laptop.vendors.common.database import Database

SCHEMA = """
    CREATE TABLE IF NOT EXISTS calls (
        id INTEGER PRIMARY KEY,
        time TEXT NOT NULL,
        operation TEXT NOT NULL,   -- Mirakl's name: OR11, OR21, ...
        method TEXT NOT NULL,
        path TEXT NOT NULL,
        query TEXT NOT NULL,
        order_id TEXT,
        status INTEGER,            -- of the sandbox's own answer; null if it made none
        served INTEGER NOT NULL,   -- the call had its effect
        fault TEXT                 -- kept the caller from this answer
    );
    CREATE INDEX IF NOT EXISTS calls_order ON calls (order_id);
"""
_ACTIONS = {"OR21": "accept", "OR23": "tracking", "OR24": "ship"}


@dataclass(frozen=True)
class Call:
    """`time` in UTC, ISO 8601, by the sandbox's clock."""

    time: str
    operation: str
    method: str
    path: str
    query: str
    order_id: str | None
    status: int | None
    served: bool
    fault: str | None = None


class Books:
    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, call: Call) -> None:
        self._database.insert("calls", asdict(call))

    def report(self) -> dict[str, Any]:
        """`operations`: calls by operation and status; `orders`: per order and action the calls and the successes."""
        rows = self._database.rows(
            "SELECT operation, order_id, status, count(*) AS calls, sum(served) AS served FROM calls"
            " GROUP BY operation, order_id, status"
        )
        operations: dict[str, dict[str, Any]] = {}
        orders: dict[str, dict[str, dict[str, int]]] = {}
        for row in rows:
            entry = operations.setdefault(row["operation"], {"calls": 0, "statuses": {}})
            entry["calls"] += row["calls"]
            status = str(row["status"])
            entry["statuses"][status] = entry["statuses"].get(status, 0) + row["calls"]
            action = _ACTIONS.get(row["operation"])
            if action and row["order_id"]:
                made = orders.setdefault(row["order_id"], {}).setdefault(action, {"calls": 0, "done": 0})
                made["calls"] += row["calls"]
                made["done"] += row["served"] if row["status"] == 204 else 0  # noqa: PLR2004  # HTTP's own number
        calls_in_all = sum(entry["calls"] for entry in operations.values())
        return {"calls_in_all": calls_in_all, "operations": operations, "orders": orders}

    def calls(self, order_id: str | None = None, operation: str | None = None) -> list[dict[str, Any]]:
        """The calls themselves, in order."""
        rows = self._database.rows(
            "SELECT * FROM calls WHERE (?1 IS NULL OR order_id = ?1) AND (?2 IS NULL OR operation = ?2)"
            " ORDER BY id",
            *(order_id, operation),
        )
        return [row | {"served": bool(row["served"])} for row in rows]

    def clear(self) -> None:
        self._database.rows("DELETE FROM calls")
