"""Values as JSON that Postgres can hold, whatever the source sent."""

import math
from collections.abc import Mapping
from decimal import Decimal

from shared.storable import SURROGATES, UNSTORABLE, storable_text

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

FIELD_LIMIT = 65_536
"""Characters that one field keeps, its nested texts and keys together, so that a chunk of rows stays within what
one database call carries."""

DEPTH_LIMIT = 32

_MEMBER_COST = 4  # so that a million empty members are bounded as well
_INT_LIMIT = 2**63
_TOO_DEEP = f"what is nested deeper than {DEPTH_LIMIT} levels was dropped"
_CUT = f"cut after {FIELD_LIMIT} characters"

# The concrete type first: asking the abstract one costs several times as much, and this runs for every field.
_NUMBERS = (int, float, Decimal)
_MAPS = (dict, Mapping)


def storable(field: str, value: object, problems: list[str]) -> Json:
    """`value` cleaned, bounded by FIELD_LIMIT; each kind of change is added to `problems` as a sentence."""
    if value is None or (
        isinstance(value, str) and len(value) <= FIELD_LIMIT and not UNSTORABLE.search(value)
    ):
        return value
    cleaning = _Cleaning()
    cleaned = cleaning.of(value, depth=0)
    problems.extend(f"{field}: {note}" for note in cleaning.notes)
    return cleaned


class _Cleaning:
    """One pass over one field, with its budget and the notes it took."""

    def __init__(self) -> None:
        self.notes: dict[str, None] = {}  # a set that keeps its order
        self._budget = FIELD_LIMIT

    def of(self, value: object, depth: int) -> Json:
        if isinstance(value, str):
            return self._text(value)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, _NUMBERS):
            return self._number(value)
        if isinstance(value, list | tuple):
            return self._list(value, depth + 1)
        if isinstance(value, _MAPS):
            return self._map(value, depth + 1)
        return self._dropped(f"a value of type {type(value).__name__} has no place in JSON and was dropped")

    def _text(self, text: str) -> str:
        kept = text[: self._budget]
        if len(kept) < len(text):
            self._note(_CUT)
        self._budget -= len(kept)
        if "\x00" in kept:
            self._note("NUL characters were removed")
        if SURROGATES.search(kept):
            self._note("halves of surrogate pairs were replaced")
        return storable_text(kept)

    def _number(self, value: float | Decimal) -> Json:
        if isinstance(value, int):
            if -_INT_LIMIT <= value < _INT_LIMIT:
                return value
            return self._dropped("a whole number beyond 64 bits was dropped")
        finite = value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)
        if finite and math.isfinite(number := float(value)):
            return number
        return self._dropped("a number that is not finite was dropped")

    def _map(self, value: Mapping[object, object], depth: int) -> Json:
        if depth > DEPTH_LIMIT:
            return self._dropped(_TOO_DEEP)
        kept: dict[str, Json] = {}
        for key, member in value.items():
            if not isinstance(key, str):
                self._note("a key that is no text was dropped")
            elif self._room():
                kept[self._text(key)] = self.of(member, depth)
        return kept

    def _list(self, value: list[object] | tuple[object, ...], depth: int) -> Json:
        if depth > DEPTH_LIMIT:
            return self._dropped(_TOO_DEEP)
        kept: list[Json] = []
        for member in value:
            if not self._room():
                break
            kept.append(self.of(member, depth))
        return kept

    def _room(self) -> bool:
        if self._budget < _MEMBER_COST:
            self._note(_CUT)
            return False
        self._budget -= _MEMBER_COST
        return True

    def _dropped(self, note: str) -> Json:
        self._note(note)
        return None

    def _note(self, note: str) -> None:
        self.notes[note] = None
