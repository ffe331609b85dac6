"""Makes a product of DigiKey's saved answer; pure."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from shared.enrichment.ports import Attribute, ErrorCategory, JsonObject, Media, Product, Refused
from shared.enrichment.routing.identity import part_number_key
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
    maker = product.manufacturer.name
    if maker is None or not is_asked_for(product, pn, manufacturer):
        described = product.manufacturer_product_number or "a part without a number"
        named = maker or "an unnamed manufacturer"
        return _refused(f"DigiKey's answer describes {described} by {named}, which is not the part asked for")
    return product_of(read, product, maker, pn)


def product_of(read: DetailsAnswer, product: ProductAnswer, maker: str, pn: str) -> Product:
    """The product of an answer that was read before, and describes the part asked for, of this maker."""
    categories = _category_path(product.category)
    variation = _offer(product, pn)
    price = _price(product, variation)
    return Product(
        pn=product.manufacturer_product_number or pn,
        manufacturer=maker,
        category=categories[-1] if categories else None,
        description=product.description.product_description or product.description.detailed_description,
        vendor=VENDOR,
        vendor_pn=variation.digi_key_product_number if variation else None,
        url=link(product.product_url),
        unit_price=price,
        currency=read.search_locale_used.currency if price else None,
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


def _offer(product: ProductAnswer, pn: str) -> Variation | None:
    """The packaging whose order number was asked for, else the smallest that DigiKey itself sells.

    Offers of the marketplace come last; of two with one minimum order, the one without a reel fee.
    """
    numbered = [each for each in product.product_variations if each.digi_key_product_number]
    asked = [each for each in numbered if _is_number(each.digi_key_product_number, pn)]
    return min(asked or numbered, key=_rank, default=None)


def _is_number(number: str | None, pn: str) -> bool:
    return part_number_key(number or "") == part_number_key(pn)


def _rank(variation: Variation) -> tuple[bool, float, bool]:
    quantity = variation.minimum_order_quantity
    return (
        bool(variation.market_place),
        float("inf") if quantity is None else quantity,
        bool(variation.digi_reel_fee),
    )


def _price(product: ProductAnswer, offer: Variation | None) -> Decimal | None:
    """The price of one at the offer's minimum order; zero is no price.

    The product's own price does not say of which packaging it is, so it counts only where there is no choice.
    """
    if offer is not None and offer.standard_pricing:
        return _price_at(offer.standard_pricing, offer.minimum_order_quantity or 1)
    return (product.unit_price or None) if len(product.product_variations) <= 1 else None


def _price_at(breaks: Sequence[PriceBreak], quantity: int) -> Decimal | None:
    reached = [each for each in breaks if (each.break_quantity or 1) <= quantity]
    last = max(reached, key=lambda each: each.break_quantity or 1, default=None)
    return (last.unit_price or None) if last else None


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
