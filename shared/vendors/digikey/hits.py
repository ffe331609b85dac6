"""Chooses the one hit of a keyword search that is the part asked for, or none; pure."""

from dataclasses import dataclass, replace
from typing import Any

from shared.enrichment.ports import ErrorCategory, Found, LookUp, Refused
from shared.vendors.digikey.answers import SearchAnswer
from shared.vendors.digikey.matching import Hit, candidates, is_asked_for, is_same_part

SEARCH_LIMIT = 50
"""The vendor's most per page."""

CANDIDATES = "ExactMatches"
"""The products of the asked number in a refusal's answer, by the vendor's own word."""

_MOST_SHOWN = 20  # candidates that a person is shown; each is some 10 KB


@dataclass(frozen=True)
class SearchHits:
    """The pages read so far. The last one is reached when as many products came as the vendor counts."""

    exact: tuple[Hit, ...] = ()
    products: tuple[Hit, ...] = ()
    pages: int = 0
    last_page: bool = False
    locale: Any = None

    def with_page(self, page: SearchAnswer) -> "SearchHits":
        products = (*self.products, *map(Hit.of, page.products))
        full = len(page.products) >= SEARCH_LIMIT
        return replace(
            self,
            exact=(*self.exact, *map(Hit.of, page.exact_matches)),
            products=products,
            pages=self.pages + 1,
            last_page=not full if page.products_count is None else len(products) >= page.products_count,
            locale=page.search_locale_used if self.locale is None else self.locale,
        )

    @property
    def all(self) -> tuple[Hit, ...]:
        return (*self.exact, *self.products)

    def complete(self, asked: str) -> bool:
        """Whether no further hit can have the number: after the last page, or by the vendor's list of exact matches.

        The list proves it if it has the number and is not full.
        """
        if self.last_page:
            return True
        listed = any(is_same_part(hit.product, asked) for hit in self.exact)
        return listed and len(self.exact) < SEARCH_LIMIT * self.pages

    def settled(self, asked: str, manufacturer: str | None) -> bool:
        """Whether another page could not change the choice. Without any candidate it is not worth a call."""
        found = candidates(self.all, asked, manufacturer)
        return self.complete(asked) or found.certain or not found.known


def chosen(hits: SearchHits, asked: str, manufacturer: str | None) -> LookUp:
    """The only product with this number and maker, or the reason why a person has to choose."""
    found = candidates(hits.all, asked, manufacturer)
    makers = ", ".join(found.makers[:_MOST_SHOWN])
    if not found.known:
        return Refused(ErrorCategory.NOT_FOUND, f"DigiKey's search has no part {asked}")
    evidence = {
        "SearchLocaleUsed": hits.locale,
        CANDIDATES: [hit.raw for hit in found.fitting or found.known][:_MOST_SHOWN],
    }
    if not found.fitting:
        message = f"DigiKey knows {asked} only by {makers}, not by {manufacturer}"
        return Refused(ErrorCategory.NOT_FOUND, message, evidence)
    if len(found.fitting) > 1:
        several = (
            "is made by several manufacturers"
            if len(found.makers) > 1
            else "is the number of several products"
        )
        message = f"{asked} {several}: {makers}"
        return Refused(ErrorCategory.AMBIGUOUS, message, evidence)
    if not found.certain and not hits.complete(asked):
        message = f"{asked} is made by {makers}, but the search has more hits than were read"
        return Refused(ErrorCategory.AMBIGUOUS, message, evidence)
    [hit] = found.fitting
    if not is_asked_for(hit.product, asked, manufacturer):
        message = f"DigiKey does not name the manufacturer of its {asked}"
        return Refused(ErrorCategory.AMBIGUOUS, message, evidence)
    return Found({"SearchLocaleUsed": hits.locale, "Product": hit.raw})
