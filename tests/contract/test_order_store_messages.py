"""Messages: the SQL functions, through Supabase's client, and the in-memory store keep the same promises."""

from datetime import timedelta
from uuid import uuid4

import pytest

from shared.errors import Conflict, NotFound
from shared.fulfillment.findings import Finding, Kind
from tests.memory.clock import SettableClock
from tests.order_store_support import NOON, Store, conversation, open_findings, order

LATER = NOON + timedelta(minutes=1)


def written(store: Store, body: str = "It left today.") -> str:
    store.store_threads([conversation("T", "m1")])
    reply_id = str(uuid4())
    store.write_reply(reply_id, "T", body, ["CUSTOMER"], "kim")
    return reply_id


def to_send(store: Store) -> list[str]:
    return [reply.reply_id for reply in store.replies_to_send(10)]


def test_threads_and_messages_are_kept_by_id(store: Store) -> None:
    assert store.store_threads([conversation("T", "m1", "m2"), conversation("U", "m3")]) == (2, 3)
    assert store.store_threads([conversation("T", "m2", "m4", updated_at=LATER)]) == (1, 1)
    assert store.store_threads([]) == (0, 0)


def test_the_inbox_shows_threads_of_an_order_the_latest_first(store: Store) -> None:
    store.store_threads([conversation("T", "m1", "m2"), conversation("U", "m3", updated_at=LATER)])
    shown = store.threads("A", 10, unanswered=False)
    assert [thread["thread_id"] for thread in shown] == ["U", "T"]
    assert [message["message_id"] for message in shown[1]["messages"]] == ["m1", "m2"]
    assert [file["attachment_id"] for file in shown[1]["messages"][0]["files"]] == ["file m1"]
    assert store.threads("B", 10, unanswered=False) == []
    assert store.threads(None, 10, unanswered=True) == []
    assert [thread["thread_id"] for thread in store.threads(None, 1, unanswered=False)] == ["U"]


def test_an_older_thread_changes_nothing_but_its_messages(store: Store) -> None:
    store.store_threads([conversation("T", "m1", updated_at=LATER, topic="Found")])
    assert store.store_threads([conversation("T", "m0", topic="Where is it?")]) == (1, 1)
    assert store.threads(None, 10, unanswered=False)[0]["topic"] == "Found"


def test_a_message_that_can_be_read_ends_its_finding(store: Store) -> None:
    store.add_findings([Finding(Kind.UNREADABLE_MESSAGE, "m1", "no sender")], "sync-messages")
    assert open_findings(store) == [("unreadable_message", "m1")]
    store.store_threads([conversation("T", "m1")])
    assert open_findings(store) == []


def test_a_cursor_goes_neither_back_nor_into_the_future(store: Store) -> None:
    assert store.read_cursor("threads") is None
    for minutes in (-9, -5, -7):
        store.move_cursor("threads", NOON + timedelta(minutes=minutes))
    assert store.read_cursor("threads") == NOON - timedelta(minutes=5)
    store.move_cursor("threads", NOON + timedelta(days=365))
    assert store.read_cursor("threads") == NOON
    assert store.read_cursor("other") is None


# --- files


def test_a_file_is_fetched_once(store: Store) -> None:
    store.store_threads([conversation("T", "m1", "m2", "m3")])
    assert list(store.files_to_fetch(2)) == ["file m1", "file m2"]
    store.note_file_stored("file m1", "m1.jpg", "image/jpeg", 9)
    store.note_file_gone("file m2", "404")
    assert list(store.files_to_fetch(10)) == ["file m3"]
    store.note_file_stored("file m1", "other.jpg", "image/jpeg", 9)
    store.note_file_gone("file m1", "404")
    kept = store.message_file("file m1")
    assert (kept["name"], kept["path"], kept["problem"]) == ("a.jpg", "m1.jpg", None)
    assert store.message_file("file m2")["problem"] == "404"
    store.store_threads([conversation("T", "m1", "m2", updated_at=LATER)])
    assert list(store.files_to_fetch(10)) == ["file m3"]
    with pytest.raises(NotFound):
        store.message_file("file m9")


# --- replies


def test_a_reply_is_written_once_by_its_own_id(store: Store) -> None:
    store.store_threads([conversation("T", "m1")])
    reply_id = str(uuid4())
    for _ in range(2):
        row = store.write_reply(reply_id, "T", "It left today.", ["CUSTOMER", "OPERATOR"], "kim")
        assert (row["reply_id"], row["body"], row["written_by"]) == (reply_id, "It left today.", "kim")
    (reply,) = store.replies_to_send(10)
    assert (reply.thread_id, reply.body, list(reply.to), reply.called_at) == (
        "T",
        "It left today.",
        ["CUSTOMER", "OPERATOR"],
        None,
    )
    with pytest.raises(Conflict, match="another reply has the id"):
        store.write_reply(reply_id, "T", "Another text", ["CUSTOMER"], "kim")
    with pytest.raises(NotFound, match="no thread Z"):
        store.write_reply(str(uuid4()), "Z", "Hello", ["CUSTOMER"], "kim")


def to_buyer(store: Store, body: str = "It left today.", reply_id: str | None = None) -> str:
    reply_id = reply_id or str(uuid4())
    row = store.write_to_buyer(reply_id, "A", "Your order", body, "kim")
    assert (row["reply_id"], row["order_id"], row["topic"], row["body"]) == (
        reply_id,
        "A",
        "Your order",
        body,
    )
    return reply_id


def test_a_message_to_a_buyer_is_written_once_by_its_own_id(store: Store) -> None:
    store.store_orders([order()], "accept-orders")
    reply_id = to_buyer(store)
    to_buyer(store, reply_id=reply_id)
    (reply,) = store.replies_to_send(10)
    assert (reply.thread_id, reply.order_id, reply.topic) == (None, "A", "Your order")
    assert (reply.body, list(reply.to), reply.called_at) == ("It left today.", ["CUSTOMER"], None)
    store.store_threads([conversation("T", "m1")])
    to_buyer(store, reply_id=reply_id)
    for topic, body in (("Another topic", "It left today."), ("Your order", "Another text")):
        with pytest.raises(Conflict, match="another reply has the id"):
            store.write_to_buyer(reply_id, "A", topic, body, "kim")
    with pytest.raises(Conflict, match="another reply has the id"):
        store.write_reply(reply_id, "T", "It left today.", ["CUSTOMER"], "kim")
    with pytest.raises(NotFound, match="no order Z"):
        store.write_to_buyer(str(uuid4()), "Z", "Your order", "Hello", "kim")


def test_a_reply_is_not_taken_for_a_message_to_a_buyer(store: Store) -> None:
    store.store_orders([order()], "accept-orders")
    reply_id = written(store)
    with pytest.raises(Conflict, match="another reply has the id"):
        store.write_to_buyer(reply_id, "A", "Your order", "It left today.", "kim")


def test_a_message_to_a_buyer_goes_into_the_latest_thread_of_the_order(store: Store) -> None:
    store.store_orders([order()], "accept-orders")
    store.store_threads([conversation("T", "m1"), conversation("U", "m2", updated_at=LATER)])
    to_buyer(store)
    (reply,) = store.replies_to_send(10)
    assert (reply.thread_id, reply.order_id) == ("U", "A")


def test_a_message_to_a_buyer_is_shown_in_its_thread_once_that_is_known(
    store: Store, clock: SettableClock
) -> None:
    store.store_orders([order()], "accept-orders")
    before, after = to_buyer(store), to_buyer(store)
    for reply_id in (before, after):
        store.note_reply_call(reply_id)
    assert store.note_reply_sent(before, "m1")
    assert store.threads("A", 10, unanswered=False) == []
    clock.advance(seconds=1)
    store.store_threads([conversation("T", "m1", "m2")])
    assert store.note_reply_sent(after, "m2")
    (thread,) = store.threads("A", 10, unanswered=False)
    assert {reply["reply_id"] for reply in thread["replies"]} == {before, after}
    assert to_send(store) == []


def test_a_message_to_a_buyer_that_is_refused_is_a_reason_of_its_order(store: Store) -> None:
    store.store_orders([order()], "accept-orders")
    reply_id = to_buyer(store)
    store.note_reply_refused(reply_id, "no such buyer")
    assert (to_send(store), open_findings(store)) == ([], [("reply_refused", reply_id)])
    (reason,) = store.order_status("A")["reasons"]
    assert reason["reason"] == "the marketplace does not take a reply: no such buyer"


def test_the_oldest_reply_is_sent_first_and_one_that_is_sent_is_not_sent_again(
    store: Store, clock: SettableClock
) -> None:
    first = written(store)
    clock.advance(seconds=1)
    second = written(store, "And arrives tomorrow.")
    assert to_send(store) == [first, second]
    assert store.note_reply_call(first)
    (reply, _) = store.replies_to_send(10)
    assert reply.called_at == clock()
    for _ in range(2):
        assert store.note_reply_sent(first, "m9")
    assert to_send(store) == [second]
    assert not store.note_reply_call(first)
    assert store.threads("A", 1, unanswered=False)[0]["replies"][0]["message_id"] == "m9"


def test_a_call_that_was_not_made_leaves_no_question(store: Store) -> None:
    reply_id = written(store)
    store.note_reply_call(reply_id)
    store.note_reply_not_sent(reply_id)
    (reply,) = store.replies_to_send(10)
    assert reply.called_at is None


def test_a_message_stands_for_one_reply_and_not_for_one_that_was_called_after_it(
    store: Store, clock: SettableClock
) -> None:
    first, second = written(store), written(store)
    clock.advance(seconds=1)
    for reply_id in (first, second):
        store.note_reply_call(reply_id)
    assert not store.note_reply_sent(first, "m1"), "it was there before the call"
    clock.advance(seconds=1)
    store.store_threads([conversation("T", "m2", updated_at=LATER)])
    assert store.note_reply_sent(first, "m2")
    assert not store.note_reply_sent(second, "m2")
    assert to_send(store) == [second]


def test_a_reply_that_the_marketplace_refuses_is_a_person_s_business(store: Store) -> None:
    store.store_orders([order()], "accept-orders")
    reply_id = written(store)
    store.note_reply_call(reply_id)
    for _ in range(2):
        store.note_reply_refused(reply_id, "too long")
    assert (to_send(store), open_findings(store)) == ([], [("reply_refused", reply_id)])
    (reason,) = store.order_status("A")["reasons"]
    assert reason["reason"] == "the marketplace does not take a reply: too long"
