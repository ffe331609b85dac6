"""Layers of what is known of a record, without a database: the promises of `product_fields`, one part per record."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from shared.enrichment.ports import JsonObject
from shared.enrichment.store import Json

SCALARS = ("manufacturer", "category", "description")
LINKS = {"docs": "datasheet", "images": "photo"}


@dataclass(frozen=True)
class Word:
    """A field's value that a person holds, empty when the person removed it.

    `passed_over` are other words that were seen.
    """

    value: str
    layer: str
    by: str
    at: datetime
    passed_over: frozenset[str] = frozenset()


@dataclass
class Layers:
    """The layers of one record. Fields are named as in the suggestions: `category`, `attribute:Voltage`, `datasheet:https://...`."""

    source: dict[str, str] = field(default_factory=dict)
    source_at: datetime | None = None
    vendor: dict[str, str] = field(default_factory=dict)
    vendor_at: datetime | None = None
    answer: Json = field(default_factory=dict)
    people: dict[str, Word] = field(default_factory=dict)

    def copy(self) -> "Layers":
        return replace(self, people=dict(self.people))

    def lay_source(self, item: Mapping[str, Any], now: datetime) -> None:
        row = row_fields(item)
        if row != self.source:
            self.source, self.source_at = row, now

    def lay_answer(self, product: JsonObject, now: datetime) -> None:
        self.answer, self.vendor, self.vendor_at = dict(product), dict(_answer_fields(product)), now

    def complete(self, item: Mapping[str, Any], fields: JsonObject, by: str, now: datetime) -> None:
        self.lay_source(item, now)
        typed = dict.fromkeys(_removed_fields(fields), "") | dict(_typed_fields(fields))
        said = {name: Word(value, "edited", by, now) for name, value in typed.items()}
        for name, value in self.source.items():
            if name not in said and not self._typed(name):
                said[name] = Word(value, "approved", by, now)
        for name, word in self.people.items():
            if name not in said and word.value and self._others(name) - word.passed_over - {word.value}:
                said[name] = replace(word, by=by, at=now)
        gone = [
            name
            for name, word in self.people.items()
            if word.layer == "approved" and ":" in name and name not in said
        ]
        for name in gone:
            del self.people[name]
        for name, word in said.items():
            seen = self.people[name].passed_over if name in self.people else frozenset()
            self.people[name] = replace(word, passed_over=seen | self._others(name) - {word.value})

    def _typed(self, name: str) -> bool:
        return name in self.people and self.people[name].layer == "edited"

    def _others(self, name: str) -> frozenset[str]:
        return frozenset(said[name] for said in (self.vendor, self.source) if name in said)

    @property
    def product(self) -> Json:
        """A person's word, then the vendor's, then the source's. `attributes` by name, `media` by kind."""
        won = self.source | self.vendor | {name: word.value for name, word in self.people.items()}
        won = {name: value for name, value in won.items() if value}
        parts: Json = {"attributes": {}, "media": {}}
        for name, value in won.items():
            kind, _, rest = name.partition(":")
            if kind == "attribute":
                parts["attributes"][rest] = value
            elif rest:
                parts["media"].setdefault(kind, set()).add(rest)
        return self.answer | {name: won.get(name) for name in SCALARS} | parts

    @property
    def suggestions(self) -> list[Json]:
        return [
            {"field": name, "kept": word.value, "by": word.by, "offered": said[name], "from": layer}
            for name, word in sorted(self.people.items())
            for layer, said, at in (
                ("source", self.source, self.source_at),
                ("vendor", self.vendor, self.vendor_at),
            )
            if name in said
            and word.value
            and at is not None
            and at > word.at
            and said[name].strip() != word.value.strip()
            and said[name] not in word.passed_over
        ]


def row_fields(item: Mapping[str, Any]) -> dict[str, str]:
    """The filled fields of the row of a decided record."""
    row = item["source_record"]
    fields = _typed_fields({**row, "attributes": row.get("specs"), "manufacturer": item["manufacturer"]})
    return dict(fields)


def _typed_fields(fields: JsonObject) -> Iterator[tuple[str, str]]:
    for name in SCALARS:
        value = fields.get(name)
        if isinstance(value, str) and value.strip():
            yield name, value.strip()
    attributes = fields.get("attributes")
    for name, value in attributes.items() if isinstance(attributes, dict) else ():
        if value is not None and str(value).strip():
            yield f"attribute:{name}", str(value)
    for column, kind in LINKS.items():
        links = fields.get(column)
        for link in links if isinstance(links, list | tuple) else ():
            if str(link).startswith(("http://", "https://")):
                yield f"{kind}:{link}", str(link)


def _removed_fields(fields: JsonObject) -> Iterator[str]:
    removed = fields.get("removed") or {}
    for part, kind in {"attributes": "attribute", **LINKS}.items():
        yield from (f"{kind}:{name}" for name in removed.get(part, ()))


def _answer_fields(product: JsonObject) -> Iterator[tuple[str, str]]:
    for name in SCALARS:
        if product.get(name):
            yield name, str(product[name])
    for attribute in product.get("attributes", ()):
        yield f"attribute:{attribute['name']}", str(attribute["value"])
    for media in product.get("media", ()):
        yield f"{media['kind']}:{media['url']}", str(media["url"])
