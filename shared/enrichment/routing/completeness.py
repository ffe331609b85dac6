from collections.abc import Mapping

WEIGHTS: Mapping[str, int] = {
    "pn": 30,
    "manufacturer": 20,
    "specs": 15,
    "category": 10,
    "description": 10,
    "docs": 10,
    "images": 5,
}
"""Hundredths, so that sums are exact and the boundaries .50 and .80 hold."""


def completeness(values: Mapping[str, object]) -> int:
    """How much of a part is known, in hundredths, 0 to 100."""
    known = 0
    for field, weight in WEIGHTS.items():
        if is_filled(values.get(field)):
            known += weight
    return known


def is_filled(value: object) -> bool:
    """A non-blank text, a non-empty list or map, a number other than zero. Truth values are no numbers."""
    if isinstance(value, str):
        return bool(value.strip())
    return bool(value) and not isinstance(value, bool)
