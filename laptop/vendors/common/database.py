import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

_SETTINGS = "CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)"


class Database:
    """The SQLite file of a sandbox. After an answer its data survives a SIGKILL. Threads take turns."""

    def __init__(self, path: Path, schema: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")  # a killed process loses nothing; a power cut may
        self._db.executescript(f"{_SETTINGS};{schema}")

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        with self._lock:
            return [dict(row) for row in self._db.execute(query, values)]

    def insert(self, table: str, values: Mapping[str, object]) -> None:
        """One row. Table and columns are the sandbox's own constants."""
        places = ", ".join("?" * len(values))
        self.rows(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({places})", *values.values())  # noqa: S608

    def write_all(self, query: str, values: Iterable[tuple[object, ...]]) -> None:
        with self._lock:
            self._db.executemany(query, values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commits all or nothing; inside another transaction it is part of that one."""
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def keep(self, name: str, value: object) -> None:
        """Stores a setting, any JSON, that survives a restart."""
        self.rows("INSERT OR REPLACE INTO settings VALUES (?, ?)", name, json.dumps(value))

    def kept(self, name: str) -> Any:  # noqa: ANN401  # any JSON
        found = self.rows("SELECT value FROM settings WHERE name = ?", name)
        return json.loads(found[0]["value"]) if found else None


def stamp(moment: datetime) -> str:
    """UTC in ISO 8601 with a fixed length, so that texts sort by time."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(stamped: str) -> datetime:
    return datetime.fromisoformat(stamped)
