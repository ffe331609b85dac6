"""An order with an impossible address or parcel waits for a person and delays no other order."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests.orders_support import ACCEPT, LABEL, RunningFulfillment

Start = Callable[[str], FlaskClient]
ABROAD = {"country_iso_code": "USA", "zip_code": "90210"}


def mend(fulfillment: RunningFulfillment, order: str, **address: object) -> None:
    """Sets the address that the marketplace shows from now on."""
    shown = fulfillment.market.truth(order)["shown"]["customer"]["shipping_address"]
    body = {"overrides": {"customer": {"shipping_address": shown | address}}}
    fulfillment.market.control("PUT", f"orders/{order}/overrides", body)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (ABROAD, "the country is not Canada"),
        ({"zip_code": "K1A"}, "the postal code is not of the form A1A1A1"),
        ({"city": "x" * 41}, "the city is missing or longer than 40 characters"),
        ({"street_1": "x" * 45}, "the street does not fit into two lines of 44 characters"),
        ({"state": "Bavaria"}, "the province is unknown"),
        (
            {"state": "Ont.", "zip_code": "H2X 1Y4"},
            "the province and the postal code contradict each other",
        ),
        ({"additional_info": "x" * 45}, "the additional information does not fit into 44 characters"),
    ],
)
def test_an_address_that_does_not_fit_is_set_aside_with_the_reason(
    fulfillment: RunningFulfillment, address: dict[str, object], reason: str
) -> None:
    (bad,) = fulfillment.accepted(address=address)
    (good,) = fulfillment.accepted()
    answer = fulfillment.fire(LABEL)
    assert answer["errors"] == [{"order_id": bad, "message": reason}]
    status = fulfillment.status(bad)
    assert (status["state"], status["reason"], status["attention"]) == ("label_failed", reason, True)
    assert (fulfillment.sold(bad), fulfillment.state(good)) == (0, "label_created")


def test_a_person_corrects_the_address_and_retries_over_http(
    fulfillment: RunningFulfillment, deployed: Start
) -> None:
    (order,) = fulfillment.accepted(address=ABROAD)
    fulfillment.fire(LABEL)
    mend(fulfillment, order, country_iso_code="CAN", zip_code="H2X 1Y4", state="QC")
    workflow = deployed("workflow")
    answer = workflow.post(
        f"/orders/{order}/retry",  # the change at the marketplace is not known here yet
        json={"by": "ana", "note": "the buyer has given a Canadian address", "anyway": True},
    )
    assert (answer.status_code, answer.get_json()["state"]) == (200, "accepted")
    again = workflow.post(f"/orders/{order}/retry", json={"by": "ana", "note": "twice"})
    assert again.status_code == 409

    fulfillment.cycle_until_settled(order)
    fulfillment.assert_shipped_with_one_label(order)
    assert fulfillment.status(order)["shipment"]["request"]["destination"]["postal_code"] == "H2X1Y4"


def test_with_the_same_wrong_address_the_order_goes_to_a_person_again(
    fulfillment: RunningFulfillment,
) -> None:
    (order,) = fulfillment.accepted(address=ABROAD)
    fulfillment.fire(LABEL)
    fulfillment.store.retry_order(order, "ana", "please", anyway=True)
    fulfillment.fire(LABEL)
    assert fulfillment.path(order)[-3:] == ["label_failed", "accepted", "label_failed"]
    assert fulfillment.sold(order) == 0


def test_an_order_without_an_address_waits_until_the_marketplace_gives_it(
    fulfillment: RunningFulfillment,
) -> None:
    (order,) = fulfillment.accepted()
    fulfillment.market.control(
        "PUT", f"orders/{order}/overrides", {"overrides": {"customer": {"shipping_address": None}}}
    )
    answer = fulfillment.fire(LABEL)
    assert (answer["skipped"], fulfillment.state(order), fulfillment.sold(order)) == (1, "accepted", 0)
    fulfillment.market.control("PUT", f"orders/{order}/overrides", {"overrides": {}})
    fulfillment.cycle_until_settled(order)
    fulfillment.assert_shipped_with_one_label(order)


def test_parcels_are_weighed_by_sku(fulfillment: RunningFulfillment) -> None:
    with fulfillment.database.connect() as connection:
        connection.execute(
            "insert into parcel_sizes (sku, weight, length, width, height) values ('DISC', 0.125, 12.5, 8, 0.9)"
        )
    lines = [{"sku": "DISC", "quantity": 3}, {"sku": "UNLISTED"}]
    (order,) = fulfillment.accepted(lines=lines)
    (heavy,) = fulfillment.accepted(lines=[{"sku": "UNLISTED", "quantity": 31}])
    fulfillment.fire(LABEL)
    parcel = fulfillment.status(order)["shipment"]["request"]["parcel"]
    assert parcel == {"weight": "1.375", "length": "30", "width": "20", "height": "12.7"}
    assert fulfillment.status(heavy)["reason"] == "the parcel weighs 31.000 kg, more than 30"


def test_orders_that_cannot_be_read_hide_no_others(fulfillment: RunningFulfillment) -> None:
    bad, good = fulfillment.waiting(2)
    fulfillment.market.control("PUT", f"orders/{bad}/overrides", {"overrides": {"order_lines": "none"}})
    answer = fulfillment.fire(ACCEPT)
    assert (answer["done"], answer["failed"]) == (1, 1)
    assert answer["errors"][0]["order_id"] == bad
    fulfillment.market.control("PUT", f"orders/{bad}/overrides", {"overrides": {}})
    fulfillment.cycle_until_settled(bad, good)
    fulfillment.assert_shipped_with_one_label(bad, good)
