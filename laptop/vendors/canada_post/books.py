"""The books: every shipment sold and every call, in SQLite. A SIGKILL loses none of them."""

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from laptop.vendors.common.access import TOKENS, Tokens
from laptop.vendors.common.database import Database, stamp

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS shipments (
        number INTEGER PRIMARY KEY,   -- of the sale, from 1
        shipment_id TEXT NOT NULL UNIQUE,
        tracking_pin TEXT NOT NULL UNIQUE,
        customer TEXT NOT NULL,       -- mailed by / mailed on behalf of
        request_id TEXT,
        reference TEXT,
        api TEXT NOT NULL,            -- json or xml
        status TEXT NOT NULL,         -- created, transmitted, suspended, void, refund_asked, refunded, forgotten
        sold_at TEXT NOT NULL,
        due TEXT NOT NULL,            -- dollars
        order_json TEXT NOT NULL,
        label_asked INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX IF NOT EXISTS shipments_request ON shipments (request_id);
    CREATE INDEX IF NOT EXISTS shipments_reference ON shipments (reference);
    CREATE TABLE IF NOT EXISTS scans (
        number INTEGER PRIMARY KEY,   -- of the sale
        time TEXT NOT NULL,
        delivered INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS calls (
        id INTEGER PRIMARY KEY,
        time TEXT NOT NULL,
        method TEXT NOT NULL,
        path TEXT NOT NULL,
        status INTEGER,               -- of the sandbox's own answer; null if it made none
        outcome TEXT NOT NULL,
        request_id TEXT,
        shipment_id TEXT,
        fault TEXT                    -- kept the caller from this answer
    );
    CREATE INDEX IF NOT EXISTS calls_request ON calls (request_id);
"""
_GONE = ("void", "refunded")


@dataclass(frozen=True)
class Shipment:
    """One label sold; `order_json` is the whole order."""

    number: int
    shipment_id: str
    tracking_pin: str
    customer: str
    request_id: str | None
    reference: str | None
    api: str
    status: str
    sold_at: str
    due: str
    order_json: str
    label_asked: int = 0

    def shown(self) -> dict[str, object]:
        """The fields that a control shows."""
        hidden = {"number", "customer", "order_json", "label_asked"}
        return {name: value for name, value in asdict(self).items() if name not in hidden}


@dataclass(frozen=True)
class Scan:
    """The last scan of a parcel; `time` in UTC, ISO 8601."""

    time: str
    delivered: bool

    @property
    def event(self) -> str:
        return "Delivered" if self.delivered else "Item accepted at the Post Office"


@dataclass(frozen=True)
class Call:
    """`time` in UTC, ISO 8601."""

    time: str
    method: str
    path: str
    status: int | None
    outcome: str
    request_id: str | None = None
    shipment_id: str | None = None
    fault: str | None = None


class Books:
    def __init__(self, data_dir: Path) -> None:
        self.database = Database(data_dir / "ledger.sqlite3", TOKENS + _SCHEMA)
        self.tokens = Tokens(self.database)

    # --- shipments ------------------------------------------------------------------------------------------

    def next_number(self) -> int:
        return int(
            self.database.rows("SELECT coalesce(max(number), 0) + 1 AS next FROM shipments")[0]["next"]
        )

    def sell(self, shipment: Shipment) -> None:
        self.database.insert("shipments", asdict(shipment))

    def _shipments(self, where: str, *values: object) -> list[Shipment]:
        query = f"SELECT * FROM shipments WHERE ({where}) AND status != 'forgotten' ORDER BY number"  # noqa: S608  # our own constants
        rows = self.database.rows(query, *values)
        return [Shipment(**row) for row in rows]

    def of_request(self, customer: str, request_id: str) -> list[Shipment]:
        return self._shipments("customer = ? AND request_id = ?", customer, request_id)

    def of_pin(self, pin: str) -> list[Shipment]:
        return self._shipments("tracking_pin = ?", pin)

    def sold_between(self, customer: str, begin: datetime, end: datetime) -> list[Shipment]:
        """From `begin`, and before `end`."""
        return self._shipments(
            "customer = ? AND sold_at >= ? AND sold_at < ?", customer, stamp(begin), stamp(end)
        )

    def shipment(self, shipment_id: str) -> Shipment | None:
        return next(iter(self._shipments("shipment_id = ?", shipment_id)), None)

    def numbered(self, number: int) -> Shipment | None:
        return next(iter(self._shipments("number = ?", number)), None)

    def count_label(self, number: int) -> None:
        self.database.rows("UPDATE shipments SET label_asked = label_asked + 1 WHERE number = ?", number)

    def set_status(self, shipment_id: str, status: str) -> None:
        self.database.rows("UPDATE shipments SET status = ? WHERE shipment_id = ?", status, shipment_id)

    def set_price(self, shipment_id: str, due: Decimal) -> None:
        self.database.rows("UPDATE shipments SET due = ? WHERE shipment_id = ?", str(due), shipment_id)

    def set_scan(self, number: int, scan: Scan | None) -> None:
        self.database.rows("DELETE FROM scans WHERE number = ?", number)
        if scan is not None:
            self.database.insert("scans", {"number": number, **asdict(scan)})

    def scan(self, number: int) -> Scan | None:
        rows = self.database.rows("SELECT time, delivered FROM scans WHERE number = ?", number)
        return Scan(rows[0]["time"], bool(rows[0]["delivered"])) if rows else None

    # --- calls ----------------------------------------------------------------------------------------------

    def record(self, call: Call) -> None:
        self.database.insert("calls", asdict(call))

    def calls_since(self, since: datetime) -> int:
        rows = self.database.rows(
            "SELECT count(*) AS calls FROM calls WHERE time >= ? AND outcome != 'throttled'", stamp(since)
        )
        return int(rows[0]["calls"])

    def clear(self) -> None:
        """Forgets all sales, their scans and all calls; later sales get the same numbers again."""
        with self.database.transaction():
            self.database.rows("DELETE FROM shipments")
            self.database.rows("DELETE FROM scans")
            self.database.rows("DELETE FROM calls")

    def report(self, request_id: str | None = None, reference: str | None = None) -> dict[str, Any]:
        """The sales, in all and for each request and reference, and the calls by outcome."""
        sold = self._shipments(
            "(?1 IS NULL OR request_id = ?1) AND (?2 IS NULL OR reference = ?2)", request_id, reference
        )
        live = [shipment for shipment in sold if shipment.status not in _GONE]
        calls = self.database.rows(
            "SELECT outcome, count(*) AS calls FROM calls WHERE ?1 IS NULL OR request_id = ?1 GROUP BY outcome",
            request_id,
        )
        requests = Counter(shipment.request_id for shipment in sold if shipment.request_id)
        report: dict[str, Any] = {
            "labels_sold": len(sold),
            "live": len(live),
            "charged": str(sum((Decimal(shipment.due) for shipment in live), Decimal(0))),
            "apis": dict(Counter(shipment.api for shipment in sold)),
            "requests": dict(requests),
            "references": dict(Counter(shipment.reference for shipment in sold if shipment.reference)),
            "sold_twice": sorted(request for request, times in requests.items() if times > 1),
            "calls": {row["outcome"]: row["calls"] for row in calls},
        }
        if request_id is not None or reference is not None:
            report["shipments"] = [shipment.shown() for shipment in sold]
        return report
