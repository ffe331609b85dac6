"""The sandbox's controls and its books, which survive a kill."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from laptop.faults import FaultKind
from tests.laptop.vendors.sandboxes import NOON, SHOP_KEY, MiraklSandbox, mirakl


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MiraklSandbox]:
    with mirakl(tmp_path_factory.mktemp("mirakl"), "--api-key", SHOP_KEY) as running:
        yield running


@pytest.fixture
def vendor(served: MiraklSandbox) -> MiraklSandbox:
    served.calm()
    return served


def shown(vendor: MiraklSandbox, order_id: str) -> dict[str, Any]:
    return dict(vendor.ask("GET", "orders", params={"order_ids": order_id}).json()["orders"][0])


# --- controls ---------------------------------------------------------------------------------------------


def test_the_same_seed_makes_the_same_orders(tmp_path: Path) -> None:
    shown = []
    for folder in ("a", "b"):
        with mirakl(tmp_path / folder) as fresh:
            fresh.control("PUT", "clock", {"now": NOON.isoformat()})
            ids = fresh.control("POST", "orders", {"count": 3, "seed": 9})["order_ids"]
            shown.append([fresh.truth(order_id)["shown"] for order_id in ids])
    assert shown[0] == shown[1]


def test_an_order_can_be_cancelled_until_it_is_shipped(vendor: MiraklSandbox) -> None:
    order_id = vendor.order(state="SHIPPING")
    assert vendor.control("POST", f"orders/{order_id}/cancel") == {"state": "CANCELED"}
    shipped = vendor.order(state="SHIPPED")
    assert vendor.http.post(f"{vendor.url}/_control/orders/{shipped}/cancel").status_code == 409
    assert vendor.http.post(f"{vendor.url}/_control/orders/NOBODY/cancel").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "order"),
    [
        ("POST", "orders", {"count": -1}),
        ("POST", "orders", {"orders": [{"state": "CANCELLED"}]}),
        ("POST", "orders", {"orders": [{"order_id": "a b"}]}),
        ("POST", "threads", {"threads": [{"messages": [{"sender_type": "NOBODY", "body": ""}]}]}),
        ("PUT", "orders/X-A/overrides", {}),
        ("PUT", "orders/X-A", {"state": "LOST"}),
        ("PUT", "orders/X-A/lines/X-A-1", {"quantity": 1}),
        ("PUT", "orders/X-A/lines/X-A-1", {"state": "CANCELED", "quantity": 0}),
        ("PUT", "clock", {"advance": -1}),
        ("PUT", "delays", {"debit": -1}),
        ("PUT", "limits", {"per_minute": -1}),
        ("PUT", "faults", {"faults": [{"kind": "html", "seconds": 1}]}),
    ],
)
def test_a_control_call_that_makes_no_sense_changes_nothing(
    vendor: MiraklSandbox, method: str, path: str, order: object
) -> None:
    assert vendor.http.request(method, f"{vendor.url}/_control/{path}", json=order).status_code == 422


def test_the_truth_about_an_order_can_be_changed_and_dates_the_change(vendor: MiraklSandbox) -> None:
    order_id = vendor.order(state="SHIPPING", address={"city": "Ottawa", "street_1": "1 Example Street"})
    assert shown(vendor, order_id)["can_shop_ship"] is True
    vendor.advance(60)
    change = {
        "fully_refunded": True,
        "can_shop_ship": False,
        "address": {"city": "Gatineau"},
        "shipping_type": "EXP",
        "deliver_by": "2026-11-25T05:00:00Z",
        "reason_code": "FRAUD",
    }
    vendor.control("PUT", f"orders/{order_id}", change)
    order = shown(vendor, order_id)
    address = order["customer"]["shipping_address"]
    assert (address["city"], address["street_1"]) == ("Gatineau", "1 Example Street")
    assert (order["fully_refunded"], order["can_shop_ship"]) == (True, False)
    assert (order["shipping_type_code"], order["shipping_type_label"]) == ("EXP", "Express")
    assert order["delivery_date"]["latest"] == "2026-11-25T05:00:00Z"
    assert order["order_state_reason_code"] == "FRAUD"
    assert order["last_updated_date"] == "2026-11-20T12:01:00Z"
    assert vendor.ask("PUT", f"orders/{order_id}/ship").status_code == 400
    vendor.control("PUT", f"orders/{order_id}", {"can_shop_ship": None})
    assert vendor.ask("PUT", f"orders/{order_id}/ship").status_code == 204


def test_the_operator_can_accept_and_ship_an_order_by_himself(vendor: MiraklSandbox) -> None:
    order_id = vendor.order()
    vendor.control("PUT", f"orders/{order_id}", {"state": "WAITING_DEBIT"})
    vendor.advance(5)
    assert vendor.state(order_id) == "SHIPPING"
    other = vendor.order()
    truth = vendor.control("PUT", f"orders/{other}", {"state": "SHIPPED"})
    assert truth["shown"]["customer"]["shipping_address"] == truth["address"]
    assert [step["state"] for step in truth["history"]] == ["WAITING_ACCEPTANCE", "SHIPPED"]


def test_an_order_has_the_service_and_the_promise_that_the_buyer_chose(vendor: MiraklSandbox) -> None:
    plain = shown(vendor, vendor.order())
    assert (plain["shipping_type_code"], plain["delivery_date"]) == ("STD", None)
    fast = shown(vendor, vendor.order(shipping_type="NEXT", deliver_by="2026-11-21T22:00:00-05:00"))
    assert (fast["shipping_type_code"], fast["shipping_type_label"]) == ("NEXT", "NEXT")
    assert fast["delivery_date"] == {"earliest": "2026-11-20T12:00:00Z", "latest": "2026-11-22T03:00:00Z"}


# --- lines ------------------------------------------------------------------------------------------------


def two_lines(vendor: MiraklSandbox) -> str:
    first, second = {"sku": "A", "price": 1000, "quantity": 3}, {"sku": "B", "price": 250}
    return vendor.order(state="SHIPPING", lines=[first, second])


def end(vendor: MiraklSandbox, order_id: str, number: int, **change: object) -> dict[str, Any]:
    truth = vendor.control("PUT", f"orders/{order_id}/lines/{order_id}-{number}", change)
    return dict(truth["shown"])


def test_units_of_a_line_can_be_cancelled_until_none_is_left(vendor: MiraklSandbox) -> None:
    order_id = two_lines(vendor)
    vendor.advance(60)
    order = end(vendor, order_id, 1, state="CANCELED", quantity=2)
    line = order["order_lines"][0]
    assert (line["order_line_state"], line["quantity"], line["price"]) == ("SHIPPING", 1, 10)
    assert [(each["quantity"], each["amount"]) for each in line["cancelations"]] == [(2, 20)]
    assert (order["total_price"], order["last_updated_date"]) == (12.5, "2026-11-20T12:01:00Z")
    order = end(vendor, order_id, 1, state="CANCELED")
    line = order["order_lines"][0]
    assert (line["order_line_state"], line["quantity"], len(line["cancelations"])) == ("CANCELED", 0, 2)
    assert (order["order_state"], order["total_price"]) == ("SHIPPING", 2.5)
    none_left = {"state": "CANCELED"}
    path = f"{vendor.url}/_control/orders/{order_id}/lines/{order_id}-1"
    assert vendor.http.put(path, json=none_left).status_code == 409


def test_units_of_a_line_can_be_refunded_until_the_order_is(vendor: MiraklSandbox) -> None:
    order_id = two_lines(vendor)
    line = end(vendor, order_id, 1, state="REFUNDED", quantity=2)["order_lines"][0]
    assert (line["order_line_state"], line["quantity"]) == ("SHIPPING", 3)
    assert [(each["quantity"], each["refund_state"]) for each in line["refunds"]] == [(2, "REFUNDED")]
    order = end(vendor, order_id, 1, state="REFUNDED", quantity=1)
    assert (order["order_lines"][0]["order_line_state"], order["fully_refunded"]) == ("REFUNDED", False)
    order = end(vendor, order_id, 2, state="REFUNDED")
    assert (order["order_state"], order["fully_refunded"]) == ("SHIPPING", True)


@pytest.mark.parametrize(("second", "ended"), [("REFUSED", "REFUSED"), ("CANCELED", "CANCELED")])
def test_an_order_without_an_open_line_ends(vendor: MiraklSandbox, second: str, ended: str) -> None:
    order_id = two_lines(vendor)
    order = end(vendor, order_id, 1, state="REFUSED")
    assert (order["order_state"], order["order_lines"][0]["order_line_state"]) == ("SHIPPING", "REFUSED")
    assert order["order_lines"][0]["cancelations"] == []
    assert end(vendor, order_id, 2, state=second)["order_state"] == ended


@pytest.mark.parametrize(
    ("line", "change", "status"),
    [
        (1, {"state": "CANCELED", "quantity": 4}, 409),
        (1, {"state": "REFUSED", "quantity": 1}, 409),
        (3, {"state": "CANCELED"}, 404),
    ],
)
def test_a_line_has_no_more_units_than_it_has(
    vendor: MiraklSandbox, line: int, change: dict[str, Any], status: int
) -> None:
    order_id = two_lines(vendor)
    path = f"{vendor.url}/_control/orders/{order_id}/lines/{order_id}-{line}"
    assert vendor.http.put(path, json=change).status_code == status
    assert [each["quantity"] for each in shown(vendor, order_id)["order_lines"]] == [3, 1]


def test_an_order_with_an_existing_id_is_refused_and_none_beside_it_is_made(vendor: MiraklSandbox) -> None:
    vendor.order(order_id="X-A")
    taken = {"orders": [{"order_id": "NEW-A"}, {"order_id": "X-A"}]}
    assert vendor.http.post(f"{vendor.url}/_control/orders", json=taken).status_code == 409
    assert vendor.control("GET", "orders") == {"orders": {"X-A": "WAITING_ACCEPTANCE"}}


def test_an_unknown_order_is_not_found_by_any_control(vendor: MiraklSandbox) -> None:
    assert vendor.http.get(f"{vendor.url}/_control/orders/NOBODY").status_code == 404
    nobody = vendor.http.put(f"{vendor.url}/_control/orders/NOBODY/overrides", json={"overrides": {}})
    assert nobody.status_code == 404
    assert vendor.http.put(f"{vendor.url}/_control/orders/NOBODY", json={}).status_code == 404
    line = vendor.http.put(f"{vendor.url}/_control/orders/NOBODY/lines/1", json={"state": "CANCELED"})
    assert line.status_code == 404
    assert vendor.control("GET", "health") == {"status": "ok", "orders": 0, "threads": 0}
    assert vendor.control("GET", "limits") == {"per_minute": None}
    assert vendor.control("GET", "delays")["debit"] == 2
    vendor.control("POST", "threads", {"count": 1})
    [thread] = vendor.ask("GET", "inbox/threads").json()["data"]
    assert thread["entities"] == []


def test_the_books_hold_calls_whose_effect_a_fault_prevented(vendor: MiraklSandbox) -> None:
    order_id = vendor.order(state="SHIPPING")
    vendor.faults(
        {"kind": "error_before", "status": 503, "path": "/api/orders", "times": 1},
        {"kind": "error_after", "status": 503, "path": "/api/orders", "times": 1},
        {"kind": "rate_limited", "path": "/api/orders", "times": 1},
        {"kind": "html", "path": "/api/other"},
    )
    for _ in range(3):
        vendor.ask("PUT", f"orders/{order_id}/ship")
    vendor.ask("GET", "other")
    books = [(call["status"], call["served"], call["fault"]) for call in vendor.truth(order_id)["calls"]]
    assert books == [
        (503, False, FaultKind.ERROR_BEFORE),
        (204, True, FaultKind.ERROR_AFTER),
        (429, False, FaultKind.RATE_LIMITED),
    ]
    assert vendor.calls("other")[0]["fault"] == "html"
    report = vendor.control("GET", "books")
    assert report["operations"]["OR24"] == {"calls": 3, "statuses": {"204": 1, "429": 1, "503": 1}}
    assert report["states"] == {"SHIPPED": 1}


def test_the_clock_can_be_set_and_reset(vendor: MiraklSandbox) -> None:
    assert vendor.control("GET", "clock") == {"now": "2026-11-20T12:00:00.000000Z", "running": False}
    assert vendor.control("DELETE", "clock")["running"] is True


# --- the process ------------------------------------------------------------------------------------------


def test_a_killed_sandbox_loses_nothing(tmp_path: Path) -> None:
    with mirakl(tmp_path) as first:
        first.control("PUT", "clock", {"now": NOON.isoformat()})
        order_id = first.order(state="SHIPPING")
        first.control("POST", "threads", {"threads": [{"order_id": order_id, "messages": [{"body": "?"}]}]})
        assert first.ask("PUT", f"orders/{order_id}/ship").status_code == 204
        first.process.kill()
        first.process.wait(timeout=30)
    with mirakl(tmp_path) as second:
        assert second.control("GET", "clock")["now"] == "2026-11-20T12:00:00.000000Z"
        assert second.state(order_id) == "SHIPPED"
        assert second.control("GET", "books")["orders"][order_id]["ship"] == {"calls": 1, "done": 1}
        assert len(second.ask("GET", "inbox/threads").json()["data"]) == 1
        assert second.order() != order_id
