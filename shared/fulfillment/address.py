"""Maps the marketplace's address to the carrier's: 44 characters a line, codes instead of names. Pure.

No word is cut. An address that does not fit, or that contradicts itself, is refused with the reason, and a person gets
the order. `docs/addresses.md` has the rules and what they do to 500 addresses.
"""

import re
import unicodedata
from dataclasses import dataclass

from shared.fulfillment.carrier import Party
from shared.fulfillment.ports import Address
from shared.fulfillment.provinces import PROVINCES, abbreviated, lies_in, province_at, provinces_named
from shared.fulfillment.street import LINE, place_street

CITY = 40  # characters
PHONE = 25
POSTAL_CODE = re.compile(r"[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z]\d[ABCEGHJ-NPRSTV-Z]\d", re.ASCII)
"""Canadian postal codes leave out D, F, I, O, Q and U, and W and Z in the first place."""

_COUNTRIES = frozenset({"CA", "CAN", "CANADA"})
_LIKE_A_CODE = r"[A-Z][0-9OI][A-Z][ -]?[0-9OI][A-Z][0-9OI]"
_CODE_BEHIND = re.compile(rf"(?P<city>.*?)[\s,;(-]*\b(?P<code>{_LIKE_A_CODE})\)?", re.IGNORECASE | re.ASCII)
_COUNTRY_BEHIND = re.compile(r"(?P<city>.+?)[\s,;(-]+canada\)?", re.IGNORECASE)
_SEPARATE_BEHIND = re.compile(r"(?P<city>.+?)(?:\s*[,;(/]\s*|\s+[\u2013-]\s+)(?P<last>[^,;()/]+)\)?")
_WORD_BEHIND = re.compile(r"(?P<city>.+\S)[\s,]+(?P<last>\S+)")
_PHONE = re.compile(
    r"(?:(?:t[ée]l[ée]phone|phone|t[ée]l)\b[.:]?\s*)?(?P<number>\+?[\d\s().-]{7,})"
    r"(?:[\s,;]*(?:extension|poste|ext|x|#)[.:]?\s*(?P<extension>\d{1,6}))?",
    re.IGNORECASE | re.ASCII,
)
_BETWEEN_PHONES = re.compile(r"\s*(?:[/;,|]|\bor\b|\bou\b)\s*", re.IGNORECASE)
_FEWEST_DIGITS, _MOST_DIGITS = 7, 15  # of a phone number (E.164)


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
    _require(re.sub(r"[\W_]", "", address.country).upper() in _COUNTRIES, "the country is not Canada")
    city, code_behind = _without_code(_clean(address.city))
    postal_code = _postal_code(_clean(address.postal_code), code_behind)
    city, named_behind = _without_provinces(city, postal_code)
    province = _province(provinces_named(_clean(address.state)), named_behind, postal_code)
    streets = [lines for street in (address.street_1, address.street_2) if (lines := _lines(street))]
    _require(bool(streets), "the street is missing")
    placed = place_street(streets[0], streets[1] if len(streets) > 1 else (), _clean(address.additional_info))
    if isinstance(placed, str):
        raise _Unfit(placed)
    _require(
        1 <= len(city) <= CITY and city not in PROVINCES,
        f"the city is missing or longer than {CITY} characters",
    )
    name, company = _clean(address.name), _clean(address.company)
    _require(bool(name or company), "there is neither a name nor a company")
    _require(
        max(len(name), len(company)) <= LINE, f"the name or the company is longer than {LINE} characters"
    )
    return Party(
        name=name or None,
        company=company or None,
        phone=_phone(_clean(address.phone)) or None,
        line_1=placed.line_1,
        line_2=placed.line_2 or None,
        city=city,
        province=province,
        postal_code=postal_code,
        additional_info=placed.info or None,
    )


def _require(fits: bool, otherwise: str) -> None:  # noqa: FBT001 - the condition is the argument
    if not fits:
        raise _Unfit(otherwise)


def _clean(text: str | None) -> str:
    """One line of composed characters, every gap one space; empty for punctuation alone.

    Control characters become spaces. Invisible format characters, such as marks of direction, are left out.
    """
    shown = "".join(_shown(c) for c in text or "")
    line = unicodedata.normalize("NFC", " ".join(shown.split()))
    return "" if all(unicodedata.category(c)[0] in "PZ" for c in line) else line


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    is_format = unicodedata.category(character) == "Cf" and character != "\N{ZERO WIDTH SPACE}"
    return "" if is_format else " "


def _lines(text: str | None) -> list[str]:
    return [line for written in (text or "").splitlines() if (line := _clean(written))]


# --- postal code, city and province -------------------------------------------------------------------------------


def _postal_code(given: str, behind_city: str) -> str:
    """The code of its own field, else the one behind the city."""
    code, other = _compact(given or behind_city), _compact(behind_city)
    _require(POSTAL_CODE.fullmatch(code) is not None, "the postal code is not of the form A1A1A1")
    _require(other in {"", code}, "the city names another postal code")
    return code


def _compact(code: str) -> str:
    """Without separators; O and I stand for 0 and 1 in the places of digits, where no letter can be."""
    compact = re.sub(r"[\W_]", "", code).upper()
    return "".join({"O": "0", "I": "1"}.get(c, c) if at % 2 else c for at, c in enumerate(compact))


def _without_code(city: str) -> tuple[str, str]:
    """The city without postal code and country, and the postal code."""
    city = _without_country(city)
    found = _CODE_BEHIND.fullmatch(city)
    return (_without_country(found["city"]), found["code"]) if found else (city, "")


def _without_country(city: str) -> str:
    found = _COUNTRY_BEHIND.fullmatch(city)
    return found["city"] if found else city


def _without_provinces(city: str, postal_code: str) -> tuple[str, list[frozenset[str]]]:
    """The city without the provinces behind it, and what each can mean.

    Behind a comma, a dash or a bracket any name counts. Behind a space only an abbreviation does: "Vieux Québec" is
    a place, and so is "Calgary NE".
    """
    named: list[frozenset[str]] = []
    while True:
        apart, word = _SEPARATE_BEHIND.fullmatch(city), _WORD_BEHIND.fullmatch(city)
        if apart and (codes := provinces_named(apart["last"])):
            city = apart["city"]
        elif word and (codes := _abbreviation(word["last"], postal_code)):
            city = word["city"]
        else:
            return city.strip(" ,;"), named
        named.append(codes)


def _abbreviation(word: str, postal_code: str) -> frozenset[str]:
    codes = abbreviated(word)
    agrees = any(lies_in(postal_code, code) for code in codes)
    return codes if agrees or word in PROVINCES else frozenset()


def _province(given: frozenset[str] | None, behind_city: list[frozenset[str]], postal_code: str) -> str:
    """The province that its field, the city and the postal code agree on."""
    _require(given is None or bool(given), "the province is unknown")
    codes = {code for code in (given or PROVINCES) if lies_in(postal_code, code)}
    _require(bool(codes), "the province and the postal code contradict each other")
    codes.intersection_update(*behind_city)
    _require(bool(codes), "the city names another province")
    usual = province_at(postal_code)
    _require(usual in codes or len(codes) == 1, "the province is unknown")
    return usual if usual in codes else codes.pop()


# --- the phone number ---------------------------------------------------------------------------------------------


def _phone(text: str) -> str:
    """Unchanged if it fits; else the same numbers without what separates their digits."""
    if len(text) <= PHONE:
        return text
    numbers = [_digits(part) for part in _BETWEEN_PHONES.split(text)]
    short = "/".join(number for number in numbers if number)
    _require(all(numbers) and len(short) <= PHONE, f"the phone number does not fit into {PHONE} characters")
    return short


def _digits(phone: str) -> str:
    """Digits, with + before and the extension behind; empty for anything but one phone number."""
    found = _PHONE.fullmatch(phone)
    digits = re.sub(r"\D", "", found["number"]) if found else ""
    if found is None or not _FEWEST_DIGITS <= len(digits) <= _MOST_DIGITS:
        return ""
    plus = "+" if found["number"].startswith("+") else ""
    extension = f" ext {found['extension']}" if found["extension"] else ""
    return f"{plus}{digits}{extension}"
