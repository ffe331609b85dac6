"""Stage 4: fetches customer messages. They are stored by id, so reading one twice does no harm."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html.parser import HTMLParser

from shared.clock import Clock
from shared.fulfillment.ports import Marketplace, Thread
from shared.fulfillment.sequence import StageRun
from shared.fulfillment.store import MessageStore, StoredMessageThread

CURSOR = "threads"
OVERLAP = timedelta(minutes=10)
"""Reads so much before the cursor again, because the marketplace has its own clock and order of writing."""

FIRST_LOOK_BACK = timedelta(days=30)
BREAKS = frozenset({"br", "p", "div", "li", "tr", "h1", "h2", "h3", "blockquote"})
HIDDEN = frozenset({"script", "style", "head", "title"})


@dataclass(frozen=True)
class MessageSync:
    marketplace: Marketplace
    store: MessageStore
    clock: Clock

    def __call__(self, run: StageRun) -> None:
        """Moves the cursor only when everything before it is stored. Raises VendorUnavailable, StoreUnavailable."""
        newest: datetime | None = None
        for page in self.marketplace.threads(self._since()):
            run.report(page.problems)
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
        if newest:  # a message dated in the future must not hide those written until then
            self.store.move_cursor(CURSOR, min(newest, self.clock()))

    def preview(self, limit: int) -> list[str]:
        ids = [
            thread.thread_id for page in self.marketplace.threads(self._since()) for thread in page.threads
        ]
        return ids[:limit]

    def _since(self) -> datetime:
        return (self.store.read_cursor(CURSOR) or self.clock() - FIRST_LOOK_BACK) - OVERLAP


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
