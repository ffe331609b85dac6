"""Maps the marketplace's address to the carrier's: 44 characters a line, codes instead of names. Pure.

An address that does not fit is refused with the reason, and a person gets the order. Only the phone number and the
additional information are cut, because a parcel arrives without them.
"""

import re
import unicodedata
from dataclasses import dataclass

from shared.fulfillment.carrier import Party
from shared.fulfillment.ports import Address

LINE = 44  # characters; Canada Post's limit for names, companies and address lines
CITY = 40
PHONE = 25
POSTAL_CODE = re.compile(r"[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z]\d[ABCEGHJ-NPRSTV-Z]\d", re.ASCII)
"""Canadian postal codes leave out D, F, I, O, Q and U, and W and Z in the first place."""

PROVINCES = {
    "AB": ("ALBERTA",),
    "BC": ("BRITISH COLUMBIA", "COLOMBIE BRITANNIQUE"),
    "MB": ("MANITOBA",),
    "NB": ("NEW BRUNSWICK", "NOUVEAU BRUNSWICK"),
    "NL": ("NEWFOUNDLAND AND LABRADOR", "NEWFOUNDLAND", "TERRE NEUVE ET LABRADOR", "NF"),
    "NS": ("NOVA SCOTIA", "NOUVELLE ECOSSE"),
    "NT": ("NORTHWEST TERRITORIES", "TERRITOIRES DU NORD OUEST", "NWT"),
    "NU": ("NUNAVUT",),
    "ON": ("ONTARIO",),
    "PE": ("PRINCE EDWARD ISLAND", "ILE DU PRINCE EDOUARD", "PEI"),
    "QC": ("QUEBEC", "PQ"),
    "SK": ("SASKATCHEWAN",),
    "YT": ("YUKON", "YUKON TERRITORY"),
}
_CODES = {_name: code for code, names in PROVINCES.items() for _name in (code, *names)}
_COUNTRIES = {"CAN": "CA", "CA": "CA"}
_FIRST_LETTERS = {
    "A": ("NL",), "B": ("NS",), "C": ("PE",), "E": ("NB",), "G": ("QC",), "H": ("QC",), "J": ("QC",), "K": ("ON",),
    "L": ("ON",), "M": ("ON",), "N": ("ON",), "P": ("ON",), "R": ("MB",), "S": ("SK",), "T": ("AB",), "V": ("BC",),
    "X": ("NT", "NU"), "Y": ("YT",),
}  # fmt: skip


@dataclass(frozen=True)
class Unmappable:
    """The carrier cannot take the address. `reason` names fields, never their content."""

    reason: str


def party_of(address: Address) -> Party | Unmappable:
    try:
        return _mapped(address)
    except _Unfit as reason:
        return Unmappable(str(reason))


class _Unfit(Exception):
    """Ends the mapping at the first field that does not fit."""


def _mapped(address: Address) -> Party:
    country = _COUNTRIES.get(address.country.strip().upper())
    postal_code = re.sub(r"[ -]", "", _clean(address.postal_code)).upper()
    _require(country is not None, "the country is not Canada")
    _require(POSTAL_CODE.fullmatch(postal_code) is not None, "the postal code is not of the form A1A1A1")
    province = _province(address.state, postal_code)
    _require(province is not None, "the province is unknown")
    line_1, line_2 = _street_lines(address)
    _require(line_1 != "", "the street is missing")
    city = _clean(address.city)
    _require(1 <= len(city) <= CITY, f"the city is missing or longer than {CITY} characters")
    name, company = _clean(address.name), _clean(address.company)
    _require(bool(name or company), "there is neither a name nor a company")
    _require(
        max(len(name), len(company)) <= LINE, f"the name or the company is longer than {LINE} characters"
    )
    return Party(
        name=name or None,
        company=company or None,
        phone=_clean(address.phone)[:PHONE] or None,
        line_1=line_1,
        line_2=line_2 or None,
        city=city,
        province=province or "",
        postal_code=postal_code,
        country=country or "",
        additional_info=_clean(address.additional_info)[:LINE] or None,
    )


def _require(fits: bool, otherwise: str) -> None:  # noqa: FBT001 - the condition is the argument
    if not fits:
        raise _Unfit(otherwise)


def _clean(text: str | None) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text or "").split())


def _province(state: str | None, postal_code: str) -> str | None:
    """The code of a province given as code or name in either language; without one, the postal code decides."""
    letters = unicodedata.normalize("NFKD", state or "").encode("ascii", "ignore").decode().upper()
    plain = _clean(letters.replace("-", " ").replace("&", " AND ").replace(".", ""))
    if plain:
        return _CODES.get(plain)
    possible = _FIRST_LETTERS[postal_code[0]]
    return possible[0] if len(possible) == 1 else None


def _street_lines(address: Address) -> tuple[str, str]:
    """Returns both streets unchanged if they fit, else their words distributed over two lines."""
    first, second = _clean(address.street_1), _clean(address.street_2)
    if not first:
        first, second = second, ""
    if len(first) <= LINE and len(second) <= LINE:
        return first, second
    lines = ["", ""]
    place = 0
    for word in f"{first} {second}".split():
        longer = f"{lines[place]} {word}".strip()
        if len(longer) > LINE and place == 0:
            place, longer = 1, word
        _require(len(longer) <= LINE, f"the street does not fit into two lines of {LINE} characters")
        lines[place] = longer
    return lines[0], lines[1]
