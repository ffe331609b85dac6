"""The features of a record that a policy can compare, as exact numbers: rounding never moves one over a boundary."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property, lru_cache

from shared.enrichment.routing.record import PartRecord
from shared.enrichment.routing.route import Route

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

Shown = float | str | None
"""A feature as JSON."""


@dataclass(frozen=True)
class History:
    """The record's history in the store.

    `attempts` and `successes` count the finished automation tasks of its manufacturer; they lose weight with time, so
    they need not be whole. `known` says whether the manufacturer is on record at all; `recent_failures` counts the
    failed tasks of this part in the last 7 days.
    """

    known: bool = False
    attempts: Fraction | int = 0
    successes: Fraction | int = 0
    recent_failures: int = 0


@dataclass(frozen=True)
class Features:
    priority: Fraction
    completeness: Fraction
    reliability: Fraction
    recent_failures: int
    combined: Fraction
    forced: Route | None = None

    @cached_property
    def shown(self) -> dict[str, Shown]:
        """The features as JSON, the shares as the nearest floats."""
        return {
            "priority": float(self.priority),
            "completeness": float(self.completeness),
            "reliability": float(self.reliability),
            "recent_failures": self.recent_failures,
            "combined": float(self.combined),
            "forced": self.forced,
        }


SHARES = ("priority", "completeness", "reliability", "combined")
"""The features that lie between 0 and 1."""

_HUNDREDTHS = tuple(Fraction(hundredths, 100) for hundredths in range(101))


def features_of(record: PartRecord, history: History, force: Route | None = None) -> Features:
    """Raises ValueError for an impossible history."""
    if not 0 <= history.successes <= history.attempts or history.recent_failures < 0:
        raise ValueError(f"impossible {history}")
    priority = _ZERO if record.score is None else exact(record.score)
    known = _HUNDREDTHS[completeness(record.source)]
    reliability = reliability_of(history.known, history.attempts, history.successes)
    return Features(
        priority=priority,
        completeness=known,
        reliability=reliability,
        recent_failures=history.recent_failures,
        combined=_combined(priority, reliability, known),
        forced=force,
    )


def completeness(values: Mapping[str, object]) -> int:
    """The known share of a part's fields, in hundredths, 0 to 100."""
    known = 0
    for field, weight in WEIGHTS.items():
        if is_filled(values.get(field)):
            known += weight
    return known


def is_filled(value: object) -> bool:
    """True for a non-blank text, a non-empty list or map, and a number other than zero. A boolean is no number."""
    if isinstance(value, str):
        return bool(value.strip())
    return bool(value) and not isinstance(value, bool)


@lru_cache(maxsize=4096)
def exact(number: float) -> Fraction:
    """The decimal number as a float is written: 0.7 is seven tenths, not the nearest binary fraction."""
    return Fraction(*Decimal(repr(number)).as_integer_ratio())


@lru_cache(maxsize=4096)
def reliability_of(
    known: bool,  # noqa: FBT001 - the three facts it rests on
    attempts: Fraction | int,
    successes: Fraction | int,
) -> Fraction:
    """The reliability of a manufacturer over its finished tasks, smoothed so that one failure weighs little."""
    if attempts:
        return Fraction(successes + 1, attempts + 2)
    return _KNOWN_ONLY if known else _UNKNOWN


def _combined(priority: Fraction, reliability: Fraction, known: Fraction) -> Fraction:
    """.5 priority + .3 reliability + .2 completeness, reduced once and not five times: it runs per record."""
    p, r, c = priority.numerator, reliability.numerator, known.numerator
    p_base, r_base, c_base = priority.denominator, reliability.denominator, known.denominator
    tenths = 5 * p * r_base * c_base + 3 * r * p_base * c_base + 2 * c * p_base * r_base
    return Fraction(tenths, 10 * p_base * r_base * c_base)


_ZERO = Fraction(0)
_KNOWN_ONLY = Fraction(6, 10)
_UNKNOWN = Fraction(5, 10)
