"""Decides whether an answer is about the part that was asked for; pure.

The vendor's specification warns that some manufacturer part numbers conflict with unrelated products and may
return a wrong one, so every answer is compared with the question, by the keys of `routing.identity`. A number is
compared as a whole: no suffix is cut off, for `LM317T` and `LM317TG` are two parts. The rank of a hit says nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.enrichment.routing.identity import (
    is_made_by,
    manufacturer_key,
    part_number_key,
)
from shared.vendors.digikey.answers import ProductAnswer

Hit = Mapping[str, Any]
"""A product of a keyword search, as it came."""


def is_same_part(product: ProductAnswer, pn: str) -> bool:
    """Whether `pn` is one of the product's numbers: the maker's, or the vendor's of one of its packagings."""
    numbers = [product.manufacturer_product_number]
    numbers += [variation.digi_key_product_number for variation in product.product_variations]
    return part_number_key(pn) in {part_number_key(number) for number in numbers if number}


def is_asked_for(product: ProductAnswer, pn: str, manufacturer: str | None) -> bool:
    """Whether the product has the number and its maker is the record's.

    A record without a maker takes any that is named; the client settles before that there is only one. An answer that
    names no maker is nobody's.
    """
    named = product.manufacturer.name
    if not is_same_part(product, pn) or not manufacturer_key(named):
        return False
    return not manufacturer_key(manufacturer) or is_made_by(manufacturer, named)


def is_own(product: ProductAnswer, manufacturer: str | None) -> bool:
    """Whether the product's maker is the record's by name, not only a division of it."""
    asked = manufacturer_key(manufacturer)
    return bool(asked) and manufacturer_key(product.manufacturer.name) == asked


@dataclass(frozen=True)
class Candidates:
    """The products of a search that have the asked number, one per maker's number and maker.

    `fitting` are those of the asked maker, all of them if the record names none.
    """

    known: Sequence[Hit]
    fitting: Sequence[Hit]
    certain: bool
    """The only fitting one is the asked maker's own by name, so that further hits cannot contradict it."""

    @property
    def makers(self) -> list[str]:
        names = (ProductAnswer.model_validate(hit).manufacturer.name for hit in self.known)
        return list(dict.fromkeys(name or "an unnamed manufacturer" for name in names))


def candidates(hits: Sequence[Hit], pn: str, manufacturer: str | None) -> Candidates:
    known = _joined([hit for hit in hits if is_same_part(ProductAnswer.model_validate(hit), pn)])
    read = [(hit, ProductAnswer.model_validate(hit)) for hit in known]
    own = [hit for hit, product in read if is_own(product, manufacturer)]
    if own:
        return Candidates(known, own, certain=len(own) == 1)
    anyone = not manufacturer_key(manufacturer)
    fitting = [hit for hit, product in read if anyone or is_made_by(manufacturer, product.manufacturer.name)]
    return Candidates(known, fitting, certain=False)


def _joined(hits: Sequence[Hit]) -> list[Hit]:
    """One hit per maker's number and maker, in their order: packagings listed apart become one product's."""
    products: dict[tuple[str, str], Hit] = {}
    for hit in hits:
        product = ProductAnswer.model_validate(hit)
        key = (
            part_number_key(product.manufacturer_product_number or ""),
            manufacturer_key(product.manufacturer.name),
        )
        first = products.get(key)
        products[key] = hit if first is None else _with_packagings(first, hit)
    return list(products.values())


def _with_packagings(product: Hit, other: Hit) -> Hit:
    """`product` with the packagings of `other` that it lacks; `product` itself if it lacks none."""
    have = {_order_number(variation) for variation in _variations(product)}
    lacking = [variation for variation in _variations(other) if _order_number(variation) not in have]
    if not lacking:
        return product
    return {**product, "ProductVariations": [*_variations(product), *lacking]}


def _variations(hit: Hit) -> list[Any]:
    listed = hit.get("ProductVariations")
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def _order_number(variation: Mapping[str, Any]) -> object:
    return str(variation.get("DigiKeyProductNumber") or "").casefold()
