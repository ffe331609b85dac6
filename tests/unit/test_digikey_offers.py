"""The products that a saved answer of DigiKey offers to a person."""

from typing import Any

import pytest

from shared.vendors.digikey.hits import CANDIDATES
from shared.vendors.digikey.offers import offers

OFFERED: dict[str, Any] = {
    "ManufacturerProductNumber": "A",
    "Manufacturer": {"Name": "Other"},
    "UnitPrice": 1.25,
    "DatasheetUrl": "//vendor.example/a.pdf",
    "PhotoUrl": "javascript:alert(1)",
    "Parameters": [{"ParameterText": "Voltage", "ValueText": "5 V"}],
}
EVIDENCE = {CANDIDATES: [OFFERED, OFFERED | {"Manufacturer": {"Name": "Third"}}]}
CANADA = {"SearchLocaleUsed": {"Currency": "CAD"}}


def test_each_candidate_of_a_refusal_is_offered_with_its_price_and_currency() -> None:
    first, second = offers(EVIDENCE | CANADA, "A")
    assert (first["manufacturer"], second["manufacturer"]) == ("Other", "Third")
    assert (first["price"], first["currency"]) == (1.25, "CAD")
    assert first["attributes"] == {"Voltage": "5 V"}
    assert (first["docs"], first["images"]) == (["https://vendor.example/a.pdf"], [])


def test_a_price_without_its_currency_is_none() -> None:
    first, _ = offers(EVIDENCE, "A")
    assert (first["price"], first["currency"]) == (None, None)


def test_an_answer_about_one_part_offers_that_part() -> None:
    (only,) = offers({"Product": OFFERED} | CANADA, "A")
    assert only["pn"] == "A"


def test_at_most_twenty_are_offered() -> None:
    assert len(offers({CANDIDATES: [OFFERED] * 50}, "A")) == 20


@pytest.mark.parametrize("answer", [None, {}, {CANDIDATES: "x"}, {CANDIDATES: [None, 5]}, {"Product": None}])
def test_an_answer_without_a_product_offers_nothing(answer: dict[str, Any] | None) -> None:
    assert offers(answer, "A") == []
