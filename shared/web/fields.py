"""Types of request fields."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from shared.limits import LINK, LONGEST_LINK, LONGEST_NAME, LONGEST_TEXT

NO_NUL = r"^[^\x00]*$"
"""Postgres holds none."""


def _one_spelling(name: str) -> str:
    """`Ana  Lima` and `ANA LIMA` are one person."""
    person = unicodedata.normalize("NFC", " ".join(name.split()).casefold())
    if not person:
        raise ValueError("give a name")
    return person


Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_NAME, pattern=NO_NUL)
]
"""A part, a manufacturer or an attribute; kept as it is written."""
Person = Annotated[Name, AfterValidator(_one_spelling)]
"""A person in one spelling: without outer spaces, inner ones single, in lower case."""
Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_TEXT, pattern=NO_NUL)
]
Link = Annotated[str, StringConstraints(pattern=f"^{LINK}$", max_length=LONGEST_LINK)]
