"""SQLite behind one thread, which commits together all statements that came in during its last commit.

A statement that `write` has returned from survives SIGKILL and power loss (WAL, synchronous FULL), as do those posted
before it. What was only posted waits LINGER seconds for more, and is committed without a sync of its own: from then on
it survives SIGKILL. The file is locked, so that two servers cannot share it.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_LARGEST_BATCH = 500
_LOCK_WAIT = 0.5
LINGER = 0.01

Statement = tuple[str, tuple[Any, ...]]
Row = tuple[Any, ...]


class DataFileUnusable(Exception):
    """The data file is locked by another server, or is not a database of this one."""


@dataclass(frozen=True)
class _Entry:
    statements: Sequence[Statement]
    done: "asyncio.Future[list[Row]] | None"


class Journal:
    def __init__(self, path: Path, schema: str) -> None:
        """`schema` is SQL that can be applied repeatedly."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(
            path, timeout=_LOCK_WAIT, isolation_level=None, check_same_thread=False
        )
        try:
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.executescript(f"BEGIN IMMEDIATE; {schema} COMMIT;")
        except sqlite3.Error as error:
            self._connection.close()
            raise DataFileUnusable(
                f"{path} cannot be used: {error}. Is another server running on it?"
            ) from error
        self._durable = True
        self._inbox: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    async def write(self, *statements: Statement) -> None:
        """Returns when these statements, and all earlier ones, are on disk."""
        await self._enter(statements)

    async def read(self, sql: str, *values: object) -> list[Row]:
        """Sees all earlier writes and posts."""
        return await self._enter(((sql, values),))

    def post(self, *statements: Statement) -> None:
        """Writes within LINGER seconds, in order; for statements that a crash may lose."""
        self._inbox.put(_Entry(statements, None))

    def close(self) -> None:
        """Writes what was posted and unlocks the file."""
        self._inbox.put(None)
        self._thread.join()
        self._connection.close()

    async def _enter(self, statements: Sequence[Statement]) -> list[Row]:
        done: asyncio.Future[list[Row]] = asyncio.get_running_loop().create_future()
        self._inbox.put(_Entry(statements, done))
        return await done

    def _run(self) -> None:
        while (entry := self._inbox.get()) is not None:
            batch = [entry]
            awaited = entry.done is not None
            ended = False
            until = time.monotonic() + LINGER
            with contextlib.suppress(queue.Empty):
                while len(batch) < _LARGEST_BATCH and not ended:
                    patience = 0 if awaited else max(0.0, until - time.monotonic())
                    following = self._inbox.get(timeout=patience) if patience else self._inbox.get_nowait()
                    if following is None:
                        ended = True
                    else:
                        batch.append(following)
                        awaited = awaited or following.done is not None
            self._sync(durable=awaited)
            self._commit(batch)
            if ended:
                return

    def _sync(self, *, durable: bool) -> None:
        """Sets what the commits that follow do. A sync of the log's file covers all that was written to it before."""
        if durable != self._durable:
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._durable = durable

    def _commit(self, batch: list[_Entry]) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            results = [self._execute(entry.statements) for entry in batch]
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if len(batch) == 1:
                _resolve(batch, error)
                return
            for entry in batch:  # one bad statement must not lose the others
                self._commit([entry])
        else:
            _resolve(batch, results)

    def _execute(self, statements: Sequence[Statement]) -> list[Row]:
        rows: list[Row] = []
        for sql, values in statements:
            rows = self._connection.execute(sql, values).fetchall()
        return rows


def _resolve(batch: list[_Entry], results: list[list[Row]] | sqlite3.Error) -> None:
    """Answers all waiters in one callback of their event loop."""
    waiting = [(index, entry.done) for index, entry in enumerate(batch) if entry.done]
    if not waiting:
        return

    def answer() -> None:
        for index, done in waiting:
            if done.done():
                continue
            if isinstance(results, sqlite3.Error):
                done.set_exception(results)
            else:
                done.set_result(results[index])

    with contextlib.suppress(RuntimeError):  # the loop is closed when the server is ending: nobody waits
        waiting[0][1].get_loop().call_soon_threadsafe(answer)
