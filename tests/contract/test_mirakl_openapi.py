"""The client's requests and the sandbox's answers, against the description that Mirakl publishes."""

from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from shared.fulfillment.ports import Done, Participant, Posted, Tracking
from shared.vendors.mirakl.client import MiraklMarketplace
from tests.laptop.vendors.sandboxes import NOON, MiraklSandbox, mirakl
from tests.mirakl_contract import CONTRACT, BreaksContractError, Contract
from tests.mirakl_support import marketplace

pytestmark = pytest.mark.skipif(
    not CONTRACT.is_file(), reason="the vendor's description does not lie beside this checkout"
)


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract(CONTRACT)


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MiraklSandbox]:
    with mirakl(tmp_path_factory.mktemp("mirakl")) as running:
        running.calm()
        yield running


@pytest.fixture
def seen() -> list[httpx.Response]:
    return []


@pytest.fixture
def client(vendor: MiraklSandbox, seen: list[httpx.Response]) -> Iterator[MiraklMarketplace]:
    """Keeps each answer, together with the request that it belongs to."""

    def keep(response: httpx.Response) -> None:
        response.read()
        response.request.read()
        seen.append(response)

    with marketplace(vendor.url, shop_id=2044) as made:
        made._transport._clients.current().event_hooks = {"response": [keep]}
        yield made


def test_the_calls_for_an_order_match_the_description(
    vendor: MiraklSandbox, client: MiraklMarketplace, seen: list[httpx.Response], contract: Contract
) -> None:
    vendor.control("POST", "orders", {"count": 30, "seed": 5})
    waiting = [order for page in client.listed(["WAITING_ACCEPTANCE"]) for order in page.orders]
    order = waiting[0]
    ids = [each.order_id for each in waiting]
    assert client.accept(order.order_id, [line.line_id for line in order.lines]) == Done()
    for wait in (2, 3):
        client.orders(ids)
        vendor.advance(wait)
    assert (
        client.set_tracking(order.order_id, Tracking("1Z", None, "Canada Post", "https://x.example"))
        == Done()
    )
    assert client.set_tracking(order.order_id, Tracking("7023210", "CPCL")) == Done()
    assert client.ship(order.order_id) == Done()
    assert client.refuse(ids[1], [line.line_id for line in waiting[1].lines]) == Done()
    since = NOON - timedelta(days=1)
    assert sum(len(page.orders) for page in client.listed(["SHIPPED", "REFUSED"], since)) == 2
    assert [each.state for each in client.orders([order.order_id]).orders] == ["SHIPPED"]
    checked = [contract.check(response) for response in seen]
    assert set(checked) == {"OR11", "OR21", "OR23", "OR24"}


def test_lines_that_ended_match_the_description(vendor: MiraklSandbox, contract: Contract) -> None:
    lines = [{"sku": "A", "quantity": 2}, {"sku": "B", "quantity": 2}, {"sku": "C"}]
    order_id = vendor.order(state="SHIPPING", lines=lines, deliver_by="2026-11-25T05:00:00Z")
    for number, state in enumerate(("CANCELED", "REFUNDED"), start=1):
        ended = {"state": state, "quantity": 1}
        vendor.control("PUT", f"orders/{order_id}/lines/{order_id}-{number}", ended)
    vendor.control("PUT", f"orders/{order_id}/lines/{order_id}-3", {"state": "REFUSED"})
    assert contract.check(vendor.ask("GET", "orders", params={"order_ids": order_id})) == "OR11"


def test_the_calls_for_inbox_and_set_up_match_the_description(
    vendor: MiraklSandbox, client: MiraklMarketplace, seen: list[httpx.Response], contract: Contract
) -> None:
    vendor.control("POST", "threads", {"count": 120, "seed": 5})
    attached = {"id": "6f6f", "name": "photo.jpg", "size": 48_213}
    vendor.control(
        "POST", "threads", {"threads": [{"messages": [{"body": "see photo", "attachments": [attached]}]}]}
    )
    assert sum(len(page.threads) for page in client.threads(NOON - timedelta(days=1))) == 121
    client.carriers()
    client.shop()
    assert client.is_up()
    assert [contract.check(response) for response in seen] == ["M11", "M11", "SH21", "A01", "V01"]


def test_the_calls_for_one_thread_match_the_description(
    vendor: MiraklSandbox, client: MiraklMarketplace, seen: list[httpx.Response], contract: Contract
) -> None:
    thread_id = vendor.thread({"body": "hello"}, order_id=vendor.order())
    (thread,) = client.thread(thread_id).threads
    buyer = [each for each in thread.participants if each.kind == "CUSTOMER"]
    assert isinstance(client.reply(thread_id, "Bonjour é", [*buyer, Participant("OPERATOR", None)]), Posted)
    assert client.thread(thread_id).threads
    assert [contract.check(response) for response in seen] == ["M10", "M12", "M10"]


def test_the_check_notices_a_request_or_an_answer_that_breaks_the_description(
    vendor: MiraklSandbox, contract: Contract
) -> None:
    order_id = vendor.order(overrides={"a_field_of_our_own": 1})
    with pytest.raises(BreaksContractError, match=r"answer orders: .*a_field_of_our_own"):
        contract.check(vendor.ask("GET", "orders", params={"order_ids": order_id}))
    with pytest.raises(BreaksContractError, match=r"request .*lines"):
        contract.check(vendor.ask("PUT", f"orders/{order_id}/accept", json={"lines": []}))
    with pytest.raises(BreaksContractError, match="page_size"):
        contract.check(vendor.ask("GET", "orders", params={"page_size": 10}))
