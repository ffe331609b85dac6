"""How far a queue's rate is lowered when its workers answer 429 or 503; PURE: the time is an argument, in seconds.

That the rate is lowered is documented (`types.HttpRequest`); by how much is not. This is a plain choice: an overloaded
answer halves the effective rate, at most once a second and never below a tenth of the configured one; every other
answer gives a tenth back; ten quiet seconds give all of it back.
"""

LOWEST = 0.1
HALVING_PAUSE = 1.0
RECOVERY = 10.0
STEP = 0.1
OVERLOADED = frozenset({429, 503})


class Throttle:
    def __init__(self) -> None:
        self._factor = 1.0
        self._overloaded_at = float("-inf")
        self._halved_at = float("-inf")

    def factor(self, now: float) -> float:
        """The share of the configured rate that is in force, LOWEST to 1."""
        if now - self._overloaded_at >= RECOVERY:
            self._factor = 1.0
        return self._factor

    def answered(self, status: int, now: float) -> None:
        factor = self.factor(now)
        if status not in OVERLOADED:
            self._factor = min(1.0, factor + STEP)
            return
        self._overloaded_at = now
        if now - self._halved_at >= HALVING_PAUSE:
            self._halved_at = now
            self._factor = max(LOWEST, factor / 2)
