import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.enrichment.ports import Attribute, ErrorCategory, Media, Product, Refused
from shared.vendors.digikey.answers import ProductAnswer
from shared.vendors.digikey.mapper import link, product_from_answer

PN = "GRM155R61C104KA88D"
MAKER = "Murata Electronics"


def variation(number: str, least: int | None, **fields: object) -> dict[str, Any]:
    return {"DigiKeyProductNumber": number, "MinimumOrderQuantity": least, **fields}


WHOLE: dict[str, Any] = {
    "Description": {"ProductDescription": "CAP CER 0.1UF", "DetailedDescription": "0.1 µF Ceramic Capacitor"},
    "Manufacturer": {"Id": 490, "Name": MAKER},
    "ManufacturerProductNumber": PN,
    "UnitPrice": 0.15,
    "ProductUrl": "https://www.digikey.ca/en/products/detail/x/y/1",
    "DatasheetUrl": "//mm.digikey.com/a.pdf",
    "PhotoUrl": "https://mm.digikey.com/a.jpg",
    "PrimaryVideoUrl": "https://www.digikey.com/video",
    "ProductVariations": [
        variation(
            "490-1-2-ND",
            10_000,
            PackageType={"Id": 1, "Name": "Tape & Reel (TR)"},
            QuantityAvailable=800_000,
            StandardPricing=[{"BreakQuantity": 10_000, "UnitPrice": 0.0081, "TotalPrice": 81.0}],
        ),
        variation(
            "490-1-1-ND",
            1,
            QuantityAvailableforPackageType=0,
            QuantityAvailable=5,
            DigiReelFee=7,
            StandardPricing=[
                {"BreakQuantity": 1, "UnitPrice": 0.15, "TotalPrice": 0.15},
                {"BreakQuantity": 10, "UnitPrice": 0.044, "TotalPrice": 0.44},
            ],
            MarketPlace=False,
        ),
    ],
    "QuantityAvailable": 812_345,
    "ProductStatus": {"Id": 0, "Status": "Active"},
    "NormallyStocking": True,
    "Discontinued": False,
    "Parameters": [
        {"ParameterId": 2049, "ParameterText": "Capacitance", "ValueText": "0.1 µF"},
        {"ParameterId": 5, "ParameterText": "Features", "ValueText": "Low ESL"},
        {"ParameterId": 5, "ParameterText": "Features", "ValueText": "Soft"},
        {"ParameterId": 5, "ParameterText": "Features", "ValueText": "Soft"},
        {"ParameterId": 6, "ParameterText": "Ratings", "ValueText": "-"},
        {"ParameterId": 7, "ParameterText": None, "ValueText": "?"},
        {"ParameterId": 8, "ParameterText": "Height"},
    ],
    "Category": {
        "Name": "Capacitors",
        "ChildCategories": [
            {"Name": "First"},
            {"Name": "Ceramic", "ChildCategories": [{"Name": "MLCC"}]},
            {"Name": "Later", "ChildCategories": [{"Name": "As deep"}]},
        ],
    },
    "ManufacturerLeadWeeks": "12",
    "Series": {"Id": 1, "Name": "GRM"},
    "OtherNames": ["490-1-1", None, "490-1-2"],
    "Classifications": {"RohsStatus": "ROHS3 Compliant", "HtsusCode": None},
    "SomethingNew": {"of": ["next", "year"]},
}


def answer(**changes: object) -> dict[str, Any]:
    return {
        "SearchLocaleUsed": {"Site": "CA", "Language": "en", "Currency": "CAD"},
        "Product": WHOLE | changes,
    }


def mapped(pn: str = PN, manufacturer: str | None = MAKER, **changes: object) -> Product:
    product = product_from_answer(answer(**changes), pn, manufacturer)
    assert isinstance(product, Product)
    return product


def test_a_whole_answer_fills_every_column() -> None:
    product = mapped()
    assert (product.pn, product.manufacturer, product.category) == (PN, MAKER, "MLCC")
    assert (product.description, product.status) == ("CAP CER 0.1UF", "Active")
    assert (product.vendor, product.vendor_pn) == ("digikey", "490-1-1-ND")
    assert product.url == "https://www.digikey.ca/en/products/detail/x/y/1"
    assert (product.unit_price, product.currency) == (Decimal("0.15"), "CAD")
    assert product.attributes == (
        Attribute("Capacitance", "0.1 µF", "2049"),
        Attribute("Features", "Low ESL, Soft", "5"),
    )
    assert product.media == (
        Media("datasheet", "https://mm.digikey.com/a.pdf"),
        Media("photo", "https://mm.digikey.com/a.jpg"),
        Media("video", "https://www.digikey.com/video"),
    )


def test_fields_without_a_column_become_extras_that_json_can_hold() -> None:
    extras = mapped().extras
    assert json.loads(json.dumps(extras)) == extras
    assert extras["category_path"] == ["Capacitors", "Ceramic", "MLCC"]
    assert extras["classifications"] == {"rohs_status": "ROHS3 Compliant"}
    assert extras["other_names"] == ["490-1-1", "490-1-2"]
    assert (extras["lead_weeks"], extras["series"], extras["quantity_available"]) == ("12", "GRM", 812_345)
    assert (extras["normally_stocking"], extras["discontinued"]) == (True, False)
    reel, cut = extras["variations"]
    assert (reel["package_type"], reel["quantity_available"]) == ("Tape & Reel (TR)", 800_000)
    assert (cut["quantity_available"], cut["reel_fee"], cut["marketplace"]) == (0, "7", False)
    assert reel["pricing"] == [{"quantity": 10_000, "unit_price": "0.0081", "total_price": "81.0"}]


@pytest.mark.parametrize("field", WHOLE)
@pytest.mark.parametrize("value", [None, "", [], {}, 7, "text", True, -1, [None], [[]], {"Name": []}])
def test_any_field_may_be_missing_or_of_another_kind(field: str, value: object) -> None:
    result = product_from_answer(answer(**{field: value}), PN, MAKER)
    asked_for = {"ManufacturerProductNumber", "Manufacturer"}
    assert isinstance(result, Refused if field in asked_for else Product)


def test_an_answer_of_names_alone_is_a_product() -> None:
    names = {"ManufacturerProductNumber": PN, "Manufacturer": {"Name": MAKER}}
    product = product_from_answer({"Product": names}, PN, MAKER)
    assert product == Product(pn=PN, manufacturer=MAKER, vendor="digikey")


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        ({}, "no product"),
        ({"Product": None}, "no product"),
        ({"Product": "text"}, "no product"),
        ({"Product": {}}, "a part without a number by an unnamed manufacturer"),
        ({"Product": {"ManufacturerProductNumber": "OTHER"}}, "describes OTHER"),
        (answer(Manufacturer={"Name": "Kemet"}), "by Kemet"),
        (answer(Manufacturer=None), "by an unnamed manufacturer"),
        (answer(Manufacturer={"Name": "-"}), "by -"),
    ],
)
def test_an_answer_that_is_not_about_the_part_is_refused(broken: dict[str, Any], complaint: str) -> None:
    refused = product_from_answer(broken, PN, MAKER)
    assert isinstance(refused, Refused)
    assert refused.category is ErrorCategory.INVALID_RESPONSE
    assert complaint in refused.message


@pytest.mark.parametrize("manufacturer", [MAKER, None])
def test_an_answer_that_names_no_manufacturer_is_nobodys(manufacturer: str | None) -> None:
    assert isinstance(product_from_answer(answer(Manufacturer=None), PN, manufacturer), Refused)


@pytest.mark.parametrize("manufacturer", [None, "-", "n/a"])
def test_a_record_without_a_manufacturer_takes_the_vendors(manufacturer: str | None) -> None:
    assert mapped(manufacturer=manufacturer).manufacturer == MAKER


def test_case_and_spaces_do_not_make_another_part() -> None:
    assert mapped(pn=" grm155r61c 104ka88d ").pn == PN


def test_a_vendor_number_names_the_part_and_its_packaging() -> None:
    product = mapped(pn="490-1-2-nd")
    assert (product.pn, product.vendor_pn) == (PN, "490-1-2-ND")
    unnumbered = mapped(pn="490-1-2-nd", ManufacturerProductNumber=None)
    assert unnumbered.pn == "490-1-2-nd"


def test_a_packaging_without_a_minimum_comes_last() -> None:
    assert mapped(ProductVariations=[variation("A", None), variation("B", 9)]).vendor_pn == "B"
    assert mapped(ProductVariations=[{"MinimumOrderQuantity": 1}]).vendor_pn is None


# --- the offer --------------------------------------------------------------------------------------------


def prices(*breaks: tuple[int, float]) -> list[dict[str, Any]]:
    return [{"BreakQuantity": quantity, "UnitPrice": price} for quantity, price in breaks]


CUT = variation("CUT", 1, StandardPricing=prices((1, 0.5), (10, 0.4)))
REEL = variation("REEL", 3000, StandardPricing=prices((3000, 0.1), (6000, 0.09)))
DIGI_REEL = variation("DIGI", 1, StandardPricing=prices((1, 0.6)), DigiReelFee=7)
SELLER = variation("OTHER", 1, StandardPricing=prices((1, 0.01)), MarketPlace=True)


@pytest.mark.parametrize(
    ("pn", "vendor_pn", "price"),
    [(PN, "CUT", "0.5"), ("reel", "REEL", "0.1"), ("digi", "DIGI", "0.6"), ("other", "OTHER", "0.01")],
)
def test_the_price_is_that_of_the_packaging_whose_number_stands_beside_it(
    pn: str, vendor_pn: str, price: str
) -> None:
    product = mapped(pn=pn, UnitPrice=9.99, ProductVariations=[SELLER, REEL, DIGI_REEL, CUT])
    assert (product.vendor_pn, product.unit_price, product.currency) == (vendor_pn, Decimal(price), "CAD")


def test_another_sellers_offer_is_taken_only_when_there_is_none_of_digikeys_own() -> None:
    assert mapped(ProductVariations=[SELLER, REEL]).vendor_pn == "REEL"
    assert mapped(ProductVariations=[SELLER]).vendor_pn == "OTHER"


@pytest.mark.parametrize(
    ("variations", "unit_price", "price"),
    [
        ([variation("A", 1)], 0.7, Decimal("0.7")),  # one packaging: the product's price is its
        ([], 0.7, Decimal("0.7")),
        ([variation("A", 1), variation("B", 10)], 0.7, None),  # whose price would it be?
        ([variation("A", 1)], 0, None),
        ([variation("A", 1)], None, None),
        ([variation("A", 1, StandardPricing=prices((1, 0)))], 0.7, None),
        ([variation("A", 5, StandardPricing=prices((10, 0.3)))], 0.7, None),  # no price of the minimum order
        ([variation("A", 25, StandardPricing=prices((1, 0.9), (10, 0.3), (100, 0.2)))], 0.7, Decimal("0.3")),
        ([variation("A", None, StandardPricing=prices((1, 0.9), (10, 0.3)))], 0.7, Decimal("0.9")),
        ([variation("A", 1, StandardPricing=[{"UnitPrice": 0.2}])], 0.7, Decimal("0.2")),
    ],
)
def test_a_price_that_is_not_certainly_the_offers_is_none(
    variations: list[dict[str, Any]], unit_price: object, price: Decimal | None
) -> None:
    product = mapped(ProductVariations=variations, UnitPrice=unit_price)
    assert (product.unit_price, product.currency) == (price, "CAD" if price else None)


def test_the_status_is_read_by_either_name_and_the_description_from_either_text() -> None:
    assert mapped(ProductStatus={"Text": "Obsolete"}).status == "Obsolete"
    assert mapped(Description={"DetailedDescription": "long"}).description == "long"


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("//host/a", "https://host/a"),
        ("http://host/a", "http://host/a"),
        ("HTTPS://host/a", "HTTPS://host/a"),
        (None, None),
        ("ftp://host/a", None),
        ("javascript:alert(1)", None),
        ("https:///no-host", None),
        ("https://user:word@host/", None),
        ("https://host:port/", None),
        ("https://[broken/", None),
        ("https://host/with space", None),
        ("plain text", None),
        ("https://host/" + "x" * 2048, None),
    ],
)
def test_only_usable_links_are_kept(raw: str | None, kept: str | None) -> None:
    assert link(raw) == kept


@pytest.mark.parametrize(
    ("raw", "price"),
    [
        (0.0081, Decimal("0.0081")),
        ("12.50", Decimal("12.50")),
        (3, Decimal(3)),
        (1e-30, Decimal("0E-8")),
        (-1, None),
        (1e300, None),
        (float("nan"), None),
        (float("inf"), None),
        (True, None),
        ("free", None),
    ],
)
def test_money_is_exact_or_absent(raw: object, price: Decimal | None) -> None:
    assert ProductAnswer.model_validate({"UnitPrice": raw}).unit_price == price


def test_texts_are_cleaned_for_the_database() -> None:
    product = mapped(Series={"Name": "a\0b\ud800c"}, ShippingInfo="x" * 20_000, ManufacturerLeadWeeks=12)
    assert product.extras["series"] == "ab?c"
    assert len(product.extras["shipping_info"]) == 10_000
    assert product.extras["lead_weeks"] == "12"
    assert ProductAnswer.model_validate({"ShippingInfo": 10**5000}).shipping_info is None


# --- whatever comes ---------------------------------------------------------------------------------------

NAMES = st.sampled_from([*WHOLE, "Product", "Name", "ChildCategories", "SearchLocaleUsed", "Currency"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(PN),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(), inner, max_size=6),
    max_leaves=40,
)


@given(st.dictionaries(NAMES | st.text(), JSON), st.text(), st.none() | st.text())
def test_any_json_object_gives_a_product_or_a_refusal(
    anything: dict[str, Any], pn: str, manufacturer: str | None
) -> None:
    assert isinstance(product_from_answer(anything, pn, manufacturer), Product | Refused)


@given(st.dictionaries(st.sampled_from(list(WHOLE)), JSON, max_size=8))
def test_any_field_may_hold_anything(fields: dict[str, Any]) -> None:
    product = product_from_answer(answer(**fields), PN, MAKER)
    assert isinstance(product, Product | Refused)
    if isinstance(product, Product):
        json.dumps(product.extras, allow_nan=False).encode()
