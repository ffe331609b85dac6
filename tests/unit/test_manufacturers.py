"""The table of manufacturers: the shipped one, and every error in one that people have changed."""

import pytest

from shared.enrichment.routing import manufacturers
from shared.enrichment.routing.identity import manufacturer_key
from shared.enrichment.routing.manufacturers import known_manufacturers, parse_manufacturers
from shared.errors import ManufacturersInvalid

CASES = {
    "no TOML": (
        '[makers\n"A" = []',
        "not readable as TOML: Expected ']' at the end of a table declaration (at line 1",
    ),
    "a maker twice": (
        '[makers]\n"A" = []\n"A" = ["B"]\n',
        "not readable as TOML: Cannot overwrite a value (at line 3",
    ),
    "an unknown table": (
        '[brands]\n"A" = ["B"]',
        "unknown table 'brands'; known are none, makers, divisions",
    ),
    "makers that are no table": ("makers = 3", "line 1: 'makers': expected a table [makers]"),
    "aliases that are no list": ('[makers]\n"A" = "B"', "line 2: 'A': expected a list of names"),
    "an alias that is no text": ('[makers]\n"A" = [3]', "line 2: 'A': expected a list of names"),
    "an alias of two makers": (
        '[makers]\n"Anna" = ["AB"]\n"Bert" = ["A.B."]',
        "line 3: 'Bert': 'A.B.' names two makers, 'Anna' and 'Bert'",
    ),
    "a maker that is another's alias": (
        '[makers]\n"A" = ["B"]\nB = []',
        "line 3: 'B': 'B' names two makers, 'A' and 'B'",
    ),
    "an alias twice": (
        '[makers]\n"A" = ["Würth", "Wurth GmbH"]',
        "line 2: 'A': 'Wurth GmbH' is given twice: it is read as 'wurth', as another name is",
    ),
    "an alias that is the name": ('[makers]\n"A" = ["a, Inc."]', "line 2: 'A': 'a, Inc.' is given twice"),
    "an empty alias": ('[makers]\n"A" = [""]', "line 2: 'A': '' is an empty name"),
    "an alias of punctuation": ('[makers]\n"A" = ["-"]', "line 2: 'A': '-' is an empty name"),
    "an empty maker": ('[makers]\n"" = ["A"]', "line 2: '': '' is an empty name"),
    "an alias that means none": (
        'none = ["na"]\n[makers]\n"A" = ["N.A."]',
        "line 3: 'A': 'N.A.' means no maker, by the list `none`",
    ),
    "none that is no list": ('none = "-"', "line 1: 'none': expected a list of names"),
    "a division that is an alias": (
        '[makers]\n"A" = ["B"]\n[divisions]\n"A" = ["B"]',
        "'B' is another name of 'A', not a division of it",
    ),
    "a division of two makers": (
        '[divisions]\n"A" = ["C"]\n"B" = ["C"]',
        "line 3: 'B': 'C' is given twice, as a division of 'A'",
    ),
}


@pytest.mark.parametrize(("text", "message"), CASES.values(), ids=CASES)
def test_an_error_names_the_file_the_line_and_the_name(text: str, message: str) -> None:
    with pytest.raises(ManufacturersInvalid) as error:
        parse_manufacturers("some.toml", text)
    assert error.value.detail.startswith("some.toml: ")
    assert message in error.value.detail


def test_a_table_may_be_empty() -> None:
    assert parse_manufacturers("empty.toml", "").key_of("acme") == "acme"


def test_a_key_is_its_own_and_every_name_leads_to_one() -> None:
    table = known_manufacturers()
    assert {manufacturer_key(words) for words in table.keys} == set(table.keys.values())
    assert all(manufacturer_key(key) == key for key in table.keys.values())
    assert all(manufacturer_key(key) == key for key in table.divisions)


def test_the_table_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    known_manufacturers()
    monkeypatch.setattr(manufacturers, "FILE", manufacturers.FILE.parent / "nowhere.toml")
    assert known_manufacturers().key_of("ti") == "texas instruments"


def test_a_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manufacturers, "FILE", manufacturers.FILE.parent / "nowhere.toml")
    with pytest.raises(ManufacturersInvalid, match=r"nowhere\.toml: cannot be read"):
        known_manufacturers.__wrapped__()
