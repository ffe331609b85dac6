"""The sandbox's controls and its books, which survive a kill."""

from collections.abc import Iterator
from pathlib import Path

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


def test_an_order_with_an_existing_id_is_refused_and_none_beside_it_is_made(vendor: MiraklSandbox) -> None:
    vendor.order(order_id="X-A")
    taken = {"orders": [{"order_id": "NEW-A"}, {"order_id": "X-A"}]}
    assert vendor.http.post(f"{vendor.url}/_control/orders", json=taken).status_code == 409
    assert vendor.control("GET", "orders") == {"orders": {"X-A": "WAITING_ACCEPTANCE"}}


def test_an_unknown_order_is_not_found_by_any_control(vendor: MiraklSandbox) -> None:
    assert vendor.http.get(f"{vendor.url}/_control/orders/NOBODY").status_code == 404
    nobody = vendor.http.put(f"{vendor.url}/_control/orders/NOBODY/overrides", json={"overrides": {}})
    assert nobody.status_code == 404
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
