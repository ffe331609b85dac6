"""Reads the table of manufacturers: names that mean one maker, divisions of a maker, words for no maker."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from shared.enrichment.routing.spelling import name_words
from shared.errors import ManufacturersInvalid

FILE = Path(__file__).parent / "manufacturers.toml"
_TABLES = ("none", "makers", "divisions")


@dataclass(frozen=True)
class Manufacturers:
    """By words of a name: `keys` gives the maker's, `divisions` the divisions' keys, `none` means nobody."""

    keys: Mapping[str, str]
    divisions: Mapping[str, frozenset[str]]
    none: frozenset[str]

    def key_of(self, words: str) -> str:
        return "" if words in self.none else self.keys.get(words, words)

    def is_division(self, key: str, of: str) -> bool:
        return key in self.divisions.get(of, ())


@cache
def known_manufacturers() -> Manufacturers:
    """The shipped table, read once per process. Raises ManufacturersInvalid."""
    try:
        text = FILE.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ManufacturersInvalid(f"{FILE.name}: cannot be read: {error}") from error
    return parse_manufacturers(FILE.name, text)


def parse_manufacturers(file: str, text: str) -> Manufacturers:
    """Raises ManufacturersInvalid naming the file and the line, or the name that is wrong."""
    try:
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ManufacturersInvalid(f"{file}: not readable as TOML: {error}") from error
    if unknown := [name for name in content if name not in _TABLES]:
        raise ManufacturersInvalid(f"{file}: unknown table {unknown[0]!r}; known are {', '.join(_TABLES)}")
    reading = _Reading(file, text)
    none = reading.none(content.get("none", []))
    keys = reading.makers(reading.lists("makers", content), none)
    divisions = reading.divisions(reading.lists("divisions", content), keys, none)
    return Manufacturers(keys, divisions, none)


class _Reading:
    """One pass over one file; each complaint names the place."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._lines = text.splitlines()

    def none(self, words: object) -> frozenset[str]:
        # A word of punctuation alone, such as `-`, is none without being listed; it is listed for the reader.
        return frozenset(name_words(word) for word in self._names("none", words)) | {""}

    def lists(self, table: str, content: Mapping[str, Any]) -> dict[str, list[str]]:
        entries = content.get(table, {})
        if not isinstance(entries, dict):
            raise self._wrong(table, f"expected a table [{table}]")
        return {name: self._names(name, aliases) for name, aliases in entries.items()}

    def makers(self, entries: Mapping[str, Iterable[str]], none: frozenset[str]) -> dict[str, str]:
        makers: dict[str, str] = {}
        for maker, aliases in entries.items():
            for name in (maker, *aliases):
                words = self._words(maker, name, none)
                if words not in makers:
                    makers[words] = maker
                elif makers[words] == maker:
                    raise self._wrong(
                        maker, f"{name!r} is given twice: it is read as {words!r}, as another name is"
                    )
                else:
                    raise self._wrong(maker, f"{name!r} names two makers, {makers[words]!r} and {maker!r}")
        return {words: name_words(maker) for words, maker in makers.items()}

    def divisions(
        self, entries: Mapping[str, Iterable[str]], keys: Mapping[str, str], none: frozenset[str]
    ) -> dict[str, frozenset[str]]:
        owners: dict[str, str] = {}
        found: dict[str, frozenset[str]] = {}
        for maker, names in entries.items():
            owner = self._words(maker, maker, none)
            owner = keys.get(owner, owner)
            for name in names:
                words = self._words(maker, name, none)
                key = keys.get(words, words)
                if key == owner:
                    raise self._wrong(maker, f"{name!r} is another name of {maker!r}, not a division of it")
                if key in owners:
                    raise self._wrong(maker, f"{name!r} is given twice, as a division of {owners[key]!r}")
                owners[key] = maker
                found[owner] = found.get(owner, frozenset()) | {key}
        return found

    def _names(self, place: str, names: object) -> list[str]:
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise self._wrong(place, "expected a list of names")
        return names

    def _words(self, maker: str, name: str, none: frozenset[str]) -> str:
        words = name_words(name)
        if not words:
            raise self._wrong(maker, f"{name!r} is an empty name")
        if words in none:
            raise self._wrong(maker, f"{name!r} means no maker, by the list `none`")
        return words

    def _wrong(self, entry: str, complaint: str) -> ManufacturersInvalid:
        """The first line that begins with the entry is named."""
        starts = (f'"{entry}"', f"{entry} ", f"{entry}=", f"[{entry}]")
        lines = (number for number, line in enumerate(self._lines, 1) if line.lstrip().startswith(starts))
        number = next(lines, None)
        place = f"{self._file}: {entry!r}" if number is None else f"{self._file}: line {number}: {entry!r}"
        return ManufacturersInvalid(f"{place}: {complaint}")
