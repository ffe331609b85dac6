"""Prices, scans and undo calls, by both clients against the running sandbox."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from shared.fulfillment.carrier import Bought, Progress, Rate, UndoCall, Undone
from shared.fulfillment.ports import Cause, NotSent, Refused, Unclear
from shared.vendors.canada_post.account import Settlement
from shared.vendors.canada_post.carrier import CanadaPost
from tests.canada_post_support import (
    ACCOUNT,
    BACKENDS,
    DESTINATION,
    NEVER_LATE,
    PARCEL,
    SHIPMENTS,
    client,
    label_request,
)
from tests.laptop.vendors.sandboxes import CanadaPostSandbox, canada_post

RATES = {"json": "/rating/", "xml": "/rs/ship/"}
TRACKING = {"json": "/tracking/", "xml": "/vis/"}


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CanadaPostSandbox]:
    with canada_post(tmp_path_factory.mktemp("canada-post")) as running:
        yield running


@pytest.fixture(params=BACKENDS)
def backend(vendor: CanadaPostSandbox, request: pytest.FixtureRequest) -> str:
    vendor.calm()
    return str(request.param)


@pytest.fixture
def carrier(vendor: CanadaPostSandbox, backend: str) -> Iterator[CanadaPost]:
    with client(backend, vendor.url) as built:
        yield built


def sold(carrier: CanadaPost) -> Bought:
    label = carrier.buy(label_request(), NEVER_LATE)
    assert isinstance(label, Bought)
    return label


# --- prices ----------------------------------------------------------------------------------------------------


def test_a_rate_is_the_price_that_a_label_then_costs(carrier: CanadaPost, vendor: CanadaPostSandbox) -> None:
    vendor.control("PUT", "clock", {"now": "2030-03-01T17:00:00Z"})
    vendor.control("DELETE", "tokens")
    with client(carrier.name.removeprefix("canada_post_"), vendor.url) as shopper:
        rates = shopper.rates(DESTINATION, PARCEL, ("DOM.EP", "DOM.XP"))
        price = sold(shopper).price
    assert rates == [
        Rate("DOM.EP", Decimal("16.41"), date(2030, 3, 4)),
        Rate("DOM.XP", Decimal("21.26"), date(2030, 3, 3)),
    ]
    assert price == Decimal("16.41")


def test_a_service_that_is_not_offered_has_no_rate(carrier: CanadaPost) -> None:
    rates = carrier.rates(DESTINATION, PARCEL, ("DOM.EP", "DOM.NO"))
    assert isinstance(rates, list)
    assert [rate.service_code for rate in rates] == ["DOM.EP"]


def test_a_request_for_prices_is_refused_with_the_vendors_code_or_our_limit(carrier: CanadaPost) -> None:
    heavy = carrier.rates(DESTINATION, replace(PARCEL, weight=Decimal(31)), ("DOM.EP",))
    assert isinstance(heavy, Refused)
    assert heavy.code == "9111"
    unsendable = carrier.rates(replace(DESTINATION, postal_code="K1A 0B1"), PARCEL, ("DOM.EP",))
    assert unsendable == Refused("destination.postal_code must have the shape A1A1A1", "limit")


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"kind": "rate_limited"}, NotSent),
        ({"kind": "error_before", "status": 401}, NotSent),
        ({"kind": "html"}, Unclear),
        ({"kind": "html", "status": 404}, Unclear),
        ({"kind": "malformed"}, Unclear),
        ({"kind": "lost_answer"}, Unclear),
    ],
)
def test_prices_that_cannot_be_read_are_unclear_or_wait(
    carrier: CanadaPost, backend: str, vendor: CanadaPostSandbox, fault: dict[str, object], outcome: type
) -> None:
    vendor.faults({**fault, "path": RATES[backend]})
    assert isinstance(carrier.rates(DESTINATION, PARCEL, ("DOM.EP",)), outcome)


# --- scans -----------------------------------------------------------------------------------------------------


def test_a_parcel_is_handed_over_once_it_is_scanned(carrier: CanadaPost, vendor: CanadaPostSandbox) -> None:
    label = sold(carrier)
    number = label.tracking_number or ""
    seen = [carrier.progress(number)]
    for scan in ({"scanned": True}, {"delivered": True}):
        vendor.change(label.shipment_id, **scan)
        seen.append(carrier.progress(number))
    assert seen == [
        Progress(handed_over=False),
        Progress(handed_over=True),
        Progress(handed_over=True, delivered=True),
    ]
    vendor.change(label.shipment_id, scanned=False)
    assert carrier.progress(number) == Progress(handed_over=False)


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"kind": "rate_limited"}, NotSent),
        ({"kind": "html", "status": 404}, Unclear),
        ({"kind": "malformed"}, Unclear),
        ({"kind": "error_before", "status": 503}, Unclear),
    ],
)
def test_scans_that_cannot_be_read_never_say_that_a_parcel_is_here(
    carrier: CanadaPost, backend: str, vendor: CanadaPostSandbox, fault: dict[str, object], outcome: type
) -> None:
    vendor.faults({**fault, "path": TRACKING[backend]})
    assert isinstance(carrier.progress("1234567890123456"), outcome)


# --- undo ------------------------------------------------------------------------------------------------------


def test_a_repeated_refund_request_gives_the_same_ticket(carrier: CanadaPost) -> None:
    call = carrier.undo(sold(carrier))
    first = carrier.send_undo(call)
    assert isinstance(first, Undone)
    assert first.ticket
    assert carrier.send_undo(call) == first


def test_a_void_that_comes_too_late_is_refused(carrier: CanadaPost) -> None:
    label = sold(carrier)
    refused = carrier.send_undo(carrier.undo(replace(label, status="created")))
    assert isinstance(refused, Refused)
    assert refused.code == "8064"


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"kind": "rate_limited"}, NotSent),
        ({"kind": "error_before", "status": 403}, NotSent),
        ({"kind": "error_before", "status": 400}, Refused),
        ({"kind": "error_before", "status": 503}, Unclear),
        ({"kind": "html", "effect": "before"}, Unclear),
        ({"kind": "lost_answer"}, Unclear),
    ],
)
def test_an_undo_call_is_sent_once_whatever_its_outcome(
    carrier: CanadaPost, backend: str, vendor: CanadaPostSandbox, fault: dict[str, object], outcome: type
) -> None:
    call = carrier.undo(sold(carrier))
    vendor.faults({**fault, "path": SHIPMENTS[backend], "method": "POST"})
    assert isinstance(carrier.send_undo(call), outcome)
    assert vendor.control("GET", "faults")["faults"][0]["struck"] == 1


def test_an_undo_call_that_a_person_must_complete_is_not_sent(
    backend: str, vendor: CanadaPostSandbox
) -> None:
    before = (vendor.calls("refund"), vendor.calls("void"))
    with client(backend, vendor.url, account=replace(ACCOUNT, email=None)) as carrier:
        label = sold(carrier)
        incomplete = Refused("the refund's body needs your own e-mail address", "email")
        assert carrier.send_undo(carrier.undo(label)) == incomplete
        elsewhere = UndoCall("DELETE", "https://elsewhere.example/rs/1", None, "")
        assert carrier.send_undo(elsewhere) == Refused(
            "the call does not lead to the configured host", "link"
        )
    assert (vendor.calls("refund"), vendor.calls("void")) == before


def test_without_another_payer_the_mailers_contract_pays(backend: str, vendor: CanadaPostSandbox) -> None:
    account = replace(ACCOUNT, settlement=Settlement("42708517"))
    with client(backend, vendor.url, account=account) as carrier:
        assert sold(carrier).usable


def test_nobody_listening_is_told_apart_from_a_wrong_account(backend: str) -> None:
    with client(backend, "http://127.0.0.1:1") as carrier:
        for outcome in (
            carrier.rates(DESTINATION, PARCEL, ("DOM.EP",)),
            carrier.progress("1"),
            carrier.send_undo(carrier.undo(Bought("7", None, None, None, usable=True, status="created"))),
        ):
            assert isinstance(outcome, NotSent)
            assert outcome.cause is Cause.AWAY
