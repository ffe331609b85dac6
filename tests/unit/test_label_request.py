import json
import re
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.fulfillment.carrier import Parcel, Party
from shared.fulfillment.request import (
    LONGEST_ID,
    label_request,
    request_from_json,
    request_hash,
    request_id_of,
    request_json,
)

PARTY = Party("Chloé Nguyễn", None, None, "1 Main St", None, "Ottawa", "ON", "K1A0B1")
PARCEL = Parcel(Decimal("1.250"), Decimal("12.5"), Decimal(8), Decimal("0.9"))
REQUEST = label_request("248190001-A", 1, PARTY, PARCEL, "DOM.EP", ["DC", "SO"])


@pytest.mark.parametrize(
    ("order_id", "sequence", "request_id"),
    [
        ("248190001-A", 1, "248190001-A-1"),
        ("248190001-A", 12, "248190001-A-12"),
        ("x" * 30, 1, f"{'x' * 30}-1"),
    ],
)
def test_a_short_order_id_can_be_read_in_the_request_id(
    order_id: str, sequence: int, request_id: str
) -> None:
    assert request_id_of(order_id, sequence) == request_id


@pytest.mark.parametrize("order_id", ["x" * 31, "Order 7", "a/b", "é"])
def test_any_other_order_id_is_hashed(order_id: str) -> None:
    assert re.fullmatch("[0-9a-f]{30}-1", request_id_of(order_id, 1))
    assert re.fullmatch("[0-9a-f]{29}-10", request_id_of(order_id, 10))


@given(st.text(min_size=1, max_size=200), st.integers(1, 10_000))
def test_a_request_id_is_always_the_same_and_fits_the_carriers_search(order_id: str, sequence: int) -> None:
    request_id = request_id_of(order_id, sequence)
    assert request_id == request_id_of(order_id, sequence)
    assert 1 <= len(request_id) <= LONGEST_ID
    assert re.fullmatch("[A-Za-z0-9-]+", request_id)
    assert request_id != request_id_of(order_id, sequence + 1)


def test_a_request_is_made_of_its_order() -> None:
    assert (REQUEST.request_id, REQUEST.reference, REQUEST.options) == (
        "248190001-A-1",
        "248190001-A",
        ("DC", "SO"),
    )
    long = label_request("y" * 40, 1, PARTY, PARCEL, "DOM.EP", [])
    assert long.reference == "y" * 35


def test_a_request_comes_back_from_json_as_it_was_committed() -> None:
    document = json.loads(json.dumps(request_json(REQUEST)))
    assert request_from_json(document) == REQUEST
    assert request_hash(request_from_json(document)) == request_hash(REQUEST)


def test_another_request_has_another_hash() -> None:
    heavier = replace(REQUEST, parcel=replace(PARCEL, weight=Decimal("1.251")))
    assert request_hash(heavier) != request_hash(REQUEST)
    assert len(request_hash(REQUEST)) == 64
