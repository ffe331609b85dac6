"""Reads what a saved answer of DigiKey offers to a person who has to decide; pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from shared.enrichment.ports import JsonObject, Product
from shared.vendors.digikey.answers import DetailsAnswer
from shared.vendors.digikey.hits import CANDIDATES
from shared.vendors.digikey.mapper import product_of

_MOST = 20


def offers(answer: JsonObject | None, pn: str) -> list[dict[str, Any]]:
    """The products in the last answer about a part that automation could not settle, as flat objects, at most 20.

    `price` is there only with its `currency`. Empty for an answer that holds no product.
    """
    found = [] if answer is None else [_flat(product) for product in _products(answer, pn)]
    return found[:_MOST]


def _products(answer: JsonObject, pn: str) -> Iterator[Product]:
    listed = answer.get(CANDIDATES)
    raws = listed if isinstance(listed, list) else [answer.get("Product")]
    for raw in raws:
        if isinstance(raw, Mapping):
            read = DetailsAnswer.model_validate(
                {"SearchLocaleUsed": answer.get("SearchLocaleUsed"), "Product": raw}
            )
            if read.product is not None:
                yield product_of(read, read.product, read.product.manufacturer.name or "", pn)


def _flat(product: Product) -> dict[str, Any]:
    priced = product.unit_price is not None and product.currency is not None
    return {
        "pn": product.pn,
        "manufacturer": product.manufacturer or None,
        "category": product.category,
        "description": product.description,
        "attributes": {each.name: each.value for each in product.attributes},
        "docs": [each.url for each in product.media if each.kind == "datasheet"],
        "images": [each.url for each in product.media if each.kind == "photo"],
        "vendor": product.vendor,
        "vendor_pn": product.vendor_pn,
        "url": product.url,
        "price": float(product.unit_price) if product.unit_price is not None and priced else None,
        "currency": product.currency if priced else None,
        "status": product.status,
    }
