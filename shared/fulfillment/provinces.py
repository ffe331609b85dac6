"""Provinces as people write them, in English and French, and the postal codes that lie in them. Pure."""

import re
import unicodedata

PROVINCES = {
    "AB": ("Alberta", "Alta", "Alb"),
    "BC": ("British Columbia", "Colombie-Britannique", "C.-B."),
    "MB": ("Manitoba", "Man"),
    "NB": ("New Brunswick", "Nouveau-Brunswick", "N.-B."),
    "NL": (
        *("Newfoundland and Labrador", "Newfoundland Labrador", "Newfoundland", "Nfld", "NF", "Nfld and Lab"),
        *("Terre-Neuve-et-Labrador", "Terre-Neuve and Labrador", "Terre-Neuve", "T.-N.-L.", "T.-N."),
        *("Labrador", "Lab"),
    ),
    "NS": ("Nova Scotia", "Nouvelle-Écosse", "N.-É."),
    "NT": (
        *(
            "Northwest Territories",
            "North West Territories",
            "Northwest Territory",
            "NWT",
            "N.W. Territories",
            "NW",
            "YK",
        ),
        *("Territoires du Nord-Ouest", "T.N.-O."),
    ),
    "NU": ("Nunavut", "Nun", "Nvt", "Nunavut Territory"),
    "ON": ("Ontario", "Ont"),
    "PE": (
        *("Prince Edward Island", "PEI", "P.E. Island"),
        *("Île-du-Prince-Édouard", "Î.-P.-É."),
    ),
    "QC": ("Québec", "Qué", "PQ"),
    "SK": ("Saskatchewan", "Sask"),
    "YT": ("Yukon", "Yukon Territory", "Territoire du Yukon", "Yuk", "Yn", "YK"),
}
"""Names beside the code; only their letters count. YK is Yukon or Yellowknife, as the postal code says."""

_FIRST_LETTERS = {
    "A": "NL", "B": "NS", "C": "PE", "E": "NB", "G": "QC", "H": "QC", "J": "QC", "K": "ON", "L": "ON", "M": "ON",
    "N": "ON", "P": "ON", "R": "MB", "S": "SK", "T": "AB", "V": "BC", "Y": "YT",
}  # fmt: skip
_TERRITORIES = {"X0A": "NU", "X0B": "NU", "X0C": "NU", "X0E": "NT", "X0G": "NT", "X1A": "NT"}
_ALSO = {"K1A": ("QC",)}
"""K1A is the federal government's, on both banks of the Ottawa River."""


def _key(text: str) -> str:
    """The letters and digits alone, in upper case and without accents."""
    spelled = unicodedata.normalize("NFKD", text.replace("&", " and ")).upper()
    return "".join(c for c in spelled if c.isalnum())


def _table() -> dict[str, frozenset[str]]:
    codes: dict[str, frozenset[str]] = {}
    for code, names in PROVINCES.items():
        for name in (code, *names):
            codes[_key(name)] = codes.get(_key(name), frozenset()) | {code}
    return codes


_CODES = _table()
_COUNTRY = re.compile(r"^\W*(?:canada|can|ca)\b|\b(?:canada|can|ca)\W*$", re.IGNORECASE)
_PREFIX = re.compile(r"^PROV(INCE)?(OF|DE|DU)?")
_SHORT = 4  # letters of the longest abbreviation


def provinces_named(text: str) -> frozenset[str] | None:
    """The codes that a text can mean; None for a text without a province, such as "Canada"; empty for an unknown one.

    "Ontario", "Ont.", "ON, Canada", "CA-ON" and "ON - Ontario" mean ON.
    """
    name = _PREFIX.sub("", _key(_COUNTRY.sub("", text.replace("_", " "))), count=1)
    if not name:
        return None
    if name in _CODES:
        return _CODES[name]
    both = (
        _CODES.get(name[:cut], frozenset()) & _CODES.get(name[cut:], frozenset())
        for cut in range(2, len(name))
    )
    return next((codes for codes in both if codes), frozenset())


def abbreviated(text: str) -> frozenset[str]:
    """The codes that an abbreviation such as "ON" or "Qué." can mean; empty for full names."""
    key = _key(text)
    return _CODES.get(key, frozenset()) if len(key) <= _SHORT else frozenset()


def province_at(postal_code: str) -> str | None:
    """The province of a postal code; None for one of the territories under X that is not known."""
    return _FIRST_LETTERS.get(postal_code[0]) or _TERRITORIES.get(postal_code[:3])


def lies_in(postal_code: str, code: str) -> bool:
    """Whether a postal code is used in a province. X is that of both the Northwest Territories and Nunavut."""
    if postal_code[0] == "X":
        return code in {"NT", "NU"}
    return code == _FIRST_LETTERS.get(postal_code[0]) or code in _ALSO.get(postal_code[:3], ())
