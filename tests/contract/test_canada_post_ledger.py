"""The carrier's list of a day and its shipments one by one, by both clients, while a control changes the books."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from shared.fulfillment.carrier import Bought, Listed, Unknown
from shared.fulfillment.ports import Cause, NotSent, Unclear
from shared.vendors.canada_post.carrier import CanadaPost
from tests.canada_post_support import (
    BACKENDS,
    CUSTOMER,
    NEVER_LATE,
    SHIPMENTS,
    bounds,
    client,
    label_request,
)
from tests.laptop.vendors.sandboxes import CanadaPostSandbox, canada_post

DAYS = (date(year, 1, day) for year in itertools.count(2030) for day in range(2, 32))


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CanadaPostSandbox]:
    with canada_post(tmp_path_factory.mktemp("canada-post")) as running:
        yield running


@pytest.fixture(params=BACKENDS)
def backend(vendor: CanadaPostSandbox, request: pytest.FixtureRequest) -> str:
    vendor.calm()
    return str(request.param)


@pytest.fixture
def day(vendor: CanadaPostSandbox, backend: str) -> date:  # noqa: ARG001  # which calms the sandbox first
    """A day without sales; it is noon in Toronto."""
    chosen = next(DAYS)
    vendor.control("PUT", "clock", {"now": f"{chosen}T17:00:00Z"})
    vendor.control("DELETE", "tokens")
    return chosen


@pytest.fixture
def carrier(vendor: CanadaPostSandbox, backend: str, day: date) -> Iterator[CanadaPost]:  # noqa: ARG001  # sets the clock
    with client(backend, vendor.url) as built:
        yield built


def sold(carrier: CanadaPost) -> Bought:
    label = carrier.buy(label_request(), NEVER_LATE)
    assert isinstance(label, Bought)
    return label


def listed(carrier: CanadaPost, day: date) -> list[Listed]:
    found = carrier.listed(day)
    assert not isinstance(found, Unclear | NotSent)
    return list(found)


def test_a_day_without_sales_is_empty(carrier: CanadaPost, day: date) -> None:
    assert listed(carrier, day) == []


def test_every_sale_of_a_day_is_listed_with_the_link_to_it(carrier: CanadaPost, day: date) -> None:
    labels = [sold(carrier) for _ in range(3)]
    assert listed(carrier, day) == [Listed(one.shipment_id, one.links["self"]) for one in labels]
    assert [carrier.read(one.link) for one in listed(carrier, day)] == labels


def test_a_day_is_one_of_the_carriers_calendar(
    carrier: CanadaPost, vendor: CanadaPostSandbox, day: date
) -> None:
    vendor.control("PUT", "clock", {"now": f"{day}T04:59:59Z"})  # a second before midnight in Toronto
    vendor.control("DELETE", "tokens")
    with client(carrier.name.removeprefix("canada_post_"), vendor.url) as early:
        label = sold(early)
        assert listed(early, day) == []
        before = day.replace(day=day.day - 1)
        assert [one.shipment_id for one in listed(early, before)] == [label.shipment_id]


def test_void_and_forgotten_shipments_are_not_listed(
    carrier: CanadaPost, vendor: CanadaPostSandbox, day: date
) -> None:
    void, forgotten, kept = (sold(carrier) for _ in range(3))
    vendor.change(void.shipment_id, status="void")
    vendor.forget(forgotten.shipment_id)
    assert [one.shipment_id for one in listed(carrier, day)] == [kept.shipment_id]
    assert carrier.read(forgotten.links["self"]) == Unknown()


def test_a_list_that_may_go_on_is_unclear(
    carrier: CanadaPost, backend: str, vendor: CanadaPostSandbox, day: date
) -> None:
    labels = [sold(carrier) for _ in range(2)]
    with client(backend, vendor.url, bounded=bounds(listed=2)) as short:
        assert short.listed(day) == Unclear("Canada Post lists 2 shipments of a day, and may have more")
    with client(backend, vendor.url, bounded=bounds(listed=3)) as long_enough:
        assert len(listed(long_enough, day)) == len(labels)


def test_a_sale_by_somebody_else_is_listed_and_read_with_its_reference(
    carrier: CanadaPost, backend: str, vendor: CanadaPostSandbox, day: date
) -> None:
    planted = vendor.plant(backend, reference="order-77", price="12.34")
    [found] = listed(carrier, day)
    assert found.shipment_id == planted["shipment_id"]
    read = carrier.read(found.link)
    assert isinstance(read, Bought)
    assert (read.request_id, read.reference, read.price) == (None, "order-77", Decimal("12.34"))
    assert read.tracking_number == planted["tracking_pin"]


def test_the_other_apis_sales_are_listed_if_the_ledgers_are_shared(
    carrier: CanadaPost, backend: str, vendor: CanadaPostSandbox, day: date
) -> None:
    other = "xml" if backend == "json" else "json"
    planted = vendor.plant(other, request_id="elsewhere")
    assert listed(carrier, day) == []
    vendor.behave(ledgers="shared")
    assert [one.shipment_id for one in listed(carrier, day)] == [planted["shipment_id"]]


def test_a_changed_price_and_status_are_read(carrier: CanadaPost, vendor: CanadaPostSandbox) -> None:
    label = sold(carrier)
    vendor.change(label.shipment_id, price="99.99", status="suspended")
    changed = replace(label, price=Decimal("99.99"), status="suspended", usable=False)
    assert carrier.read(label.links["self"]) == changed


@pytest.mark.parametrize(("granted", "status"), [("refunded", "refunded"), ("transmitted", "transmitted")])
def test_a_refund_shows_once_the_carrier_has_decided(
    carrier: CanadaPost, vendor: CanadaPostSandbox, granted: str, status: str
) -> None:
    label = sold(carrier)
    carrier.send_undo(carrier.undo(label))
    assert carrier.read(label.links["self"]) == label
    vendor.change(label.shipment_id, status=granted)
    carrier.send_undo(carrier.undo(label))  # a repeat does no harm
    read = carrier.read(label.links["self"])
    assert isinstance(read, Bought)
    assert (read.status, read.usable) == (status, status != "refunded")


def test_a_link_to_elsewhere_is_not_read(carrier: CanadaPost) -> None:
    words = "the shipment's link does not lead to the configured host"
    assert carrier.read("https://elsewhere.example/rs/1") == Unclear(words)


def test_an_unknown_shipment_without_a_code_is_unclear(
    carrier: CanadaPost, backend: str, vendor: CanadaPostSandbox
) -> None:
    link = f"{vendor.url}{SHIPMENTS[backend]}/545"
    assert carrier.read(link) == Unknown()
    vendor.behave(not_found="uncoded")
    assert isinstance(carrier.read(link), Unclear)


@pytest.mark.parametrize(
    ("fault", "cause"),
    [({"kind": "rate_limited"}, Cause.THROTTLED), ({"kind": "html", "status": 403}, Cause.ACCOUNT)],
)
def test_a_list_and_a_shipment_wait_as_a_purchase_does(
    carrier: CanadaPost,
    backend: str,
    vendor: CanadaPostSandbox,
    day: date,
    fault: dict[str, object],
    cause: Cause,
) -> None:
    label = sold(carrier)
    vendor.faults({**fault, "path": SHIPMENTS[backend]})
    for outcome in (carrier.listed(day), carrier.read(label.links["self"])):
        assert isinstance(outcome, NotSent)
        assert outcome.cause is cause


@pytest.mark.parametrize("kind", ["malformed", "html", "lost_answer"])
def test_a_list_that_cannot_be_read_is_unclear(
    carrier: CanadaPost, backend: str, vendor: CanadaPostSandbox, day: date, kind: str
) -> None:
    vendor.faults({"kind": kind, "path": SHIPMENTS[backend]})
    assert isinstance(carrier.listed(day), Unclear)
    assert isinstance(carrier.read(f"{vendor.url}{SHIPMENTS[backend]}/1"), Unclear)
    assert CUSTOMER not in repr(carrier.listed(day))
