"""The catalogue file: one JSON object per line, see data/README.md."""

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from laptop.vendors.digikey.numbers import digikey_numbers, draw

_LONGEST_LINE = 1_000_000  # bytes
_SHORTEST_FAMILY = 5  # characters that two numbers share
_SUFFIX = 3

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=250)]


class CatalogueEmpty(ValueError):
    """No row of the file can be used."""


class Part(BaseModel):
    """One row. The last three fields are for tests.

    `ambiguous`: details answer 400. `preferred`: details answer this part although other makers have its number.
    `also_answers`: numbers whose details wrongly describe this part.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    pn: Name
    manufacturer: Name
    category: str | None = None
    keywords: str | None = None
    specs: dict[str, Any] = Field(default_factory=dict)
    datasheet: str | None = None
    ambiguous: bool = False
    preferred: bool = False
    also_answers: tuple[Name, ...] = ()


@dataclass(frozen=True)
class BadRow:
    line: int
    reason: str


class Catalogue:
    """Parts by their maker's number or one of DigiKey's, whatever its case, in the file's order."""

    def __init__(self, parts: list[Part]) -> None:
        self.parts = parts
        self._by_pn: dict[str, list[Part]] = defaultdict(list)
        self._wrongly: dict[str, Part] = {}
        self._texts: list[tuple[Part, str, str]] = []
        for part in parts:
            for number in (part.pn, *digikey_numbers(part.pn, part.manufacturer)):
                self._by_pn[number.casefold()].append(part)
            text = f"{part.pn} {part.manufacturer} {part.category or ''} {part.keywords or ''}".casefold()
            self._texts.append((part, text, _letters(part.pn)))
            self._wrongly |= dict.fromkeys((pn.casefold() for pn in part.also_answers), part)

    def exact(self, pn: str) -> list[Part]:
        return list(self._by_pn.get(pn.casefold(), ()))

    def mistaken(self, pn: str) -> Part | None:
        """The unrelated part that a details call answers, as the real service does for some numbers."""
        return self._wrongly.get(pn.casefold())

    def containing(self, keywords: str) -> list[Part]:
        """The parts whose texts contain every word, and near misses of a number, ranked without regard to exactness."""
        words = keywords.casefold().split()
        near = _letters(keywords)
        hits = [
            part for part, text, letters in self._texts if _is_hit(words, text) or _is_near(near, letters)
        ]
        hits += [part for part in self.exact(keywords) if part not in hits]
        return sorted(hits, key=lambda part: draw(part.pn, "popularity", 1000))


def _letters(pn: str) -> str:
    return "".join(mark for mark in pn.casefold() if mark.isalnum())


def _is_hit(words: list[str], text: str) -> bool:
    return all(word in text for word in words)


def _is_near(asked: str, letters: str) -> bool:
    """Whether two numbers differ by separators, or only in the last three characters, as in a family of parts."""
    alike = max(_SHORTEST_FAMILY, len(asked) - _SUFFIX, len(letters) - _SUFFIX)
    return min(len(asked), len(letters)) >= alike and asked[:alike] == letters[:alike]


def load(path: Path) -> tuple[Catalogue, list[BadRow]]:
    """The usable rows, and the others with their line numbers. Raises CatalogueEmpty or OSError."""
    parts: dict[tuple[str, str], Part] = {}
    bad: list[BadRow] = []
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            part = _read(line)
            if isinstance(part, str):
                bad.append(BadRow(number, part))
                continue
            key = (part.pn.casefold(), part.manufacturer.casefold())
            if key in parts:
                bad.append(BadRow(number, f"{part.pn} by {part.manufacturer} was already read"))
            else:
                parts[key] = part
    if not parts:
        first = f" (line {bad[0].line}: {bad[0].reason})" if bad else ""
        raise CatalogueEmpty(f"{path}: no usable part{first}")
    return Catalogue(list(parts.values())), bad


def _read(line: bytes) -> Part | str:
    """The part, or why there is none."""
    if len(line) > _LONGEST_LINE:
        return f"longer than {_LONGEST_LINE} bytes"
    try:
        return Part.model_validate(json.loads(line))
    except UnicodeDecodeError:
        return "not UTF-8"
    except ValidationError as wrong:
        return "; ".join(
            f"{'.'.join(map(str, error['loc'])) or 'the row'}: {error['msg']}" for error in wrong.errors()
        )
    except (ValueError, RecursionError) as unreadable:
        return f"not JSON: {unreadable}"
