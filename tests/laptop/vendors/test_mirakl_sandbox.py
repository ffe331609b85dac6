"""The running sandbox behaves as the marketplace documents."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.laptop.vendors.sandboxes import SHOP_KEY, MiraklSandbox, mirakl


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MiraklSandbox]:
    with mirakl(tmp_path_factory.mktemp("mirakl"), "--api-key", SHOP_KEY, "--seed", "3") as running:
        yield running


@pytest.fixture
def vendor(served: MiraklSandbox) -> MiraklSandbox:
    served.calm()
    return served


def listed(vendor: MiraklSandbox, **query: object) -> list[str]:
    answer = vendor.ask("GET", "orders", params=query)
    assert answer.status_code == 200, answer.text
    return [order["order_id"] for order in answer.json()["orders"]]


def refusal(vendor: MiraklSandbox, path: str, **query: object) -> str:
    answer = vendor.ask("GET", path, params=query)
    assert answer.status_code == 400
    body = answer.json()
    return str(body.get("message") or body["errors"][0]["field"])


# --- who may call -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["", "another", f"Bearer {SHOP_KEY}"])
def test_only_the_raw_key_is_admitted(vendor: MiraklSandbox, key: str) -> None:
    answer = vendor.ask("GET", "orders", key=key)
    assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized", "status": 401})


def test_the_version_needs_no_key(vendor: MiraklSandbox) -> None:
    assert vendor.ask("GET", "version", key="").status_code == 200


def test_any_key_is_admitted_if_none_is_named(tmp_path: Path) -> None:
    with mirakl(tmp_path) as fresh:
        assert fresh.ask("GET", "orders", key="any").status_code == 200
        assert fresh.ask("GET", "orders", key="").status_code == 401


def test_wrong_types_methods_and_paths_have_their_statuses(vendor: MiraklSandbox) -> None:
    assert vendor.ask("GET", "orders", headers={"Accept": "text/html"}).status_code == 406
    order_id = vendor.order()
    wrong_type = vendor.ask(
        "PUT", f"orders/{order_id}/accept", content=b"{}", headers={"Content-Type": "text/plain"}
    )
    assert wrong_type.status_code == 415
    assert vendor.ask("POST", "orders").status_code == 405
    missing = vendor.ask("GET", "nothing")
    assert (missing.status_code, missing.json()) == (404, {"message": "Not Found", "status": 404})


def test_calls_over_the_limit_of_a_minute_are_refused(vendor: MiraklSandbox) -> None:
    vendor.control("PUT", "limits", {"per_minute": 3})
    assert [vendor.ask("GET", "account").status_code for _ in range(3)] == [200, 200, 200]
    vendor.advance(45)
    limited = vendor.ask("GET", "account")
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "15")
    vendor.advance(15)
    assert vendor.ask("GET", "account").status_code == 200


# --- OR11 -------------------------------------------------------------------------------------------------


def test_a_page_holds_ten_orders_by_default_and_links_to_its_neighbours(vendor: MiraklSandbox) -> None:
    made = vendor.control("POST", "orders", {"count": 25})["order_ids"]
    assert listed(vendor) == made[:10]
    middle = vendor.ask("GET", "orders", params={"offset": 10})
    assert middle.json()["total_count"] == 25
    assert (
        middle.headers["link"]
        == '</api/orders?offset=0>; rel="previous", </api/orders?offset=20>; rel="next"'
    )
    assert "link" not in vendor.ask("GET", "orders", params={"max": 100}).headers
    assert listed(vendor, max=3, order="desc") == made[:-4:-1]


def test_orders_are_found_by_id_state_and_date(vendor: MiraklSandbox) -> None:
    first = vendor.order()
    vendor.advance(3600)
    second = vendor.order(state="SHIPPING")
    third = vendor.order(state="CLOSED", created_at="2026-11-19T12:00:00Z")
    assert listed(vendor, order_ids=f"{second},{first},NOBODY") == [first, second]
    assert listed(vendor, order_state_codes="SHIPPING,SHIPPED") == [second]
    assert listed(vendor, start_date="2026-11-20T12:30:00Z") == [second]
    assert listed(vendor, end_date="2026-11-20T12:30:00Z") == [third, first]
    assert listed(vendor, start_update_date="2026-11-20T07:30:00-05:00") == [second]
    assert listed(
        vendor, start_update_date="2026-11-20T11:00:00", end_update_date="2026-11-20T12:00:00Z"
    ) == [first]


def test_limits_and_nonsense_are_refused_with_the_real_messages(vendor: MiraklSandbox) -> None:
    ids = ",".join(map(str, range(101)))
    assert (
        refusal(vendor, "orders", order_ids=ids)
        == "The limit of 100 is exceeded for the parameter : order_ids"
    )
    assert refusal(vendor, "orders", max=101) == "The limit of 100 is exceeded for the parameter : max"
    assert refusal(vendor, "orders", offset=-1) == "offset"
    assert refusal(vendor, "orders", order_state_codes="CANCELLED") == "order_state_codes"
    assert refusal(vendor, "orders", start_date="yesterday") == "start_date"


# --- the life of an order ---------------------------------------------------------------------------------


def decide(vendor: MiraklSandbox, order_id: str, *decisions: object) -> tuple[int, str | None]:
    answer = vendor.ask("PUT", f"orders/{order_id}/accept", json={"order_lines": decisions})
    if answer.status_code == 204:
        return 204, None
    body = answer.json()
    return answer.status_code, body.get("code") or body["errors"][0]["code"]


def test_every_state_is_entered_at_its_moment(vendor: MiraklSandbox) -> None:
    order_id = vendor.order(lines=[{"sku": "A"}])
    vendor.advance(60)
    assert decide(vendor, order_id, {"id": f"{order_id}-1", "accepted": True}) == (204, None)
    vendor.advance(60)
    assert vendor.ask("PUT", f"orders/{order_id}/ship").status_code == 204
    vendor.advance(90 * 86_400)
    history = [(step["state"], step["since"][:19]) for step in vendor.truth(order_id)["history"]]
    assert history == [
        ("WAITING_ACCEPTANCE", "2026-11-20T12:00:00"),
        ("WAITING_DEBIT", "2026-11-20T12:01:00"),
        ("WAITING_DEBIT_PAYMENT", "2026-11-20T12:01:02"),
        ("SHIPPING", "2026-11-20T12:01:05"),
        ("SHIPPED", "2026-11-20T12:02:00"),
        ("RECEIVED", "2026-11-23T12:02:00"),
        ("CLOSED", "2026-12-07T12:02:00"),
    ]


def test_an_order_is_lost_when_nobody_accepts_it_within_a_day(vendor: MiraklSandbox) -> None:
    order_id = vendor.order(lines=[{"sku": "A"}])
    vendor.advance(86_399)
    assert listed(vendor, order_state_codes="WAITING_ACCEPTANCE") == [order_id]
    vendor.advance(1)
    assert listed(vendor, order_state_codes="CANCELED") == [order_id]
    assert vendor.truth(order_id)["shown"]["order_state_reason_code"] == "ACCEPTANCE_TIMEOUT"
    assert decide(vendor, order_id, {"id": f"{order_id}-1", "accepted": True}) == (400, "ORDER_INVALID_STATE")


def test_delays_can_be_changed_for_orders_that_are_waiting_already(vendor: MiraklSandbox) -> None:
    order_id = vendor.order(lines=[{"sku": "A"}])
    vendor.control("PUT", "delays", {"debit": 600, "payment": 0, "acceptance": None})
    decide(vendor, order_id, {"id": f"{order_id}-1", "accepted": True})
    vendor.advance(599)
    assert vendor.state(order_id) == "WAITING_DEBIT"
    assert vendor.control("PUT", "delays", {"debit": 599})["payment"] == 0
    assert vendor.state(order_id) == "SHIPPING"


def test_a_state_with_a_delay_of_zero_is_left_at_once(vendor: MiraklSandbox) -> None:
    vendor.control("PUT", "delays", {"debit": 0, "payment": 0})
    order_id = vendor.order(lines=[{"sku": "A"}])
    decide(vendor, order_id, {"id": f"{order_id}-1", "accepted": True})
    assert vendor.state(order_id) == "SHIPPING"


def test_addresses_are_null_before_shipping(vendor: MiraklSandbox) -> None:
    order_id = vendor.order(lines=[{"sku": "A"}])
    shown = vendor.ask("GET", "orders", params={"order_ids": order_id}).json()["orders"][0]["customer"]
    assert (shown["shipping_address"], shown["billing_address"]) == (None, None)
    decide(vendor, order_id, {"id": f"{order_id}-1", "accepted": True})
    vendor.advance(5)
    truth = vendor.truth(order_id)
    assert truth["shown"]["customer"]["shipping_address"] == truth["address"]
    assert "additional_info" not in truth["shown"]["customer"]["billing_address"]


@pytest.mark.parametrize(
    ("decisions", "code"),
    [
        ([], "VALIDATION_ERROR"),
        ([None], "ORDER_LINE_NULL_ELEMENT"),
        ([{"id": "X-A-1"}], "VALIDATION_ERROR"),
        ([{"id": "X-A-1", "accepted": "yes"}], "VALIDATION_ERROR"),
        (["X-A-1"], "VALIDATION_ERROR"),
        ([{"id": "X-A-1", "accepted": True}], "ORDER_LINE_ACCEPTANCE_DECISION_MISSING"),
        ([{"id": "X-A-1", "accepted": True}] * 2, "ORDER_LINE_DUPLICATE_ID"),
        ([{"id": "X-A-9", "accepted": True}], "ORDER_LINE_NOT_FOUND"),
        (
            [{"id": "X-A-1", "accepted": True}, {"id": "X-A-2", "accepted": False}],
            "ORDER_PARTIAL_ACCEPTANCE_DISABLED",
        ),
    ],
)
def test_every_line_needs_one_decision_and_all_the_same(
    vendor: MiraklSandbox, decisions: list[Any], code: str
) -> None:
    vendor.order(order_id="X-A", lines=[{"sku": "A"}, {"sku": "B"}])
    assert decide(vendor, "X-A", *decisions) == (400, code)
    assert vendor.state("X-A") == "WAITING_ACCEPTANCE"


def test_a_body_that_is_no_json_is_refused(vendor: MiraklSandbox) -> None:
    order_id = vendor.order(state="SHIPPING")
    for action in ("accept", "tracking"):
        for body in (b"{", b"[]", b'{"carrier_code": 7}'):
            kind = {"Content-Type": "application/json"}
            answer = vendor.ask("PUT", f"orders/{order_id}/{action}", content=body, headers=kind)
            assert answer.status_code == 400


def test_refusing_all_lines_refuses_the_order(vendor: MiraklSandbox) -> None:
    order_id = vendor.order(lines=[{"sku": "A"}])
    assert decide(vendor, order_id, {"id": f"{order_id}-1", "accepted": False}) == (204, None)
    assert vendor.state(order_id) == "REFUSED"


@pytest.mark.parametrize("action", ["accept", "tracking", "ship"])
def test_an_unknown_order_is_not_found(vendor: MiraklSandbox, action: str) -> None:
    answer = vendor.ask("PUT", f"orders/NOBODY-A/{action}", json={})
    assert (answer.status_code, answer.json()["code"]) == (404, "ORDER_NOT_FOUND")


@pytest.mark.parametrize("state", ["STAGING", "WAITING_ACCEPTANCE", "WAITING_DEBIT", "CANCELED", "REFUSED"])
def test_neither_tracking_nor_shipping_before_shipping(vendor: MiraklSandbox, state: str) -> None:
    vendor.control("PUT", "delays", {"staging": None})
    order_id = vendor.order(state=state)
    tracking = {"carrier_code": "CPCL", "tracking_number": "1"}
    assert vendor.ask("PUT", f"orders/{order_id}/tracking", json=tracking).status_code == 400
    assert vendor.ask("PUT", f"orders/{order_id}/ship").status_code == 400


def test_tracking_may_change_after_shipping_but_shipping_only_happens_once(vendor: MiraklSandbox) -> None:
    order_id = vendor.order(state="SHIPPED")
    tracking = {"carrier_code": "PRLA", "tracking_number": "9"}
    assert vendor.ask("PUT", f"orders/{order_id}/tracking", json=tracking).status_code == 204
    assert vendor.truth(order_id)["shown"]["shipping_tracking_url"].endswith("pin=9")
    assert vendor.ask("PUT", f"orders/{order_id}/ship").json()["code"] == "ORDER_INVALID_STATE"


@pytest.mark.parametrize(
    ("tracking", "field"),
    [
        ({"carrier_code": "DRONE", "tracking_number": "1"}, "carrier_code"),
        ({"carrier_code": "CPCL"}, "tracking_number"),
        ({"tracking_number": "1"}, "carrier_name"),
    ],
)
def test_tracking_needs_a_carrier_and_its_number(
    vendor: MiraklSandbox, tracking: dict[str, str], field: str
) -> None:
    order_id = vendor.order(state="SHIPPING")
    answer = vendor.ask("PUT", f"orders/{order_id}/tracking", json=tracking)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


# --- the inbox --------------------------------------------------------------------------------------------


def test_the_inbox_is_walked_by_token_and_the_last_page_has_none(vendor: MiraklSandbox) -> None:
    for _ in range(3):
        vendor.control("POST", "threads", {"count": 20})
        vendor.advance(60)
    first = vendor.ask("GET", "inbox/threads").json()
    assert len(first["data"]) == 50
    assert "messages" not in first["data"][0]
    everything_else = {"page_token": first["next_page_token"], "limit": 1, "updated_since": "nonsense"}
    second = vendor.ask("GET", "inbox/threads", params=everything_else).json()
    assert len(second["data"]) == 10
    assert "next_page_token" not in second
    dates = [thread["date_updated"] for page in (first, second) for thread in page["data"]]
    assert dates == sorted(dates, reverse=True)


def test_threads_are_found_by_the_order_they_are_about(vendor: MiraklSandbox) -> None:
    orders = [vendor.order(), vendor.order()]
    for order_id in orders:
        vendor.control("POST", "threads", {"threads": [{"order_id": order_id}]})
    found = vendor.ask(
        "GET", "inbox/threads", params={"entity_type": "MMP_ORDER", "entity_id": orders[0]}
    ).json()
    assert [thread["entities"][0]["id"] for thread in found["data"]] == [orders[0]]


def test_nonsense_in_the_inbox_is_refused(vendor: MiraklSandbox) -> None:
    assert refusal(vendor, "inbox/threads", entity_id="X-A") == "entity_type"
    assert refusal(vendor, "inbox/threads", updated_since="yesterday") == "updated_since"
    assert refusal(vendor, "inbox/threads", limit=0) == "limit"
    assert (
        refusal(vendor, "inbox/threads", limit=101)
        == "The limit of 100 is exceeded for the parameter : limit"
    )
    for token in ("???", "bnVsbA==", "e30="):
        assert refusal(vendor, "inbox/threads", page_token=token) == "page_token"
    assert vendor.ask("GET", "inbox/threads/nothing").status_code == 404


def said(vendor: MiraklSandbox, thread_id: str, message: object, *files: tuple[str, bytes]) -> httpx.Response:
    parts: list[Any] = [("message_input", (None, json.dumps(message), "application/json"))]
    parts += [("files", (name, content, "image/jpeg")) for name, content in files]
    return vendor.ask("POST", f"inbox/threads/{thread_id}/message", files=parts)


def test_a_reply_is_a_form_of_a_message_and_files(vendor: MiraklSandbox) -> None:
    thread_id = vendor.thread({"body": "?"})
    content = b"\xff\xd8\r\n--\n\0\r" * 50
    message = {"body": "See é", "to": [{"id": "c-0", "type": "CUSTOMER"}, {"type": "OPERATOR"}]}
    answer = said(vendor, thread_id, message, ("a.jpg", content))
    assert (answer.status_code, answer.json()["thread_id"]) == (201, thread_id)
    last = vendor.ask("GET", f"inbox/threads/{thread_id}").json()["messages"][-1]
    assert (last["id"], last["body"]) == (answer.json()["message_id"], "See é")
    assert last["from"]["type"] == "SHOP_USER"
    assert [each["type"] for each in last["to"]] == ["CUSTOMER", "OPERATOR"]
    [file] = last["attachments"]
    assert (file["name"], file["size"]) == ("a.jpg", len(content))
    fetched = vendor.ask("GET", f"inbox/threads/{file['id']}/download", headers={"Accept": "*/*"})
    assert (fetched.content, fetched.headers["content-type"]) == (content, "image/jpeg")


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("text", "message_input"),
        ({"body": "ab", "to": [{"type": "OPERATOR"}]}, "body"),
        ({"body": "x" * 50_001, "to": [{"type": "OPERATOR"}]}, "body"),
        ({"body": "Hello"}, "to"),
        ({"body": "Hello", "to": []}, "to"),
        ({"body": "Hello", "to": ["c-0"]}, "to"),
        ({"body": "Hello", "to": [{"type": "CUSTOMER"}]}, "to"),
        ({"body": "Hello", "to": [{"type": "SHOP", "id": "2044"}]}, "to"),
    ],
)
def test_a_reply_that_breaks_the_description_is_refused(
    vendor: MiraklSandbox, message: object, field: str
) -> None:
    thread_id = vendor.thread({"body": "?"})
    answer = said(vendor, thread_id, message)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert len(vendor.ask("GET", f"inbox/threads/{thread_id}").json()["messages"]) == 1


def test_a_reply_needs_a_form_and_a_thread(vendor: MiraklSandbox) -> None:
    thread_id = vendor.thread({"body": "?"})
    path = f"inbox/threads/{thread_id}/message"
    assert vendor.ask("POST", path, json={"body": "Hello"}).status_code == 415
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    for body in (b"", b"nothing", b"--x\r\n\r\n--x--"):
        assert vendor.ask("POST", path, content=body, headers=form).status_code == 400
    assert said(vendor, "nothing", {}).status_code == 404
    assert vendor.ask("GET", "inbox/threads/nothing/download").status_code == 404


def opened(
    vendor: MiraklSandbox, order_id: str, message: object, part: str = "thread_input"
) -> httpx.Response:
    form = [
        (part, (None, json.dumps(message), "application/json")),
        ("files", ("a.txt", b"hello", "text/plain")),
    ]
    return vendor.ask("POST", f"orders/{order_id}/threads", files=form)


FIRST = {"body": "It left.", "to": ["CUSTOMER"], "topic": {"type": "FREE_TEXT", "value": "Your order"}}


def test_a_thread_is_opened_on_an_order_by_a_form(vendor: MiraklSandbox) -> None:
    order_id = vendor.order()
    answer = opened(vendor, order_id, FIRST)
    assert answer.status_code == 201
    thread = vendor.ask("GET", f"inbox/threads/{answer.json()['thread_id']}").json()
    assert (thread["topic"]["value"], thread["entities"][0]["id"]) == ("Your order", order_id)
    [message] = thread["messages"]
    assert (message["id"], message["body"]) == (answer.json()["message_id"], "It left.")
    assert (message["from"]["type"], [each["type"] for each in message["to"]]) == ("SHOP_USER", ["CUSTOMER"])
    assert message["attachments"][0]["name"] == "a.txt"


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("text", "thread_input"),
        (FIRST | {"body": "ab"}, "body"),
        (FIRST | {"to": []}, "to"),
        (FIRST | {"to": [{"type": "OPERATOR"}]}, "to"),
        (FIRST | {"topic": "Your order"}, "topic"),
        (FIRST | {"topic": {"type": "FREE_TEXT", "value": " "}}, "topic"),
    ],
)
def test_a_thread_that_breaks_the_description_is_not_opened(
    vendor: MiraklSandbox, message: object, field: str
) -> None:
    answer = opened(vendor, vendor.order(), message)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert vendor.ask("GET", "inbox/threads").json()["data"] == []


def test_a_thread_needs_an_order_and_the_right_part(vendor: MiraklSandbox) -> None:
    assert opened(vendor, "nothing", FIRST).status_code == 404
    assert opened(vendor, vendor.order(), FIRST, "message_input").status_code == 400


def test_a_thread_takes_a_thousand_messages(vendor: MiraklSandbox) -> None:
    thread_id = vendor.thread(*({"body": "again"} for _ in range(1000)))
    answer = said(vendor, thread_id, {"body": "Hello", "to": [{"type": "OPERATOR"}]})
    assert (answer.status_code, "1000 messages" in answer.json()["message"]) == (400, True)


def test_a_shop_that_answered_owes_no_reply(vendor: MiraklSandbox) -> None:
    messages = [{"body": "?"}, {"body": "!", "sender_type": "OPERATOR_USER"}]
    made = vendor.control(
        "POST", "threads", {"threads": [{"messages": messages[:1]}, {"messages": messages}]}
    )
    waits, answered = (
        vendor.ask("GET", f"inbox/threads/{each}").json()["metadata"] for each in made["thread_ids"]
    )
    assert waits["shop_reply_needed_since"] == "2026-11-20T12:00:00Z"
    assert answered["shop_reply_needed_since"] is None
    assert answered["last_sender"]["organization_details"] == {
        "display_name": "Best Buy Canada",
        "type": "OPERATOR",
    }
