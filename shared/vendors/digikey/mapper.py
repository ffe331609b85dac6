"""Makes a product of DigiKey's saved answer; pure."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from shared.enrichment.ports import Attribute, ErrorCategory, JsonObject, Media, Product, Refused
from shared.vendors.digikey.answers import Category, DetailsAnswer, PriceBreak, ProductAnswer, Variation
from shared.vendors.digikey.matching import is_asked_for

VENDOR = "digikey"
_NO_VALUE = "-"  # the vendor's value of a parameter that does not apply
_LONGEST_LINK = 2048


def product_from_answer(answer: JsonObject, pn: str, manufacturer: str | None) -> Product | Refused:
    """The product in an answer of `productdetails`, or Refused with INVALID_RESPONSE. Never raises."""
    read = DetailsAnswer.model_validate(dict(answer))
    product = read.product
    if product is None:
        return _refused("DigiKey's answer holds no product")
    if not is_asked_for(product, pn, manufacturer):
        described = product.manufacturer_product_number or "a part without a number"
        maker = product.manufacturer.name or "an unnamed manufacturer"
        return _refused(f"DigiKey's answer describes {described} by {maker}, which is not the part asked for")
    return product_of(read, product, pn, manufacturer)


def product_of(
    read: DetailsAnswer, product: ProductAnswer, pn: str, manufacturer: str | None
) -> Product | Refused:
    """The product in an answer that was read before, and describes the part asked for."""
    named = product.manufacturer.name or manufacturer
    if not named:
        return _refused("DigiKey's answer names no manufacturer, and neither does the record")
    categories = _category_path(product.category)
    variation = _variation(product, pn)
    return Product(
        pn=product.manufacturer_product_number or pn,
        manufacturer=named,
        category=categories[-1] if categories else None,
        description=product.description.product_description or product.description.detailed_description,
        vendor=VENDOR,
        vendor_pn=variation.digi_key_product_number if variation else None,
        url=link(product.product_url),
        unit_price=product.unit_price,
        currency=read.search_locale_used.currency,
        status=product.product_status.status or product.product_status.text,
        attributes=_attributes(product),
        media=tuple(_media(product)),
        extras=_present(
            {
                "category_path": categories,
                "detailed_description": product.description.detailed_description,
                "locale": _present(read.search_locale_used.model_dump()),
                **_supply(product),
                "variations": [_variation_extras(each) for each in product.product_variations],
                "classifications": _present(product.classifications.model_dump()),
            }
        ),
    )


def _refused(message: str) -> Refused:
    return Refused(ErrorCategory.INVALID_RESPONSE, message)


def link(raw: str | None) -> str | None:
    """The http(s) address; `//host/...` is completed by https. None for anything else."""
    if raw is None or len(raw) > _LONGEST_LINK or any(character.isspace() for character in raw):
        return None
    address = f"https:{raw}" if raw.startswith("//") else raw
    try:
        parts = urlsplit(address)
        _ = parts.port  # raises if the port is no number
    except ValueError:
        return None
    usable = parts.scheme in {"http", "https"} and parts.hostname and parts.username is None
    return address if usable else None


def _category_path(category: Category) -> list[str]:
    """The names from the root to the deepest child, the first of two that are equally deep."""
    deepest: list[str] = []
    branches: list[tuple[Category, list[str]]] = [(category, [])]
    while branches:
        node, above = branches.pop()
        path = [*above, node.name] if node.name else above
        if len(path) > len(deepest):
            deepest = path
        branches += [(Category.model_validate(child), path) for child in reversed(node.child_categories)]
    return deepest


def _variation(product: ProductAnswer, pn: str) -> Variation | None:
    """The packaging whose order number was asked for, else the one with the smallest minimum order."""
    numbered = [each for each in product.product_variations if each.digi_key_product_number]
    asked = [
        each for each in numbered if (each.digi_key_product_number or "").casefold() == pn.strip().casefold()
    ]
    return min(asked or numbered, key=_minimum_order, default=None)


def _minimum_order(variation: Variation) -> float:
    quantity = variation.minimum_order_quantity
    return float("inf") if quantity is None else quantity


def _attributes(product: ProductAnswer) -> Sequence[Attribute]:
    """The parameters, each name once: values of a repeated one are joined by a comma."""
    values: dict[str, list[str]] = {}
    identifiers: dict[str, str | None] = {}
    for parameter in product.parameters:
        name, value = parameter.parameter_text, parameter.value_text
        if name is None or value is None or value == _NO_VALUE:
            continue
        identifiers.setdefault(name, parameter.parameter_id)
        known = values.setdefault(name, [])
        if value not in known:
            known.append(value)
    return tuple(Attribute(name, ", ".join(known), identifiers[name]) for name, known in values.items())


def _media(product: ProductAnswer) -> Iterator[Media]:
    offered = (
        ("datasheet", product.datasheet_url),
        ("photo", product.photo_url),
        ("video", product.primary_video_url),
    )
    for kind, raw in offered:
        address = link(raw)
        if address:
            yield Media(kind, address)


def _supply(product: ProductAnswer) -> dict[str, Any]:
    return {
        "series": product.series.name,
        "base_product": product.base_product_number.name,
        "other_names": list(product.other_names),
        "lead_weeks": product.manufacturer_lead_weeks,
        "quantity_available": product.quantity_available,
        "manufacturer_quantity": product.manufacturer_public_quantity,
        "normally_stocking": product.normally_stocking,
        "back_order_not_allowed": product.back_order_not_allowed,
        "discontinued": product.discontinued,
        "end_of_life": product.end_of_life,
        "non_cancellable": product.ncnr,
        "last_buy_chance": product.date_last_buy_chance,
        "shipping_info": product.shipping_info,
        "minimum_order_quantity": product.minimum_order_quantity,
        "max_quantity_for_distribution": product.max_quantity_for_distribution,
        "standard_package": product.standard_package,
    }


def _variation_extras(variation: Variation) -> dict[str, Any]:
    of_package = variation.quantity_availablefor_package_type
    return _present(
        {
            "vendor_pn": variation.digi_key_product_number,
            "package_type": variation.package_type.name,
            "supplier": variation.supplier.name,
            "quantity_available": variation.quantity_available if of_package is None else of_package,
            "minimum_order_quantity": variation.minimum_order_quantity,
            "max_quantity_for_distribution": variation.max_quantity_for_distribution,
            "standard_package": variation.standard_package,
            "marketplace": variation.market_place,
            "tariff_active": variation.tariff_active,
            "reel_fee": _amount(variation.digi_reel_fee),
            "pricing": _prices(variation.standard_pricing),
            "my_pricing": _prices(variation.my_pricing),
        }
    )


def _prices(breaks: Sequence[PriceBreak]) -> list[dict[str, Any]]:
    return [
        _present(
            {
                "quantity": each.break_quantity,
                "unit_price": _amount(each.unit_price),
                "total_price": _amount(each.total_price),
            }
        )
        for each in breaks
    ]


def _amount(money: Decimal | None) -> str | None:
    """Money becomes text in JSON, so that no reader makes a float of it."""
    return None if money is None else format(money, "f")


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that have a value; False and zero are values."""
    return {name: value for name, value in values.items() if value not in (None, [], {}, "")}
