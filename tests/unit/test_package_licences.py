"""docs/licences.md is what the installed packages say, and holds no licence that nobody has looked at."""

from email.message import Message

import pytest

from infra.package.licences import PAGE, LicenceUnknown, deployed, licence_of, page


def stating(**fields: str) -> Message:
    stated = Message()
    for name, value in fields.items():
        stated[name.replace("_", "-")] = value
    return stated


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(deployed()), "run `python -m infra.package.licences`"


@pytest.mark.parametrize(
    ("fields", "licence"),
    [
        ({"License_Expression": "MIT", "License": "Apache 2.0"}, "MIT"),
        ({"License": "Apache 2.0"}, "Apache-2.0"),
        (
            {
                "License": "The MIT License (MIT)\n\nCopyright",
                "Classifier": "License :: OSI Approved :: MIT License",
            },
            "MIT",
        ),
        ({"Classifier": "License :: OSI Approved :: BSD License"}, "BSD"),
    ],
)
def test_a_licence_is_read_from_the_clearest_statement(fields: dict[str, str], licence: str) -> None:
    assert licence_of("some", stating(**fields)) == licence  # type: ignore[arg-type]  # the stdlib's type behind it


@pytest.mark.parametrize("fields", [{}, {"License_Expression": "AGPL-3.0-only"}, {"License": "see the file"}])
def test_a_licence_that_nobody_has_looked_at_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(LicenceUnknown, match="some: "):
        licence_of("some", stating(**fields))  # type: ignore[arg-type]  # the same
