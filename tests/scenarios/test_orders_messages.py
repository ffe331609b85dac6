"""Messages: stored by id, with their text, and the cursor moves only when everything up to it is stored."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.errors import VendorUnavailable
from shared.fulfillment.messages import CURSOR
from tests.orders_support import MESSAGES, Json, OrderLine, held, rpc

INBOX = "/api/inbox/threads"


def write(line: OrderLine, *threads: Json) -> None:
    line.market.control("POST", "threads", {"threads": threads})


def stored(line: OrderLine) -> dict[str, int]:
    """Messages by thread."""
    return dict(line.rows("select thread_id, count(*)::int from messages group by 1"))


def cursor(line: OrderLine) -> datetime | None:
    return line.store.read_cursor(CURSOR)


def test_messages_are_stored_with_their_text_and_linked_to_their_order(order_line: OrderLine) -> None:
    (order,) = order_line.waiting()
    attachment = {"id": "f-1", "name": "photo.jpg", "size": 1234}
    body = "Bonjour,<br/>o&ugrave; est mon colis&nbsp;? 5 &lt; 6"
    said = {"body": body, "attachments": [attachment]}
    write(order_line, {"thread_id": "T-1", "order_id": order, "messages": [said]})
    answer = order_line.fire(MESSAGES)
    assert (answer["done"], answer["new_messages"]) == (1, 1)
    assert order_line.rows("select order_ids from threads") == [([order],)]
    ((raw, text, attachments),) = order_line.rows("select body_raw, body_text, attachments from messages")
    assert raw == body
    assert text == "Bonjour,\noù est mon colis ? 5 < 6"
    assert [each["name"] for each in attachments] == ["photo.jpg"]


def test_every_page_is_read_and_a_second_look_brings_nothing(order_line: OrderLine) -> None:
    order_line.waiting(3)
    order_line.market.control("POST", "threads", {"count": 250, "seed": 1})
    first = order_line.fire(MESSAGES)
    assert (first["done"], len(order_line.market.calls("M11"))) == (250, 3)
    assert cursor(order_line) == order_line.clock.now
    order_line.advance(60)
    second = order_line.fire(MESSAGES)
    assert (second["done"], second["new_messages"]) == (250, 0)
    order_line.advance(1200)
    assert order_line.fire(MESSAGES)["done"] == 250
    assert sum(stored(order_line).values()) == first["new_messages"]


def test_an_answer_in_an_old_thread_brings_only_what_is_new(order_line: OrderLine) -> None:
    write(order_line, {"thread_id": "T-1", "messages": [{"body": "Where is it?"}]}, {"thread_id": "T-2"})
    order_line.fire(MESSAGES)
    order_line.advance(3600)
    write(order_line, {"thread_id": "T-1", "messages": [{"body": "On its way.", "sender_type": "SHOP_USER"}]})
    assert order_line.fire(MESSAGES)["new_messages"] == 1
    assert stored(order_line) == {"T-1": 2}


def test_a_page_that_cannot_be_had_leaves_the_cursor_where_it_was(order_line: OrderLine) -> None:
    order_line.market.control("POST", "threads", {"count": 150, "seed": 1})
    order_line.disturb("market", {"kind": "error_before", "status": 400, "path": INBOX, "every": 2})
    with pytest.raises(VendorUnavailable):
        order_line.fire(MESSAGES)
    assert cursor(order_line) is None
    order_line.disturb("market")
    assert order_line.fire(MESSAGES)["done"] == 150
    assert len(order_line.rows("select from threads")) == 150


@pytest.mark.parametrize(
    ("part", "fault"),
    [
        pytest.param("market", held(INBOX, effect="none") | {"every": 2}, id="between two pages"),
        pytest.param(
            "rest", held(rpc("store_threads"), effect="none") | {"every": 2}, id="before a page is stored"
        ),
        pytest.param(
            "rest", held(rpc("store_threads"), effect="before") | {"every": 2}, id="after a page is stored"
        ),
        pytest.param("rest", held(rpc("move_cursor"), effect="none"), id="before the cursor moves"),
        pytest.param("rest", held(rpc("move_cursor"), effect="before"), id="after the cursor has moved"),
    ],
)
def test_sync_messages_killed_loses_nothing(order_line: OrderLine, part: str, fault: Json) -> None:
    order_line.at_the_real_time()
    order_line.market.control("POST", "threads", {"count": 250, "seed": 2})
    order_line.kill_while_held("sync_messages", part, fault)
    order_line.outlive_the_lease(MESSAGES)
    order_line.fire(MESSAGES)
    said = order_line.marketplace.threads(datetime(2000, 1, 1, tzinfo=UTC))
    there = {each.thread_id: len(each.messages) for page in said for each in page.threads}
    assert len(there) == 250
    assert stored(order_line) == {thread: number for thread, number in there.items() if number}


def test_a_thread_that_cannot_be_read_is_told_and_hides_no_other(order_line: OrderLine) -> None:
    good, bad = {"thread_id": "T-1", "messages": [{"body": "Hello"}]}, {"thread_id": "T-2"}
    write(order_line, good, bad | {"overrides": {"id": None}})
    answer = order_line.fire(MESSAGES)
    assert (answer["done"], answer["failed"]) == (1, 1)
    assert "cannot be read (id: " in answer["errors"][0]["message"]
    assert stored(order_line) == {"T-1": 1}


def test_a_thread_dated_in_the_future_does_not_carry_the_cursor_with_it(order_line: OrderLine) -> None:
    """Otherwise whatever is written until then would never be read."""
    year = (order_line.clock.now + timedelta(days=365)).isoformat()
    write(
        order_line, {"thread_id": "T-1", "messages": [{"body": "Hello"}], "overrides": {"date_updated": year}}
    )
    order_line.fire(MESSAGES)
    assert cursor(order_line) == order_line.clock.now
    order_line.advance(3600)
    write(order_line, {"thread_id": "T-2", "messages": [{"body": "Anybody there?"}]})
    order_line.fire(MESSAGES)
    assert stored(order_line) == {"T-1": 1, "T-2": 1}


def test_a_text_that_postgres_cannot_hold_is_kept_without_it(order_line: OrderLine) -> None:
    write(order_line, {"thread_id": "T-1", "messages": [{"body": "A\x00B"}, {"body": "\U0001f615"}]})
    order_line.fire(MESSAGES)
    assert stored(order_line) == {"T-1": 2}
