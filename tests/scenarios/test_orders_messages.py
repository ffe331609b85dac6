"""Messages are stored by id with their text; the cursor moves only when everything before it is stored."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.errors import VendorUnavailable
from shared.fulfillment.messages import CURSOR
from tests.faults import held, rpc
from tests.orders_support import MESSAGES, Json, RunningFulfillment

INBOX = "/api/inbox/threads"


def write(fulfillment: RunningFulfillment, *threads: Json) -> None:
    fulfillment.market.control("POST", "threads", {"threads": threads})


def stored(fulfillment: RunningFulfillment) -> dict[str, int]:
    """Messages by thread."""
    return dict(fulfillment.rows("select thread_id, count(*)::int from messages group by 1"))


def cursor(fulfillment: RunningFulfillment) -> datetime | None:
    return fulfillment.store.read_cursor(CURSOR)


def test_messages_are_stored_with_their_text_and_linked_to_their_order(
    fulfillment: RunningFulfillment,
) -> None:
    (order,) = fulfillment.waiting()
    attachment = {"id": "f-1", "name": "photo.jpg", "size": 1234}
    body = "Bonjour,<br/>o&ugrave; est mon colis&nbsp;? 5 &lt; 6"
    said = {"body": body, "attachments": [attachment]}
    write(fulfillment, {"thread_id": "T-1", "order_id": order, "messages": [said]})
    answer = fulfillment.fire(MESSAGES)
    assert (answer["done"], answer["new_messages"]) == (1, 1)
    assert fulfillment.rows("select order_ids from threads") == [([order],)]
    ((raw, text, attachments),) = fulfillment.rows("select body_raw, body_text, attachments from messages")
    assert raw == body
    assert text == "Bonjour,\noù est mon colis ? 5 < 6"
    assert [each["name"] for each in attachments] == ["photo.jpg"]


def test_every_page_is_read_and_a_second_look_brings_nothing(fulfillment: RunningFulfillment) -> None:
    fulfillment.waiting(3)
    fulfillment.market.control("POST", "threads", {"count": 250, "seed": 1})
    first = fulfillment.fire(MESSAGES)
    assert (first["done"], len(fulfillment.market.calls("M11"))) == (250, 3)
    assert cursor(fulfillment) == fulfillment.clock.now
    fulfillment.advance(60)
    second = fulfillment.fire(MESSAGES)
    assert (second["done"], second["new_messages"]) == (250, 0)
    fulfillment.advance(1200)
    assert fulfillment.fire(MESSAGES)["done"] == 250
    assert sum(stored(fulfillment).values()) == first["new_messages"]


def test_an_answer_in_an_old_thread_brings_only_what_is_new(fulfillment: RunningFulfillment) -> None:
    write(fulfillment, {"thread_id": "T-1", "messages": [{"body": "Where is it?"}]}, {"thread_id": "T-2"})
    fulfillment.fire(MESSAGES)
    fulfillment.advance(3600)
    write(
        fulfillment, {"thread_id": "T-1", "messages": [{"body": "On its way.", "sender_type": "SHOP_USER"}]}
    )
    assert fulfillment.fire(MESSAGES)["new_messages"] == 1
    assert stored(fulfillment) == {"T-1": 2}


def test_a_page_that_cannot_be_had_leaves_the_cursor_where_it_was(fulfillment: RunningFulfillment) -> None:
    fulfillment.market.control("POST", "threads", {"count": 150, "seed": 1})
    fulfillment.disturb("market", {"kind": "error_before", "status": 400, "path": INBOX, "every": 2})
    with pytest.raises(VendorUnavailable):
        fulfillment.fire(MESSAGES)
    assert cursor(fulfillment) is None
    fulfillment.disturb("market")
    assert fulfillment.fire(MESSAGES)["done"] == 150
    assert len(fulfillment.rows("select from threads")) == 150


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
def test_sync_messages_killed_loses_nothing(fulfillment: RunningFulfillment, part: str, fault: Json) -> None:
    fulfillment.at_the_real_time()
    fulfillment.market.control("POST", "threads", {"count": 250, "seed": 2})
    fulfillment.kill_while_held("sync_messages", part, fault)
    fulfillment.outlive_the_lease(MESSAGES)
    fulfillment.fire(MESSAGES)
    said = fulfillment.marketplace.threads(datetime(2000, 1, 1, tzinfo=UTC))
    there = {each.thread_id: len(each.messages) for page in said for each in page.threads}
    assert len(there) == 250
    assert stored(fulfillment) == {thread: number for thread, number in there.items() if number}


def test_a_thread_that_cannot_be_read_is_reported_and_hides_no_other(fulfillment: RunningFulfillment) -> None:
    good, bad = {"thread_id": "T-1", "messages": [{"body": "Hello"}]}, {"thread_id": "T-2"}
    write(fulfillment, good, bad | {"overrides": {"id": None}})
    answer = fulfillment.fire(MESSAGES)
    assert (answer["done"], answer["failed"]) == (1, 1)
    assert "cannot be read (id: " in answer["errors"][0]["message"]
    assert stored(fulfillment) == {"T-1": 1}


def test_a_thread_dated_in_the_future_does_not_carry_the_cursor_with_it(
    fulfillment: RunningFulfillment,
) -> None:
    """Else messages written until then would never be read."""
    year = (fulfillment.clock.now + timedelta(days=365)).isoformat()
    write(
        fulfillment,
        {"thread_id": "T-1", "messages": [{"body": "Hello"}], "overrides": {"date_updated": year}},
    )
    fulfillment.fire(MESSAGES)
    assert cursor(fulfillment) == fulfillment.clock.now
    fulfillment.advance(3600)
    write(fulfillment, {"thread_id": "T-2", "messages": [{"body": "Anybody there?"}]})
    fulfillment.fire(MESSAGES)
    assert stored(fulfillment) == {"T-1": 1, "T-2": 1}


def test_a_text_that_postgres_cannot_hold_is_kept_without_it(fulfillment: RunningFulfillment) -> None:
    write(fulfillment, {"thread_id": "T-1", "messages": [{"body": "A\x00B"}, {"body": "\U0001f615"}]})
    fulfillment.fire(MESSAGES)
    assert stored(fulfillment) == {"T-1": 2}
