"""The orders, their states and histories, in SQLite."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from laptop.vendors.common.database import Database, moment, stamp
from laptop.vendors.mirakl.lifecycle import (
    Delays,
    Entered,
    dates_before,
    dates_on,
    leaves_at,
    steps_until,
)
from laptop.vendors.mirakl.rendering import Order, order_of

SCHEMA = """
    CREATE TABLE IF NOT EXISTS orders (
        seq INTEGER PRIMARY KEY,
        order_id TEXT NOT NULL UNIQUE,
        commercial_id TEXT NOT NULL,
        state TEXT NOT NULL,
        since TEXT NOT NULL,
        next_at TEXT,              -- time at which it leaves its state by itself
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL,
        details TEXT NOT NULL,     -- as it was created
        progress TEXT NOT NULL,    -- later changes
        overrides TEXT NOT NULL    -- change OR11's answer
    );
    CREATE INDEX IF NOT EXISTS orders_next ON orders (next_at) WHERE next_at IS NOT NULL;
    CREATE INDEX IF NOT EXISTS orders_state ON orders (state, created_at, seq);
    CREATE TABLE IF NOT EXISTS history (
        seq INTEGER PRIMARY KEY, order_id TEXT NOT NULL, state TEXT NOT NULL, since TEXT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS history_order ON history (order_id);
"""
_FIRST_NUMBER = 248_190_001


@dataclass(frozen=True)
class NewOrder:
    """`order_id` is made up if it is None."""

    details: Mapping[str, Any]
    state: str
    created_at: datetime
    order_id: str | None = None
    overrides: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Filter:
    """The filter of a listing: SQL conditions with their values, all of which must hold."""

    conditions: Sequence[tuple[str, Sequence[str]]] = ()
    limit: int = 10
    offset: int = 0
    descending: bool = False


class OrderBook:
    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def delays(self) -> Delays:
        return Delays.model_validate(self._database.kept("delays") or {})

    def set_delays(self, delays: Delays) -> None:
        """Applies to orders that already wait, too."""
        with self._database.transaction():
            self._database.keep("delays", delays.model_dump())
            self._database.write_all(
                "UPDATE orders SET next_at = ? WHERE seq = ?",
                [
                    (_next(row["state"], moment(row["since"]), delays), row["seq"])
                    for row in self._database.rows("SELECT seq, state, since FROM orders")
                ],
            )

    def settle(self, now: datetime) -> None:
        """Moves every order into the states that are due."""
        due = "SELECT * FROM orders WHERE next_at <= ?"
        if not self._database.rows(f"{due} LIMIT 1", stamp(now)):
            return
        with self._database.transaction():
            delays = self.delays
            for row in self._database.rows(due, stamp(now)):
                order = order_of(row)
                for step in steps_until(order.state, moment(order.since), delays, now):
                    order = self._enter(order, step, delays, _reason(order.state, step.state))

    def add(self, new: Iterable[NewOrder]) -> Sequence[str]:
        """Returns the ids. Raises sqlite3.IntegrityError for an id that exists."""
        with self._database.transaction():
            delays = self.delays
            return [self._add(each, delays) for each in new]

    def _add(self, new: NewOrder, delays: Delays) -> str:
        number = self._database.kept("next_number") or _FIRST_NUMBER
        if new.order_id is None:
            self._database.keep("next_number", number + 1)
        order_id = new.order_id or f"{number}-A"
        created = stamp(new.created_at)
        self._database.rows(
            "INSERT INTO orders (order_id, commercial_id, state, since, next_at, created_at, updated_at,"
            " details, progress, overrides) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(order_id, order_id.rpartition("-")[0] or order_id, new.state, created),
            *(_next(new.state, new.created_at, delays), created, created, json.dumps(new.details)),
            *(json.dumps(dates_before(new.state, created)), json.dumps(new.overrides or {})),
        )
        self._note(order_id, new.state, created)
        return order_id

    def find(self, order_id: str) -> Order | None:
        rows = self._database.rows("SELECT * FROM orders WHERE order_id = ?", order_id)
        return order_of(rows[0]) if rows else None

    def list(self, wanted: Filter) -> tuple[Sequence[Order], int]:
        """One page, and the number of orders in all."""
        where = " AND ".join(condition for condition, _ in wanted.conditions) or "1"
        values = [value for _, more in wanted.conditions for value in more]
        way = "DESC" if wanted.descending else "ASC"
        rows = self._database.rows(
            f"SELECT * FROM orders WHERE {where} ORDER BY created_at {way}, seq {way} LIMIT ? OFFSET ?",  # noqa: S608  # own text
            *values,
            wanted.limit,
            wanted.offset,
        )
        counted = self._database.rows(f"SELECT count(*) AS n FROM orders WHERE {where}", *values)  # noqa: S608  # own text
        return [order_of(row) for row in rows], int(counted[0]["n"])

    def move(self, order: Order, state: str, now: datetime, reason: tuple[str, str] | None = None) -> None:
        """Moves an order as the shop or the operator decided; a state without a delay is left at once."""
        with self._database.transaction():
            self._enter(order, Entered(state, now), self.delays, reason)
        self.settle(now)

    def change(
        self,
        order: Order,
        now: datetime,
        progress: Mapping[str, Any],
        details: Mapping[str, Any] | None = None,
    ) -> Order:
        """Changes these fields and the date of the last update; returns the order as it is then."""
        self._database.rows(
            "UPDATE orders SET progress = ?, details = ?, updated_at = ? WHERE order_id = ?",
            *(json.dumps({**order.progress, **progress}), json.dumps({**order.details, **(details or {})})),
            *(stamp(now), order.order_id),
        )
        return order_of(self._database.rows("SELECT * FROM orders WHERE order_id = ?", order.order_id)[0])

    def override(self, order_id: str, overrides: Mapping[str, Any]) -> None:
        self._database.rows(
            "UPDATE orders SET overrides = ? WHERE order_id = ?", json.dumps(overrides), order_id
        )

    def history(self, order_id: str) -> Sequence[Mapping[str, str]]:
        return self._database.rows(
            "SELECT state, since FROM history WHERE order_id = ? ORDER BY seq", order_id
        )

    def counts(self) -> dict[str, int]:
        """The number of orders per state."""
        rows = self._database.rows("SELECT state, count(*) AS n FROM orders GROUP BY state")
        return {row["state"]: row["n"] for row in rows}

    def clear(self) -> None:
        """Deletes all orders; later ones get new numbers."""
        with self._database.transaction():
            self._database.rows("DELETE FROM orders")
            self._database.rows("DELETE FROM history")

    def _enter(self, order: Order, step: Entered, delays: Delays, reason: tuple[str, str] | None) -> Order:
        since = stamp(step.since)
        progress = {**dates_before(step.state, since), **order.progress, **dates_on(step.state, since)}
        if reason:
            progress |= {"reason_code": reason[0], "reason_label": reason[1]}
        self._database.rows(
            "UPDATE orders SET state = ?, since = ?, next_at = ?, updated_at = ?, progress = ? WHERE order_id = ?",
            *(step.state, since, _next(step.state, step.since, delays), since),
            *(json.dumps(progress), order.order_id),
        )
        self._note(order.order_id, step.state, since)
        return order_of(self._database.rows("SELECT * FROM orders WHERE order_id = ?", order.order_id)[0])

    def _note(self, order_id: str, state: str, since: str) -> None:
        self._database.rows(
            "INSERT INTO history (order_id, state, since) VALUES (?, ?, ?)", order_id, state, since
        )


def _next(state: str, since: datetime, delays: Delays) -> str | None:
    then = leaves_at(state, since, delays)
    return stamp(then) if then else None


def _reason(before: str, after: str) -> tuple[str, str] | None:
    if (before, after) == ("WAITING_ACCEPTANCE", "CANCELED"):
        return "ACCEPTANCE_TIMEOUT", "The shop did not decide in time"
    return None
