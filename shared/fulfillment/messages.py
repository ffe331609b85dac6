"""Stage 4: fetches customer messages and their files, and sends replies. All are known by id, so repeating is safe."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from html.parser import HTMLParser

from shared.clock import Clock
from shared.fulfillment.carrier import LabelShelf
from shared.fulfillment.findings import Kind, unreadable
from shared.fulfillment.ports import (
    Attachment,
    Malformed,
    Marketplace,
    Message,
    NotSent,
    Participant,
    Posted,
    Refused,
    Thread,
    ThreadPage,
    Unclear,
)
from shared.fulfillment.reading import GROUP, isolated, wait_and_call
from shared.fulfillment.sequence import StageRun
from shared.fulfillment.store import MessageStore, Reply, StoredMessageThread

CURSOR = "threads"
OVERLAP = timedelta(minutes=10)
"""Reads so much before the cursor again, because the marketplace has its own clock and order of writing."""

SETTLING = timedelta(minutes=10)
"""So long after a call with a lost answer, a thread without the reply means that it was never posted."""

FIRST_LOOK_BACK = timedelta(days=30)
SHOP = "SHOP_USER"
Call = Callable[[], Posted | Refused | Unclear | NotSent]
BREAKS = frozenset({"br", "p", "div", "li", "tr", "h1", "h2", "h3", "blockquote"})
HIDDEN = frozenset({"script", "style", "head", "title"})


@dataclass(frozen=True)
class MessageSync:
    marketplace: Marketplace
    store: MessageStore
    shelf: LabelShelf
    clock: Clock

    def __call__(self, run: StageRun) -> None:
        """Raises VendorUnavailable, StoreUnavailable."""
        self._fetch_threads(run)
        self._fetch_files(run)
        self._send_replies(run)

    def preview(self, limit: int) -> list[str]:
        ids = [
            thread.thread_id for page in self.marketplace.threads(self._since()) for thread in page.threads
        ]
        return ids[:limit]

    def _since(self) -> datetime:
        return (self.store.read_cursor(CURSOR) or self.clock() - FIRST_LOOK_BACK) - OVERLAP

    def _fetch_threads(self, run: StageRun) -> None:
        """Moves the cursor only when everything before it is stored; what cannot be read is stored as it came."""
        newest: datetime | None = None
        for page in self.marketplace.threads(self._since()):
            self._keep_unreadable(run, page.problems)
            threads = [_with_texts(thread) for thread in page.threads]
            stored, new = self.store.store_threads(threads)
            run.counts["done"] += stored
            run.counts["new_messages"] += new
            newest = max(
                [thread.updated_at for thread in page.threads] + ([newest] if newest else []), default=None
            )
            if not run.may_go_on():
                run.counts["left"] += 1  # pages are unread: the cursor stays, and the next cycle starts there
                return
        if newest:
            self.store.move_cursor(CURSOR, newest)

    def _keep_unreadable(self, run: StageRun, problems: Sequence[Malformed]) -> None:
        if problems:
            found = [unreadable(Kind.UNREADABLE_MESSAGE, problem) for problem in problems]
            self.store.add_findings(found, run.stage)
        for problem in problems:
            run.failed(problem.ident or problem.thread_id or "?", problem.problem)

    def _fetch_files(self, run: StageRun) -> None:
        for attachment_id in self.store.files_to_fetch(GROUP):
            if not run.may_go_on():
                run.counts["left"] += 1
                continue
            file = wait_and_call(run, partial(self.marketplace.attachment, attachment_id))
            match file:
                case Attachment():
                    with isolated(run, attachment_id):
                        self._keep(run, attachment_id, file)
                case Refused(message, _):
                    self.store.note_file_gone(attachment_id, message)
                    run.failed(attachment_id, message)
                case NotSent():
                    run.stop(file)
                case _:
                    run.counts["left"] += 1

    def _keep(self, run: StageRun, attachment_id: str, file: Attachment) -> None:
        path = f"attachments/{hashlib.sha256(attachment_id.encode()).hexdigest()[:40]}"
        self.shelf.put(path, file.content, file.media_type)
        self.store.note_file_stored(attachment_id, path, file.media_type, len(file.content))
        run.counts["files"] += 1

    # --- replies ----------------------------------------------------------------------------------------------

    def _send_replies(self, run: StageRun) -> None:
        for reply in self.store.replies_to_send(GROUP):
            if run.may_go_on():
                self._send(run, reply)
            else:
                run.counts["left"] += 1

    def _send(self, run: StageRun, reply: Reply) -> None:
        """The marketplace takes a reply twice, so after a lost answer the threads are read before a further call."""
        page = self._threads_for(reply)
        if reply.called_at is not None:
            if self._is_there(reply, page.threads):
                run.counts["replies"] += 1
                return
            if page.problems or self.clock() - reply.called_at < SETTLING:
                run.counts["left"] += 1  # what cannot be read may be the reply
                return
        call = self._call_for(reply, page.threads)
        if isinstance(call, str):
            self._note_refused(run, reply, call)
        elif self.store.note_reply_call(reply.reply_id):
            self._post(run, reply, call)

    def _threads_for(self, reply: Reply) -> ThreadPage:
        """The threads that may have the reply."""
        if reply.order_id is not None:
            return self.marketplace.threads_of(reply.order_id)
        return self.marketplace.thread(reply.thread_id) if reply.thread_id else ThreadPage([])

    def _is_there(self, reply: Reply, threads: Sequence[Thread]) -> bool:
        """Each message of ours stands for one reply at most."""
        return any(
            self.store.note_reply_sent(reply.reply_id, message.message_id)
            for thread in threads
            for message in thread.messages
            if message.sender_type == SHOP and _same_text(message, reply)
        )

    def _call_for(self, reply: Reply, threads: Sequence[Thread]) -> Call | str:
        """The call that sends it, or why there is none: into its thread, else the order's latest, else a new one."""
        open_to = [(thread, to) for thread in threads if (to := _recipients(thread, reply))]
        if open_to:
            thread, to = max(
                open_to, key=lambda each: (each[0].thread_id == reply.thread_id, each[0].updated_at)
            )
            return partial(self.marketplace.reply, thread.thread_id, reply.body, to)
        if reply.order_id is not None:
            return partial(
                self.marketplace.open_thread, reply.order_id, reply.topic or "", reply.body, reply.to
            )
        if threads:
            return f"nobody of {', '.join(reply.to)} takes part in this thread"
        return "the marketplace does not have this thread"

    def _post(self, run: StageRun, reply: Reply, call: Call) -> None:
        answer = wait_and_call(run, call)
        match answer:
            case Posted(message_id):
                run.worked()
                self.store.note_reply_sent(reply.reply_id, message_id)
                run.counts["replies"] += 1
            case Refused(message, _):
                self._note_refused(run, reply, message)
            case NotSent():
                self.store.note_reply_not_sent(reply.reply_id)
                run.blocked(reply.reply_id, answer)
            case _:
                run.counts["left"] += 1  # the next cycle reads the thread

    def _note_refused(self, run: StageRun, reply: Reply, message: str) -> None:
        self.store.note_reply_refused(reply.reply_id, message)
        run.failed(reply.reply_id, message)


def _recipients(thread: Thread, reply: Reply) -> Sequence[Participant]:
    to = [each for each in thread.participants if each.kind in reply.to]
    return to or ([Participant("OPERATOR", None)] if "OPERATOR" in reply.to else [])


def _same_text(message: Message, reply: Reply) -> bool:
    return plain_text(message.body).split() == plain_text(reply.body).split()


def _with_texts(thread: Thread) -> StoredMessageThread:
    return StoredMessageThread(thread, [plain_text(message.body) for message in thread.messages])


def plain_text(body: str) -> str:
    """The text of an HTML body as a person reads it. Pure; accepts any text."""
    reader = _TextReader()
    reader.feed(body)
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.pieces).splitlines())
    return "\n".join(line for line in lines if line)


class _TextReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:  # noqa: ARG002 - its signature
        self._hidden += tag in HIDDEN
        if tag in BREAKS:
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._hidden = max(0, self._hidden - (tag in HIDDEN))
        if tag in BREAKS:
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.pieces.append(data)
