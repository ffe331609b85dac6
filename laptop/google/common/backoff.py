"""The wait between tries that Cloud Tasks and Cloud Scheduler describe in the same words; PURE."""

import math

_BEYOND_ANY_LIMIT = 64
"""Doublings after which every interval is past every maximum; keeps the arithmetic within floats."""


def backoff(failures: int, *, shortest: float, longest: float, doublings: int) -> float:
    """Seconds to wait after the given number of failures: doubling, then linear growth, up to the longest.

    With 10 s, 300 s and 3 doublings: 10, 20, 40, 80, 160, 240, 300, 300.
    """
    steps = failures - 1
    doubled = min(steps, doublings, _BEYOND_ANY_LIMIT)
    linear_steps = steps - doubled
    return min(math.ldexp(shortest, doubled) * (1 + linear_steps), longest)
