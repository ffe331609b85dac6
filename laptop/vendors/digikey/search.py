"""Keyword search over the catalogue; pure."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from laptop.vendors.digikey.catalogue import Catalogue, Part
from laptop.vendors.digikey.numbers import manufacturer_id
from laptop.vendors.digikey.products import product


class _Request(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class ManufacturerChoice(_Request):
    id: str = Field(alias="Id", coerce_numbers_to_str=True)


class FilterOptions(_Request):
    manufacturers: tuple[ManufacturerChoice, ...] = Field(default=(), alias="ManufacturerFilter")


class SearchRequest(_Request):
    """Only the filter by manufacturer is imitated; the others are accepted and change nothing."""

    keywords: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)] = Field(alias="Keywords")
    limit: int = Field(default=10, ge=1, le=50, alias="Limit")
    offset: int = Field(default=0, ge=0, alias="Offset")
    filters: FilterOptions = Field(default=FilterOptions(), alias="FilterOptionsRequest")


def search(catalogue: Catalogue, request: SearchRequest, locale: dict[str, str]) -> dict[str, Any]:
    """The answer; its lists are empty if nothing is found."""
    exact = [part for part in catalogue.exact(request.keywords) if _is_chosen(part, request)]
    hits = [part for part in catalogue.containing(request.keywords) if _is_chosen(part, request)]
    page = hits[request.offset : request.offset + request.limit]
    return {
        "Products": [product(part) for part in page],
        "ProductsCount": len(hits),
        "ExactMatches": [product(part) for part in exact[: request.limit]],
        "FilterOptions": {},
        "SearchLocaleUsed": locale,
        "AppliedParametricFiltersDto": [],
    }


def _is_chosen(part: Part, request: SearchRequest) -> bool:
    chosen = {choice.id for choice in request.filters.manufacturers}
    return not chosen or str(manufacturer_id(part.manufacturer)) in chosen
