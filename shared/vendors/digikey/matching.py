"""Decides whether an answer is about the part that was asked for; pure.

The vendor's specification warns that some manufacturer part numbers conflict with unrelated products and may
return a wrong one, so every answer is compared with the question.
"""

import re
from collections.abc import Sequence
from typing import Any

from shared.vendors.digikey.answers import ProductAnswer

_CORPORATE = frozenset(
    {
        "inc",
        "incorporated",
        "corp",
        "corporation",
        "co",
        "company",
        "ltd",
        "limited",
        "llc",
        "gmbh",
        "ag",
        "sa",
    }
)


def _plain(part_number: str | None) -> str:
    return "".join((part_number or "").split()).casefold()


def is_same_part(product: ProductAnswer, pn: str) -> bool:
    """Whether `pn` is one of the product's numbers, the maker's or the vendor's; case and spaces do not count."""
    numbers = [product.manufacturer_product_number]
    numbers += [variation.digi_key_product_number for variation in product.product_variations]
    return _plain(pn) in {_plain(number) for number in numbers if number}


def _words(manufacturer: str | None) -> list[str]:
    words = re.findall(r"[^\W_]+", (manufacturer or "").casefold())
    return [word for word in words if word not in _CORPORATE] or words


def is_same_manufacturer(one: str | None, other: str | None) -> bool:
    """Whether the words of one name occur in the other, in order, as in `Murata` and `Murata Electronics`.

    An unnamed manufacturer, in a record or an answer, matches any.
    """
    shorter, longer = sorted((_words(one), _words(other)), key=len)
    starts = range(len(longer) - len(shorter) + 1)
    return any(longer[start : start + len(shorter)] == shorter for start in starts)


def is_asked_for(product: ProductAnswer, pn: str, manufacturer: str | None) -> bool:
    return is_same_part(product, pn) and is_same_manufacturer(product.manufacturer.name, manufacturer)


def exact_hits(hits: Sequence[dict[str, Any]], pn: str) -> list[dict[str, Any]]:
    """The raw hits for this part number, one per manufacturer and number, in their order."""
    found: dict[tuple[str, tuple[str, ...]], dict[str, Any]] = {}
    for hit in hits:
        product = ProductAnswer.model_validate(hit)
        if is_same_part(product, pn):
            key = (_plain(product.manufacturer_product_number), tuple(_words(product.manufacturer.name)))
            found.setdefault(key, hit)
    return list(found.values())


def fitting_hits(hits: Sequence[dict[str, Any]], manufacturer: str | None) -> list[dict[str, Any]]:
    """The hits of this manufacturer. If one name is spelled as asked, names that only contain it do not count."""
    named = [(hit, ProductAnswer.model_validate(hit).manufacturer.name) for hit in hits]
    fitting = [(hit, name) for hit, name in named if is_same_manufacturer(name, manufacturer)]
    exact = [hit for hit, name in fitting if manufacturer and _words(name) == _words(manufacturer)]
    return exact or [hit for hit, _ in fitting]


def manufacturers_of(hits: Sequence[dict[str, Any]]) -> list[str]:
    names = (ProductAnswer.model_validate(hit).manufacturer.name for hit in hits)
    return [name or "an unnamed manufacturer" for name in names]
