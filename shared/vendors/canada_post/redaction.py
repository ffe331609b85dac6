"""Masks personal values in the carrier's words, which may quote the request; pure."""

import re
from collections.abc import Iterable

from shared.fulfillment.carrier import LabelRequest

_SHORTEST = 3  # characters: shorter values would blot out half of every sentence


def redacted(text: str, values: Iterable[str]) -> str:
    """The text with each value masked, whatever its spacing, punctuation and case."""
    for value in sorted(values, key=len, reverse=True):
        letters = [re.escape(letter) for letter in value if letter not in " \t-().,"]
        if len(letters) >= _SHORTEST:
            text = re.sub(r"[\s().,-]*".join(letters), "***", text, flags=re.IGNORECASE)
    return text


def personal_values(request: LabelRequest) -> list[str]:
    to = request.destination
    given = (
        to.name,
        to.company,
        to.phone,
        to.line_1,
        to.line_2,
        to.city,
        to.postal_code,
        to.additional_info,
    )
    return [value for value in given if value]
