from typing import Any

from infra.local.demo.report import Change, most_completed

BARE: dict[str, Any] = {
    "pn": "X1",
    "manufacturer": None,
    "category": None,
    "description": None,
    "specs": None,
    "docs": [],
    "images": [],
}
PRODUCT: dict[str, Any] = {
    "pn": "X1",
    "manufacturer": "Acme",
    "category": "Relays",
    "description": "A relay",
    "unit_price": 2.5,
    "currency": "CAD",
    "status": "Active",
    "attributes": {"Package / Case": "SOT-23"},
    "media": [{"kind": "datasheet", "url": "https://a.example/1.pdf"}],
}


def changes(before: dict[str, Any], after: dict[str, Any]) -> tuple[Change, ...]:
    [product] = most_completed([{"before": before, "after": after}], 3)
    return product.changes


def test_all_that_was_missing_is_shown() -> None:
    assert changes(BARE, PRODUCT) == (
        Change("manufacturer", None, "Acme"),
        Change("category", None, "Relays"),
        Change("description", None, "A relay"),
        Change("Package / Case", None, "SOT-23"),
        Change("price", None, "2.50 CAD"),
        Change("status", None, "Active"),
        Change("datasheet", None, "https://a.example/1.pdf"),
    )


def test_unchanged_values_are_left_out_and_case_and_spaces_do_not_count() -> None:
    before = BARE | {
        "manufacturer": "ACME",
        "category": "Switches",
        "description": "a  relay",
        "specs": {"package": "SOT-23"},
        "docs": ["https://a.example/1.pdf"],
    }
    after = PRODUCT | {"unit_price": None, "status": None}

    assert changes(before, after) == (Change("category", "Switches", "Relays"),)


def test_a_price_of_nothing_in_no_currency_is_still_a_price() -> None:
    assert Change("price", None, "0.00") in changes(BARE, PRODUCT | {"unit_price": 0, "currency": None})


def test_specs_that_are_a_list_are_not_compared() -> None:
    assert Change("Package / Case", None, "SOT-23") in changes(BARE | {"specs": ["SOT-23"]}, PRODUCT)


def test_the_largest_gain_comes_first_and_manufacturers_alternate() -> None:
    products = [
        {"before": BARE, "after": PRODUCT | {"pn": "A1"}},
        {"before": BARE, "after": PRODUCT | {"pn": "A2"}},
        {"before": BARE, "after": PRODUCT | {"pn": "B1", "manufacturer": "Bolt", "status": None}},
    ]

    assert [each.pn for each in most_completed(products, 2)] == ["A1", "B1"]
    assert [each.pn for each in most_completed(products, 5)] == ["A1", "B1", "A2"]
    assert most_completed([], 3) == []
