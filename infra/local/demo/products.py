"""What automation changed about a product: the record as it came, beside the product as it is stored. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    field: str
    before: str | None
    after: str


@dataclass(frozen=True)
class Completed:
    pn: str
    maker: str | None
    changes: tuple[Change, ...]

    @property
    def filled(self) -> int:
        """Fields that the record did not have."""
        return sum(change.before is None for change in self.changes)


def most_completed(products: Sequence[Json], count: int) -> list[Completed]:
    """Those that gained most, of different manufacturers as far as there are."""
    ranked = sorted(map(_completed, products), key=lambda each: (-each.filled, each.pn))
    first_of_maker = {each.maker: each for each in reversed(ranked)}.values()
    chosen = [each for each in ranked if each in first_of_maker]
    chosen += [each for each in ranked if each not in chosen]
    return chosen[:count]


def _completed(product: Json) -> Completed:
    before, after = product["before"], product["after"]
    return Completed(after["pn"], after["manufacturer"], tuple(_changes(before, after)))


def _changes(before: Json, after: Json) -> list[Change]:
    pairs = [
        (field, before.get(field), after[field]) for field in ("manufacturer", "category", "description")
    ]
    pairs += [(name, _spec(before, value), value) for name, value in sorted(after["attributes"].items())]
    pairs += [
        ("price", None, _price(after)),
        ("status", None, after["status"]),
        ("datasheet", _first(before.get("docs")), _link(after, "datasheet")),
        ("photo", _first(before.get("images")), _link(after, "photo")),
    ]
    return [
        Change(field, None if old is None else str(old), str(new))
        for field, old, new in pairs
        if new is not None and not _same(old, new)
    ]


def _same(old: object, new: object) -> bool:
    """Case and spaces aside."""
    return old is not None and "".join(str(old).split()).casefold() == "".join(str(new).split()).casefold()


def _spec(before: Json, value: str) -> str | None:
    """The record's own word for it: vendors name their parameters otherwise."""
    specs = before.get("specs")
    known = specs.values() if isinstance(specs, dict) else ()
    return next((str(each) for each in known if _same(each, value)), None)


def _price(after: Json) -> str | None:
    return (
        None
        if after["unit_price"] is None
        else f"{after['unit_price']:.2f} {after['currency'] or ''}".strip()
    )


def _first(links: object) -> object:
    return links[0] if isinstance(links, list) and links else None


def _link(after: Json, kind: str) -> str | None:
    return next((media["url"] for media in after["media"] if media["kind"] == kind), None)
