"""Types of request fields."""

from typing import Annotated

from pydantic import StringConstraints

from shared.limits import LINK, LONGEST_LINK, LONGEST_NAME, LONGEST_TEXT

NO_NUL = r"^[^\x00]*$"
"""Postgres holds none."""

Person = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_NAME, pattern=NO_NUL)
]
Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_TEXT, pattern=NO_NUL)
]
Link = Annotated[str, StringConstraints(pattern=f"^{LINK}$", max_length=LONGEST_LINK)]
