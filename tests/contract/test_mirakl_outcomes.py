"""The outcome of a change for each fault, before and after its effect: never repeated, never misread."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from shared.fulfillment.ports import Cause, Done, NotSent, Participant, Posted, Refused, Tracking, Unclear
from shared.vendors.mirakl.client import MiraklBounds, MiraklMarketplace
from tests.laptop.vendors.sandboxes import SHOP_KEY, MiraklSandbox, mirakl
from tests.mirakl_support import Pauses, marketplace
from tests.ports import free_port

Change = Callable[[MiraklMarketplace, str], object]

CHANGES: dict[str, tuple[str, str, Change]] = {  # the state it needs, what shows that it was done, the call
    "accept": (
        "WAITING_ACCEPTANCE",
        "WAITING_DEBIT",
        lambda client, order: client.accept(order, [f"{order}-1"]),
    ),
    "refuse": (
        "WAITING_ACCEPTANCE",
        "REFUSED",
        lambda client, order: client.refuse(order, [f"{order}-1"]),
    ),
    "tracking": (
        "SHIPPING",
        "7023210",
        lambda client, order: client.set_tracking(order, Tracking("7023210", "CPCL")),
    ),
    "ship": ("SHIPPING", "SHIPPED", lambda client, order: client.ship(order)),
}
BOOKED = {"refuse": "accept"}
"""Both are OR21."""

FAULTS: list[tuple[dict[str, Any], type[object], bool]] = [  # the fault, the outcome, whether it was done
    ({"kind": "error_before", "status": 500}, Unclear, False),
    ({"kind": "error_before", "status": 503}, Unclear, False),
    ({"kind": "error_before", "status": 408}, Unclear, False),
    ({"kind": "error_after", "status": 500}, Unclear, True),
    ({"kind": "error_after", "status": 502}, Unclear, True),
    ({"kind": "timeout", "seconds": 30, "effect": "none"}, Unclear, False),
    ({"kind": "timeout", "seconds": 30, "effect": "before"}, Unclear, True),
    ({"kind": "lost_answer"}, Unclear, True),
    ({"kind": "malformed"}, Unclear, True),
    ({"kind": "html"}, Unclear, False),
    ({"kind": "html", "effect": "before"}, Unclear, True),
    ({"kind": "html", "status": 502, "effect": "before"}, Unclear, True),
    ({"kind": "html", "status": 403}, NotSent, False),
    ({"kind": "rate_limited", "seconds": 60}, NotSent, False),
    ({"kind": "error_before", "status": 400}, Refused, False),
    ({"kind": "error_before", "status": 401}, NotSent, False),
    ({"kind": "error_before", "status": 403}, NotSent, False),
    ({"kind": "error_before", "status": 404}, Refused, False),
    ({"kind": "latency", "seconds": 0.01}, Done, True),
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MiraklSandbox]:
    with mirakl(tmp_path_factory.mktemp("mirakl"), "--api-key", SHOP_KEY) as running:
        yield running


@pytest.fixture
def vendor(served: MiraklSandbox) -> MiraklSandbox:
    served.calm()
    return served


def was_done(vendor: MiraklSandbox, order_id: str, shown: str) -> bool:
    truth = vendor.truth(order_id)
    return shown in (truth["state"], truth["shown"]["shipping_tracking"])


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(("fault", "outcome", "done"), FAULTS, ids=str)
def test_each_change_under_each_fault_is_one_call_with_the_right_outcome(
    vendor: MiraklSandbox, change: str, fault: dict[str, Any], outcome: type[object], *, done: bool
) -> None:
    state, shown, call = CHANGES[change]
    order_id = vendor.order(state=state, lines=[{"sku": "A"}])
    vendor.faults({**fault, "path": f"/api/orders/{order_id}", "method": "PUT"})
    pauses = Pauses()
    bounds = MiraklBounds(read=1.0 if fault["kind"] == "timeout" else 20.0)
    with marketplace(vendor.url, pause=pauses, bounds=bounds) as client:
        result = call(client, order_id)
    assert isinstance(result, outcome)
    assert was_done(vendor, order_id, shown) is done
    assert vendor.control("GET", "books")["orders"][order_id][BOOKED.get(change, change)]["calls"] == 1
    assert pauses.seconds == []
    assert SHOP_KEY not in repr(result)


@pytest.mark.parametrize(("fault", "outcome", "done"), FAULTS, ids=str)
def test_a_reply_under_each_fault_is_one_call_with_the_right_outcome(
    vendor: MiraklSandbox, fault: dict[str, Any], outcome: type[object], *, done: bool
) -> None:
    thread_id = vendor.thread({"body": "Where is it?"})
    vendor.faults({**fault, "path": f"/api/inbox/threads/{thread_id}", "method": "POST"})
    bounds = MiraklBounds(read=1.0 if fault["kind"] == "timeout" else 20.0)
    with marketplace(vendor.url, bounds=bounds) as client:
        result = client.reply(thread_id, "On its way.", [Participant("OPERATOR", None)])
        vendor.faults()
        (thread,) = client.thread(thread_id).threads
    assert isinstance(result, Posted if outcome is Done else outcome)
    assert [each.body for each in thread.messages[1:]] == (["On its way."] if done else [])
    assert len(vendor.calls("M12")) == 1


@pytest.mark.parametrize(("fault", "outcome", "done"), FAULTS, ids=str)
def test_a_new_thread_under_each_fault_is_one_call_with_the_right_outcome(
    vendor: MiraklSandbox, fault: dict[str, Any], outcome: type[object], *, done: bool
) -> None:
    order_id = vendor.order()
    vendor.faults({**fault, "path": f"/api/orders/{order_id}/threads", "method": "POST"})
    bounds = MiraklBounds(read=1.0 if fault["kind"] == "timeout" else 20.0)
    with marketplace(vendor.url, bounds=bounds) as client:
        result = client.open_thread(order_id, "Your order", "On its way.", ["CUSTOMER"])
        vendor.faults()
        threads = client.threads_of(order_id).threads
    assert isinstance(result, Posted if outcome is Done else outcome)
    assert [message.body for thread in threads for message in thread.messages] == (
        ["On its way."] if done else []
    )
    assert len(vendor.calls("OR43")) == 1


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_is_sent_to_an_unreachable_marketplace(change: str) -> None:
    with marketplace(f"http://127.0.0.1:{free_port()}") as client:
        result = CHANGES[change][2](client, "X-A")
        replied = client.reply("T-1", "Hello", [])
        opened = client.open_thread("X-A", "Your order", "Hello", ["CUSTOMER"])
        attached = client.attachment("F-1")
    assert result == NotSent("Mirakl cannot be reached (ConnectError)", None, Cause.AWAY)
    assert replied == opened == attached == result


def test_the_wait_of_a_full_minute_is_passed_on(vendor: MiraklSandbox) -> None:
    order_id = vendor.order(state="SHIPPING")
    vendor.control("PUT", "limits", {"per_minute": 0})
    with marketplace(vendor.url) as client:
        limited = NotSent("Mirakl answered 429: Too many requests", 60, Cause.THROTTLED)
        assert client.ship(order_id) == limited
    assert vendor.state(order_id) == "SHIPPING"


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (["{id}-1"], "ORDER_LINE_ACCEPTANCE_DECISION_MISSING"),
        (["{id}-1", "{id}-2", "{id}-3"], "ORDER_LINE_NOT_FOUND"),
        (["{id}-1", "{id}-1"], "ORDER_LINE_DUPLICATE_ID"),
        ([], "VALIDATION_ERROR"),
    ],
)
def test_an_acceptance_that_does_not_name_each_line_once_is_refused(
    vendor: MiraklSandbox, lines: list[str], code: str
) -> None:
    order_id = vendor.order(lines=[{"sku": "A"}, {"sku": "B"}])
    with marketplace(vendor.url) as client:
        refused = client.accept(order_id, [line.format(id=order_id) for line in lines])
    assert isinstance(refused, Refused)
    assert refused.code == code
    assert vendor.state(order_id) == "WAITING_ACCEPTANCE"


def test_an_order_that_was_cancelled_meanwhile_is_refused(vendor: MiraklSandbox) -> None:
    order_id = vendor.order(lines=[{"sku": "A"}])
    vendor.control("POST", f"orders/{order_id}/cancel")
    with marketplace(vendor.url) as client:
        refused = client.accept(order_id, [f"{order_id}-1"])
        assert isinstance(refused, Refused)
        assert refused.code == "ORDER_INVALID_STATE"
        assert client.orders([order_id]).orders[0].state == "CANCELED"
