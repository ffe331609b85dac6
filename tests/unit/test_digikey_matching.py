"""A product is the part asked for by its whole number and by its maker in the table, never by its rank."""

from typing import Any

import pytest

from shared.enrichment.ports import ErrorCategory, Found, Refused
from shared.vendors.digikey.answers import ProductAnswer, SearchAnswer
from shared.vendors.digikey.hits import SEARCH_LIMIT, SearchHits, chosen
from shared.vendors.digikey.matching import is_asked_for, is_same_part

PN = "LM317T"


def hit(manufacturer: str | None, pn: str = PN, *numbers: str) -> dict[str, Any]:
    return {
        "ManufacturerProductNumber": pn,
        "Manufacturer": {"Name": manufacturer},
        "ProductVariations": [{"DigiKeyProductNumber": number} for number in numbers],
    }


def product(manufacturer: str | None, pn: str = PN, *numbers: str) -> ProductAnswer:
    return ProductAnswer.model_validate(hit(manufacturer, pn, *numbers))


def read(*pages: dict[str, Any]) -> SearchHits:
    hits = SearchHits()
    for page in pages:
        hits = hits.with_page(SearchAnswer.model_validate(page))
    return hits


def page(
    *products: dict[str, Any], exact: list[dict[str, Any]] | None = None, count: int = 0
) -> dict[str, Any]:
    return {"Products": list(products), "ExactMatches": exact or [], "ProductsCount": count or len(products)}


def refusal(hits: SearchHits, manufacturer: str | None = None) -> Refused:
    refused = chosen(hits, PN, manufacturer)
    assert isinstance(refused, Refused)
    return refused


def found(hits: SearchHits, manufacturer: str | None = None) -> Any:  # noqa: ANN401 - JSON
    result = chosen(hits, PN, manufacturer)
    assert isinstance(result, Found)
    return result.answer["Product"]


@pytest.mark.parametrize(
    "other", ["LM317TG", "LM317T/NOPB", "LM317TTR", "LM317T-T", "LM317T#PBF", "LM317", "LM337T"]
)
def test_a_suffix_makes_another_part(other: str) -> None:
    assert not is_same_part(product("onsemi", other), PN)
    assert not is_same_part(product("onsemi", PN), other)


@pytest.mark.parametrize("asked", [" lm317t", "LM 317 T", "ＬＭ３１７Ｔ", "LM317\u200bT"])  # noqa: RUF001 - full width on purpose
def test_a_spelling_does_not(asked: str) -> None:
    assert is_same_part(product("onsemi"), asked)


@pytest.mark.parametrize(
    ("asked", "named", "same"),
    [
        ("Murata", "Murata Electronics", True),
        ("TI", "Texas Instruments", True),
        ("ST", "STMicroelectronics", True),
        ("ON Semiconductor", "onsemi", True),
        ("Würth Elektronik GmbH & Co. KG", "Wurth Electronics Inc.", True),
        ("Maxim Integrated", "Analog Devices Inc./Maxim Integrated", True),
        ("Vishay", "Vishay Siliconix", True),
        ("Vishay Siliconix", "Vishay Dale", False),
        ("Vishay Siliconix", "Vishay", False),
        ("ST", "ST-Ericsson", False),
        ("Micro", "Micro Commercial Co", False),
        ("Texas", "Texas Instruments", False),
        ("Murata", "Murata Power Solutions Inc.", False),
        ("Nexperia", "NXP Semiconductors", False),
        ("Inc.", "Ltd", False),
        ("Texas Instruments", None, False),
        ("Texas Instruments", "-", False),
        (None, None, False),
        (None, "-", False),
        (None, "onsemi", True),
        ("-", "onsemi", True),
    ],
)
def test_a_maker_is_the_same_by_the_table_alone(asked: str | None, named: str | None, *, same: bool) -> None:
    assert is_asked_for(product(named), PN, asked) is same


def test_the_rank_of_a_hit_says_nothing() -> None:
    near = [hit("onsemi", f"LM317T{suffix}") for suffix in ("G", "TG", "-T")]
    assert found(read(page(*near, hit("onsemi"))), "onsemi") == hit("onsemi")
    assert refusal(read(page(*near)), "onsemi").category is ErrorCategory.NOT_FOUND


def test_packagings_listed_apart_are_one_product() -> None:
    apart = [
        hit("onsemi", PN, "296-1-1-ND"),
        hit("Onsemi, Inc.", PN, "296-1-2-ND"),
        hit("onsemi", PN, "296-1-6-ND"),
    ]
    joined = found(read(page(*apart, exact=apart[:1])))
    assert joined == hit("onsemi", PN, "296-1-1-ND", "296-1-2-ND", "296-1-6-ND")


def test_two_names_of_one_maker_that_the_vendor_lists_apart_are_two_products() -> None:
    both = read(page(hit("NXP USA", PN, "568-1-ND"), hit("Freescale Semiconductor", PN, "2156-1-FS-ND")))
    assert refusal(both).category is ErrorCategory.AMBIGUOUS
    assert refusal(both, "NXP").category is ErrorCategory.AMBIGUOUS
    assert found(both, "NXP USA") == hit("NXP USA", PN, "568-1-ND")
    assert found(both, "Freescale Semiconductor") == hit("Freescale Semiconductor", PN, "2156-1-FS-ND")


def test_of_two_makers_without_a_name_neither_is_taken() -> None:
    refused = refusal(read(page(hit("Diotec Semiconductor"), hit("onsemi"))))
    assert refused.category is ErrorCategory.AMBIGUOUS
    assert "Diotec Semiconductor, onsemi" in refused.message
    assert refused.answer == {
        "SearchLocaleUsed": None,
        "ExactMatches": [hit("Diotec Semiconductor"), hit("onsemi")],
    }


def test_a_hit_without_a_maker_goes_to_a_person() -> None:
    assert refusal(read(page(hit(None)))).category is ErrorCategory.AMBIGUOUS
    assert refusal(read(page(hit("onsemi"), hit(None)))).category is ErrorCategory.AMBIGUOUS
    assert refusal(read(page(hit(None))), "onsemi").category is ErrorCategory.NOT_FOUND


def test_a_number_of_the_vendor_and_the_same_number_of_a_maker_go_to_a_person() -> None:
    refused = refusal(read(page(hit("onsemi"), hit("onsemi", "OTHER", PN))), "onsemi")
    assert refused.category is ErrorCategory.AMBIGUOUS


def test_of_two_divisions_neither_is_taken_unless_the_name_is_one_of_them() -> None:
    both = read(page(hit("Vishay Siliconix"), hit("Vishay Dale")))
    assert refusal(both, "Vishay").category is ErrorCategory.AMBIGUOUS
    assert found(both, "Vishay Dale") == hit("Vishay Dale")
    assert found(read(page(hit("Vishay Siliconix"), hit("Vishay"))), "Vishay") == hit("Vishay")


# --- pages ------------------------------------------------------------------------------------------------


def test_one_maker_on_a_page_that_is_not_the_last_is_not_the_only_one() -> None:
    others = [hit("onsemi", "X")] * (SEARCH_LIMIT - 1)
    first = page(hit("Diotec Semiconductor"), *others, count=SEARCH_LIMIT + 1)
    hits = read(first)
    assert not hits.settled(PN, None)
    refused = refusal(hits)
    assert refused.category is ErrorCategory.AMBIGUOUS
    assert "more hits than were read" in refused.message
    assert (
        refusal(read(first, page(hit("onsemi"), count=SEARCH_LIMIT + 1))).category is ErrorCategory.AMBIGUOUS
    )
    assert found(read(first, page(hit("onsemi", "X"), count=SEARCH_LIMIT + 1))) == hit("Diotec Semiconductor")


def test_the_vendors_list_of_exact_matches_proves_that_there_is_one() -> None:
    hits = read(page(exact=[hit("Diotec Semiconductor")], count=1000))
    assert hits.settled(PN, None)
    assert found(hits) == hit("Diotec Semiconductor")


@pytest.mark.parametrize("exact", [[hit("onsemi", "X")], [hit("Diotec Semiconductor")] * SEARCH_LIMIT])
def test_a_list_of_other_numbers_or_a_full_one_proves_nothing(exact: list[dict[str, Any]]) -> None:
    hits = read(page(hit("Diotec Semiconductor"), exact=exact, count=1000))
    assert not hits.settled(PN, None)
    assert refusal(hits).category is ErrorCategory.AMBIGUOUS


def test_the_asked_makers_own_part_needs_no_further_page_but_a_divisions_does() -> None:
    hits = read(page(hit("onsemi"), count=1000))
    assert hits.settled(PN, "ON Semiconductor")
    assert found(hits, "ON Semiconductor") == hit("onsemi")
    division = read(page(hit("Vishay Dale"), count=1000))
    assert not division.settled(PN, "Vishay")
    assert refusal(division, "Vishay").category is ErrorCategory.AMBIGUOUS


def test_a_page_that_holds_fewer_hits_than_are_counted_is_not_the_last() -> None:
    hits = read(page(hit("onsemi"), count=2))
    assert not hits.settled(PN, None)
    assert refusal(hits).category is ErrorCategory.AMBIGUOUS


def test_a_search_without_the_number_is_not_read_on() -> None:
    assert read(page(hit("onsemi", "X"), count=1000)).settled(PN, None)


def test_without_a_count_a_full_page_is_not_the_last() -> None:
    full = {"Products": [hit("onsemi"), *([hit("onsemi", "X")] * (SEARCH_LIMIT - 1))]}
    assert not read(full).settled(PN, None)
    assert read({"Products": [hit("onsemi")]}).settled(PN, None)


def test_a_person_is_shown_twenty_candidates_at_most() -> None:
    refused = refusal(read(page(*(hit(f"Maker {number}") for number in range(30)))))
    assert refused.answer is not None
    assert len(refused.answer["ExactMatches"]) == 20
