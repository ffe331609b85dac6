"""Spellings of one text: width, case, accents, invisible characters, company forms. Pure."""

import re
import unicodedata

# Invisible characters that are copied along with a part number from a web page or a PDF.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f\x80-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
# Word processors write these for a hyphen. No two part numbers differ by the kind of their dashes.
_DASHES = re.compile("[\u2010-\u2015\u2043\u2212\ufe58\ufe63\uff0d]")
_WIDTHS = re.compile("[\uff00-\uffef]+")
_ACCENTS = re.compile("(?<=[a-z])[\u0300-\u036f]+")
_ABBREVIATED = re.compile(r"(?<=\b\w)\.(?=\w\b)")

_COMPANY_FORMS = frozenset(
    {
        *(
            "ab",
            "ag",
            "as",
            "bv",
            "co",
            "company",
            "corp",
            "corporation",
            "gmbh",
            "inc",
            "incorporated",
            "kg",
            "kgaa",
        ),
        *("limited", "llc", "ltd", "nv", "oy", "plc", "pte", "pty", "sa", "sas", "spa", "srl"),
    }
)


def cleaned(text: str, *, fold_case: bool = False) -> str:
    """Without invisible characters, in Unicode's NFKC form, with plain hyphens. White space is left as it is."""
    if text.isascii():
        plain = _INVISIBLE.sub("", text)
        return plain.casefold() if fold_case else plain
    composed = _composed(text)
    return _composed(composed.casefold()) if fold_case else composed


def plain_text(text: str) -> str:
    """Without invisible characters, in usual width, with plain hyphens and single plain spaces; the rest as it is.

    The sign for micro, say, stays: Unicode's NFKC form of it is another character, which a vendor may not know.
    """
    usual = _WIDTHS.sub(lambda found: unicodedata.normalize("NFKC", found[0]), _INVISIBLE.sub("", text))
    return " ".join(_DASHES.sub("-", unicodedata.normalize("NFC", usual)).split())


def name_words(name: str) -> str:
    """The words of a company's name, lower case, without accents on Latin letters, punctuation and company form.

    A name of punctuation alone has none. `S.p.A.` is one word; a name that is only a company form keeps it.
    """
    folded = _composed(_ACCENTS.sub("", unicodedata.normalize("NFD", cleaned(name, fold_case=True))))
    joined = _ABBREVIATED.sub("", folded)
    words = "".join(mark if unicodedata.category(mark)[0] in "LMN" else " " for mark in joined).split()
    end = len(words)
    while end > 1 and words[end - 1] in _COMPANY_FORMS:
        end -= 1
    return " ".join(words[:end])


def _composed(text: str) -> str:
    composed = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))
    return _DASHES.sub("-", _INVISIBLE.sub("", composed))
