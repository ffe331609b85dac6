"""The inbox: threads and their messages, with seek pagination, kept in SQLite."""

import base64
import binascii
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from laptop.vendors.common.database import Database, stamp

SCHEMA = """
    CREATE TABLE IF NOT EXISTS threads (
        thread_id TEXT PRIMARY KEY,
        order_id TEXT,
        topic TEXT NOT NULL,
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL,
        overrides TEXT NOT NULL    -- change the answer
    );
    CREATE INDEX IF NOT EXISTS threads_updated ON threads (updated_at, thread_id);
    CREATE TABLE IF NOT EXISTS messages (
        seq INTEGER PRIMARY KEY,
        message_id TEXT NOT NULL UNIQUE,
        thread_id TEXT NOT NULL,
        sender_type TEXT NOT NULL,
        body TEXT NOT NULL,
        sent_at TEXT NOT NULL,
        attachments TEXT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS messages_thread ON messages (thread_id, seq);
    CREATE TABLE IF NOT EXISTS recipients (
        message_id TEXT PRIMARY KEY,
        people TEXT NOT NULL       -- of a message that M12 wrote
    );
    CREATE TABLE IF NOT EXISTS attachments (
        attachment_id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        media_type TEXT NOT NULL,
        content BLOB NOT NULL
    );
"""


@dataclass(frozen=True)
class Search:
    """`updated_since` is a text of `stamp`; `after` is the last thread of the previous page."""

    updated_since: str = ""
    with_messages: bool = False
    entity_ids: tuple[str, ...] | None = None
    limit: int = 50
    after: tuple[str, str] | None = None

    def token(self) -> str:
        """The whole search as a page token, opaque to callers."""
        return base64.urlsafe_b64encode(json.dumps(asdict(self)).encode()).decode()

    @classmethod
    def from_token(cls, token: str) -> "Search | None":
        try:
            read = json.loads(base64.urlsafe_b64decode(token))
            entity_ids = read["entity_ids"]
            return cls(
                updated_since=str(read["updated_since"]),
                with_messages=bool(read["with_messages"]),
                entity_ids=None if entity_ids is None else tuple(map(str, entity_ids)),
                limit=int(read["limit"]),
                after=(str(read["after"][0]), str(read["after"][1])),
            )
        except (ValueError, KeyError, TypeError, IndexError, binascii.Error):
            return None


@dataclass(frozen=True)
class File:
    """An attachment. Its id is made up if it is None, its size is that of the content."""

    name: str
    media_type: str
    content: bytes
    attachment_id: str | None = None


@dataclass(frozen=True)
class NewMessage:
    """`recipients` are M12's participants; None for the usual ones."""

    sender_type: str
    body: str
    attachments: Sequence[File] = ()
    recipients: Sequence[Mapping[str, Any]] | None = None


class Inbox:
    def __init__(self, database: Database) -> None:
        self._database = database

    def open(
        self,
        topic: str,
        order_id: str | None,
        overrides: Mapping[str, Any],
        now: datetime,
        thread_id: str | None,
    ) -> str:
        """Returns the thread's id, made up if it is None. Raises sqlite3.IntegrityError for an id that exists."""
        thread_id = thread_id or str(uuid.uuid4())
        self._database.rows(
            "INSERT INTO threads VALUES (?, ?, ?, ?, ?, ?)",
            *(thread_id, order_id, topic, stamp(now), stamp(now), json.dumps(overrides)),
        )
        return thread_id

    def say(self, thread_id: str, messages: Sequence[NewMessage], now: datetime) -> Sequence[str]:
        """Adds messages, which updates the thread, and returns their ids."""
        with self._database.transaction():
            ids = [self._say(thread_id, each, now) for each in messages]
            self._database.rows(
                "UPDATE threads SET updated_at = ? WHERE thread_id = ?", stamp(now), thread_id
            )
        return ids

    def _say(self, thread_id: str, message: NewMessage, now: datetime) -> str:
        ident = str(uuid.uuid4())
        attachments = [self._attach(file) for file in message.attachments]
        self._database.rows(
            "INSERT INTO messages (message_id, thread_id, sender_type, body, sent_at, attachments)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            *(ident, thread_id, message.sender_type, message.body, stamp(now), json.dumps(attachments)),
        )
        if message.recipients is not None:
            people = json.dumps(message.recipients)
            self._database.rows("INSERT INTO recipients VALUES (?, ?)", ident, people)
        return ident

    def _attach(self, file: File) -> Mapping[str, Any]:
        """Stores a file, in place of an earlier one with its id. Returns what a message shows of it."""
        ident = file.attachment_id or str(uuid.uuid4())
        self._database.rows(
            "INSERT OR REPLACE INTO attachments VALUES (?, ?, ?, ?)",
            *(ident, file.name, file.media_type, file.content),
        )
        return {"id": ident, "name": file.name, "size": len(file.content)}

    def attachment(self, attachment_id: str) -> File | None:
        rows = self._database.rows("SELECT * FROM attachments WHERE attachment_id = ?", attachment_id)
        return File(**rows[0]) if rows else None

    def thread(self, thread_id: str) -> Mapping[str, Any] | None:
        rows = self._database.rows("SELECT * FROM threads WHERE thread_id = ?", thread_id)
        return rows[0] if rows else None

    def messages(self, thread_id: str) -> Sequence[Mapping[str, Any]]:
        return self._database.rows(
            "SELECT messages.*, people FROM messages LEFT JOIN recipients USING (message_id)"
            " WHERE thread_id = ? ORDER BY seq",
            thread_id,
        )

    def page(self, search: Search) -> tuple[Sequence[Mapping[str, Any]], Search | None]:
        """One page, the latest change first, and the search that gives the next one."""
        last_change, last_id = search.after or ("~", "")  # after every date
        rows = self._database.rows(
            "SELECT * FROM threads WHERE updated_at >= ?1 AND (updated_at, thread_id) < (?2, ?3)"
            " AND (?4 IS NULL OR order_id IN (SELECT value FROM json_each(?4)))"
            " ORDER BY updated_at DESC, thread_id DESC LIMIT ?5",
            *(search.updated_since, last_change, last_id),
            *(None if search.entity_ids is None else json.dumps(search.entity_ids), search.limit + 1),
        )
        shown = rows[: search.limit]
        if len(rows) <= search.limit:
            return shown, None
        after = (shown[-1]["updated_at"], shown[-1]["thread_id"])
        return shown, Search(
            search.updated_since, search.with_messages, search.entity_ids, search.limit, after
        )

    def count(self) -> int:
        return int(self._database.rows("SELECT count(*) AS n FROM threads")[0]["n"])

    def clear(self) -> None:
        with self._database.transaction():
            for table in ("threads", "messages", "recipients", "attachments"):
                self._database.rows(f"DELETE FROM {table}")  # noqa: S608  # own text
