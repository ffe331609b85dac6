"""Customers' files are kept, what cannot be read is kept as it came, and a reply is sent exactly once."""

import base64
import uuid

import pytest

from shared.errors import Conflict, NotFound
from tests.orders_support import MESSAGES, Json, RunningFulfillment

INBOX = "/api/inbox/threads"
REPLY = {"path": INBOX, "method": "POST"}
TAKEN = [
    {"kind": "lost_answer"},
    {"kind": "error_after", "status": 500},
    {"kind": "malformed"},
    {"kind": "timeout", "effect": "before", "seconds": 0.1},
]
"""The marketplace has the message, but its answer is lost."""

NOT_TAKEN = [
    {"kind": "error_before", "status": 503},
    {"kind": "rate_limited", "seconds": 900},
    {"kind": "timeout", "effect": "none", "seconds": 0.1},
]


def thread(fulfillment: RunningFulfillment, **message: object) -> str:
    (order,) = fulfillment.waiting()
    made = fulfillment.market.thread({"body": "Where is it?"} | message, order_id=order)
    fulfillment.fire(MESSAGES)
    return made


def written(fulfillment: RunningFulfillment, thread_id: str) -> list[str]:
    """The bodies of the shop's messages at the marketplace."""
    (found,) = fulfillment.marketplace.thread(thread_id).threads
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


def test_a_reply_that_may_be_among_unreadable_messages_is_not_sent_again(
    fulfillment: RunningFulfillment,
) -> None:
    (order,) = fulfillment.waiting()
    garbled = {"messages": [{"id": "m-1", "body": {"text": "?"}}]}
    made = fulfillment.market.thread({"body": "Where is it?"}, order_id=order, overrides=garbled)
    fulfillment.fire(MESSAGES)
    reply(fulfillment, made)
    fulfillment.disturb("market", {"kind": "lost_answer", **REPLY, "times": 1})
    fulfillment.fire(MESSAGES)
    fulfillment.disturb("market")
    for _ in range(3):
        fulfillment.advance(900)
        fulfillment.fire(MESSAGES)
    assert fulfillment.marketplace.thread(made).problems
    assert len(fulfillment.market.calls("M12")) == 1


@pytest.mark.parametrize("fault", TAKEN, ids=lambda fault: str(fault["kind"]))
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


@pytest.mark.parametrize("fault", NOT_TAKEN, ids=lambda fault: str(fault["kind"]))
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


# --- messages to a buyer who has not written


def known(fulfillment: RunningFulfillment) -> str:
    """An order that we know, about which nobody has written."""
    (order,) = fulfillment.waiting()
    fulfillment.see([order])
    return order


def to_buyer(fulfillment: RunningFulfillment, order: str, body: str = "It left today.") -> str:
    ident = str(uuid.uuid4())
    for _ in range(2):
        fulfillment.store.write_to_buyer(ident, order, "Your order", body, "ana")
    return ident


def told(fulfillment: RunningFulfillment, order: str) -> list[list[str]]:
    """The bodies of the shop's messages in each of the order's threads."""
    threads = sorted(fulfillment.marketplace.threads_of(order).threads, key=lambda each: each.created_at)
    return [
        [message.body for message in thread.messages if message.sender_type == "SHOP_USER"]
        for thread in threads
    ]


def opening(order: str) -> Json:
    return {"path": f"/api/orders/{order}/threads", "method": "POST", "times": 1}


def fire_for_an_hour(fulfillment: RunningFulfillment) -> None:
    for _ in range(4):
        fulfillment.fire(MESSAGES)
        fulfillment.advance(900)


def test_a_message_to_a_buyer_opens_one_thread(fulfillment: RunningFulfillment) -> None:
    order = known(fulfillment)
    ident = to_buyer(fulfillment, order)
    fire_for_an_hour(fulfillment)
    assert told(fulfillment, order) == [["It left today."]]
    (shown,) = fulfillment.store.threads(order, 10, unanswered=False)
    assert (shown["topic"], [each["reply_id"] for each in shown["replies"]]) == ("Your order", [ident])
    assert shown["replies"][0]["sent_at"]


@pytest.mark.parametrize("fault", TAKEN, ids=lambda fault: str(fault["kind"]))
def test_a_message_to_a_buyer_whose_answer_is_lost_is_not_sent_again(
    fulfillment: RunningFulfillment, fault: Json
) -> None:
    order = known(fulfillment)
    ident = to_buyer(fulfillment, order)
    fulfillment.disturb("market", {**fault, **opening(order)})
    fulfillment.fire(MESSAGES)
    assert fulfillment.struck("market") == 1
    fulfillment.disturb("market")
    fulfillment.advance(900)
    fire_for_an_hour(fulfillment)
    assert told(fulfillment, order) == [["It left today."]]
    (shown,) = fulfillment.store.threads(order, 10, unanswered=False)
    assert [each["reply_id"] for each in shown["replies"]] == [ident]


@pytest.mark.parametrize("fault", NOT_TAKEN, ids=lambda fault: str(fault["kind"]))
def test_a_message_to_a_buyer_that_was_not_taken_is_sent_later(
    fulfillment: RunningFulfillment, fault: Json
) -> None:
    order = known(fulfillment)
    to_buyer(fulfillment, order)
    fulfillment.disturb("market", {**fault, **opening(order)})
    fulfillment.fire(MESSAGES)
    assert told(fulfillment, order) == []
    fulfillment.disturb("market")
    fulfillment.advance(900)
    fire_for_an_hour(fulfillment)
    assert told(fulfillment, order) == [["It left today."]]


def test_two_messages_to_a_buyer_with_the_same_text_are_two_messages_in_one_thread(
    fulfillment: RunningFulfillment,
) -> None:
    order = known(fulfillment)
    for _ in range(2):
        to_buyer(fulfillment, order)
    fulfillment.disturb("market", {"kind": "lost_answer", **opening(order)})
    fire_for_an_hour(fulfillment)
    assert told(fulfillment, order) == [["It left today.", "It left today."]]
    assert fulfillment.rows("select count(distinct message_id), count(thread_id) from replies") == [(2, 2)]


def test_a_message_to_a_buyer_who_has_written_goes_into_the_latest_thread(
    fulfillment: RunningFulfillment,
) -> None:
    order = known(fulfillment)
    fulfillment.market.thread({"body": "Where is it?"}, order_id=order)
    fulfillment.advance(60)
    fulfillment.market.thread({"body": "And the bill?"}, order_id=order)
    fulfillment.fire(MESSAGES)
    to_buyer(fulfillment, order)
    fire_for_an_hour(fulfillment)
    assert told(fulfillment, order) == [[], ["It left today."]]
    assert fulfillment.market.calls("OR43") == []


def test_a_message_to_a_buyer_who_has_written_meanwhile_goes_into_that_thread(
    fulfillment: RunningFulfillment,
) -> None:
    order = known(fulfillment)
    ident = to_buyer(fulfillment, order)
    fulfillment.market.thread({"body": "Where is it?"}, order_id=order)
    fire_for_an_hour(fulfillment)
    assert told(fulfillment, order) == [["It left today."]]
    (shown,) = fulfillment.store.threads(order, 10, unanswered=False)
    assert [each["reply_id"] for each in shown["replies"]] == [ident]


def test_a_thread_in_which_the_buyer_takes_no_part_is_not_the_buyer_s(
    fulfillment: RunningFulfillment,
) -> None:
    order = known(fulfillment)
    shop = {"display_name": "Acme Parts", "id": "2044", "type": "SHOP"}
    fulfillment.market.thread(
        {"body": "A claim", "sender_type": "OPERATOR_USER"},
        order_id=order,
        overrides={"current_participants": [shop]},
    )
    fulfillment.fire(MESSAGES)
    fulfillment.advance(60)
    to_buyer(fulfillment, order)
    fire_for_an_hour(fulfillment)
    assert told(fulfillment, order) == [[], ["It left today."]]


def test_a_lost_answer_beside_a_thread_that_cannot_be_read_is_not_sent_again_until_it_can(
    fulfillment: RunningFulfillment,
) -> None:
    order = known(fulfillment)
    to_buyer(fulfillment, order)
    fulfillment.disturb("market", {"kind": "error_before", "status": 503, **opening(order)})
    fulfillment.fire(MESSAGES)
    fulfillment.disturb("market")
    entity = {"id": order, "label": order, "type": "MMP_ORDER"}
    fulfillment.market.thread(
        {"body": "?"}, order_id=order, overrides={"id": ["unreadable"], "entities": [entity]}
    )
    fulfillment.advance(900)
    fire_for_an_hour(fulfillment)
    assert told(fulfillment, order) == []
    fulfillment.market.control("DELETE", "threads")
    fire_for_an_hour(fulfillment)
    assert told(fulfillment, order) == [["It left today."]]


def test_a_message_to_a_buyer_that_the_marketplace_refuses_is_a_reason_of_the_order(
    fulfillment: RunningFulfillment,
) -> None:
    order = known(fulfillment)
    fulfillment.disturb("market", {"kind": "error_before", "status": 400, **opening(order)})
    ident = to_buyer(fulfillment, order)
    fire_for_an_hour(fulfillment)
    assert fulfillment.findings() == {"reply_refused": [ident]}
    assert ["does not take a reply" in reason for reason in fulfillment.reasons(order)] == [True]
    assert told(fulfillment, order) == []
