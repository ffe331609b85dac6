"""Spellings of numbers and names of makers, with the running sandbox: the right part in few calls, or none."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from shared.enrichment.ports import ErrorCategory, Found, Product, Refused
from shared.enrichment.routing.identity import part_key
from shared.vendors.digikey.account import DigiKeyCredentials
from shared.vendors.digikey.client import DigiKeyCatalogue
from tests.laptop.vendors.sandboxes import MAKER, DigiKeySandbox, row, write_catalogue
from tests.laptop.vendors.sandboxes import digikey as digikey_sandbox

ROWS = [
    row("1N4148", "Diotec Semiconductor", preferred=True),
    row("1N4148", "Vishay Siliconix"),
    row("GRM155"),
    row("LM317T", "Texas Instruments"),
]


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DigiKeySandbox]:
    folder = tmp_path_factory.mktemp("digikey")
    with digikey_sandbox(write_catalogue(folder / "catalogue.jsonl", ROWS), folder / "data") as running:
        yield running


@pytest.fixture
def digikey(vendor: DigiKeySandbox) -> Iterator[DigiKeyCatalogue]:
    vendor.calm()
    with DigiKeyCatalogue(DigiKeyCredentials("app", "secret"), base_url=vendor.url) as built:
        yield built


@pytest.mark.parametrize(
    ("spelled", "calls"),
    [
        ("ＬＭ３１７Ｔ", ["found"]),  # noqa: RUF001 - full width on purpose
        ("LM317\u200bT\ufeff", ["found"]),
        ("\u00a0lm317t\u3000", ["found"]),
        ("LM317\0T", ["found"]),
        ("LM 317\u2009T", ["not_found", "found"]),  # as it is spelled, then without its spaces
    ],
)
def test_the_vendor_is_asked_with_the_cleaned_number(
    digikey: DigiKeyCatalogue, vendor: DigiKeySandbox, spelled: str, calls: list[str]
) -> None:
    before = vendor.control("GET", "books")["totals"]
    found = digikey.look_up(spelled, "TI")
    assert isinstance(found, Found)
    assert isinstance(digikey.read(found.answer, spelled, "TI"), Product)
    after = vendor.control("GET", "books")["totals"]
    made = {name: after[name] - before.get(name, 0) for name in after if name != "token"}
    assert {name: count for name, count in made.items() if count} == dict.fromkeys(calls, 1)


@pytest.mark.parametrize(
    ("manufacturer", "call"),
    [("Murata", "found"), ("Murata Electronics", "found"), (None, "search_hit"), ("-", "search_hit")],
)
def test_all_names_of_a_maker_and_none_are_one_part_in_one_call(
    digikey: DigiKeyCatalogue, vendor: DigiKeySandbox, manufacturer: str | None, call: str
) -> None:
    before = len(vendor.outcomes("GRM155"))
    found = digikey.look_up("GRM155", manufacturer)
    assert isinstance(found, Found)
    product = digikey.read(found.answer, "GRM155", manufacturer)
    assert isinstance(product, Product)
    assert part_key(product.pn, product.manufacturer) == "GRM155|murata electronics"
    assert vendor.outcomes("GRM155")[before:] == [call]


def test_a_number_of_several_makers_is_not_the_first_answers_without_a_maker(
    digikey: DigiKeyCatalogue, vendor: DigiKeySandbox
) -> None:
    before = len(vendor.outcomes("1N4148"))
    refused = digikey.look_up("1N4148", None)
    assert isinstance(refused, Refused)
    assert refused.category is ErrorCategory.AMBIGUOUS
    assert refused.answer is not None
    makers = [each["Manufacturer"]["Name"] for each in refused.answer["ExactMatches"]]
    assert makers == ["Diotec Semiconductor", "Vishay Siliconix"]
    assert vendor.outcomes("1N4148")[before:] == ["search_hit"]


def test_a_division_is_searched_before_it_is_taken(digikey: DigiKeyCatalogue, vendor: DigiKeySandbox) -> None:
    before = len(vendor.outcomes("1N4148"))
    found = digikey.look_up("1N4148", "Vishay")
    assert isinstance(found, Found)
    assert found.answer["Product"]["Manufacturer"]["Name"] == "Vishay Siliconix"
    assert vendor.outcomes("1N4148")[before:] == ["found", "search_hit"]


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("manufacturer", [MAKER, None])
def test_a_number_of_digikeys_selects_its_packaging(
    digikey: DigiKeyCatalogue, place: int, manufacturer: str | None
) -> None:
    whole = digikey.look_up("GRM155", MAKER)
    assert isinstance(whole, Found)
    packaging = whole.answer["Product"]["ProductVariations"][place]
    number = packaging["DigiKeyProductNumber"]
    found = digikey.look_up(number.lower(), manufacturer)
    assert isinstance(found, Found)
    product = digikey.read(found.answer, number, manufacturer)
    assert isinstance(product, Product)
    assert (product.pn, product.vendor_pn) == ("GRM155", number)
    assert product.unit_price == Decimal(str(packaging["StandardPricing"][0]["UnitPrice"]))
