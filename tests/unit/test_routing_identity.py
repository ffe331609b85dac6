import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.enrichment.routing.identity import manufacturer_key, part_number_key, record_key


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
        ("Straße-1", "GROSS & Söhne", "STRASSE-1|gross & söhne"),
        ("10µF", "Würth Elektronik", "10ΜF|würth elektronik"),  # noqa: RUF001 - a Greek mu
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
