"""The client against the running sandbox: orders, threads, set-up, waiting."""

import logging
import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest

from shared.errors import SettingsInvalid, VendorUnavailable
from shared.fulfillment.ports import (
    Attachment,
    Cause,
    Done,
    Malformed,
    MarketplaceState,
    NotSent,
    Participant,
    Posted,
    Refused,
    Tracking,
)
from shared.vendors.mirakl.client import READS, MiraklBounds, MiraklMarketplace
from tests.laptop.vendors.sandboxes import NOON, SHOP_KEY, MiraklSandbox, mirakl
from tests.mirakl_support import Pauses, marketplace


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MiraklSandbox]:
    with mirakl(tmp_path_factory.mktemp("mirakl"), "--api-key", SHOP_KEY) as running:
        yield running


@pytest.fixture
def vendor(served: MiraklSandbox) -> MiraklSandbox:
    served.calm()
    return served


@pytest.fixture
def client(vendor: MiraklSandbox) -> Iterator[MiraklMarketplace]:
    with marketplace(vendor.url) as made:
        yield made


def listed(client: MiraklMarketplace, states: Sequence[str], since: datetime | None = None) -> list[str]:
    return [order.order_id for page in client.listed(states, since) for order in page.orders]


# --- orders -----------------------------------------------------------------------------------------------


def test_a_thousand_waiting_orders_are_ten_reads(vendor: MiraklSandbox, client: MiraklMarketplace) -> None:
    made = vendor.control("POST", "orders", {"count": 1000, "seed": 1})["order_ids"]
    pages = list(client.listed(["WAITING_ACCEPTANCE"]))
    assert [len(page.orders) for page in pages] == [100] * 10
    assert [order.order_id for page in pages for order in page.orders] == made
    assert len(vendor.calls("OR11")) == 10
    assert [order.order_id for order in client.orders(made).orders] == made
    assert len(vendor.calls("OR11")) == 20


def test_only_orders_in_these_states_that_changed_since_are_listed(
    vendor: MiraklSandbox, client: MiraklMarketplace
) -> None:
    early = vendor.order(state="SHIPPING")
    vendor.advance(60)
    shipping, shipped, _closed = (vendor.order(state=state) for state in ("SHIPPING", "SHIPPED", "CLOSED"))
    states = ["SHIPPING", "SHIPPED"]
    since = (NOON + timedelta(seconds=60)).astimezone(timezone(timedelta(hours=-5)))
    assert listed(client, states) == [early, shipping, shipped]
    assert listed(client, states, since) == [shipping, shipped]
    assert "start_update_date=2026-11-20T12%3A01%3A00.000Z" in vendor.calls("OR11")[-1]["query"]


def test_no_state_lists_no_order_and_asks_nothing(vendor: MiraklSandbox, client: MiraklMarketplace) -> None:
    vendor.order()
    assert list(client.listed([])) == []
    assert vendor.calls("OR11") == []


def test_orders_that_leave_a_listing_between_two_pages_hide_as_many_until_the_next_one(
    vendor: MiraklSandbox, client: MiraklMarketplace
) -> None:
    made = vendor.control("POST", "orders", {"count": 150})["order_ids"]
    pages = client.listed([MarketplaceState.WAITING_ACCEPTANCE])
    first = [order.order_id for order in next(pages).orders]
    for order_id in made[:10]:
        vendor.control("POST", f"orders/{order_id}/cancel")
    assert first + [order.order_id for page in pages for order in page.orders] == made[:100] + made[110:]
    assert listed(client, [MarketplaceState.WAITING_ACCEPTANCE]) == made[10:]


def test_no_waiting_order_is_one_empty_page(client: MiraklMarketplace) -> None:
    assert [page.orders for page in client.listed(["WAITING_ACCEPTANCE"])] == [[]]


def test_an_order_passes_all_its_states(vendor: MiraklSandbox, client: MiraklMarketplace) -> None:
    order_id = vendor.order(
        lines=[{"sku": "A", "price": 12_999, "quantity": 2}, {"sku": "B", "price": 5}],
        address={"state": "Québec", "street_2": None},
    )
    order = client.orders([order_id]).orders[0]
    assert (order.state, order.address, order.can_ship) == ("WAITING_ACCEPTANCE", None, False)
    assert order.total == Decimal("260.03")
    assert [(line.sku, line.quantity, line.price) for line in order.lines] == [
        ("A", 2, Decimal("259.98")),
        ("B", 1, Decimal("0.05")),
    ]
    assert client.accept(order_id, [line.line_id for line in order.lines]) == Done()
    seen = []
    for _ in range(4):
        read = client.orders([order_id]).orders[0]
        seen.append((read.state, read.address is not None, read.can_ship))
        vendor.advance(2)
    assert seen == [
        ("WAITING_DEBIT", False, False),
        ("WAITING_DEBIT_PAYMENT", False, False),
        ("WAITING_DEBIT_PAYMENT", False, False),
        ("SHIPPING", True, True),
    ]
    assert client.set_tracking(order_id, Tracking("7023210039414604", "CPCL")) == Done()
    assert client.ship(order_id) == Done()
    shipped = client.orders([order_id]).orders[0]
    assert (shipped.state, shipped.carrier_code, shipped.tracking_number) == (
        "SHIPPED",
        "CPCL",
        "7023210039414604",
    )
    assert shipped.address is not None
    assert shipped.address.state == "Québec"


def test_a_carrier_that_the_marketplace_does_not_know_is_described(
    vendor: MiraklSandbox, client: MiraklMarketplace
) -> None:
    order_id = vendor.order(state="SHIPPING")
    assert client.set_tracking(order_id, Tracking("1", None, "Canada Post", "https://x.example/1")) == Done()
    assert vendor.truth(order_id)["shown"]["shipping_tracking_url"] == "https://x.example/1"
    read = client.orders([order_id]).orders[0]
    assert (read.carrier_code, read.carrier_name, read.tracking_number) == (None, "Canada Post", "1")


def test_a_second_tracking_number_replaces_the_first(
    vendor: MiraklSandbox, client: MiraklMarketplace
) -> None:
    order_id = vendor.order(state="SHIPPING")
    for number in ("1", "2"):
        assert client.set_tracking(order_id, Tracking(number, "CPCL")) == Done()
    assert client.orders([order_id]).orders[0].tracking_number == "2"


def test_an_order_that_is_refused_is_gone(vendor: MiraklSandbox, client: MiraklMarketplace) -> None:
    order_id = vendor.order(lines=[{"sku": "A"}, {"sku": "B"}])
    lines = [f"{order_id}-1", f"{order_id}-2"]
    assert client.refuse(order_id, lines) == Done()
    assert client.orders([order_id]).orders[0].state == MarketplaceState.REFUSED
    assert isinstance(client.refuse(order_id, lines), Refused)
    assert isinstance(client.accept(order_id, lines), Refused)


def test_lines_say_which_of_them_are_still_to_be_sent(
    vendor: MiraklSandbox, client: MiraklMarketplace
) -> None:
    lines = [{"sku": sku, "quantity": 3} for sku in "ABCD"]
    deliver_by = NOON + timedelta(days=3)
    order_id = vendor.order(
        state="SHIPPING", lines=lines, shipping_type="EXP", deliver_by=deliver_by.isoformat()
    )
    for number, state in enumerate(("REFUSED", "CANCELED", "REFUNDED"), start=1):
        vendor.control("PUT", f"orders/{order_id}/lines/{order_id}-{number}", {"state": state})
    part = {"state": "CANCELED", "quantity": 1}
    vendor.control("PUT", f"orders/{order_id}/lines/{order_id}-4", part)
    [order] = client.orders([order_id]).orders
    assert [(line.sku, line.state, line.quantity, line.is_open) for line in order.lines] == [
        ("A", "REFUSED", 3, False),
        ("B", "CANCELED", 0, False),
        ("C", "REFUNDED", 3, False),
        ("D", "SHIPPING", 2, True),
    ]
    assert (order.shipping_type, order.deliver_by, order.fully_refunded) == ("EXP", deliver_by, False)


def test_repeats_are_refused_and_change_nothing(vendor: MiraklSandbox, client: MiraklMarketplace) -> None:
    order_id = vendor.order(lines=[{"sku": "A"}])
    lines = [f"{order_id}-1"]
    assert client.accept(order_id, lines) == Done()
    assert isinstance(again := client.accept(order_id, lines), Refused)
    assert again.code == "ORDER_INVALID_STATE"
    assert isinstance(client.ship(order_id), Refused)
    vendor.advance(10)
    assert client.ship(order_id) == Done()
    assert isinstance(client.ship(order_id), Refused)
    books = vendor.control("GET", "books")["orders"][order_id]
    assert books == {"accept": {"calls": 2, "done": 1}, "ship": {"calls": 3, "done": 1}}


def test_unknown_orders_are_left_out(vendor: MiraklSandbox, client: MiraklMarketplace) -> None:
    order_id = vendor.order()
    assert [order.order_id for order in client.orders(["NOBODY-A", order_id, order_id]).orders] == [order_id]
    assert client.orders([]).orders == []
    assert isinstance(client.accept("NOBODY-A", ["1"]), Refused)


def test_a_text_that_cannot_be_an_order_id_is_never_sent(
    vendor: MiraklSandbox, client: MiraklMarketplace
) -> None:
    page = client.orders(["A,B", "", "..", "A B"])
    assert page.problems == [Malformed(None, "cannot be asked for: not an order id")] * 4
    assert client.ship("..") == Refused("not an order id")
    assert vendor.control("GET", "books")["calls_in_all"] == 0


def test_an_id_is_quoted_whole(vendor: MiraklSandbox, client: MiraklMarketplace) -> None:
    assert isinstance(client.ship("a/../b?c#d"), Refused)
    [call] = vendor.calls("other")
    assert call["path"] == "/api/orders/a/../b?c#d/ship"


def test_one_malformed_order_in_a_page_hides_no_other(
    vendor: MiraklSandbox, client: MiraklMarketplace
) -> None:
    good = [vendor.order() for _ in range(3)]
    broken = vendor.order(overrides={"order_lines": None, "customer": {"firstname": "Chloé"}})
    page = client.orders([*good, broken])
    assert [order.order_id for order in page.orders] == good
    [problem] = page.problems
    assert (problem.ident, problem.problem) == (broken, "cannot be read (order_lines: tuple_type)")
    assert problem.raw["customer"]["firstname"] == "Chloé"


def test_an_order_that_is_shown_differently_now_is_read(
    vendor: MiraklSandbox, client: MiraklMarketplace
) -> None:
    order_id = vendor.order()
    overrides = {
        "order_state": "ON_ITS_WAY_TO_MARS",
        "new": {"field": 1},
        "customer": None,
        "references": None,
    }
    vendor.control("PUT", f"orders/{order_id}/overrides", {"overrides": overrides})
    assert client.orders([order_id]).orders[0].state == "ON_ITS_WAY_TO_MARS"


def test_a_shop_of_several_is_named_in_every_call(vendor: MiraklSandbox) -> None:
    with marketplace(vendor.url, shop_id=2044) as client:
        order_id = vendor.order(lines=[{"sku": "A"}])
        list(client.listed(["WAITING_ACCEPTANCE"]))
        client.accept(order_id, [f"{order_id}-1"])
        list(client.threads(NOON))
        client.carriers()
    for operation in ("OR11", "OR21", "M11", "SH21"):
        assert all("shop_id=2044" in call["query"] for call in vendor.calls(operation))


# --- messages ---------------------------------------------------------------------------------------------


def test_threads_come_page_by_page_with_their_messages(
    vendor: MiraklSandbox, client: MiraklMarketplace
) -> None:
    vendor.advance(3600)
    made = vendor.control("POST", "threads", {"count": 230, "seed": 2})["thread_ids"]
    pages = list(client.threads(NOON + timedelta(minutes=30)))
    assert [len(page.threads) for page in pages] == [100, 100, 30]
    threads = [thread for page in pages for thread in page.threads]
    assert {thread.thread_id for thread in threads} == set(made)
    assert all(thread.messages for thread in threads)
    first, second, third = (call["query"] for call in vendor.calls("M11"))
    assert "with_messages=true" in first
    assert "updated_since=2026-11-20T12%3A30%3A00.000Z" in first
    assert all(re.fullmatch("page_token=[^&]+", query) for query in (second, third))


def test_only_threads_that_changed_since_are_read(vendor: MiraklSandbox, client: MiraklMarketplace) -> None:
    order_id = vendor.order()
    early, late = (
        vendor.control("POST", "threads", {"threads": [{"order_id": order_id, "messages": [{"body": text}]}]})
        for text in ("<p>early</p>", "late")
    )
    vendor.advance(7200)
    since = NOON + timedelta(hours=1)
    assert [page.threads for page in client.threads(since)] == [[]]
    again = {"thread_id": early["thread_ids"][0], "messages": [{"body": "again", "sender_type": "SHOP_USER"}]}
    vendor.control("POST", "threads", {"threads": [again]})
    [page] = client.threads(since)
    [thread] = page.threads
    assert thread.order_ids == (order_id,)
    assert [(message.body, message.sender_type) for message in thread.messages] == [
        ("<p>early</p>", "CUSTOMER_USER"),
        ("again", "SHOP_USER"),
    ]
    assert thread.reply_needed_since is None
    assert late["thread_ids"]


def test_at_most_the_last_hundred_messages_of_a_thread_come(
    vendor: MiraklSandbox, client: MiraklMarketplace
) -> None:
    vendor.advance(86_400)
    messages = [{"body": str(number)} for number in range(130)]
    vendor.control("POST", "threads", {"threads": [{"messages": messages}]})
    [page] = client.threads(NOON + timedelta(hours=23))
    assert [message.body for message in page.threads[0].messages] == [
        str(number) for number in range(30, 130)
    ]


def test_one_thread_is_read_with_its_people(vendor: MiraklSandbox, client: MiraklMarketplace) -> None:
    order_id = vendor.order()
    thread_id = vendor.thread({"body": "Where is it?"}, order_id=order_id)
    (thread,) = client.thread(thread_id).threads
    assert (thread.thread_id, thread.order_ids) == (thread_id, (order_id,))
    assert [message.body for message in thread.messages] == ["Where is it?"]
    assert [each.kind for each in thread.participants] == ["SHOP", "CUSTOMER"]


def test_an_unknown_thread_is_none(vendor: MiraklSandbox, client: MiraklMarketplace) -> None:
    assert client.thread("nothing").threads == []
    assert client.thread("a b").threads == []
    assert len(vendor.calls("M10")) == 1


def test_a_thread_that_cannot_be_read_is_not_taken_for_an_unknown_one(
    vendor: MiraklSandbox, client: MiraklMarketplace
) -> None:
    thread_id = vendor.thread({"body": "?"}, overrides={"id": None})
    with pytest.raises(VendorUnavailable, match=r"thread cannot be read \(id"):
        client.thread(thread_id)
    vendor.faults({"kind": "error_before", "status": 403})
    with pytest.raises(VendorUnavailable, match="403"):
        client.thread(thread_id)


def test_a_reply_is_stored_and_a_repeat_is_stored_again(
    vendor: MiraklSandbox, client: MiraklMarketplace
) -> None:
    thread_id = vendor.thread({"body": "Où est mon colis ?"}, order_id=vendor.order())
    vendor.advance(60)
    (before,) = client.thread(thread_id).threads
    assert before.reply_needed_since == NOON
    buyer = [each for each in before.participants if each.kind == "CUSTOMER"]
    text = "Bonjour,\nil est parti\u00a0! 😕 <b>5 < 6</b>"
    posted = [client.reply(thread_id, text, [*buyer, Participant("OPERATOR", None)]) for _ in range(2)]
    (after,) = client.thread(thread_id).threads
    assert [(each.body, each.sender_type) for each in after.messages[1:]] == [(text, "SHOP_USER")] * 2
    assert posted == [Posted(each.message_id, thread_id) for each in after.messages[1:]]
    assert after.reply_needed_since is None
    assert after.updated_at == NOON + timedelta(seconds=60)


def test_a_reply_that_the_marketplace_will_not_take_is_refused(
    vendor: MiraklSandbox, client: MiraklMarketplace
) -> None:
    thread_id = vendor.thread({"body": "?"})
    operator = [Participant("OPERATOR", None)]
    refused = [
        client.reply("nothing", "Hello", operator),
        client.reply(thread_id, "", operator),
        client.reply(thread_id, "Hello", []),
        client.reply(thread_id, "Hello", [Participant("CUSTOMER", "somebody else")]),
    ]
    assert all(isinstance(each, Refused) for each in refused)
    assert client.reply("a b", "Hello", operator) == Refused("not a thread id")
    assert len(vendor.calls("M12")) == 4


def test_a_thread_is_opened_on_an_order_and_a_repeat_opens_another(
    vendor: MiraklSandbox, client: MiraklMarketplace
) -> None:
    order_id = vendor.order()
    for other in (vendor.order(), None):
        vendor.thread({"body": "Where is it?"}, order_id=other)
    posted = [
        client.open_thread(order_id, "Votre envoi é", "Il est parti.", ["CUSTOMER", "OPERATOR"])
        for _ in range(2)
    ]
    page = client.threads_of(order_id)
    assert page.problems == []
    assert {(thread.topic, *thread.order_ids) for thread in page.threads} == {("Votre envoi é", order_id)}
    said = [(thread.thread_id, message) for thread in page.threads for message in thread.messages]
    assert {(message.body, message.sender_type) for _, message in said} == {("Il est parti.", "SHOP_USER")}
    assert {Posted(message.message_id, thread_id) for thread_id, message in said} == set(posted)
    assert len(said) == 2


def test_a_thread_that_the_marketplace_will_not_open_is_refused(
    vendor: MiraklSandbox, client: MiraklMarketplace
) -> None:
    order_id = vendor.order()
    refused = [
        client.open_thread("nothing", "Your order", "Hello", ["CUSTOMER"]),
        client.open_thread(order_id, "Your order", "", ["CUSTOMER"]),
        client.open_thread(order_id, " ", "Hello", ["CUSTOMER"]),
        client.open_thread(order_id, "Your order", "Hello", ["SHOP"]),
        client.open_thread(order_id, "Your order", "Hello", []),
    ]
    assert all(isinstance(each, Refused) for each in refused)
    assert client.open_thread("a b", "Your order", "Hello", ["CUSTOMER"]) == Refused("not an order id")
    assert len(vendor.calls("OR43")) == 5
    assert client.threads_of(order_id).threads == client.threads_of("a,b").threads == []


def test_all_threads_of_an_order_are_read_with_what_cannot_be_read_and_none_of_another_order(
    vendor: MiraklSandbox, client: MiraklMarketplace
) -> None:
    order_id = vendor.order()
    spec = {"order_id": order_id, "messages": [{"body": "Where is it?"}]}
    other = {"entities": [{"id": "another", "label": "another", "type": "MMP_ORDER"}]}
    special = [spec | {"overrides": {"messages": [{"id": ["x"]}]}}, spec | {"overrides": other}]
    vendor.control("POST", "threads", {"threads": [*([spec] * 101), *special]})
    page = client.threads_of(order_id)
    assert (len(page.threads), len(page.problems)) == (102, 1)


def test_the_file_of_a_message_is_fetched_as_it_is(vendor: MiraklSandbox, client: MiraklMarketplace) -> None:
    content = bytes(range(256)) + b"\r\n--x\r\n"
    photo = {"name": "photo é.jpg", "media_type": "image/jpeg", "base64": b64encode(content).decode()}
    page = {"id": "f-2", "name": "a.html", "media_type": "text/html", "content": "<html>"}
    (thread,) = client.thread(vendor.thread({"body": "See photo", "attachments": [photo, page]})).threads
    first, second = thread.messages[0].attachments
    assert (first["name"], first["size"], second["id"]) == ("photo é.jpg", len(content), "f-2")
    assert client.attachment(first["id"]) == Attachment(content, "image/jpeg")
    assert client.attachment("f-2") == Attachment(b"<html>", "text/html")


def test_a_file_that_is_unknown_or_not_to_be_had(vendor: MiraklSandbox, client: MiraklMarketplace) -> None:
    assert isinstance(client.attachment("nothing"), Refused)
    assert client.attachment("a b") == Refused("not an attachment id")
    vendor.faults({"kind": "error_before", "status": 503})
    assert client.attachment("f-1") == NotSent("Mirakl answered 503: injected by the fault plan")
    assert len(vendor.calls("M13")) == 1 + READS.tries
    vendor.faults({"kind": "rate_limited", "seconds": 900})
    assert client.attachment("f-1") == NotSent("Mirakl answered 429: Too many requests", 900, Cause.THROTTLED)
    vendor.faults({"kind": "lost_answer"})
    assert isinstance(client.attachment("f-1"), NotSent)


def test_a_file_over_the_largest_answer_is_refused_at_once(vendor: MiraklSandbox) -> None:
    vendor.thread({"body": "See film", "attachments": [{"id": "f-1", "size": 3000}]})
    with marketplace(vendor.url, bounds=MiraklBounds(largest_answer=2000)) as client:
        assert client.attachment("f-1") == Refused("Mirakl's answer is larger than 2000 bytes")
    assert len(vendor.calls("M13")) == 1


def test_one_malformed_thread_hides_no_other(vendor: MiraklSandbox, client: MiraklMarketplace) -> None:
    vendor.advance(172_800)
    vendor.control("POST", "threads", {"threads": [{"overrides": {"id": None}}, {"topic": "good"}]})
    [page] = client.threads(NOON + timedelta(hours=47))
    assert [thread.topic for thread in page.threads] == ["good"]
    assert [each.ident for each in page.problems] == [None]


# --- set-up -----------------------------------------------------------------------------------------------


def test_the_carriers_and_the_shop_can_be_asked_for(client: MiraklMarketplace) -> None:
    assert {carrier.code: carrier.label for carrier in client.carriers()}["CPCL"] == "Canada Post"
    shop = client.shop()
    assert (shop.shop_id, shop.shop_state, shop.currency_iso_code) == (2044, "OPEN", "CAD")
    assert client.is_up()


def test_a_marketplace_that_is_down_is_not_up(vendor: MiraklSandbox, client: MiraklMarketplace) -> None:
    vendor.faults({"kind": "error_before", "status": 503})
    assert not client.is_up()
    vendor.faults({"kind": "lost_answer"})
    assert not client.is_up()


def test_a_wrong_key_is_reported_at_once_and_not_shown(vendor: MiraklSandbox) -> None:
    with marketplace(vendor.url, key="another-key") as stranger:
        with pytest.raises(VendorUnavailable, match="Mirakl answered 401: Unauthorized") as refused:
            list(stranger.listed(["WAITING_ACCEPTANCE"]))
        outcome = stranger.ship("X-A")
    assert outcome == NotSent("Mirakl answered 401: Unauthorized", 300, Cause.ACCOUNT)
    assert (refused.value.retry_after, refused.value.cause) == (300, "account")
    assert "another-key" not in f"{refused.value!r} {outcome!r}"
    assert len(vendor.calls("OR11")) == 1


@pytest.mark.parametrize("key", ["", "with space", "new\nline", "clé"])
def test_a_key_that_no_header_can_carry_stops_the_start_and_is_not_shown(key: str) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        MiraklMarketplace(key)
    assert "API key" in refused.value.detail
    assert not key or key not in refused.value.detail


# --- waiting ----------------------------------------------------------------------------------------------


def test_a_full_minute_is_waited_for_as_long_as_the_marketplace_says(vendor: MiraklSandbox) -> None:
    vendor.control("PUT", "limits", {"per_minute": 2})
    pauses = Pauses(then=vendor.advance)
    with marketplace(
        vendor.url, pause=pauses, bounds=MiraklBounds(retries=replace(READS, longest_pause=60))
    ) as client:
        client.carriers()
        vendor.advance(20)
        client.carriers()
        client.carriers()
    assert pauses.seconds == [40]
    assert [call["status"] for call in vendor.calls("SH21")] == [200, 200, 429, 200]


def test_a_long_wait_is_left_to_the_caller(vendor: MiraklSandbox) -> None:
    vendor.faults({"kind": "rate_limited", "seconds": 900})
    pauses = Pauses()
    with (
        marketplace(vendor.url, pause=pauses) as client,
        pytest.raises(VendorUnavailable, match="Too many requests") as limited,
    ):
        client.orders(["X-A"])
    assert (limited.value.retry_after, limited.value.cause, pauses.seconds) == (900, "throttled", [])


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "error_before", "status": 500},
        {"kind": "error_before", "status": 503},
        {"kind": "lost_answer"},
        {"kind": "malformed"},
        {"kind": "html"},
        {"kind": "rate_limited", "seconds": 3},
    ],
)
def test_a_read_is_repeated_until_the_fault_passes(vendor: MiraklSandbox, fault: dict[str, object]) -> None:
    order_id = vendor.order()
    vendor.faults({**fault, "path": "/api/orders", "times": 2})
    pauses = Pauses()
    with marketplace(vendor.url, pause=pauses) as client:
        assert [order.order_id for order in client.orders([order_id]).orders] == [order_id]
    assert len(pauses.seconds) == 2


def test_a_silent_read_is_given_up_in_time_and_repeated(vendor: MiraklSandbox) -> None:
    order_id = vendor.order()
    vendor.faults({"kind": "timeout", "seconds": 30, "times": 1})
    with marketplace(vendor.url, bounds=MiraklBounds(read=1.0)) as client:
        assert len(client.orders([order_id]).orders) == 1


def test_repeats_of_a_read_are_bounded_and_their_pauses_grow(vendor: MiraklSandbox) -> None:
    vendor.faults({"kind": "error_before", "status": 502})
    pauses = Pauses()
    patient = replace(READS, tries=5, longest_pause=1.5)
    with (
        marketplace(vendor.url, pause=pauses, bounds=MiraklBounds(retries=patient)) as client,
        pytest.raises(VendorUnavailable, match="Mirakl answered 502") as gone,
    ):
        client.orders(["X-A"])
    assert (gone.value.retry_after, gone.value.cause) == (30, "away")
    assert len(vendor.calls("OR11")) == 5
    for pause, most in zip(pauses.seconds, (0.5, 1.0, 1.5, 1.5), strict=True):
        assert most / 2 <= pause <= most


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_read_that_is_refused_is_not_repeated(
    vendor: MiraklSandbox, client: MiraklMarketplace, status: int
) -> None:
    vendor.faults({"kind": "error_before", "status": status})
    with pytest.raises(VendorUnavailable, match=f"Mirakl answered {status}"):
        client.orders(["X-A"])
    assert len(vendor.calls("OR11")) == 1


def test_a_gateways_page_is_recognised(vendor: MiraklSandbox, client: MiraklMarketplace) -> None:
    vendor.faults({"kind": "html", "status": 403})
    with pytest.raises(VendorUnavailable, match=r"web page instead of JSON .*allow-list") as turned_away:
        list(client.listed(["WAITING_ACCEPTANCE"]))
    assert turned_away.value.cause == "account"


def test_no_name_address_or_message_reaches_a_log(
    vendor: MiraklSandbox, client: MiraklMarketplace, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    order_id = vendor.order(state="SHIPPING", address={"lastname": "Wójcik-Nowhere", "city": "Flin Flon"})
    vendor.control(
        "POST", "threads", {"threads": [{"order_id": order_id, "messages": [{"body": "my secret"}]}]}
    )
    caplog.clear()
    assert client.orders([order_id]).orders[0].address is not None
    list(client.threads(NOON))
    assert not re.search(f"Nowhere|Flin Flon|my secret|{SHOP_KEY}", caplog.text)
