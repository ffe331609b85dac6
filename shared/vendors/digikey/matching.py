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
from shared.enrichment.routing.spelling import name_words
from shared.vendors.digikey.answers import ProductAnswer


@dataclass(frozen=True)
class Hit:
    """A product of a keyword search, as it came and as it is read."""

    raw: Mapping[str, Any]
    product: ProductAnswer

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> "Hit":
        return cls(raw, ProductAnswer.model_validate(raw))


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
    """The products of a search that have the asked number, one per maker's number and maker's name.

    `fitting` are those of the asked maker, all of them if the record names none.
    """

    known: Sequence[Hit]
    fitting: Sequence[Hit]
    certain: bool
    """The only fitting one is the asked maker's own by name, so that further hits cannot contradict it."""

    @property
    def makers(self) -> list[str]:
        names = (hit.product.manufacturer.name for hit in self.known)
        return list(dict.fromkeys(name or "an unnamed manufacturer" for name in names))


def candidates(hits: Sequence[Hit], pn: str, manufacturer: str | None) -> Candidates:
    known = _joined([hit for hit in hits if is_same_part(hit.product, pn)])
    own = [hit for hit in known if is_own(hit.product, manufacturer)]
    own = [hit for hit in own if _words(hit) == name_words(manufacturer or "")] or own
    if own:
        return Candidates(known, own, certain=len(own) == 1)
    anyone = not manufacturer_key(manufacturer)
    fitting = [hit for hit in known if anyone or is_made_by(manufacturer, hit.product.manufacturer.name)]
    return Candidates(known, fitting, certain=False)


def _joined(hits: Sequence[Hit]) -> list[Hit]:
    """One hit per maker's number and name, in their order: packagings listed apart become one product's.

    Names that the table calls one maker stay apart: where the vendor lists both, each has its own stock of the number,
    and the order number of one must not stand beside the data of the other.
    """
    products: dict[tuple[str, str], Hit] = {}
    for hit in hits:
        key = (
            part_number_key(hit.product.manufacturer_product_number or ""),
            _words(hit),
        )
        products[key] = _with_packagings(products[key], hit) if key in products else hit
    return list(products.values())


def _words(hit: Hit) -> str:
    return name_words(hit.product.manufacturer.name or "")


def _with_packagings(hit: Hit, other: Hit) -> Hit:
    """`hit` with the packagings of `other` that it lacks; `hit` itself if it lacks none."""
    have = {_order_number(variation) for variation in _variations(hit)}
    lacking = [variation for variation in _variations(other) if _order_number(variation) not in have]
    if not lacking:
        return hit
    return Hit.of({**hit.raw, "ProductVariations": [*_variations(hit), *lacking]})


def _variations(hit: Hit) -> list[Any]:
    listed = hit.raw.get("ProductVariations")
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def _order_number(variation: Mapping[str, Any]) -> object:
    return str(variation.get("DigiKeyProductNumber") or "").casefold()
