"""Text that Postgres can hold: it takes neither NUL nor half of a surrogate pair."""

import re

SURROGATES = re.compile("[\ud800-\udfff]")
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable_text(text: str) -> str:
    """The text without NULs, and with U+FFFD for each half of a surrogate pair."""
    if not UNSTORABLE.search(text):
        return text
    return SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text.replace("\0", ""))
