"""The identity of a part: two records with one key are the same part."""

import re
import unicodedata

# Invisible characters that are copied along with a part number from a web page or a PDF.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f\x80-\x84\x86-\x9f\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]"
)
_SEPARATOR = "|"


def record_key(pn: str, manufacturer: str | None) -> str:
    """A readable identity: `LM317T|texas instruments`. A missing manufacturer is empty.

    The separator is escaped inside both parts, so that different parts never share a key.
    """
    return f"{_escaped(part_number_key(pn))}{_SEPARATOR}{_escaped(manufacturer_key(manufacturer))}"


def part_number_key(pn: str) -> str:
    """The part number without case, width and white space: `LM 317 T`, `lm317t` and `LM317T` are one number."""
    return unicodedata.normalize("NFKC", "".join(_folded(pn).upper().split()))


def manufacturer_key(manufacturer: str | None) -> str:
    """The name without case and width, white space collapsed. Empty when missing."""
    return " ".join(_folded(manufacturer or "").split())


def _folded(text: str) -> str:
    if text.isascii():
        return _INVISIBLE.sub("", text).casefold()
    composed = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))
    return _INVISIBLE.sub("", unicodedata.normalize("NFKC", composed.casefold()))


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace(_SEPARATOR, "%7C")
