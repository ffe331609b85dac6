"""The identity of a part: two records with one key are the same part.

The one normaliser: records are keyed by it, the vendor is asked with its text, and answers are compared by it.
"""

import re
import unicodedata
from functools import lru_cache

from shared.enrichment.routing.manufacturers import known_manufacturers
from shared.enrichment.routing.spelling import cleaned, name_words, plain_text

_SEPARATOR = "|"
_WHITE_SPACE = re.compile(r"\s+")


def record_key(pn: str, manufacturer: str | None) -> str:
    """A readable identity: `LM317T|texas instruments`. A missing manufacturer is empty.

    The separator is escaped inside both parts, so that different parts never share a key.
    """
    return f"{_escaped(part_number_key(pn))}{_SEPARATOR}{_escaped(manufacturer_key(manufacturer))}"


def part_key(pn: str, manufacturer: str | None) -> str:
    """The key of a part by the number and the manufacturer that the vendor names.

    It is `record_key` of the vendor's names: of the records `Murata`, `Murata Electronics` and no manufacturer, the
    products have one part key.
    """
    return record_key(pn, manufacturer)


def asked_number(pn: str) -> str:
    """The text to ask a vendor with: without invisible characters, in usual width, single plain spaces, the case kept.

    Its `part_number_key` is that of `pn`. A number that is not found with inner spaces may be known without them: see
    `spellings`.
    """
    return plain_text(pn)


def spellings(pn: str) -> tuple[str, ...]:
    """The texts to ask a vendor with, the best first: as it is spelled, then without inner spaces."""
    asked = asked_number(pn)
    return tuple(dict.fromkeys((asked, _WHITE_SPACE.sub("", asked))))


def part_number_key(pn: str) -> str:
    """The part number without case, width and white space: `LM 317 T`, `lm317t` and `LM317T` are one number."""
    return unicodedata.normalize("NFKC", "".join(cleaned(pn, fold_case=True).upper().split()))


@lru_cache(maxsize=1024)
def manufacturer_key(manufacturer: str | None) -> str:
    """The words of the maker's name in the table of manufacturers, lower case. Empty when missing or none.

    A name that the table does not know is its own key: without case, width, accents, punctuation and company form.
    """
    return known_manufacturers().key_of(name_words(manufacturer or ""))


def is_made_by(asked: str | None, named: str | None) -> bool:
    """Whether the maker that a vendor names is the one asked for, or a division of it by the table.

    A missing name, on either side, is nobody's.
    """
    one, other = manufacturer_key(asked), manufacturer_key(named)
    return bool(one) and (one == other or known_manufacturers().is_division(other, one))


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace(_SEPARATOR, "%7C")
