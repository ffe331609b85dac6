"""The stored facts are those of the last reading, whatever they are and in whatever order they arrive."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import psycopg
import pytest

from tests.contract.fulfillment_calls import Fulfillment, bought, move, order, thread
from tests.contract.schema_rows import NOW, Json


def at(minutes: int) -> str:
    return (NOW + timedelta(minutes=minutes)).isoformat()


def order_line(line_id: str = "A-1", quantity: int = 2, price: str = "9.99") -> Json:
    line = {"line_id": line_id, "sku": "SKU-1", "quantity": quantity, "title": "Cable", "price": price}
    return line | {"state": "SHIPPING"}


def test_an_order_is_stored_with_all_its_facts(fulfillment: Fulfillment) -> None:
    sent = order(address={"name": "Ana"}, ship_before=at(60), can_ship=True, total="1234567890.12345678")
    assert fulfillment.store(sent) == 1
    (kept,) = fulfillment.orders_in("pending_acceptance")
    assert kept["address"] == {"name": "Ana"}
    assert fulfillment.order()["total"] == Decimal("1234567890.12345678")
    assert kept["lines"] == [order_line() | {"price": 9.99, "size": None}]
    assert (kept["can_ship"], kept["shipment"], kept["first_seen_at"]) == (
        True,
        None,
        "2026-03-02T12:00:00+00:00",
    )


def test_of_an_order_twice_in_one_page_the_last_is_stored(fulfillment: Fulfillment) -> None:
    pages = (order(marketplace_updated_at=at(0), marketplace_state="SHIPPING"), order())
    for sent in (pages, pages[::-1]):
        fulfillment.store(*sent)
        assert fulfillment.order()["marketplace_state"] == "SHIPPING"
    assert len(fulfillment.orders_in("pending_acceptance")) == 1


def test_older_news_change_nothing_and_the_same_news_write_nothing(fulfillment: Fulfillment) -> None:
    fulfillment.store(
        order(marketplace_updated_at=at(0), marketplace_state="SHIPPING", address={"name": "Ana"})
    )
    kept = fulfillment.order()
    fulfillment.later(minutes=5).store(
        order(marketplace_updated_at=at(-1), marketplace_state="WAITING_DEBIT")
    )
    fulfillment.later(minutes=5).store(
        order(marketplace_updated_at=at(0), marketplace_state="SHIPPING", address={"name": "Ana"})
    )
    assert fulfillment.order() == kept


def test_a_stored_address_is_kept_when_the_marketplace_stops_showing_it(fulfillment: Fulfillment) -> None:
    fulfillment.store(order(address={"name": "Ana"}))
    fulfillment.store(order(marketplace_updated_at=at(1), marketplace_state="SHIPPED"))
    assert (fulfillment.order()["address"], fulfillment.order()["marketplace_state"]) == (
        {"name": "Ana"},
        "SHIPPED",
    )


def test_lines_follow_the_marketplace_and_one_without_pieces_is_a_line(fulfillment: Fulfillment) -> None:
    fulfillment.store(order(lines=[order_line("A-1"), order_line("A-2", price="-1.5"), order_line("A-1")]))
    changed = [order_line("A-1", quantity=0), order_line("A-3", quantity=10**12)]
    fulfillment.store(order(marketplace_updated_at=at(1), lines=changed))
    (kept,) = fulfillment.orders_in("pending_acceptance")
    assert [(row["line_id"], row["quantity"]) for row in kept["lines"]] == [
        ("A-1", 0),
        ("A-2", 2),
        ("A-3", 10**12),
    ]


def test_storing_orders_moves_none_of_them(fulfillment: Fulfillment) -> None:
    fulfillment.accepted()
    fulfillment.store(order(marketplace_updated_at=at(1), marketplace_state="CANCELED"))
    assert fulfillment.order()["state"] == "accepted"


def test_a_piece_s_size_comes_with_the_line_and_stays_within_what_the_carrier_takes(
    fulfillment: Fulfillment,
) -> None:
    fulfillment.connection.execute("insert into parcel_sizes values ('SKU-1', 0.125, 10.5, 20, 3)")
    fulfillment.store(order())
    (kept,) = fulfillment.orders_in("pending_acceptance")
    assert kept["lines"][0]["size"] == {"weight": 0.125, "length": 10.5, "width": 20, "height": 3}
    for size in ("30.001, 1, 1, 1", "1, 200.1, 1, 1", "1, 1, 0, 1", "1, 1, 1, 200.1"):
        with pytest.raises(psycopg.errors.CheckViolation):
            fulfillment.connection.execute(f"insert into parcel_sizes values ('SKU-2', {size})".encode())


def test_pages_follow_time_and_then_id_and_miss_no_order(fulfillment: Fulfillment) -> None:
    expected = [(number // 3, f"O{number:02}") for number in range(20)]
    fulfillment.store(*[order(name, ordered_at=at(minute)) for minute, name in reversed(expected)])
    fulfillment.move(*[move(name, "pending_acceptance", "accepted") for _, name in expected[::2]])
    read: list[str] = []
    while page := fulfillment.orders_in(
        "accepted", "pending_acceptance", limit=3, after=read[-1] if read else None
    ):
        read += [row["order_id"] for row in page]
    assert read == [name for _, name in expected]


def test_reading_on_after_an_order_that_moved_meanwhile_goes_on_from_its_place(
    fulfillment: Fulfillment,
) -> None:
    fulfillment.store(*[order(name) for name in "ABC"])
    fulfillment.move(move("A", "pending_acceptance", "cancelled"))
    assert [row["order_id"] for row in fulfillment.orders_in("pending_acceptance", after="A")] == ["B", "C"]
    with pytest.raises(psycopg.Error, match="no order Z") as refusal:
        fulfillment.orders_in("pending_acceptance", after="Z")
    assert refusal.value.sqlstate == "PT404"


def test_of_many_moves_those_are_made_whose_reason_still_holds(fulfillment: Fulfillment) -> None:
    fulfillment.store(*[order(name) for name in "ABC"])
    fulfillment.move(move("B", "pending_acceptance", "cancelled"))
    moves = [move(name, "pending_acceptance", "accepted") for name in ("C", "B", "A", "Z")]
    assert fulfillment.move(*moves) == ["A", "C"]
    assert [fulfillment.order(name)["state"] for name in "ABC"] == ["accepted", "cancelled", "accepted"]


def test_the_same_move_by_another_reason_is_not_ours(fulfillment: Fulfillment) -> None:
    fulfillment.store(order())
    fulfillment.move(move("A", "pending_acceptance", "cancelled"))
    assert fulfillment.move(move("A", "pending_acceptance", "cancelled") | {"reason": "another"}) == []
    assert fulfillment.move(move("A", "pending_acceptance", "cancelled"), stage="update-tracking") == []


@pytest.mark.parametrize(
    ("failed", "path", "back"),
    [
        ("acceptance_failed", [], "pending_acceptance"),
        ("label_failed", ["accepted"], "accepted"),
        ("tracking_failed", ["accepted", "label_created"], "label_created"),
    ],
)
def test_a_retried_order_goes_back_to_where_its_stage_picks_it_up(
    fulfillment: Fulfillment, failed: str, path: list[str], back: str
) -> None:
    fulfillment.store(order())
    states = ["pending_acceptance", *path, failed]
    for before, after in pairwise(states):
        fulfillment.move(move("A", before, after))
    assert fulfillment.retry(anyway=True)["state"] == back
    assert (fulfillment.attention(), fulfillment.order()["stage"]) == (False, "kim")
    with pytest.raises(psycopg.Error, match=f"order A is {back}: there is nothing to retry") as refusal:
        fulfillment.retry(note="another")
    assert refusal.value.sqlstate == "PT409"


@pytest.mark.parametrize("call", [Fulfillment.retry, Fulfillment.undone])
def test_an_unknown_order_is_not_found(
    fulfillment: Fulfillment, call: Callable[[Fulfillment, str], Json]
) -> None:
    with pytest.raises(psycopg.Error, match="no order Z") as refusal:
        call(fulfillment, "Z")
    assert refusal.value.sqlstate == "PT404"


def test_threads_and_messages_are_kept_by_id_and_linked_to_orders(fulfillment: Fulfillment) -> None:
    assert fulfillment.store_threads(thread("T", "m1", "m2"), thread("U", "m3")) == {
        "threads": 2,
        "new_messages": 3,
    }
    newer = thread(
        "T", "m2", "m4", updated_at=at(1), topic="Found", order_ids=["A", "B"], reply_needed_since=at(1)
    )
    assert fulfillment.store_threads(newer) == {"threads": 1, "new_messages": 1}
    kept = fulfillment.one("select * from threads where thread_id = 'T'")
    assert (kept["topic"], kept["order_ids"], kept["reply_needed_since"]) == (
        "Found",
        ["A", "B"],
        NOW + timedelta(minutes=1),
    )
    rows = fulfillment.all("select message_id, thread_id from messages order by message_id")
    assert [tuple(row.values()) for row in rows] == [("m1", "T"), ("m2", "T"), ("m3", "U"), ("m4", "T")]


def test_an_older_thread_brings_its_messages_and_changes_nothing_else(fulfillment: Fulfillment) -> None:
    fulfillment.store_threads(thread("T", "m1", topic="Found", updated_at=at(1)))
    fulfillment.store_threads(thread("T", "m0"), thread("T", "m2"))
    assert fulfillment.one("select topic, updated_at from threads") == {
        "topic": "Found",
        "updated_at": NOW + timedelta(minutes=1),
    }
    assert fulfillment.one("select count(*) from messages") == {"count": 3}


def test_a_cursor_goes_neither_back_nor_into_the_future(fulfillment: Fulfillment) -> None:
    assert fulfillment.call("read_cursor", name="threads", now_=None) == {"value": None}
    for minutes in (-5, 9, -7):
        fulfillment.call("move_cursor", name="threads", value=NOW + timedelta(minutes=minutes))
    (kept,) = fulfillment.call("read_cursor", name="threads", now_=None).values()
    assert datetime.fromisoformat(kept) == NOW


def test_a_bought_label_needs_the_carrier_s_id(fulfillment: Fulfillment) -> None:
    shipment = fulfillment.open(fulfillment.accepted())
    with pytest.raises(psycopg.errors.CheckViolation):
        fulfillment.buy(shipment, bought() | {"shipment_id": None})
