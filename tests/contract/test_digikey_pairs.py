"""300 hard questions to the real client: the right part or none. docs/digikey.md shows the table of the outcomes."""

import json
import re
from collections import Counter
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from shared.enrichment.ports import ErrorCategory, Found, Product, Refused
from shared.vendors.digikey.account import DigiKeyCredentials
from shared.vendors.digikey.client import DigiKeyCatalogue
from tests.hard_pairs import FILE, Pair, Part, hard_pairs, text_of
from tests.scripted_vendor import respond, serving

PAGE = Path(__file__).parents[2] / "docs" / "digikey.md"
PAIRS: list[Pair] = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
OUTCOMES = {ErrorCategory.NOT_FOUND: "none", ErrorCategory.AMBIGUOUS: "person"}


def product(part: Part) -> dict[str, Any]:
    prices = [{"BreakQuantity": 1, "UnitPrice": 0.5}]
    return {
        "ManufacturerProductNumber": part["pn"],
        "Manufacturer": {"Name": part["manufacturer"]},
        "ProductVariations": [
            {"DigiKeyProductNumber": number, "MinimumOrderQuantity": 1, "StandardPricing": prices}
            for number in part["numbers"]
        ],
    }


class Vendor:
    """Knows the parts of one pair by their exact text, whatever its case, and ranks them as the pair says."""

    pair: Pair

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        asked = re.fullmatch(r"/products/v4/search/([^/]+)/productdetails", handler.path)
        if asked:
            status, answer = self._details(unquote(asked[1]))
        else:
            status, answer = 200, self._search(handler.sent)  # type: ignore[attr-defined]  # the scripted vendor's
        respond(handler, status, json.dumps(answer).encode())

    def _details(self, asked: str) -> tuple[int, dict[str, Any]]:
        known: list[Part] = self.pair["vendor"]
        odd = self.pair.get("details")
        exact = self._exact(asked) if odd is None else [] if odd == 400 else [known[odd]]
        if len(exact) == 1:
            return 200, {"Product": product(exact[0])}
        status = 400 if exact or odd == 400 else 404
        return status, {"detail": "Duplicate Products" if status == 400 else "Not Found"}

    def _search(self, sent: dict[str, Any]) -> dict[str, Any]:
        known: list[Part] = self.pair["vendor"]
        page = known[sent["Offset"] : sent["Offset"] + sent["Limit"]]
        return {
            "Products": [product(part) for part in page],
            "ProductsCount": self.pair.get("count", len(known)),
            "ExactMatches": self.pair.get("exact", [product(part) for part in self._exact(sent["Keywords"])]),
        }

    def _exact(self, asked: str) -> list[Part]:
        text = asked.casefold()
        return [
            part
            for part in self.pair["vendor"]
            if text in {number.casefold() for number in (part["pn"], *part["numbers"])}
        ]


@pytest.fixture(scope="module")
def outcomes() -> dict[int, tuple[str, Product | None]]:
    """By pair: part, none or person, and the part that was taken."""
    vendor = Vendor()
    found: dict[int, tuple[str, Product | None]] = {}
    with (
        serving(vendor) as (url, _),
        DigiKeyCatalogue(DigiKeyCredentials("app", "secret"), base_url=url) as digikey,
    ):
        for pair in PAIRS:
            vendor.pair = pair
            found[pair["id"]] = _outcome(digikey, pair)
    return found


def _outcome(digikey: DigiKeyCatalogue, pair: Pair) -> tuple[str, Product | None]:
    question = (pair["pn"], pair["manufacturer"])
    result = digikey.look_up(*question)
    if isinstance(result, Found):
        taken = digikey.read(result.answer, *question)
        assert isinstance(taken, Product), pair
        return "part", taken
    assert isinstance(result, Refused), pair
    return OUTCOMES[result.category], None


def _is_right(taken: Product, pair: Pair) -> bool:
    truth: Part | None = pair.get("part")
    if truth is None or (taken.pn, taken.manufacturer) != (truth["pn"], truth["manufacturer"]):
        return False
    return not truth["numbers"] or taken.vendor_pn in truth["numbers"]


def test_the_pairs_are_those_that_the_real_parts_make() -> None:
    assert len(PAIRS) == 300
    assert FILE.read_text(encoding="utf-8") == text_of(hard_pairs()), "write it: python -m tests.hard_pairs"


def test_no_answer_is_another_part(outcomes: dict[int, tuple[str, Product | None]]) -> None:
    taken = [(pair, outcomes[pair["id"]][1]) for pair in PAIRS]
    assert [(pair, part) for pair, part in taken if part is not None and not _is_right(part, pair)] == []


def test_every_pair_ends_as_it_should(outcomes: dict[int, tuple[str, Product | None]]) -> None:
    assert [pair for pair in PAIRS if outcomes[pair["id"]][0] != pair["expected"]] == []


def test_packagings_that_are_hits_of_their_own_are_joined(
    outcomes: dict[int, tuple[str, Product | None]],
) -> None:
    apart = [pair for pair in PAIRS if pair["kind"] == "packagings" and len(pair["vendor"]) == 3]
    assert apart
    for pair in apart:
        taken = outcomes[pair["id"]][1]
        assert taken is not None
        numbers = [number for part in pair["vendor"] for number in part["numbers"]]
        assert [each["vendor_pn"] for each in taken.extras["variations"]] == numbers


def test_the_page_shows_the_outcomes(outcomes: dict[int, tuple[str, Product | None]]) -> None:
    counts = Counter((pair["kind"], outcomes[pair["id"]][0]) for pair in PAIRS)
    rows = []
    for kind in dict.fromkeys(pair["kind"] for pair in PAIRS):
        ends = [counts[kind, outcome] for outcome in ("part", "none", "person")]
        rows.append(f"| {kind} | {sum(ends)} | {' | '.join(map(str, ends))} |")
    totals = [
        sum(n for (_, end), n in counts.items() if end == outcome) for outcome in ("part", "none", "person")
    ]
    rows.append(f"| all | {sum(totals)} | {' | '.join(map(str, totals))} |")
    assert "\n".join(rows) in PAGE.read_text(encoding="utf-8")
