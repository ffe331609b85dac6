"""Messages of the in-memory order store."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime

from shared.errors import Conflict, NotFound
from shared.fulfillment.findings import Kind
from shared.fulfillment.ports import Message, Thread
from shared.fulfillment.store import Json, Reply, StoredMessageThread
from tests.memory.order_labels import InMemoryLabels


@dataclass
class MessageRow:
    thread_id: str
    message: Message
    text: str
    stored_at: datetime


@dataclass
class FileRow:
    message_id: str
    name: str
    path: str | None = None
    media_type: str | None = None
    size: int | None = None
    problem: str | None = None


@dataclass
class ReplyRow:
    reply: Reply
    written_by: str
    created_at: datetime
    message_id: str | None = None
    problem: str | None = None

    @property
    def is_open(self) -> bool:
        return self.message_id is None and self.problem is None

    def to_json(self) -> Json:
        row = asdict(self.reply)
        recipients, called_at = row.pop("to"), row.pop("called_at")
        return row | {
            "recipients": list(recipients),
            "called_at": called_at and called_at.isoformat(),
            "written_by": self.written_by,
            "message_id": self.message_id,
            "problem": self.problem,
        }


@dataclass
class InMemoryMessages(InMemoryLabels):
    """Implements MessageStore and InboxReports."""

    kept: dict[str, Thread] = field(default_factory=dict)
    messages: dict[str, MessageRow] = field(default_factory=dict)
    files: dict[str, FileRow] = field(default_factory=dict)
    replies: dict[str, ReplyRow] = field(default_factory=dict)
    cursors: dict[str, datetime] = field(default_factory=dict)

    def store_threads(self, threads: Sequence[StoredMessageThread]) -> tuple[int, int]:
        known = len(self.messages)
        for stored in threads:
            thread = stored.thread
            before = self.kept.get(thread.thread_id)
            if before is None or before.updated_at <= thread.updated_at:
                self.kept[thread.thread_id] = replace(thread, messages=())
            for message, text in zip(thread.messages, stored.texts, strict=True):
                row = MessageRow(thread.thread_id, message, text, self.clock())
                self.messages.setdefault(message.message_id, row)
                for file in message.attachments:
                    if "id" in file:
                        row_of_file = FileRow(message.message_id, file.get("name", ""))
                        self.files.setdefault(file["id"], row_of_file)
            self.end_findings(Kind.UNREADABLE_MESSAGE, [each.message_id for each in thread.messages])
        for reply in self.replies.values():
            self._find_thread(reply)
        return len(threads), len(self.messages) - known

    def read_cursor(self, name: str) -> datetime | None:
        return self.cursors.get(name)

    def move_cursor(self, name: str, value: datetime) -> None:
        value = min(value, self.clock())
        self.cursors[name] = max(value, self.cursors.get(name, value))

    # --- files

    def files_to_fetch(self, limit: int) -> Sequence[str]:
        return sorted(each for each, file in self.files.items() if not (file.path or file.problem))[:limit]

    def note_file_stored(self, attachment_id: str, path: str, media_type: str, size: int) -> None:
        file = self.files.get(attachment_id)
        if file and file.path is None:
            file.path, file.media_type, file.size = path, media_type, size

    def note_file_gone(self, attachment_id: str, message: str) -> None:
        file = self.files.get(attachment_id)
        if file and file.path is None:
            file.problem = message

    def message_file(self, attachment_id: str) -> Json:
        if attachment_id not in self.files:
            raise NotFound(f"no file {attachment_id}")
        return {"attachment_id": attachment_id} | asdict(self.files[attachment_id])

    # --- replies

    def write_reply(self, reply_id: str, thread_id: str, body: str, to: Sequence[str], by: str) -> Json:
        if thread_id not in self.kept:
            raise NotFound(f"no thread {thread_id}")
        row = self._written(Reply(reply_id, thread_id, body, list(to)), by)
        if row.reply.thread_id != thread_id:
            raise Conflict(f"another reply has the id {reply_id}")
        return row.to_json()

    def write_to_buyer(self, reply_id: str, order_id: str, topic: str, body: str, by: str) -> Json:
        if order_id not in self.rows:
            raise NotFound(f"no order {order_id}")
        about = [thread for thread in self.kept.values() if order_id in thread.order_ids]
        about.sort(key=lambda thread: (-thread.updated_at.timestamp(), thread.thread_id))
        thread_id = about[0].thread_id if about else None
        reply = Reply(reply_id, thread_id, body, ["CUSTOMER"], order_id=order_id, topic=topic)
        return self._written(reply, by).to_json()

    def _written(self, reply: Reply, by: str) -> ReplyRow:
        row = self.replies.setdefault(reply.reply_id, ReplyRow(reply, by, self.clock()))
        if replace(row.reply, called_at=None, thread_id=reply.thread_id) != reply:
            raise Conflict(f"another reply has the id {reply.reply_id}")
        return row

    def replies_to_send(self, limit: int) -> Sequence[Reply]:
        waiting = [row for row in self.replies.values() if row.is_open]
        waiting.sort(key=lambda row: (row.created_at, row.reply.reply_id))
        return [row.reply for row in waiting[:limit]]

    def note_reply_call(self, reply_id: str) -> bool:
        row = self.replies.get(reply_id)
        if row is None or not row.is_open:
            return False
        row.reply = replace(row.reply, called_at=self.clock())
        return True

    def note_reply_not_sent(self, reply_id: str) -> None:
        row = self.replies.get(reply_id)
        if row and row.message_id is None:
            row.reply = replace(row.reply, called_at=None)

    def note_reply_sent(self, reply_id: str, message_id: str) -> bool:
        row = self.replies.get(reply_id)
        if row is None or row.message_id:
            return row is not None and row.message_id == message_id
        there = self.messages.get(message_id)
        called = row.reply.called_at
        was_there = there is not None and called is not None and there.stored_at < called
        if was_there or any(each.message_id == message_id for each in self.replies.values()):
            return False
        row.message_id = message_id
        self._find_thread(row)
        return True

    def _find_thread(self, row: ReplyRow) -> None:
        if row.message_id in self.messages:
            row.reply = replace(row.reply, thread_id=self.messages[row.message_id].thread_id)

    def note_reply_refused(self, reply_id: str, message: str) -> None:
        row = self.replies.get(reply_id)
        if row and row.message_id is None:
            row.problem = message
            thread = self.kept.get(row.reply.thread_id or "")
            about = sorted(set(thread.order_ids) & self.rows.keys()) if thread else []
            reason = f"the marketplace does not take a reply: {message}"
            self._add(Kind.REPLY_REFUSED, reply_id, row.reply.order_id or next(iter(about), None), reason)

    # --- the inbox

    def threads(self, order_id: str | None, limit: int, *, unanswered: bool) -> list[Json]:
        fitting = [
            thread
            for thread in self.kept.values()
            if (order_id is None or order_id in thread.order_ids)
            and (not unanswered or thread.reply_needed_since is not None)
        ]
        fitting.sort(key=lambda thread: (-thread.updated_at.timestamp(), thread.thread_id))
        return [self._thread_json(thread) for thread in fitting[:limit]]

    def _thread_json(self, thread: Thread) -> Json:
        rows = [row for row in self.messages.values() if row.thread_id == thread.thread_id]
        rows.sort(key=lambda row: (row.message.sent_at, row.message.message_id))
        replies = [row for row in self.replies.values() if row.reply.thread_id == thread.thread_id]
        return {
            "thread_id": thread.thread_id,
            "topic": thread.topic,
            "order_ids": list(thread.order_ids),
            "messages": [
                {
                    "message_id": row.message.message_id,
                    "body_text": row.text,
                    "files": [
                        self.message_file(each)
                        for each, file in sorted(self.files.items())
                        if file.message_id == row.message.message_id
                    ],
                }
                for row in rows
            ],
            "replies": [row.to_json() for row in sorted(replies, key=lambda row: row.created_at)],
        }
