import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.fulfillment.ports import (
    Address,
    Malformed,
    MarketplaceOrder,
    OrderLine,
    OrderPage,
    Participant,
    Thread,
    ThreadPage,
)
from shared.vendors.mirakl.mapper import order_from, order_page, thread_page

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)

ADDRESS = {
    "firstname": "Chloé",
    "lastname": "Tremblay",
    "company": None,
    "company_2": None,
    "street_1": "123 Example Street",
    "street_2": "Unit 4",
    "city": "Ottawa",
    "state": "ON",
    "zip_code": "K1A0B1",
    "country": "Canada",
    "country_iso_code": "CAN",
    "phone": "613-555-0100",
    "phone_secondary": None,
    "additional_info": None,
}
LINE = {
    "order_line_id": "248190001-A-1",
    "offer_sku": "ACME-SSD-1TB",
    "product_title": "Acme 1TB Internal SSD",
    "quantity": 2,
    "price": Decimal("259.98"),
    "order_line_state": "SHIPPING",
}
ORDER = {
    "order_id": "248190001-A",
    "commercial_id": "248190001",
    "order_state": "SHIPPING",
    "order_state_reason_code": "AUTO",
    "created_date": "2026-11-20T14:18:43Z",
    "last_updated_date": "2026-11-20T15:31:07.412Z",
    "currency_iso_code": "CAD",
    "total_price": Decimal("259.98"),
    "shipping_type_code": "EXP",
    "shipping_deadline": "2026-11-24T04:59:59.999Z",
    "delivery_date": {"earliest": "2026-11-25T05:00:00Z", "latest": "2026-11-30T05:00:00Z"},
    "can_shop_ship": True,
    "fully_refunded": True,
    "shipping_carrier_code": "CPCL",
    "shipping_company": "Canada Post",
    "shipping_tracking": "7023210",
    "customer": {"shipping_address": ADDRESS},
    "order_lines": [LINE],
}


def read(**changes: object) -> MarketplaceOrder:
    order = order_from(ORDER | changes, NOW)
    assert isinstance(order, MarketplaceOrder)
    return order


def address(**changes: object) -> Address:
    order = read(customer={"shipping_address": ADDRESS | changes})
    assert order.address is not None
    return order.address


def problem(raw: object) -> Malformed:
    malformed = order_from(raw, NOW)
    assert isinstance(malformed, Malformed)
    return malformed


def test_an_order_is_read_whole() -> None:
    assert read() == MarketplaceOrder(
        order_id="248190001-A",
        commercial_id="248190001",
        state="SHIPPING",
        created_at=datetime(2026, 11, 20, 14, 18, 43, tzinfo=UTC),
        updated_at=datetime(2026, 11, 20, 15, 31, 7, 412_000, tzinfo=UTC),
        currency="CAD",
        total=Decimal("259.98"),
        lines=(
            OrderLine(
                "248190001-A-1", "ACME-SSD-1TB", 2, "Acme 1TB Internal SSD", Decimal("259.98"), "SHIPPING"
            ),
        ),
        address=Address(
            name="Chloé Tremblay",
            company=None,
            street_1="123 Example Street",
            street_2="Unit 4",
            city="Ottawa",
            state="ON",
            postal_code="K1A0B1",
            country="CAN",
            phone="613-555-0100",
        ),
        ship_before=datetime(2026, 11, 24, 4, 59, 59, 999_000, tzinfo=UTC),
        can_ship=True,
        carrier_code="CPCL",
        carrier_name="Canada Post",
        tracking_number="7023210",
        fully_refunded=True,
        shipping_type="EXP",
        deliver_by=datetime(2026, 11, 30, 5, tzinfo=UTC),
        state_reason="AUTO",
    )


def test_unknown_fields_and_states_are_accepted() -> None:
    order = read(order_state="AWAITING_DRONE", a_new_field={"a": 1})
    assert order.state == "AWAITING_DRONE"


@pytest.mark.parametrize(
    "absent",
    ["commercial_id", "created_date", "last_updated_date", "currency_iso_code", "shipping_deadline",
     "can_shop_ship", "shipping_carrier_code", "shipping_company", "shipping_tracking", "customer",
     "fully_refunded", "shipping_type_code", "delivery_date", "order_state_reason_code"],
)  # fmt: skip
def test_any_field_but_an_id_state_or_number_may_be_null_or_missing(absent: str) -> None:
    without = {name: value for name, value in ORDER.items() if name != absent}
    assert order_from(without, NOW) == order_from(ORDER | {absent: None}, NOW)
    assert read(**{absent: None}).order_id == "248190001-A"


def test_missing_fields_have_neutral_defaults() -> None:
    order = read(
        commercial_id=None,
        currency_iso_code=None,
        order_lines=[LINE | {"offer_sku": None, "product_title": 0, "order_line_state": None}],
        delivery_date={"latest": "soon"},
    )
    assert (order.commercial_id, order.currency) == ("248190001-A", "XXX")
    assert (order.lines[0].sku, order.lines[0].title, order.lines[0].state) == ("", "0", "")
    assert order.deliver_by is None


def test_a_missing_date_is_replaced_by_the_other_one_or_the_present() -> None:
    assert read(created_date=None).created_at == read().updated_at
    assert read(last_updated_date=None).updated_at == read().created_at
    assert read(created_date="soon", last_updated_date=20261120).created_at == NOW


@pytest.mark.parametrize(
    "text",
    ["2026-11-20T14:18:43Z", "2026-11-20T14:18:43.000Z", "2026-11-20T14:18:43", "2026-11-20T09:18:43-05:00"],
)
def test_every_form_of_a_date_is_the_same_moment(text: str) -> None:
    assert read(created_date=text).created_at == datetime(2026, 11, 20, 14, 18, 43, tzinfo=UTC)


def test_a_date_before_all_calendars_is_absent() -> None:
    assert read(shipping_deadline="0001-01-01T00:00:00+14:00").ship_before is None


@pytest.mark.parametrize("absent", [None, "nowhere", [], {}, dict.fromkeys(ADDRESS), {"city": "  "}])
def test_an_address_of_blank_fields_is_none(absent: object) -> None:
    assert read(customer={"shipping_address": absent}).address is None


def test_the_province_stays_as_it_was_written() -> None:
    assert address(state="Québec").state == "Québec"
    assert address(state="ON").state == "ON"
    assert address(state=None).state is None


def test_missing_fields_of_an_address_are_replaced_or_empty() -> None:
    assert address(firstname=None).name == "Tremblay"
    assert address(firstname=None, lastname=None).name == ""
    assert address(phone=None, phone_secondary="2").phone == "2"
    assert address(company="A", company_2="B").company == "A, B"
    assert address(country_iso_code=None).country == "Canada"
    assert address(country_iso_code=None, country=None).country == ""
    assert (address(street_1=None).street_1, address(city="").city) == ("", "")
    assert address(zip_code=12345).postal_code == "12345"


def test_long_and_foreign_lines_are_neither_cut_nor_mapped() -> None:
    long = "12 chemin du Grand-Lac-Saint-François de la Rivière-aux-Outardes Ouest"
    assert address(street_1=long).street_1 == long
    assert address(additional_info="porte de côté").additional_info == "porte de côté"


def test_text_is_cleaned_for_the_database() -> None:
    assert address(city="Ott\0awa").city == "Ottawa"
    assert address(city="Ott\ud800awa").city == "Ott\N{REPLACEMENT CHARACTER}awa"


def test_money_keeps_its_cents() -> None:
    order = json.loads('{"total_price": 1249.99}', parse_float=Decimal)
    assert read(**order).total == Decimal("1249.99")
    assert read(total_price=0).total == Decimal(0)
    assert read(total_price=Decimal("1E-400")).total == Decimal(0)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"order_state": None}, "order_state"),
        ({"order_state": ""}, "order_state"),
        ({"total_price": None}, "total_price"),
        ({"total_price": True}, "total_price"),
        ({"total_price": Decimal("NaN")}, "total_price"),
        ({"order_lines": None}, "order_lines"),
        ({"order_lines": []}, "order_lines"),
        ({"order_lines": [LINE | {"order_line_id": None}]}, "order_lines.0.order_line_id"),
        ({"order_lines": [LINE, LINE | {"quantity": "many"}]}, "order_lines.1.quantity"),
        ({"order_lines": [LINE | {"quantity": 1.5}]}, "order_lines.0.quantity"),
        ({"order_lines": [LINE | {"price": None}]}, "order_lines.0.price"),
        ({"order_lines": ["Tremblay"]}, "order_lines.0"),
    ],
)
def test_a_broken_id_state_or_number_makes_the_order_malformed(change: dict[str, Any], named: str) -> None:
    malformed = problem(ORDER | change)
    assert malformed.ident == "248190001-A"
    assert f"{named}: " in malformed.problem


@pytest.mark.parametrize("order_id", [None, 7, "", "A,B", "A B", "..", "A\nB", "x" * 201])
def test_an_id_that_cannot_be_asked_for_makes_the_order_malformed(order_id: object) -> None:
    assert "order_id: " in problem(ORDER | {"order_id": order_id}).problem


@pytest.mark.parametrize("raw", [None, "text", [], 7])
def test_anything_but_an_object_is_a_malformed_order(raw: object) -> None:
    assert problem(raw) == Malformed(None, "cannot be read (entry: model_type)", {"value": raw})


def test_a_problem_holds_no_personal_data() -> None:
    found = problem(
        ORDER | {"total_price": "Chloé", "order_lines": [LINE | {"price": "Tremblay", "quantity": ADDRESS}]}
    )
    assert not any(secret in repr(found) for secret in ("Chloé", "Tremblay", "Ottawa", "613"))


def test_the_whole_answer_about_a_malformed_order_is_kept_as_json() -> None:
    broken = ORDER | {"order_lines": [{"price": Decimal("1E+400"), "quantity": 2}], "note": "a\0\ud800b"}
    raw = problem(broken).raw
    assert raw["order_lines"] == [{"price": "1E+400", "quantity": 2}]
    assert raw["note"] == "a\N{REPLACEMENT CHARACTER}b"
    assert raw["customer"] == {"shipping_address": ADDRESS}
    assert json.loads(json.dumps(raw, allow_nan=False)) == raw


def test_a_malformed_order_of_endless_depth_is_cut() -> None:
    nested: list[object] = []
    for _ in range(900):
        nested = [nested]
    assert "nested too deeply" in json.dumps(problem({"order_id": "A", "new": nested}).raw)


def test_a_problem_names_only_the_first_fields() -> None:
    found = problem(ORDER | {"order_lines": [{} for _ in range(10)]}).problem
    assert found.count("missing") == 5
    assert re.search(r"\d+ more\)$", found)


def test_an_id_that_cannot_be_shown_is_not_shown() -> None:
    assert problem({"order_id": "A\nB"}).ident is None
    assert problem({"order_id": "x" * 300}).ident is None


def test_one_malformed_order_does_not_hide_the_others() -> None:
    page = order_page([ORDER, {"order_id": "B"}, ORDER | {"order_id": "C"}], NOW)
    assert [order.order_id for order in page.orders] == ["248190001-A", "C"]
    assert [each.ident for each in page.problems] == ["B"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.decimals(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(ORDER, json_values)))
def test_no_order_ever_raises(changes: dict[str, Any]) -> None:
    page = order_page([ORDER | changes], NOW)
    assert len(page.orders) + len(page.problems) == 1
    assert all(json.dumps(each.raw, allow_nan=False) for each in page.problems)


# --- the inbox --------------------------------------------------------------------------------------------


MESSAGE = {
    "id": "873f1cb5",
    "body": "Hello,<br />when will it ship?",
    "date_created": "2026-11-21T14:05:12.330Z",
    "from": {"display_name": "Alex T.", "type": "CUSTOMER_USER"},
    "to": [{"display_name": "Acme Parts", "id": "2044", "type": "SHOP"}],
    "attachments": [{"id": "6f", "name": "photo.jpg", "size": 48_213}],
}
THREAD = {
    "id": "702c3e56",
    "topic": {"type": "FREE_TEXT", "value": "Where is my order?"},
    "date_created": "2026-11-21T13:37:00Z",
    "date_updated": "2026-11-21T14:05:12.330Z",
    "entities": [
        {"id": "248190001-A", "label": "x", "type": "MMP_ORDER"},
        {"id": "99", "label": "an offer", "type": "MMP_OFFER"},
    ],
    "metadata": {"shop_reply_needed_since": "2026-11-21T14:05:12.330Z"},
    "messages": [MESSAGE],
    "current_participants": [
        {"display_name": "Acme Parts", "id": "2044", "type": "SHOP"},
        {"display_name": "Alex T.", "id": "c-900112", "type": "CUSTOMER"},
    ],
    "authorized_participants": [{"display_name": "Best Buy Canada", "type": "OPERATOR"}, {"id": "?"}],
}
UPDATED = datetime(2026, 11, 21, 14, 5, 12, 330_000, tzinfo=UTC)


def thread(**changes: object) -> Thread:
    page = thread_page([THREAD | changes], NOW)
    assert page.problems == []
    return page.threads[0]


def test_a_thread_is_read_with_its_orders_and_messages() -> None:
    read = thread()
    assert (read.thread_id, read.topic) == ("702c3e56", "Where is my order?")
    assert (read.updated_at, read.reply_needed_since) == (UPDATED, UPDATED)
    assert read.order_ids == ("248190001-A",)
    message = read.messages[0]
    assert (message.message_id, message.sender, message.sender_type) == (
        "873f1cb5",
        "Alex T.",
        "CUSTOMER_USER",
    )
    assert (message.body, message.sent_at) == (MESSAGE["body"], UPDATED)
    assert list(message.attachments) == [{"id": "6f", "name": "photo.jpg", "size": 48_213}]


def test_the_people_of_a_thread_are_the_current_ones_or_else_those_who_may_be() -> None:
    assert thread().participants == (Participant("SHOP", "2044"), Participant("CUSTOMER", "c-900112"))
    assert thread(current_participants=[]).participants == (Participant("OPERATOR", None),)
    assert thread(current_participants="none", authorized_participants=None).participants == ()


def test_a_thread_of_nulls_is_still_a_thread() -> None:
    bare = thread(**{name: None for name in THREAD if name != "id"})
    assert bare == Thread("702c3e56", "", NOW, NOW, (), ())


def test_a_message_of_nulls_is_still_a_message() -> None:
    bare = thread(messages=[dict.fromkeys(MESSAGE) | {"id": "1"}]).messages[0]
    assert (bare.sender, bare.sender_type, bare.body, bare.attachments) == ("", "", "", ())
    assert bare.sent_at == UPDATED


def test_an_attachment_without_a_usable_size_is_kept() -> None:
    sized = thread(messages=[MESSAGE | {"attachments": [{"id": "1", "size": True}, {"size": -1}, "no"]}])
    assert [each["size"] for each in sized.messages[0].attachments] == [None, None]


def test_a_malformed_message_is_a_problem_and_the_others_stay() -> None:
    page = thread_page([THREAD | {"messages": [MESSAGE, MESSAGE | {"id": None, "body": "secret"}]}], NOW)
    assert [message.message_id for message in page.threads[0].messages] == ["873f1cb5"]
    broken = MESSAGE | {"id": None, "body": "secret"}
    text = "a message of the thread: cannot be read (id: string_type)"
    assert page.problems == [Malformed(None, text, broken, "702c3e56")]
    assert "secret" not in repr(page.problems)


def test_a_malformed_message_keeps_its_own_id_and_that_of_its_thread() -> None:
    [found] = thread_page([THREAD | {"messages": [MESSAGE | {"id": "a b"}]}], NOW).problems
    assert (found.ident, found.thread_id) == ("a b", "702c3e56")


def test_one_malformed_thread_does_not_hide_the_others() -> None:
    page = thread_page([THREAD | {"id": 7}, THREAD, "text"], NOW)
    assert [each.thread_id for each in page.threads] == ["702c3e56"]
    assert [each.ident for each in page.problems] == [None, None]
    assert [each.raw.get("value") for each in page.problems] == [None, "text"]


def test_empty_pages_are_empty() -> None:
    assert order_page([], NOW) == OrderPage([], [])
    assert thread_page([], NOW) == ThreadPage([], [])


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(THREAD, json_values)))
def test_no_thread_ever_raises(changes: dict[str, Any]) -> None:
    page = thread_page([THREAD | changes], NOW)
    assert len(page.threads) + len(page.problems) >= 1
