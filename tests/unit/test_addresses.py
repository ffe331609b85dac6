"""500 addresses as buyers write them; `docs/addresses.md` shows the same table.

`tests/data/canadian_addresses.jsonl` has one shape per line: its kind, the fields that differ from a plain address, and
either the fields of the result that differ (`maps`) or the reason (`person`), all written by hand. A shape with `at`
belongs to these provinces; the others are tried in one place after the other. The phone numbers belong to nobody.
"""

import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest

from shared.fulfillment.address import CITY, PHONE, Unmappable, party_of
from shared.fulfillment.carrier import Party
from shared.fulfillment.ports import Address
from shared.fulfillment.street import LINE
from tests.web_support import ROOT

DATA = Path(__file__).parents[1] / "data" / "canadian_addresses.jsonl"
SHAPES = [json.loads(line) for line in DATA.read_text(encoding="utf-8").splitlines()]
TRIED = 500
PLACES = {
    "ON": ("Ottawa", "K1P 1J1", "613"),
    "QC": ("Trois-Rivières", "G9A 5H7", "819"),
    "BC": ("Vancouver", "V6B 4Y8", "604"),
    "AB": ("Calgary", "T2P 2M5", "403"),
    "MB": ("Winnipeg", "R3C 4T3", "204"),
    "SK": ("Saskatoon", "S7K 1J5", "306"),
    "NS": ("Halifax", "B3J 3K5", "902"),
    "NB": ("Moncton", "E1C 1G7", "506"),
    "NL": ("St. John's", "A1C 5M2", "709"),
    "PE": ("Charlottetown", "C1A 4P3", "902"),
    "YT": ("Whitehorse", "Y1A 1B5", "867"),
    "NT": ("Yellowknife", "X1A 2P7", "867"),
    "NU": ("Iqaluit", "X0A 0H0", "867"),
}


@dataclass(frozen=True)
class Case:
    """`expected` is the whole Party, or the reason for which a person decides."""

    kind: str
    address: Address
    expected: Party | str


def case(shape: dict[str, Any], code: str, number: int) -> Case:
    """The shape in a place; `number` makes house and phone differ."""
    city, spaced, area = PLACES[code]
    words = {
        "city": city,
        "code": code,
        "area": area,
        "spaced": spaced,
        "postal_code": spaced.replace(" ", ""),
        "lower": spaced.lower(),
        "dashed": spaced.replace(" ", "-"),
    }

    def filled(fields: dict[str, str | None]) -> dict[str, Any]:
        return {name: text and text.format(**words) for name, text in fields.items()}

    name, street, phone = "Marie-Ève Côté", f"{number} Elm Street", f"{area}-555-{100 + number % 100:04}"
    plain = Address(name, None, street, None, city, code, spaced, "CAN", phone)
    party = Party(name, None, phone, street, None, city, code, words["postal_code"])
    expected = shape.get("person") or replace(party, **filled(shape["maps"]))
    return Case(shape["kind"], replace(plain, **filled(shape["given"])), expected)


def cases() -> Iterator[Case]:
    """Every shape in each of its places once, then those that belong anywhere in further places."""
    numbers = count(1)
    for shape in SHAPES:
        for code in shape.get("at", ["ON"]):
            yield case(shape, code, next(numbers))
    anywhere = [shape for shape in SHAPES if "at" not in shape]
    places = list(PLACES)[1:]
    for turn in count():
        for at, shape in enumerate(anywhere):
            yield case(shape, places[(turn + at) % len(places)], next(numbers))


CASES = list(islice(cases(), TRIED))


def words(*texts: str | None) -> set[str]:
    """The words regardless of case; marks of direction are no part of a word."""
    shown = unicodedata.normalize("NFC", " ".join(text or "" for text in texts)).casefold()
    return set(re.findall(r"\w+", shown))


@pytest.mark.parametrize("at", range(TRIED))
def test_each_address_maps_exactly_or_goes_to_a_person_with_the_reason(at: int) -> None:
    found = party_of(CASES[at].address)
    assert (found.reason if isinstance(found, Unmappable) else found) == CASES[at].expected


def test_no_word_is_lost_and_all_limits_hold() -> None:
    for each in CASES:
        party, given = party_of(each.address), each.address
        if isinstance(party, Unmappable):
            continue
        lines = (party.name, party.company, party.line_1, party.line_2, party.additional_info)
        assert all(line is None or 1 <= len(line) <= LINE for line in lines)
        assert 1 <= len(party.city) <= CITY
        assert party.phone is None or 1 <= len(party.phone) <= PHONE
        written = words(given.name, given.company, given.street_1, given.street_2, given.additional_info)
        assert written <= words(*lines), given
        assert re.sub(r"\D", "", party.phone or "") == re.sub(r"\D", "", given.phone or "")


def test_the_shapes_are_many_and_different() -> None:
    assert len({json.dumps(shape, sort_keys=True) for shape in SHAPES}) == len(SHAPES) >= 120
    assert len({each.address for each in CASES}) == TRIED


def table() -> str:
    """Markdown: kind, tried, mapped, to a person, and why."""
    tried: Counter[str] = Counter()
    reasons: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for each in CASES:
        tried[each.kind] += 1
        found = party_of(each.address)
        if isinstance(found, Unmappable):
            reasons[each.kind][found.reason] += 1
    rows = ["| kind | tried | map | to a person | why |", "|---|---|---|---|---|"]
    for kind in dict.fromkeys(shape["kind"] for shape in SHAPES):
        why = "; ".join(f"{reason} ({times})" for reason, times in sorted(reasons[kind].items()))
        people = reasons[kind].total()
        rows.append(f"| {kind} | {tried[kind]} | {tried[kind] - people} | {people} | {why} |")
    people = sum(each.total() for each in reasons.values())
    rows.append(f"| all | {TRIED} | {TRIED - people} | {people} | |")
    return "\n".join(rows).replace("|  |", "| |")


def test_the_page_shows_what_becomes_of_the_500_addresses() -> None:
    shown = table()
    print(shown)  # noqa: T201 - to be copied to the page when it changes
    assert shown in (ROOT / "docs" / "addresses.md").read_text(encoding="utf-8")
