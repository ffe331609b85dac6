"""Customers' files are kept, what cannot be read is kept as it came, and a reply is sent exactly once."""

import base64
import uuid

import pytest

from shared.errors import Conflict, NotFound
from tests.orders_support import MESSAGES, Json, RunningFulfillment

INBOX = "/api/inbox/threads"
REPLY = {"path": INBOX, "method": "POST"}


def thread(fulfillment: RunningFulfillment, **message: object) -> str:
    (order,) = fulfillment.waiting()
    made = fulfillment.market.thread({"body": "Where is it?"} | message, order_id=order)
    fulfillment.fire(MESSAGES)
    return made


def written(fulfillment: RunningFulfillment, thread_id: str) -> list[str]:
    """The bodies of the shop's messages at the marketplace."""
    found = fulfillment.marketplace.thread(thread_id)
    assert found is not None
    return [message.body for message in found.messages if message.sender_type == "SHOP_USER"]


def reply(
    fulfillment: RunningFulfillment, thread_id: str, body: str = "It ships today.", ident: str | None = None
) -> str:
    ident = ident or str(uuid.uuid4())
    fulfillment.store.write_reply(ident, thread_id, body, ["CUSTOMER"], "ana")
    return ident


def test_files_are_fetched_and_kept(fulfillment: RunningFulfillment) -> None:
    content = b"\x89PNG a photo of the damage"
    file = {
        "id": "f-1",
        "name": "photo.png",
        "media_type": "image/png",
        "base64": base64.b64encode(content).decode(),
    }
    thread(fulfillment, attachments=[file])
    kept = fulfillment.store.message_file("f-1")
    assert (kept["name"], kept["media_type"], kept["bytes"]) == ("photo.png", "image/png", len(content))
    assert fulfillment.shelf.get(kept["path"]) == content
    calls = len(fulfillment.market.calls("M13"))
    fulfillment.fire(MESSAGES)
    assert len(fulfillment.market.calls("M13")) == calls


def test_a_file_that_cannot_be_fetched_is_tried_again_and_hides_no_message(
    fulfillment: RunningFulfillment,
) -> None:
    fulfillment.disturb("market", {"kind": "error_before", "status": 503, "path": f"{INBOX}/f-1"})
    thread(fulfillment, attachments=[{"id": "f-1", "name": "a.txt", "content": "hello"}])
    assert fulfillment.rows("select count(*) from messages") == [(1,)]
    assert fulfillment.store.message_file("f-1")["path"] is None
    fulfillment.disturb("market")
    fulfillment.fire(MESSAGES)
    assert fulfillment.shelf.get(fulfillment.store.message_file("f-1")["path"]) == b"hello"


def test_a_message_that_cannot_be_read_is_kept_as_it_came_before_the_cursor_moves(
    fulfillment: RunningFulfillment,
) -> None:
    fulfillment.market.thread(
        {"body": "fine"},
        overrides={
            "messages": [{"id": "m-1", "body": {"not": "a text"}, "secret": "kept"}, {"id": ["no text"]}]
        },
    )
    fulfillment.fire(MESSAGES)
    found = dict(
        fulfillment.rows("select subject, raw::text from findings where kind = 'unreadable_message'")
    )
    assert found, "stored raw"
    assert any("no text" in raw for raw in found.values())
    fulfillment.advance(86_400)
    fulfillment.fire(MESSAGES)
    assert len(fulfillment.findings()["unreadable_message"]) == len(found), "seen once"


def test_a_reply_is_sent_once(fulfillment: RunningFulfillment) -> None:
    made = thread(fulfillment)
    ident = reply(fulfillment, made)
    reply(fulfillment, made, ident=ident)
    for _ in range(3):
        fulfillment.fire(MESSAGES)
        fulfillment.advance(900)
    assert written(fulfillment, made) == ["It ships today."]
    (shown,) = fulfillment.store.threads(None, 10, unanswered=False)
    assert (shown["replies"][0]["reply_id"], shown["replies"][0]["written_by"]) == (ident, "ana")
    assert shown["replies"][0]["sent_at"]


def test_another_text_under_the_same_id_is_refused(fulfillment: RunningFulfillment) -> None:
    made = thread(fulfillment)
    ident = reply(fulfillment, made)
    with pytest.raises(Conflict):
        reply(fulfillment, made, "Something else", ident)
    with pytest.raises(NotFound):
        reply(fulfillment, "no-such-thread")


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "lost_answer"},
        {"kind": "error_after", "status": 500},
        {"kind": "malformed"},
        {"kind": "timeout", "effect": "before", "seconds": 0.1},
    ],
    ids=lambda fault: str(fault["kind"]),
)
def test_a_reply_whose_answer_is_lost_is_not_sent_again(fulfillment: RunningFulfillment, fault: Json) -> None:
    made = thread(fulfillment)
    reply(fulfillment, made)
    fulfillment.disturb("market", {**fault, **REPLY, "times": 1})
    fulfillment.fire(MESSAGES)
    assert fulfillment.struck("market") == 1
    fulfillment.disturb("market")
    for _ in range(3):
        fulfillment.advance(900)
        fulfillment.fire(MESSAGES)
    assert written(fulfillment, made) == ["It ships today."]


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "error_before", "status": 503},
        {"kind": "rate_limited", "seconds": 900},
        {"kind": "timeout", "effect": "none", "seconds": 0.1},
    ],
    ids=lambda fault: str(fault["kind"]),
)
def test_a_reply_that_was_not_taken_is_sent_later(fulfillment: RunningFulfillment, fault: Json) -> None:
    made = thread(fulfillment)
    reply(fulfillment, made)
    fulfillment.disturb("market", {**fault, **REPLY, "times": 1})
    fulfillment.fire(MESSAGES)
    fulfillment.disturb("market")
    for _ in range(3):
        fulfillment.advance(900)
        fulfillment.fire(MESSAGES)
    assert written(fulfillment, made) == ["It ships today."]


def test_two_replies_with_the_same_text_are_two_messages_though_an_answer_is_lost(
    fulfillment: RunningFulfillment,
) -> None:
    made = thread(fulfillment)
    fulfillment.disturb("market", {"kind": "lost_answer", **REPLY, "times": 2})
    for _ in range(2):
        reply(fulfillment, made, "Thank you.")
    for _ in range(4):
        fulfillment.fire(MESSAGES)
        fulfillment.advance(900)
    assert written(fulfillment, made) == ["Thank you.", "Thank you."]
    assert fulfillment.rows("select count(distinct message_id) from replies") == [(2,)]


def test_a_reply_that_the_marketplace_refuses_is_a_person_s_business(fulfillment: RunningFulfillment) -> None:
    made = thread(fulfillment)
    fulfillment.disturb("market", {"kind": "error_before", "status": 400, **REPLY, "times": 1})
    ident = reply(fulfillment, made)
    fulfillment.fire(MESSAGES)
    assert fulfillment.findings() == {"reply_refused": [ident]}
    for _ in range(2):
        fulfillment.fire(MESSAGES)
    assert written(fulfillment, made) == []
