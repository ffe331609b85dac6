"""An order whose address or parcel the carrier would not take waits for a person, and nobody else waits for it."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests.orders_support import ACCEPT, LABEL, OrderLine

Start = Callable[[str], FlaskClient]
ABROAD = {"country_iso_code": "USA", "zip_code": "90210"}


def mend(line: OrderLine, order: str, **address: object) -> None:
    """As the marketplace shows it from now on."""
    shown = line.market.truth(order)["shown"]["customer"]["shipping_address"]
    body = {"overrides": {"customer": {"shipping_address": shown | address}}}
    line.market.control("PUT", f"orders/{order}/overrides", body)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (ABROAD, "the country is not Canada"),
        ({"zip_code": "K1A"}, "the postal code is not of the form A1A1A1"),
        ({"city": "x" * 41}, "the city is missing or longer than 40 characters"),
        ({"street_1": "x" * 45}, "the street does not fit into two lines of 44 characters"),
        ({"state": "Bavaria"}, "the province is unknown"),
    ],
)
def test_an_address_that_does_not_fit_is_set_aside_with_the_reason(
    order_line: OrderLine, address: dict[str, object], reason: str
) -> None:
    (bad,) = order_line.accepted(address=address)
    (good,) = order_line.accepted()
    answer = order_line.fire(LABEL)
    assert answer["errors"] == [{"order_id": bad, "message": reason}]
    told = order_line.told(bad)
    assert (told["state"], told["reason"], told["attention"]) == ("label_failed", reason, True)
    assert (order_line.sold(bad), order_line.state(good)) == (0, "label_created")


def test_a_person_mends_the_address_and_says_so_over_http(order_line: OrderLine, deployed: Start) -> None:
    (order,) = order_line.accepted(address=ABROAD)
    order_line.fire(LABEL)
    mend(order_line, order, country_iso_code="CAN", zip_code="H2X 1Y4", state="QC")
    workflow = deployed("workflow")
    answer = workflow.post(f"/orders/{order}/retry", json={"note": "the buyer has given a Canadian address"})
    assert (answer.status_code, answer.get_json()["state"]) == (200, "accepted")
    again = workflow.post(f"/orders/{order}/retry", json={"note": "twice"})
    assert again.status_code == 409

    order_line.cycle_until_settled(order)
    order_line.assert_shipped_with_one_label(order)
    assert order_line.told(order)["shipment"]["request"]["destination"]["postal_code"] == "H2X1Y4"


def test_without_a_mended_address_the_order_is_set_aside_again(order_line: OrderLine) -> None:
    (order,) = order_line.accepted(address=ABROAD)
    order_line.fire(LABEL)
    order_line.store.retry_order(order, "please")
    order_line.fire(LABEL)
    assert order_line.path(order)[-3:] == ["label_failed", "accepted", "label_failed"]
    assert order_line.sold(order) == 0


def test_an_order_without_an_address_waits_until_the_marketplace_gives_it(order_line: OrderLine) -> None:
    (order,) = order_line.accepted()
    order_line.market.control(
        "PUT", f"orders/{order}/overrides", {"overrides": {"customer": {"shipping_address": None}}}
    )
    answer = order_line.fire(LABEL)
    assert (answer["skipped"], order_line.state(order), order_line.sold(order)) == (1, "accepted", 0)
    order_line.market.control("PUT", f"orders/{order}/overrides", {"overrides": {}})
    order_line.cycle_until_settled(order)
    order_line.assert_shipped_with_one_label(order)


def test_parcels_are_weighed_by_sku(order_line: OrderLine) -> None:
    with order_line.database.connect() as connection:
        connection.execute(
            "insert into parcel_sizes (sku, weight, length, width, height) values ('DISC', 0.125, 12.5, 8, 0.9)"
        )
    lines = [{"sku": "DISC", "quantity": 3}, {"sku": "UNLISTED"}]
    (order,) = order_line.accepted(lines=lines)
    (heavy,) = order_line.accepted(lines=[{"sku": "UNLISTED", "quantity": 31}])
    order_line.fire(LABEL)
    parcel = order_line.told(order)["shipment"]["request"]["parcel"]
    assert parcel == {"weight": "1.375", "length": "30", "width": "20", "height": "12.7"}
    assert order_line.told(heavy)["reason"] == "the parcel weighs 31.000 kg, more than 30"


def test_orders_that_cannot_be_read_hide_no_others(order_line: OrderLine) -> None:
    bad, good = order_line.waiting(2)
    order_line.market.control("PUT", f"orders/{bad}/overrides", {"overrides": {"order_lines": "none"}})
    answer = order_line.fire(ACCEPT)
    assert (answer["done"], answer["failed"]) == (1, 1)
    assert answer["errors"][0]["order_id"] == bad
    order_line.market.control("PUT", f"orders/{bad}/overrides", {"overrides": {}})
    order_line.cycle_until_settled(bad, good)
    order_line.assert_shipped_with_one_label(bad, good)
