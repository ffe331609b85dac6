import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.enrichment.routing.identity import (
    asked_number,
    is_made_by,
    manufacturer_key,
    part_key,
    part_number_key,
    record_key,
    spellings,
)


@pytest.mark.parametrize(
    ("pn", "manufacturer", "key"),
    [
        ("LM317T", "Texas Instruments", "LM317T|texas instruments"),
        (" lm 317 t ", "TEXAS\t INSTRUMENTS ", "LM317T|texas instruments"),
        ("ＬＭ３１７Ｔ", "Texas\u00a0Instruments", "LM317T|texas instruments"),  # noqa: RUF001 - full width on purpose
        ("LM\u200b317\u00adT\ufeff", "Texas\u200b Instruments", "LM317T|texas instruments"),
        ("LM\x00317T", "\x01Texas Instruments", "LM317T|texas instruments"),
        ("LM317T", None, "LM317T|"),
        ("LM317T", "   ", "LM317T|"),
        ("Straße-1", "GROSS & Söhne", "STRASSE-1|gross sohne"),
        ("10µF", "Würth Elektronik", "10ΜF|wurth elektronik"),  # noqa: RUF001 - a Greek mu
        ("LM317\u2011T", "Texas Instruments", "LM317-T|texas instruments"),
        ("LM317\u2013T", "Texas Instruments, Inc.", "LM317-T|texas instruments"),
    ],
)
def test_spellings_of_one_part_have_one_key(pn: str, manufacturer: str | None, key: str) -> None:
    assert record_key(pn, manufacturer) == key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("A|B", "C"), ("A", "B|C")),
        (("A|", None), ("A", "|")),
        (("A%7CB", "C"), ("A|B", "C")),
        (("A\uff5cB", ""), ("A", "B|")),  # a full-width separator becomes a plain one
        (("LM317T", "onsemi"), ("LM317T", None)),
        (("LM317", "T"), ("LM317T", "")),
    ],
)
def test_different_parts_never_share_a_key(
    one: tuple[str, str | None], other: tuple[str, str | None]
) -> None:
    assert record_key(*one) != record_key(*other)


@given(st.text(max_size=40), st.text(max_size=40))
def test_the_key_of_a_normalised_part_is_the_same_key(pn: str, manufacturer: str) -> None:
    key = record_key(pn, manufacturer)
    assert key == record_key(part_number_key(pn), manufacturer_key(manufacturer))
    assert key.count("|") == 1
    assert not any(mark.isspace() for mark in key.split("|")[0])


def test_every_single_character_is_normalised_once_and_for_all() -> None:
    every = [chr(code) for code in range(0x30000) if not 0xD800 <= code <= 0xDFFF]
    moved = [
        mark
        for mark in every
        if part_number_key(part_number_key(f"A{mark}")) != part_number_key(f"A{mark}")
        or manufacturer_key(manufacturer_key(f"a{mark}")) != manufacturer_key(f"a{mark}")
    ]
    assert moved == []


@given(st.text(max_size=40))
def test_case_and_white_space_do_not_make_another_part(pn: str) -> None:
    assert part_number_key(f"  {pn}\n") == part_number_key(pn)
    assert part_number_key(pn.casefold()) == part_number_key(pn)


# --- manufacturers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "key"),
    [
        (
            ("Texas Instruments", "TI", "T.I.", "TEXAS INSTRUMENTS INCORPORATED", "Burr-Brown"),
            "texas instruments",
        ),
        (("STMicroelectronics", "ST", "STMicro", "STMicroelectronics N.V."), "stmicroelectronics"),
        (("onsemi", "ON Semiconductor", "ON Semiconductor Corp.", "ON-Semi"), "onsemi"),
        (
            (
                "Würth Elektronik",
                "Wurth",
                "Würth",
                "Wuerth Elektronik GmbH & Co. KG",
                "Wu\u0308rth Electronics Inc.",
            ),
            "wurth elektronik",
        ),
        (("Murata", "Murata Electronics", "muRata", "Murata Manufacturing Co., Ltd."), "murata electronics"),
        (("Diodes Inc", "Diodes Incorporated", "Diodes, Inc."), "diodes"),
        (("Foo S.p.A.", "foo", "FOO SpA"), "foo"),
        (("Inc.", "INC"), "inc"),
    ],
)
def test_names_of_one_maker_have_one_key(names: tuple[str, ...], key: str) -> None:
    assert {manufacturer_key(name) for name in names} == {key}


@pytest.mark.parametrize(
    "name",
    [
        "-",
        "--",
        "?",
        "n/a",
        "N.A.",
        "NA",
        "unknown",
        "None",
        "generic",
        " - ",
        "\u2013",
        "\u200b",
        "UNBEKANNT",
    ],
)
def test_a_word_for_none_is_no_maker(name: str) -> None:
    assert record_key("LM317T", name) == record_key("LM317T", None) == "LM317T|"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ST", "ST-Ericsson"),
        ("NXP", "Nexperia"),
        ("NXP", "Philips"),
        ("onsemi", "Motorola"),
        ("Micro", "Micro Commercial Co"),
        ("Murata", "Murata Power Solutions"),
        ("Vishay Siliconix", "Vishay Dale"),
        ("Vishay", "Vishay Siliconix"),
        ("Alpha", "Alpha & Omega Semiconductor"),
        ("Samsung", "Samsung Electro-Mechanics"),
        ("C&K", "CK"),
    ],
)
def test_names_that_are_alike_are_not_one_maker(one: str, other: str) -> None:
    assert manufacturer_key(one) != manufacturer_key(other)


@pytest.mark.parametrize(
    ("asked", "named", "made"),
    [
        ("TI", "Texas Instruments", True),
        ("Vishay", "Vishay Dale", True),
        ("Vishay Dale", "Vishay", False),
        ("TI", None, False),
        (None, "Texas Instruments", False),
        (None, "-", False),
    ],
)
def test_a_missing_name_is_nobodys_and_a_division_is_its_groups(
    asked: str | None, named: str | None, *, made: bool
) -> None:
    assert is_made_by(asked, named) is made


def test_the_part_key_of_the_vendors_names_joins_the_records_of_one_part() -> None:
    assert (
        part_key("GRM155", "Murata Electronics")
        == record_key("grm 155", "Murata")
        == "GRM155|murata electronics"
    )


# --- the question -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pn", "asked"),
    [
        (" LM317T ", "LM317T"),
        ("ＬＭ３１７Ｔ", "LM317T"),  # noqa: RUF001 - full width on purpose
        ("lm317\u200bt\ufeff\x00", "lm317t"),
        ("TWO\u00a0\u2009WORDS\n", "TWO WORDS"),
        ("LM317\u2011T", "LM317-T"),
        ("10µF²", "10µF²"),
        ("A/B#C+1", "A/B#C+1"),
    ],
)
def test_the_vendor_is_asked_with_the_text_as_it_would_be_typed(pn: str, asked: str) -> None:
    assert asked_number(pn) == asked


def test_a_number_is_asked_as_it_is_spelled_and_then_without_spaces() -> None:
    assert spellings(" LM  317 T") == ("LM 317 T", "LM317T")
    assert spellings("LM317T") == ("LM317T",)


@given(st.text(max_size=40))
def test_whatever_is_asked_is_the_part_of_the_key(pn: str) -> None:
    assert {part_number_key(asked) for asked in spellings(pn)} == {part_number_key(pn)}
