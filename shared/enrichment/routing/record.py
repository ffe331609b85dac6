"""Reads one part from a row of the source. An error is noted in the record and never raised."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from shared.enrichment.routing.identity import manufacturer_key, part_number_key, record_key
from shared.enrichment.routing.storable import Json, storable

COLUMNS = ("pn", "manufacturer", "category", "description", "specs", "docs", "images", "priority_score")
"""The source's columns, named here only; any other column of a row is left out."""

NAME_LIMIT = 200
"""Characters of a part number or a manufacturer: both go into an index key, whose size Postgres bounds."""

LINK_LIMIT = 2048
"""Characters of a link, as of those in a vendor's answer."""

_RUNS = re.compile("(javascript|vbscript|data):", re.IGNORECASE)
_UNSEEN = re.compile(r"[\x00-\x20\x7f-\xa0\u00ad\u200b-\u200f\u2060\ufeff]")  # browsers skip some of them

_KINDS = {
    str: "text",
    bool: "a truth value",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "a map",
}

Source = dict[str, Json]


@dataclass(frozen=True)
class PartRecord:
    """A malformed field is None or empty, unchanged in `source`, and explained in `problems`.

    `score` is 0 to 1. `source` holds the row's COLUMNS as JSON that the store can hold.
    """

    pn: str
    manufacturer: str | None
    category: str | None
    description: str | None
    specs: Mapping[str, Json]
    docs: tuple[str, ...]
    images: tuple[str, ...]
    score: float | None
    problems: tuple[str, ...]
    source: Source

    @cached_property
    def key(self) -> str:
        return record_key(self.pn, self.manufacturer)

    @cached_property
    def manufacturer_key(self) -> str:
        return manufacturer_key(self.manufacturer)

    def to_json(self) -> Source:
        return self.source


@dataclass(frozen=True)
class Rejected:
    """A row that cannot be identified, with the reason and its content."""

    reason: str
    source: Source
    problems: tuple[str, ...] = ()

    def to_json(self) -> Source:
        return self.source


def read_record(row: object) -> PartRecord | Rejected:
    """Reads one row of the source. Never raises: without a part number it is Rejected."""
    if not isinstance(row, Mapping):
        return Rejected(f"not a record: expected a map, got {type(row).__name__}", {})
    problems: list[str] = []
    source: Source = {}
    for column in COLUMNS:
        value = row.get(column)
        source[column] = storable(column, _decoded(value) if column == "specs" else value, problems)
    pn = _part_number(source["pn"])
    refusal = _refusal(pn, source["pn"])
    if pn is None or refusal:
        return Rejected(f"no part number: {refusal}", source, tuple(problems))
    source["pn"] = pn
    return PartRecord(
        pn=pn,
        manufacturer=_manufacturer(source["manufacturer"], problems),
        category=_text("category", source["category"], problems),
        description=_text("description", source["description"], problems),
        specs=_specs(source["specs"], problems),
        docs=_links("docs", source["docs"], problems),
        images=_links("images", source["images"], problems),
        score=_score(source["priority_score"], problems),
        problems=tuple(problems),
        source=source,
    )


def _part_number(value: Json) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value.strip() if isinstance(value, str) else None


def _refusal(pn: str | None, value: Json) -> str | None:
    if value is None:
        return "it is missing"
    if pn is None:
        return f"expected text, got {_kind(value)}"
    key = part_number_key(pn)
    if not key:
        return "it is blank"
    if max(len(pn), len(key)) > NAME_LIMIT:
        return f"longer than {NAME_LIMIT} characters"
    return None


def _manufacturer(value: Json, problems: list[str]) -> str | None:
    name = _text("manufacturer", value, problems)
    if name is None:
        return None
    if len(name) <= NAME_LIMIT and len(key := manufacturer_key(name)) <= NAME_LIMIT:
        return name if key else None  # `-` and `n/a` name nobody; the source keeps them
    problems.append(f"manufacturer: longer than {NAME_LIMIT} characters, treated as missing")
    return None


def _text(column: str, value: Json, problems: list[str]) -> str | None:
    if isinstance(value, str):
        return value.strip() or None
    if value is not None:
        problems.append(f"{column}: expected text, got {_kind(value)}, treated as missing")
    return None


def _texts(column: str, value: Json, problems: list[str]) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        problems.append(f"{column}: expected a list, got {_kind(value)}, treated as empty")
        return ()
    texts = tuple(item.strip() for item in value if isinstance(item, str) and item.strip())
    if len(texts) < len(value):
        problems.append(
            f"{column}: {len(value) - len(texts)} of {len(value)} entries are no text or blank, left out"
        )
    return texts


def _links(column: str, value: Json, problems: list[str]) -> tuple[str, ...]:
    """The texts that may become links on a page."""
    texts = _texts(column, value, problems)
    kept = tuple(text for text in texts if len(text) <= LINK_LIMIT and not _RUNS.match(_UNSEEN.sub("", text)))
    if len(kept) < len(texts):
        problems.append(
            f"{column}: {len(texts) - len(kept)} of {len(texts)} links run a script or are longer than {LINK_LIMIT}"
            " characters, left out"
        )
    return kept


def _decoded(specs: object) -> object:
    # A JSON column arrives decoded or as text, depending on the table and the client's version.
    if not isinstance(specs, str):
        return specs
    try:
        return json.loads(specs)
    except (ValueError, RecursionError):
        return specs


def _specs(value: Json, problems: list[str]) -> Mapping[str, Json]:
    if isinstance(value, dict):
        return value
    if value is not None and value != "":
        problems.append(f"specs: expected a map, got {_kind(value)}, treated as empty")
    return {}


def _score(value: Json, problems: list[str]) -> float | None:
    score = value.get("score") if isinstance(value, dict) else value
    if score is None:
        return None
    if not isinstance(value, dict):
        problems.append(f"priority_score: expected a map with a score, got {_kind(value)}, counts as 0")
    elif isinstance(score, bool) or not isinstance(score, int | float):
        problems.append(f"priority_score: expected a number, got {_kind(score)}, counts as 0")
    elif not 0 <= score <= 1:
        problems.append(f"priority_score: {score} is not between 0 and 1, counts as 0")
    else:
        return float(score)
    return None


def _kind(value: Json) -> str:
    return _KINDS[type(value)]
