import re
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.fulfillment.address import CITY, PHONE, Unmappable, party_of
from shared.fulfillment.carrier import Party
from shared.fulfillment.ports import Address
from shared.fulfillment.provinces import PROVINCES
from shared.fulfillment.street import LINE

GOOD = Address(
    name="Marie-Ève Lévesque",
    company=None,
    street_1="123 rue Sainte-Catherine Ouest",
    street_2="App. 4",
    city="Montréal",
    state="QC",
    postal_code="h2x 1y4",
    country="CAN",
    phone="514-555-0100",
)
POSTAL_CODES = {
    "AB": "T2P 1A1", "BC": "V6B 1A1", "MB": "R3C 1A1", "NB": "E1C 1A1", "NL": "A1C 1A1", "NS": "B3J 1A1",
    "NT": "X1A 1A1", "NU": "X0A 1A1", "ON": "K1P 1A1", "PE": "C1A 1A1", "QC": "H2X 1Y4", "SK": "S7K 1A1",
    "YT": "Y1A 1A1",
}  # fmt: skip
LONG = "chemin du Grand-Lac-Saint-François de la Rivière-aux-Outardes Ouest"


def mapped(**changes: str | None) -> Party:
    party = party_of(replace(GOOD, **changes))  # type: ignore[arg-type]  # any of its fields
    assert isinstance(party, Party), party
    return party


def reason(**changes: str | None) -> str:
    party = party_of(replace(GOOD, **changes))  # type: ignore[arg-type]  # any of its fields
    assert isinstance(party, Unmappable), party
    return party.reason


def test_an_address_goes_to_the_carrier_as_it_is_written() -> None:
    assert mapped() == Party(
        name="Marie-Ève Lévesque",
        company=None,
        phone="514-555-0100",
        line_1="123 rue Sainte-Catherine Ouest",
        line_2="App. 4",
        city="Montréal",
        province="QC",
        postal_code="H2X1Y4",
    )


@pytest.mark.parametrize(
    ("state", "postal_code", "province"),
    [
        ("Québec", "H2X 1Y4", "QC"),
        ("QUEBEC", "H2X1Y4", "QC"),
        ("PQ", "H2X1Y4", "QC"),
        ("qc", "H2X1Y4", "QC"),
        ("B.C.", "V6B 1A1", "BC"),
        ("Colombie-Britannique", "V6B 1A1", "BC"),
        ("Colombie Britannique", "V6B 1A1", "BC"),
        ("Nouvelle-Écosse", "B3J 1A1", "NS"),
        ("Nouveau-Brunswick", "E1C 1A1", "NB"),
        ("Newfoundland & Labrador", "A1C 1A1", "NL"),
        ("Terre-Neuve-et-Labrador", "A1C 1A1", "NL"),
        ("Île-du-Prince-Édouard", "C1A 1A1", "PE"),
        ("P.E.I.", "C1A 1A1", "PE"),
        ("Territoires du Nord-Ouest", "X1A 1A1", "NT"),
        ("Nunavut", "X0A 1A1", "NU"),
        ("  Yukon  Territory ", "Y1A 1A1", "YT"),
        (None, "K1A 0B1", "ON"),
        ("", "T2P 1A1", "AB"),
    ],
)
def test_a_province_is_known_by_code_name_or_postal_code(
    state: str | None, postal_code: str, province: str
) -> None:
    assert mapped(state=state, postal_code=postal_code).province == province


@pytest.mark.parametrize("code", PROVINCES)
def test_every_province_is_known_by_its_code_and_each_of_its_names(code: str) -> None:
    postal_code = POSTAL_CODES[code]
    for name in (code, *PROVINCES[code]):
        forms = (name, name.lower(), f" {name.upper()}., Canada", f"CA-{name}", f"{name} ({code})")
        assert {mapped(state=form, postal_code=postal_code).province for form in forms} == {code}, name


@pytest.mark.parametrize("postal_code", ["h2x1y4", " H2X 1Y4 ", "H2X-1Y4", "H2X\u00a01Y4", "H2X\u200b1Y4"])
def test_a_postal_code_is_brought_to_the_carriers_form(postal_code: str) -> None:
    assert mapped(postal_code=postal_code).postal_code == "H2X1Y4"


@pytest.mark.parametrize(
    "postal_code", [None, "", "90210", "H2X 1Y", "H2X 1Y44", "D2X 1Y4", "W2X 1Y4", "H2O 1Y4", "H٢X1Y4"]
)
def test_a_postal_code_that_canada_does_not_have_is_refused(postal_code: str | None) -> None:
    assert reason(postal_code=postal_code) == "the postal code is not of the form A1A1A1"


@pytest.mark.parametrize(
    ("street_1", "street_2", "lines"),
    [
        ("PO Box 123", None, ("PO Box 123", None)),
        ("C.P. 123, succ. Centre-ville", "", ("C.P. 123, succ. Centre-ville", None)),
        ("x" * LINE, "y" * LINE, ("x" * LINE, "y" * LINE)),
        ("", "12-345 Bloor St W", ("12-345 Bloor St W", None)),
        (
            f"1200 {LONG}",
            None,
            ("1200 chemin du Grand-Lac-Saint-François de", "la Rivière-aux-Outardes Ouest"),
        ),
        (
            f"12 {LONG}",
            "App. 9",
            ("12 chemin du Grand-Lac-Saint-François de la", "Rivière-aux-Outardes Ouest App. 9"),
        ),
        ("1 Main\tStreet\r\nRear", None, ("1 Main Street Rear", None)),
    ],
)
def test_a_street_fits_into_two_lines(
    street_1: str, street_2: str | None, lines: tuple[str, str | None]
) -> None:
    party = mapped(street_1=street_1, street_2=street_2)
    assert (party.line_1, party.line_2) == lines


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"street_1": f"{LONG} {LONG}"}, "the street does not fit into two lines of 44 characters"),
        ({"street_1": "x" * 45}, "the street does not fit into two lines of 44 characters"),
        ({"street_1": " ", "street_2": None}, "the street is missing"),
        ({"city": "QC"}, "the city is missing or longer than 40 characters"),
        ({"city": "QC, Canada H2X 1Y4"}, "the city is missing or longer than 40 characters"),
        ({"city": ""}, "the city is missing or longer than 40 characters"),
        ({"city": "x" * 41}, "the city is missing or longer than 40 characters"),
        ({"name": "", "company": " "}, "there is neither a name nor a company"),
        ({"name": "x" * 45}, "the name or the company is longer than 44 characters"),
        ({"company": "x" * 45}, "the name or the company is longer than 44 characters"),
        ({"country": "USA"}, "the country is not Canada"),
        ({"country": ""}, "the country is not Canada"),
        ({"state": "Bavaria"}, "the province is unknown"),
        ({"state": None, "postal_code": "X2A 1A1"}, "the province is unknown"),
        ({"state": "ON"}, "the province and the postal code contradict each other"),
        ({"state": "NE"}, "the province and the postal code contradict each other"),
        ({"city": "Ottawa, ON"}, "the city names another province"),
        ({"city": "Montréal H2X 1Y5"}, "the city names another postal code"),
        ({"phone": "ask the neighbour for 514-555-0100"}, "the phone number does not fit into 25 characters"),
        ({"additional_info": "x" * 45}, "the additional information does not fit into 44 characters"),
    ],
)
def test_the_reason_for_what_does_not_fit_comes_without_the_persons_data(
    changes: dict[str, str | None], expected: str
) -> None:
    assert reason(**changes) == expected


def test_without_a_phone_or_a_name_a_parcel_arrives_too() -> None:
    party = mapped(phone=None, name="", company="Northern Parts Ltée", country="ca")
    assert (party.phone, party.name, party.company) == (None, None, "Northern Parts Ltée")


@pytest.mark.parametrize(
    ("phone", "shown"),
    [
        ("(514) 555-0100 ext. 1234", "(514) 555-0100 ext. 1234"),
        ("+1 (514) 555 0100 extension 12345", "+15145550100 ext 12345"),
        ("Téléphone: 514-555-0100 poste 22", "5145550100 ext 22"),
        ("+1 514-555-0100 / +1 514-555-0101", "+15145550100/+15145550101"),
        ("514-555-0100 ou 514-555-0101", "5145550100/5145550101"),
        ("-" * 30, None),
    ],
)
def test_a_phone_number_is_shortened_only_to_an_equal_one(phone: str, shown: str | None) -> None:
    assert mapped(phone=phone).phone == shown


@pytest.mark.parametrize(
    ("streets", "additional_info", "lines"),
    [
        (("1 Elm St", None), "Apt 1204, buzz 1204", ("1 Elm St", None, "Apt 1204, buzz 1204")),
        (("1 Elm St", None), f"Apt 4, {'x' * 44}", ("1 Elm St", "Apt 4", "x" * 44)),
        (("1 Elm St", "Bldg B"), f"Apt #4 - {'x' * 44}", ("1 Elm St", "Bldg B Apt #4", "x" * 44)),
        (("1 Elm St", None), f"Tower 2, Unit 9: {'x' * 44}", ("1 Elm St", "Tower 2 Unit 9", "x" * 44)),
        (("1 Elm St", "Apt 4"), "apt. 4", ("1 Elm St", "Apt 4", None)),
        ((f"12 {LONG}", "y" * 44), None, (None, None, "y" * 44)),
    ],
)
def test_additional_information_is_never_cut(
    streets: tuple[str, str | None], additional_info: str | None, lines: tuple[str | None, ...]
) -> None:
    party = mapped(street_1=streets[0], street_2=streets[1], additional_info=additional_info)
    shown = (party.line_1, party.line_2, party.additional_info)
    assert [a for a, b in zip(shown, lines, strict=True) if b != a and b is not None] == []
    assert lines[0] is None or shown == lines


def test_a_unit_is_not_put_into_the_middle_of_a_street() -> None:
    expected = "the additional information does not fit into 44 characters"
    street = f"1 {'x' * 30} {'y' * 44}"
    assert reason(street_1=street, street_2=None, additional_info=f"#4 {'x' * 44}") == expected


@pytest.mark.parametrize(
    "additional_info",
    [f"ph 514-555-0100 {'x' * 40}", f"porte a {'x' * 40}", f"Apt 4 {'x' * 45}", f"leave it at {'x' * 40}"],
)
def test_text_that_is_no_unit_is_not_put_into_the_street(additional_info: str) -> None:
    expected = "the additional information does not fit into 44 characters"
    assert reason(additional_info=additional_info) == expected


REASONS = {
    "the country is not Canada",
    "the postal code is not of the form A1A1A1",
    "the city names another postal code",
    "the province is unknown",
    "the province and the postal code contradict each other",
    "the city names another province",
    "the street is missing",
    f"the street does not fit into two lines of {LINE} characters",
    f"the additional information does not fit into {LINE} characters",
    f"the city is missing or longer than {CITY} characters",
    "there is neither a name nor a company",
    f"the name or the company is longer than {LINE} characters",
    f"the phone number does not fit into {PHONE} characters",
}
TEXT = st.text(max_size=60)
WORDS = st.lists(st.text(st.characters(categories=["L", "N"]), max_size=50), max_size=12).map(" ".join)
BEHIND = st.sampled_from(
    [", ON", " QC", " (Québec)", " H2X 1Y4", ", Canada", " - T2P 1A1", "/Nfld.", " NE", ","]
)
CITIES = st.lists(TEXT | BEHIND, max_size=4).map("".join)
ADDRESSES = st.builds(
    Address,
    name=TEXT,
    company=st.none() | TEXT,
    street_1=TEXT | WORDS,
    street_2=st.none() | TEXT | WORDS,
    city=TEXT | CITIES,
    state=st.none() | TEXT | st.sampled_from(["QC", "Ontario"]),
    postal_code=st.none()
    | TEXT
    | st.just("H2X 1Y4")
    | st.from_regex(r"\A[A-Za-z]\d[A-Za-z][ -]?\d[A-Za-z]\d\Z"),
    country=TEXT | st.sampled_from(["CAN", "CA"]),
    phone=st.none() | TEXT,
    additional_info=st.none() | TEXT,
)


@given(ADDRESSES)
def test_whatever_is_written_either_fits_the_carriers_limits_or_is_refused_with_the_reason(
    address: Address,
) -> None:
    party = party_of(address)
    if isinstance(party, Unmappable):
        assert party.reason in REASONS
        return
    lines = [party.name, party.company, party.line_1, party.line_2, party.additional_info]
    texts = [*lines, party.city, party.phone]
    assert all(line is None or 1 <= len(line) <= LINE for line in lines)
    assert all(text is None or (text.isprintable() and text == " ".join(text.split())) for text in texts)
    assert 1 <= len(party.city) <= CITY
    assert len(party.phone or "") <= PHONE
    assert party.name or party.company
    assert party.province in PROVINCES
    assert re.fullmatch("[A-Z][0-9][A-Z][0-9][A-Z][0-9]", party.postal_code)
    assert party.country == "CA"


@given(WORDS, st.none() | WORDS, st.none() | WORDS)
def test_no_word_of_a_street_and_of_additional_information_is_lost(
    street_1: str, street_2: str | None, additional_info: str | None
) -> None:
    party = party_of(replace(GOOD, street_1=street_1, street_2=street_2, additional_info=additional_info))
    if isinstance(party, Party):
        written = unicodedata.normalize("NFC", f"{street_1} {street_2} {additional_info}").casefold()
        sent = f"{party.line_1} {party.line_2} {party.additional_info}".casefold()
        assert set(re.findall(r"\w+", written)) - {"none"} <= set(re.findall(r"\w+", sent))


@given(st.text(max_size=40), st.sampled_from(list(POSTAL_CODES.items())))
def test_whatever_stands_for_the_province_never_contradicts_the_postal_code(
    state: str, place: tuple[str, str]
) -> None:
    code, postal_code = place
    party = party_of(replace(GOOD, state=state, postal_code=postal_code))
    territories = {"NT", "NU"}  # share the X
    assert isinstance(party, Unmappable) or party.province in (territories if code in territories else {code})
