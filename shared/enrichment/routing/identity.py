"""What makes two records the same part."""

import re
import unicodedata

# Characters that nobody sees and that come along when a part number is copied out of a web page or a PDF.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f\x80-\x84\x86-\x9f\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]"
)
_SEPARATOR = "|"


def record_key(pn: str, manufacturer: str | None) -> str:
    """Identity of a record, readable: `LM317T|texas instruments`. A missing manufacturer is empty.

    The separator is escaped inside the parts, so no part number can pass for another part's key.
    """
    return f"{_escaped(part_number_key(pn))}{_SEPARATOR}{_escaped(manufacturer_key(manufacturer))}"


def part_number_key(pn: str) -> str:
    """Without case, width or white space: one number is printed as `LM 317 T`, `lm317t` and `LM317T`."""
    return unicodedata.normalize("NFKC", "".join(_folded(pn).upper().split()))


def manufacturer_key(manufacturer: str | None) -> str:
    """Without case or width, white space collapsed; missing is empty."""
    return " ".join(_folded(manufacturer or "").split())


def _folded(text: str) -> str:
    if text.isascii():
        return _INVISIBLE.sub("", text).casefold()
    composed = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))
    return _INVISIBLE.sub("", unicodedata.normalize("NFKC", composed.casefold()))


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace(_SEPARATOR, "%7C")
